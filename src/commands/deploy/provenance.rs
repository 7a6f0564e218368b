//! Who built an image, and from what: before it is deployed, where the settings say by which key that is signed. The pipeline
//! (`delivery/attest`) puts a signed statement beside each image, under a tag that follows from its digest; a person who can push
//! another image cannot sign for it. The certificates of keyless signing are not checked here: `delivery/deploy` does that.

use super::super::{Context, ServiceConfig, words};
use super::goal::{says, short};
use super::plan::NOTHING;
use super::present::{Chosen, Present};
use super::public_key::read_key;
use crate::aws::{AwsError, Image};
use crate::domain::{CommandError, Refusal};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::Value;

/// The annotation of the manifest that holds the envelope.
const ANNOTATION: &str = "dronebot.provenance";

/// The artifact beside an image.
#[derive(Deserialize)]
struct Artifact {
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

/// A signed statement, in DSSE's form.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "payloadType")]
    kind: String,
    payload: String,
    signatures: Vec<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    sig: String,
}

/// What would bring an image to a service, for the sentence that refuses it.
#[derive(Clone, Copy)]
pub(super) enum ImageRoute {
    /// `deploy`
    Deployment,
    /// `deploy rollback`
    Rollback,
}

/// Refuses an image that has no valid statement, where it needs one.
pub(super) async fn require(
    route: ImageRoute,
    present: &Present,
    image: &Image,
    cx: &Context,
) -> Result<(), CommandError> {
    let why = doubt(present, &image.digest, cx).await.map_err(|error| error.failure(NOTHING))?;
    let Some(why) = why else { return Ok(()) };
    let Chosen { name, config, .. } = &present.chosen;
    let (lead, instead) = match route {
        ImageRoute::Deployment => (format!("`{}` is not deployed to `{name}`", short(&image.digest)), String::new()),
        ImageRoute::Rollback => (
            format!("`{name}` is not rolled back to {}", says(image.version(), &image.digest)),
            format!(" `deploy <version> {name}` deploys a version that is signed."),
        ),
    };
    Err(Refusal::sentence(&format!(
        "{lead}: {why} {NOTHING} My settings (`deploy.services.{name}.provenance_key`) ask for an image that the pipeline has \
         signed as built from `{}` of `{}`.{instead}",
        words::name(&config.branch),
        words::name(&config.source),
    ))
    .into())
}

/// Why the settings do not let the image of this digest run, as a sentence; `None`: they do.
pub(super) async fn doubt(present: &Present, digest: &str, cx: &Context) -> Result<Option<String>, AwsError> {
    let config = &present.chosen.config;
    let Some(key) = config.provenance_key.as_deref() else { return Ok(None) };
    let tag = format!("provenance-{}", digest.trim_start_matches("sha256:"));
    let Some(manifest) = cx.aws.ecr.manifest(&present.repository, &tag).await? else {
        return Ok(Some("no signed provenance of it is in ECR.".to_owned()));
    };
    // the settings are checked, so a key that cannot be read is none that fits
    let key = read_key(key).unwrap_or_default();
    Ok(check(&manifest, &key, config, digest).err())
}

/// The same for what is only shown: where AWS does not tell, that is why.
pub(super) async fn doubt_or_why(present: &Present, digest: &str, cx: &Context) -> Option<String> {
    doubt(present, digest, cx).await.unwrap_or_else(|error| Some(error.what_is_so()))
}

