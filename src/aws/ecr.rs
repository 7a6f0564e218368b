//! Which image a version is: the ECR calls that the commands are made of, and how images are named.

use super::call::{self, Call};
use super::gate::CallGate;
use super::image_name::unpinned;
use super::pool::Pool;
use super::time::time;
use super::{AwsError, Class};
use crate::domain::{AccountId, AccountRegion};
use aws_sdk_ecr::types;
use serde::Deserialize;
use std::sync::Arc;

/// The most rows of one page that AWS gives.
const PAGE: i32 = 1000;
/// The most pages that are read of one repository: beyond that many images the newest could be missed, but a lifecycle
/// rule keeps a repository far below it.
const PAGES: usize = 10;

/// A repository of images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// The account whose it is; `None`: that of the caller.
    pub account: Option<AccountId>,
    /// Its region.
    pub region: String,
    /// Its name, `team/web`.
    pub name: String,
}

impl Repository {
    /// The repository of an image, `123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/web:1.0`. An image of another
    /// kind of registry is looked for by its name in this region.
    pub fn of_image(image: &str, region: &str) -> Option<Self> {
        let (host, name) = unpinned(image).split_once('/')?;
        let parts: Vec<&str> = host.split('.').collect();
        let (account, region) = match parts.as_slice() {
            [account, "dkr", "ecr", region, ..] | [account, "dkr-ecr", region, ..] => {
                (Some(AccountId::from(*account)), (*region).to_owned())
            }
            _ => (None, region.to_owned()),
        };
        Some(Self { account, region, name: name.to_owned() })
    }

    /// The registry's id, as a call names it.
    fn registry(&self) -> Option<String> {
        self.account.as_ref().map(ToString::to_string)
    }

    /// Where it is asked: with the credentials of the usual account, in its own region.
    fn asked_at(&self) -> AccountRegion {
        AccountRegion::usual(self.region.as_str())
    }
}

/// How one asks for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageKey {
    /// `1.4.2`
    Tag(String),
    /// `sha256:…`
    Digest(String),
}

impl ImageKey {
    fn sdk(&self) -> types::ImageIdentifier {
        let builder = types::ImageIdentifier::builder();
        match self {
            Self::Tag(tag) => builder.image_tag(tag).build(),
            Self::Digest(digest) => builder.image_digest(digest).build(),
        }
    }
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// `sha256:…`
    pub digest: String,
    /// Its tags, sorted.
    pub tags: Vec<String>,
    /// When it was pushed.
    pub pushed: Option<jiff::Timestamp>,
    is_index: bool,
}

impl Image {
    fn from_sdk(sdk: &types::ImageDetail) -> Option<Self> {
        let mut tags = sdk.image_tags().to_vec();
        tags.sort();
        let kind = sdk.image_manifest_media_type().unwrap_or_default();
        Some(Self {
            digest: sdk.image_digest()?.to_owned(),
            tags,
            pushed: sdk.image_pushed_at().and_then(time),
            is_index: kind.contains("image.index") || kind.contains("manifest.list"),
        })
    }

    /// Whether it is no image, but what lies beside one: a signature or a provenance, whose tag follows from its digest.
    fn is_companion(&self) -> bool {
        let is_named_after = |tag: &String| {
            let rest = tag.strip_prefix("sha256-").or(tag.strip_prefix("provenance-")).unwrap_or_default();
            rest.len() >= 64 && rest.as_bytes()[..64].iter().all(u8::is_ascii_hexdigit)
        };
        self.tags.iter().all(is_named_after)
    }

    /// The tag that people know it by: a version before any other name, a commit last; never one that moves, which says
    /// tomorrow of another image what it says of this one today.
    pub fn version(&self) -> Option<&str> {
        let lasting = self.tags.iter().filter(|tag| !is_moving(tag));
        lasting.max_by_key(|tag| (numbers(tag), !is_commit(tag), std::cmp::Reverse(*tag))).map(String::as_str)
    }
}

/// The numbers of a version such as `1.4.2`, `v1.4.2` or `1.4.2-rc.1`: of several, the one that says more is meant, then the
/// higher. `None`: it is no version.
fn numbers(tag: &str) -> Option<(usize, Vec<u64>, bool)> {
    let tag = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
    let (core, rest) = tag.split_at(tag.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(tag.len()));
    let numbers: Option<Vec<u64>> = core.split('.').map(|part| part.parse().ok()).collect();
    let numbers =
        numbers.filter(|numbers| numbers.len() > 1 && (rest.is_empty() || rest.starts_with(['-', '_', '+'])))?;
    Some((numbers.len(), numbers, rest.is_empty()))
}

