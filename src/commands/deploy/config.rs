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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The IAM roles of its tasks, by name or ARN: what the bot's own role may pass on. Default: none are known.
    pub roles: Vec<String>,
    /// The public key by which the provenance of its images is signed. Default: none, and any image of the repository may be
    /// deployed.
    pub provenance_key: Option<String>,
    /// The address of the source that the provenance must name.
    pub source: String,
    /// The branch that the provenance must name. Default: main.
    pub branch: String,
}

impl Default for ServiceConfig {
    fn default() -> Self {
        Self {
            cluster: String::new(),
            service: String::new(),
            container: String::new(),
            repository: String::new(),
            region: None,
            roles: Vec::new(),
            provenance_key: None,
            source: String::new(),
            branch: "main".to_owned(),
        }
    }
}

impl DeployConfig {
    /// The first value that cannot be used, as one line that names the key, or `Ok`.
    pub fn validate(&self) -> Result<(), String> {
        for (name, service_config) in &self.services {
            let ServiceConfig { cluster, service, container, repository, region, roles, .. } = service_config;
            let unfit = unfit_provenance(service_config);
            if let Some(unfit) = unfit {
                return Err(format!("deploy.services.{name}.{unfit}"));
            }
            let needed =
                [("cluster", cluster), ("service", service), ("container", container), ("repository", repository)];
            for (key, value) in needed {
                let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
                if value.is_empty() {
                    return Err(format!(
                        "deploy.services.{name}.{key} must be set: a service needs its cluster, service, container and repository"
                    ));
                }
                if !value.chars().all(fits) || value.contains('/') && key != "repository" {
                    return Err(format!("deploy.services.{name}.{key} must be a name, not an ARN or an address"));
                }
            }
            if let Some(role) = roles.iter().find(|role| !is_role(role)) {
                return Err(format!(
                    "deploy.services.{name}.roles must be names of IAM roles or their ARNs, not `{role}`"
                ));
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

/// What of a service's provenance cannot be used, its key first.
fn unfit_provenance(service: &ServiceConfig) -> Option<&'static str> {
    let Some(key) = &service.provenance_key else {
        return (!service.source.is_empty())
            .then_some("source is set, but its provenance_key is not: set both, or neither");
    };
    if super::provenance::read_key(key).is_none() {
        return Some(
            "provenance_key must be a public key on the curve P-256 in base64, as `aws kms get-public-key` prints it",
        );
    }
    if service.source.is_empty() {
        return Some("source must be set where its provenance_key is: the address that the provenance names");
    }
    service.branch.is_empty().then_some("branch must be the branch that the provenance names")
}

/// Whether this can be a role: its name with its path, or its ARN. A `*` would be every role.
fn is_role(role: &str) -> bool {
    let name = match role.strip_prefix("arn:") {
        Some(arn) => arn.split_once(":role/").filter(|(before, _)| before.contains(":iam::")).map(|(_, name)| name),
        None => Some(role),
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-/".contains(c);
    name.is_some_and(|name| !name.is_empty() && name.chars().all(fits))
}
