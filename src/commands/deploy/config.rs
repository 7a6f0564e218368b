//! What may be deployed: nothing that is not listed.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The `deploy` section of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeployConfig {
    /// Which of the services is the bot itself. Default: none.
    #[serde(rename = "self")]
    pub own: Option<String>,
    /// The services, by the names that people use for them. Default: none.
    pub services: BTreeMap<String, ServiceConfig>,
}

/// One service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceConfig {
    /// The name of its cluster.
    pub cluster: String,
    /// Its name in that cluster.
    pub service: String,
    /// The container of its tasks that gets the version.
    pub container: String,
    /// The ECR repository of that container's image.
    pub repository: String,
    /// Its region. Default: that of commands that name none.
    pub region: Option<String>,
}

impl DeployConfig {
    /// The first value that cannot be used, as one line that names the key, or `Ok`.
    pub fn validate(&self) -> Result<(), String> {
        for (name, service) in &self.services {
            let ServiceConfig { cluster, service, container, repository, region } = service;
            let needed =
                [("cluster", cluster), ("service", service), ("container", container), ("repository", repository)];
            for (key, value) in needed {
                let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
                if value.is_empty() {
                    return Err(format!(
                        "deploy.services.{name}.{key} must be set: a service needs all but its region"
                    ));
                }
                if !value.chars().all(fits) || value.contains('/') && key != "repository" {
                    return Err(format!("deploy.services.{name}.{key} must be a name, not an ARN or an address"));
                }
            }
            if let Some(region) = region.as_ref().filter(|region| !crate::aws::is_region(region)) {
                return Err(format!(
                    "deploy.services.{name}.region must be a region such as eu-central-1, not {region:?}"
                ));
            }
        }
        match &self.own {
            Some(own) if !self.services.contains_key(own) => {
                Err(format!("deploy.self must be one of deploy.services, and [deploy.services.{own}] is not there"))
            }
            _ => Ok(()),
        }
    }
}