fn is_commit(tag: &str) -> bool {
    let tag = tag.strip_prefix("sha-").or(tag.strip_prefix("git-")).unwrap_or(tag);
    (7..=40).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether it is one of the names that are given to one image after the other.
fn is_moving(tag: &str) -> bool {
    const MOVING: [&str; 20] = [
        "latest",
        "stable",
        "main",
        "master",
        "trunk",
        "edge",
        "head",
        "dev",
        "develop",
        "development",
        "nightly",
        "canary",
        "current",
        "release",
        "staging",
        "stage",
        "test",
        "prod",
        "production",
        "live",
    ];
    MOVING.contains(&tag.to_ascii_lowercase().as_str())
}

/// What is read of an index.
#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    digest: String,
}

/// ECR. Nothing is changed in it, so that every call may be repeated.
pub struct EcrPort {
    gate: Arc<CallGate>,
    clients: Pool<aws_sdk_ecr::Client>,
}

impl EcrPort {
    /// A port that has these clients, and builds others on first use where the gate can.
    pub(super) fn new(gate: Arc<CallGate>, clients: Pool<aws_sdk_ecr::Client>) -> Self {
        Self { gate, clients }
    }

    /// The regions for which there are clients.
    #[cfg(test)]
    pub(super) fn built(&self) -> Vec<String> {
        self.clients.regions()
    }