/// Why this statement does not let this image be deployed, as a sentence.
fn check(manifest: &str, key: &[u8], config: &ServiceConfig, digest: &str) -> Result<(), String> {
    let unreadable = || "its provenance cannot be read.".to_owned();
    let artifact: Artifact = serde_json::from_str(manifest).map_err(|_| unreadable())?;
    let envelope = artifact.annotations.get(ANNOTATION).ok_or_else(unreadable)?;
    let envelope: Envelope = serde_json::from_str(envelope).map_err(|_| unreadable())?;
    let payload = STANDARD.decode(&envelope.payload).map_err(|_| unreadable())?;
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key);
    let signed = signed_text(&envelope.kind, &payload);
    let fits = |one: &Signature| STANDARD.decode(&one.sig).is_ok_and(|sig| key.verify(&signed, &sig).is_ok());
    if !envelope.signatures.iter().any(fits) {
        return Err("its provenance is not signed by that key.".to_owned());
    }
    // believed from here on
    let statement: Value = serde_json::from_slice(&payload).map_err(|_| unreadable())?;
    let digest = digest.trim_start_matches("sha256:");
    let subjects = statement["subject"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !subjects.iter().any(|subject| subject["digest"]["sha256"] == digest) {
        return Err("its provenance is that of another image.".to_owned());
    }
    let told = &statement["predicate"]["buildDefinition"]["externalParameters"];
    for (name, wanted) in [("source", &config.source), ("branch", &config.branch)] {
        let is = told[name].as_str().unwrap_or("nothing");
        if is != wanted {
            return Err(format!("its provenance names `{}` as its {name}.", words::name(is)));
        }
    }
    Ok(())
}

/// What is signed in DSSE: kind and payload, each with its length, so that no two can be taken for one another.
fn signed_text(kind: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::public_key::SPKI;
    use super::*;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::json;

    /// A key as KMS keeps one, and its public half as the settings have it.
    pub fn key() -> (EcdsaKeyPair, String) {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, made.as_ref(), &random).expect("a key");
        let public = STANDARD.encode([SPKI, pair.public_key().as_ref()].concat());
        (pair, public)
    }

    /// What the pipeline puts beside an image.
    pub fn sealed(pair: &EcdsaKeyPair, digest: &str, source: &str, branch: &str) -> String {
        let statement = json!({
            "subject": [{"name": "r.test/web", "digest": {"sha256": digest.trim_start_matches("sha256:")}}],
            "predicate": {"buildDefinition": {"externalParameters": {"source": source, "branch": branch}}},
        });
        let (kind, payload) = ("application/vnd.in-toto+json", statement.to_string());
        let sig = pair.sign(&SystemRandom::new(), &signed_text(kind, payload.as_bytes())).expect("a signature");
        let envelope = json!({
            "payloadType": kind,
            "payload": STANDARD.encode(payload),
            "signatures": [{"sig": STANDARD.encode(sig)}],
        });
        json!({"schemaVersion": 2, "annotations": {ANNOTATION: envelope.to_string()}}).to_string()
    }

    #[test]
    fn only_what_the_key_vouches_for_from_that_branch_is_deployed() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let ((pair, public), (other, _)) = (key(), key());
        let config = ServiceConfig { source: "https://git.test/web".into(), ..ServiceConfig::default() };
        let point = read_key(&public).expect("a key");
        let good = sealed(&pair, &digest, "https://git.test/web", "main");
        assert_eq!(check(&good, &point, &config, &digest), Ok(()));
        let changed = |from: &str, to: &str| good.replace(from, to);
        let table = [
            (sealed(&other, &digest, "https://git.test/web", "main"), "not signed"),
            (sealed(&pair, &format!("sha256:{}", "b".repeat(64)), "https://git.test/web", "main"), "of another image"),
            (sealed(&pair, &digest, "https://git.test/fork", "main"), "names `https://git.test/fork` as its source"),
            (sealed(&pair, &digest, "https://git.test/web", "feature"), "names `feature` as its branch"),
            (sealed(&pair, &digest, "https://git.test/web", ""), "names `` as its branch"),
            (changed("vnd.in-toto+json", "vnd.other+json"), "not signed"),
            (changed("\\\"sig\\\":\\\"M", "\\\"sig\\\":\\\"N"), "not signed"),
            (changed(ANNOTATION, "another"), "cannot be read"),
            ("{}".to_owned(), "cannot be read"),
            ("nonsense".to_owned(), "cannot be read"),
        ];
        for (manifest, why) in table {
            let said = check(&manifest, &point, &config, &digest).expect_err(why);
            assert!(said.contains(why), "{why}: {said}");
        }
        assert!(check(&good, &[], &config, &digest).is_err(), "no key, no image");
    }
}
