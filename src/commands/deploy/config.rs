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
    /// The public key by which the provenance of its images is signed. Default: none, and `unverified` must be said.
    pub provenance_key: Option<String>,
    /// Whether any image of the repository may be deployed, whoever built it. Default: no, and `provenance_key` must be set.
    pub unverified: bool,
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
            unverified: false,
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
            if let Some(unfit) = unfit_provenance(service_config) {
                return Err(format!("deploy.services.{name}.{unfit}"));
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

/// Neither key nor word: silence would let anyone who can push an image have it deployed, and nobody would have decided so.
const UNDECIDED: &str = "provenance_key is not set and unverified is not true, so the settings are not accepted: set \
                         provenance_key and source, and only images that your pipeline has signed are deployed; or set \
                         unverified = true, and any image of the repository is";

/// Key and word: one of them is a mistake, and which one cannot be guessed.
const CONTRADICTORY: &str = "unverified is true and provenance_key is set, so the settings are not accepted: take unverified \
                             out, and only images that your pipeline has signed are deployed; or take provenance_key and \
                             source out, and any image of the repository is";

/// What of a service's provenance cannot be used, its key first.
fn unfit_provenance(service: &ServiceConfig) -> Option<&'static str> {
    let key = match (&service.provenance_key, service.unverified) {
        (Some(key), false) => key,
        (Some(_), true) => return Some(CONTRADICTORY),
        (None, _) if !service.source.is_empty() => {
            return Some("source is set, but its provenance_key is not: set both, or unverified = true instead");
        }
        (None, false) => return Some(UNDECIDED),
        (None, true) => return None,
    };
    if super::public_key::read_key(key).is_none() {
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

#[cfg(test)]
mod tests {
    use super::super::provenance::tests::key;
    use super::*;

    #[test]
    fn a_service_says_by_which_key_its_images_are_verified_or_that_they_are_not() {
        let (_, public) = key();
        let (public, source) = (public.as_str(), "https://git.test/web");
        let table = [
            (Some(public), source, false, None),
            (None, "", true, None),
            (None, "", false, Some("provenance_key is not set and unverified is not true, so the settings are not")),
            (Some(public), source, true, Some("unverified is true and provenance_key is set, so the settings are not")),
            (None, source, false, Some("source is set, but its provenance_key is not")),
            (None, source, true, Some("source is set, but its provenance_key is not")),
            (Some(public), "", false, Some("source must be set where its provenance_key is")),
            (Some("nonsense"), source, false, Some("provenance_key must be a public key on the curve P-256")),
        ];
        for (provenance_key, source, unverified, why) in table {
            let web = ServiceConfig {
                cluster: "prod".into(),
                service: "shop".into(),
                container: "web".into(),
                repository: "team/web".into(),
                provenance_key: provenance_key.map(str::to_owned),
                source: source.to_owned(),
                unverified,
                ..ServiceConfig::default()
            };
            let told = DeployConfig { own: None, services: BTreeMap::from([("web".to_owned(), web)]) }.validate();
            match why {
                None => assert_eq!(told, Ok(())),
                Some(why) => {
                    let told = told.expect_err(why);
                    assert!(told.starts_with(&format!("deploy.services.web.{why}")), "{why}: {told}");
                }
            }
        }
    }
}