    /// The tagged images of a repository, the newest first.
    pub async fn images(&self, repository: &Repository) -> Result<Vec<Image>, AwsError> {
        const CALL: &Call = &call::DESCRIBE_IMAGES;
        let place = &repository.asked_at();
        let client = self.client(CALL, place).await?;
        let tagged = types::DescribeImagesFilter::builder().tag_status(types::TagStatus::Tagged).build();
        let mut found: Vec<Image> = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..PAGES {
            let call = client
                .describe_images()
                .set_registry_id(repository.registry())
                .repository_name(&repository.name)
                .filter(tagged.clone())
                .max_results(PAGE)
                .set_next_token(token.take());
            let page = self.gate.observed(CALL, place, Box::pin(call.send())).await?;
            found.extend(page.image_details().iter().filter_map(Image::from_sdk).filter(|image| !image.is_companion()));
            token = page.next_token().filter(|next| !next.is_empty()).map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        found.sort_by(|a, b| (b.pushed, &b.tags).cmp(&(a.pushed, &a.tags)));
        Ok(found)
    }

    /// One image, if it is there.
    pub async fn image(&self, repository: &Repository, key: &ImageKey) -> Result<Option<Image>, AwsError> {
        const CALL: &Call = &call::DESCRIBE_IMAGES;
        let place = &repository.asked_at();
        let client = self.client(CALL, place).await?;
        let call = client
            .describe_images()
            .set_registry_id(repository.registry())
            .repository_name(&repository.name)
            .image_ids(key.sdk());
        let answer = self.gate.observed(CALL, place, Box::pin(call.send())).await;
        let answer = match answer {
            Ok(answer) => answer,
            // that the repository is missing is another matter
            Err(error) if error.class == Class::NotFound && error.code.as_deref() == Some("ImageNotFoundException") => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        Ok(answer.image_details().iter().find_map(Image::from_sdk))
    }

    /// The digests of the images that an index consists of: a task may show the one of its platform. None of another image.
    pub async fn parts(&self, repository: &Repository, image: &Image) -> Result<Vec<String>, AwsError> {
        const CALL: &Call = &call::BATCH_GET_IMAGE;
        if !image.is_index {
            return Ok(Vec::new());
        }
        let place = &repository.asked_at();
        let client = self.client(CALL, place).await?;
        let call = client
            .batch_get_image()
            .set_registry_id(repository.registry())
            .repository_name(&repository.name)
            .image_ids(ImageKey::Digest(image.digest.clone()).sdk());
        let answer = self.gate.observed(CALL, place, Box::pin(call.send())).await?;
        let manifest = answer.images().first().and_then(|image| image.image_manifest()).unwrap_or_default();
        let index = serde_json::from_str(manifest).unwrap_or(Index { manifests: Vec::new() });
        Ok(index.manifests.into_iter().map(|part| part.digest).collect())
    }

    /// The manifest that a tag names, if there is one; read as it is.
    pub async fn manifest(&self, repository: &Repository, tag: &str) -> Result<Option<String>, AwsError> {
        const CALL: &Call = &call::BATCH_GET_IMAGE;
        let place = &repository.asked_at();
        let client = self.client(CALL, place).await?;
        let call = client
            .batch_get_image()
            .set_registry_id(repository.registry())
            .repository_name(&repository.name)
            .image_ids(ImageKey::Tag(tag.to_owned()).sdk())
            .accepted_media_types("application/vnd.oci.image.manifest.v1+json");
        let answer = self.gate.observed(CALL, place, Box::pin(call.send())).await?;
        Ok(answer.images().first().and_then(|image| image.image_manifest()).map(str::to_owned))
    }

    /// The client of a place, built on first use.
    async fn client(&self, call: &'static Call, place: &AccountRegion) -> Result<aws_sdk_ecr::Client, AwsError> {
        self.gate.admit(call, place)?;
        let key = self.gate.key(place);
        if let Some(client) = self.clients.get(&key) {
            return Ok(client);
        }
        let sdk = self.gate.sdk_for(call, place).await?;
        let conf = aws_sdk_ecr::config::Builder::from(sdk)
            .region(aws_sdk_ecr::config::Region::new(key.region.clone()))
            .retry_config(self.gate.retries())
            .timeout_config(self.gate.timeouts(self.gate.config.read_attempts));
        let client = aws_sdk_ecr::Client::from_conf(conf.build());
        Ok(self.clients.keep(key, client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_tells_account_and_region() {
        let of = |image: &str| Repository::of_image(image, "us-east-1");
        let ecr = of("123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/web:1.0").unwrap();
        assert_eq!(
            (ecr.account.as_ref().map(AccountId::as_str), ecr.region.as_str(), ecr.name.as_str()),
            (Some("123456789012"), "eu-central-1", "team/web")
        );
        let other = of("registry.example:5000/web").unwrap();
        assert_eq!((other.account, other.region.as_str(), other.name.as_str()), (None, "us-east-1", "web"));
        assert_eq!(of("web:1.0"), None);
    }

    fn image(tags: &[&str]) -> Image {
        let tags = tags.iter().map(ToString::to_string).collect();
        Image { digest: "sha256:aa".into(), tags, pushed: None, is_index: false }
    }

    #[test]
    fn what_lies_beside_an_image_is_no_version_of_it() {
        let hex = "0a".repeat(32);
        for beside in [format!("sha256-{hex}"), format!("sha256-{hex}.sig"), format!("provenance-{hex}")] {
            assert!(image(&[&beside]).is_companion(), "{beside}");
            assert!(!image(&[&beside, "1.4.2"]).is_companion(), "it is an image too");
        }
        assert!(image(&[]).is_companion(), "what has no tag is nobody's version");
        for tag in ["1.4.2", "sha256-1", "provenance-of-the-build", &hex] {
            assert!(!image(&[tag]).is_companion(), "{tag}");
        }
    }

    #[test]
    fn people_know_an_image_by_its_version() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(image(&[commit, "1.4.2"]).version(), Some("1.4.2"));
        assert_eq!(image(&[commit]).version(), Some(commit));
        assert_eq!(image(&[]).version(), None);
    }

    #[test]
    fn a_version_is_chosen_by_what_it_says_and_not_by_its_letters() {
        let commit = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567";
        let table: [(&[&str], Option<&str>); 9] = [
            (&["latest", "v1.2.0"], Some("v1.2.0")),
            (&["main", "stable", "1.4", "1.4.2", "1"], Some("1.4.2")),
            (&["0a1b2c3", "edge", "v2.0.0-rc.1", "v2.0.0"], Some("v2.0.0")),
            (&["1.9.0", "1.10.0"], Some("1.10.0")),
            (&["0a1b2c3", "hotfix-7"], Some("hotfix-7")),
            (&["0a1b2c3", "latest"], Some("0a1b2c3")),
            (&[commit, "prod"], Some(commit)),
            (&["latest"], None),
            (&["Stable", "MAIN", "production"], None),
        ];
        for (tags, version) in table {
            let mut tags = tags.to_vec();
            for _ in 0..tags.len() {
                tags.rotate_left(1);
                assert_eq!(image(&tags).version(), version, "{tags:?}");
            }
        }
    }
}
