//! What a person reads of an error: what is so, in AWS's own words wherever AWS has answered, and what to do. Advice is
//! added to AWS's code, place and message; it never stands in their place.

use super::error::{NO_ACCOUNT, NO_REGION, is_quota};
use super::{AwsError, Class};
use crate::domain::{Failure, Line};

/// The most letters of AWS's message that are shown.
const WORDS: usize = 400;

/// One trouble, and the regions that have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Where, in the order of the errors.
    pub regions: Vec<String>,
    /// What is so, as a sentence that names no region.
    pub so: String,
    /// What to do.
    pub to_do: String,
}

impl AwsError {
    /// What a person reads: what is so, then `not_done` (one sentence, names in backticks, such as
    /// ``"`i-0abc` was not changed."``), then what to do.
    pub fn failure(&self, not_done: &str) -> Failure {
        let (so, to_do) = self.sentences(Some(&self.region));
        Failure { lines: vec![Line::sentence(&format!("{so} {not_done} {to_do}"))], cause: self.to_string() }
    }

    /// What a person reads of the trouble of several regions: each kind of trouble is said once, with its regions.
    pub fn failure_of(errors: &[Self], not_done: &str) -> Failure {
        if let [only] = errors {
            return only.failure(not_done);
        }
        let troubles = Self::troubles(errors);
        let is_one = troubles.len() == 1;
        let mut lines: Vec<Line> = troubles
            .into_iter()
            .map(|Trouble { regions, so, to_do }| {
                let not_done = if is_one { format!("{not_done} ") } else { String::new() };
                Line::sentence(&format!("{}: {so} {not_done}{to_do}", places(&regions)))
            })
            .collect();
        if !is_one {
            lines.push(Line::from(not_done));
        }
        let causes: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Failure { lines, cause: causes.join("; ") }
    }

    /// The errors of several regions, of which others may have answered: the same trouble is one.
    pub fn troubles(errors: &[Self]) -> Vec<Trouble> {
        let mut troubles: Vec<(String, Trouble)> = Vec::new();
        for error in errors {
            let (so, to_do) = error.sentences(None);
            // the ARNs in AWS's words name the region, too
            let kind = so.replace(&error.region, "");
            match troubles.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, known)) => known.regions.push(error.region.clone()),
                None => troubles.push((kind, Trouble { regions: vec![error.region.clone()], so, to_do })),
            }
        }
        troubles.into_iter().map(|(_, trouble)| trouble).collect()
    }

    /// The same error, where other regions have answered the same credentials.
    #[must_use]
    pub fn while_others_answer(self) -> Self {
        Self { elsewhere: true, ..self }
    }

    /// One sentence that says what is so.
    pub fn what_is_so(&self) -> String {
        self.sentences(Some(&self.region)).0
    }

    /// What IAM is missing: as AWS's message names it, which need not be the call (`iam:PassRole`), else the call.
    pub fn permission(&self) -> String {
        let named = self.after("to perform: ").filter(|action| action.contains(':'));
        named.unwrap_or_else(|| format!("{}:{}", self.service, self.operation))
    }

    /// The word of AWS's message that follows this, fit for backticks.
    fn after(&self, start: &str) -> Option<String> {
        let word = self.message.split(start).nth(1)?.split_whitespace().next()?;
        let word = word.trim_end_matches(['.', ',', ';']).replace('`', "'");
        (!word.is_empty()).then_some(word)
    }

    /// The kind of policy that denies it on purpose: `service control policy`.
    fn deny(&self) -> Option<&'static str> {
        const KINDS: [&str; 8] = [
            "service control policy",
            "resource control policy",
            "permissions boundary",
            "session policy",
            "identity-based policy",
            "resource-based policy",
            "VPC endpoint policy",
            "policy",
        ];
        let rest = self.message.split("explicit deny in a").nth(1)?;
        KINDS.into_iter().find(|kind| rest.contains(kind))
    }

    /// AWS's own words, where AWS answered, fit for a sentence: `: You can't stop …`.
    fn words(&self) -> String {
        let Some(code) = &self.code else { return String::new() };
        let clean = self.message.chars().filter(|c| !c.is_control()).map(|c| if c == '`' { '\'' } else { c });
        let words: String = clean.clone().take(WORDS).collect();
        let words = words.trim().trim_end_matches('.');
        let cut = if clean.count() > WORDS { "…" } else { "" };
        if words.is_empty() || words == code { String::new() } else { format!(": {words}{cut}") }
    }

    /// AWS's code, the region if it is to be named, and the account where it is known.
    fn by(&self, place: Option<&str>) -> String {
        let Some(code) = &self.code else { return String::new() };
        let mut parts = vec![format!("`{}`", code.replace('`', "'"))];
        parts.extend(place.map(|place| format!("`{place}`")));
        parts.extend(self.account.as_ref().map(|account| format!("account `{account}`")));
        format!(" ({})", parts.join(", "))
    }

    /// What is so, and what to do.
    fn sentences(&self, place: Option<&str>) -> (String, String) {
        if self.code.as_deref() == Some(NO_REGION) {
            return (
                "The command names no AWS region, and none is configured.".into(),
                "Add one, such as `--region eu-central-1`.".into(),
            );
        }
        if let (Some(NO_ACCOUNT), Some(account)) = (self.code.as_deref(), &self.account) {
            return (
                format!("I have no credentials that I know to be of the AWS account `{account}`."),
                "Ask the platform team to look at the bot's AWS role.".into(),
            );
        }
        let (so, to_do) = match self.class {
            Class::Lost | Class::NotSent => return self.unanswered(place),
            Class::Denied => self.denied(),
            Class::Credentials => self.unwelcome(place),
            Class::Throttled => ("AWS is limiting our calls".into(), "Try again in a minute.".into()),
            Class::Server => ("AWS has a problem of its own".into(), "Try again in a few minutes.".into()),
            Class::NotFound => ("AWS does not know this".into(), self.look_for()),
            Class::State => (
                "Its state does not allow this now".into(),
                format!("Look with `{}`, and try again when it has settled.", self.show()),
            ),
            Class::Protected => ("AWS does not permit this on it".into(), self.hold()),
            Class::Capacity => self.scarce(),
            Class::Input | Class::DryRun => (
                format!("AWS did not accept the call `{}`", self.operation),
                "Check what you typed; if it is right, tell the platform team.".into(),
            ),
        };
        (format!("{so}{}{}.", self.by(place), self.words()), to_do)
    }

    fn is_ec2(&self) -> bool {
        self.service == "ec2"
    }

    fn show(&self) -> &'static str {
        if self.is_ec2() { "ec2 show" } else { "deploy status" }
    }

    fn look_for(&self) -> String {
        match self.is_ec2() {
            true => "Check the id and the region; `ec2 list --region all` shows every instance.".into(),
            false => "Check `deploy.services` in my settings.".into(),
        }
    }

    /// AWS has not answered, so it is named who did not.
    fn unanswered(&self, place: Option<&str>) -> (String, String) {
        let at = place.map(|place| format!(" in `{place}`")).unwrap_or_default();
        let service = match self.service {
            "secretsmanager" => "Secrets Manager".to_owned(),
            service => service.to_uppercase(),
        };
        let so = match (self.class, self.status) {
            (Class::NotSent, _) => format!("I cannot reach AWS {service}{at}."),
            (_, None) => format!("AWS {service}{at} did not answer in time."),
            (_, Some(status)) => {
                let who = if status >= 500 {
                    "AWS has trouble, or a proxy on the way"
                } else {
                    "a proxy on the way, perhaps"
                };
                format!("What came as the answer of AWS {service}{at} is not AWS's own (HTTP {status}): {who}.")
            }
        };
        let to_do = match (self.class, self.service) {
            (Class::NotSent, "ec2") => "Try again in a minute; if you named the region, check its name.",
            (Class::NotSent, _) => {
                "Try again in a minute; if it stays so, the platform team should look at my network."
            }
            _ => "Try again in a minute.",
        };
        (so, to_do.into())
    }

    fn denied(&self) -> (String, String) {
        let permission = self.permission();
        let so = format!("AWS does not allow me `{permission}`");
        match (self.code.as_deref().unwrap_or_default(), self.deny()) {
            ("OptInRequired", _) => (
                "The account has not subscribed to this".into(),
                "Somebody who may act for the account has to accept the terms, where AWS says; then try again.".into(),
            ),
            ("Blocked" | "PendingVerification", _) => (
                "AWS holds the account back".into(),
                "Ask whoever owns the AWS account; AWS's support can lift it.".into(),
            ),
            (_, Some(kind @ ("service control policy" | "resource control policy"))) => (
                so,
                format!(
                    "A {kind} of the organization denies it: ask whoever keeps those; the bot's role cannot change it."
                ),
            ),
            (_, Some(kind)) => (so, format!("Ask the platform team: a {kind} denies it on purpose.")),
            (_, None) => {
                let named = self.after("on resource: ").filter(|_| permission == "iam:PassRole");
                let to_do = match named {
                    Some(role) => {
                        format!("Ask the platform team to allow the bot's IAM role `{permission}` on `{role}`.")
                    }
                    None => "Ask the platform team to look at the bot's IAM role.".into(),
                };
                (so, to_do)
            }
        }
    }

    fn unwelcome(&self, place: Option<&str>) -> (String, String) {
        let role = "Ask the platform team to look at the bot's AWS role.";
        let refused = "AWS does not accept my credentials";
        match self.code.as_deref() {
            None => ("My AWS credentials are missing or not valid any more".into(), role.into()),
            Some("RequestExpired" | "RequestTimeTooSkewed" | "SignatureDoesNotMatch" | "InvalidSignatureException") => (
                "AWS does not accept my signature".into(),
                "The clock of the bot's machine may be wrong: `dronebot doctor` compares it with AWS's.".into(),
            ),
            Some("AuthFailure" | "InvalidClientTokenId" | "UnrecognizedClientException") if self.elsewhere => (
                "AWS does not accept my credentials there, and does elsewhere".into(),
                format!(
                    "{} may not be enabled for the account: who may act for it can enable it.",
                    place.map_or_else(|| "The region".to_owned(), |place| format!("`{place}`"))
                ),
            ),
            Some("AuthFailure" | "InvalidClientTokenId" | "UnrecognizedClientException") => (
                refused.into(),
                "Where other regions answer, this one is not enabled for the account; else the platform team should look at \
                 the bot's AWS role."
                    .into(),
            ),
            Some(_) => (refused.into(), role.into()),
        }
    }

    fn scarce(&self) -> (String, String) {
        match is_quota(self.code.as_deref().unwrap_or_default()) {
            true => (
                "A quota of the account is reached".into(),
                "Stop what is not needed, or have the quota raised (Service Quotas in AWS); another zone does not help.".into(),
            ),
            false => (
                "AWS has no capacity left for this".into(),
                "Try again later, or with another type or availability zone.".into(),
            ),
        }
    }

    /// `OperationNotPermitted` is more than protection: AWS's message says which.
    fn hold(&self) -> String {
        let words = self.words().to_lowercase();
        match words.is_empty() || words.contains("disableapi") {
            true => "Its owner can take the protection off.".into(),
            false => "What AWS names has to be changed first; its owner can do that.".into(),
        }
    }
}

/// The regions of a trouble, fit for a sentence.
pub fn places(regions: &[String]) -> String {
    let named: Vec<String> = regions.iter().map(|region| format!("`{region}`")).collect();
    match named.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What AWS answers, and what of it a person must read beside it.
    const ANSWERS: [(&str, &str, &str, &str, &str); 18] = [
        (
            "ec2",
            "StopInstances",
            "UnauthorizedOperation",
            "You are not authorized to perform: ec2:StopInstances on resource: arn:aws:ec2:eu-west-9:1:instance/i-1 because \
             no identity-based policy allows the ec2:StopInstances action",
            "AWS does not allow me `ec2:StopInstances`",
        ),
        (
            "ec2",
            "DescribeInstances",
            "UnauthorizedOperation",
            "User: arn:aws:sts::123456789012:assumed-role/drone/i-0 is not authorized to perform: ec2:DescribeInstances with \
             an explicit deny in a service control policy",
            "service control policy of the organization denies it: ask whoever keeps those",
        ),
        (
            "ec2",
            "StopInstances",
            "UnauthorizedOperation",
            "not authorized to perform: ec2:StopInstances with an explicit deny in a permissions boundary",
            "Ask the platform team: a permissions boundary denies it",
        ),
        (
            "ecs",
            "RegisterTaskDefinition",
            "AccessDeniedException",
            "User: arn:aws:sts::123456789012:assumed-role/drone/i-0 is not authorized to perform: iam:PassRole on resource: \
             arn:aws:iam::123456789012:role/task because no identity-based policy allows the iam:PassRole action",
            "allow the bot's IAM role `iam:PassRole` on `arn:aws:iam::123456789012:role/task`",
        ),
        (
            "ec2",
            "StartInstances",
            "OptInRequired",
            "In order to use this AWS Marketplace product you need to accept terms and subscribe. To do so please visit \
             https://aws.amazon.com/marketplace/pp?sku=abc",
            "has to accept the terms",
        ),
        ("ec2", "StartInstances", "PendingVerification", "Your account is being verified.", "holds the account back"),
        (
            "ec2",
            "StartInstances",
            "VcpuLimitExceeded",
            "You have requested more vCPU capacity than your current vCPU limit of 32 allows",
            "quota raised (Service Quotas in AWS); another zone does not help",
        ),
        (
            "ec2",
            "StartInstances",
            "InstanceLimitExceeded",
            "You have requested more instances (3)",
            "A quota of the account",
        ),
        (
            "ec2",
            "StartInstances",
            "InsufficientInstanceCapacity",
            "We currently do not have sufficient capacity",
            "zone",
        ),
        ("ec2", "StartInstances", "InsufficientFreeAddressesInSubnet", "Not enough free addresses", "no capacity left"),
        (
            "ec2",
            "StartInstances",
            "IncorrectSpotRequestState",
            "The Spot request is not in a state",
            "when it has settled",
        ),
        (
            "ec2",
            "StartInstances",
            "InvalidKMSKey.InvalidState",
            "The KMS key provided is in an incorrect state",
            "state",
        ),
        (
            "ec2",
            "StopInstances",
            "OperationNotPermitted",
            "The instance 'i-1' may not be stopped. Modify its 'disableApiStop' instance attribute and try again.",
            "Its owner can take the protection off",
        ),
        (
            "ec2",
            "StopInstances",
            "OperationNotPermitted",
            "This instance is managed by another AWS service",
            "What AWS names has to be changed first",
        ),
        ("ec2", "StopInstances", "RequestExpired", "Request has expired.", "clock of the bot's machine"),
        (
            "ecs",
            "DescribeServices",
            "InvalidSignatureException",
            "Signature expired: 20261129T200000Z is now earlier than 20261129T201000Z",
            "clock of the bot's machine",
        ),
        (
            "ec2",
            "DescribeInstances",
            "AuthFailure",
            "AWS was not able to validate the provided access credentials",
            "this one is not enabled for the account",
        ),
        (
            "ec2",
            "StopInstances",
            "SomethingNew",
            "Something that nobody has seen",
            "did not accept the call `StopInstances`",
        ),
    ];

    fn error(service: &'static str, operation: &'static str, code: &str, message: &str) -> AwsError {
        let class = Class::of_code(code).unwrap_or(Class::Input);
        let own = AwsError::own(service, operation, "eu-west-9", class, message);
        let account = Some("123456789012".into());
        AwsError { code: Some(code.to_owned()), status: Some(400), account, ..own }
    }

    #[test]
    fn aws_s_code_region_account_and_words_stand_in_every_answer_and_advice_is_added() {
        for (service, operation, code, message, advice) in ANSWERS {
            let text = error(service, operation, code, message).failure("Nothing was changed.").lines[0].plain();
            for part in [code, "eu-west-9", "123456789012", message.trim_end_matches('.'), "Nothing was changed."] {
                assert!(text.contains(part), "{part} is missing: {text}");
            }
            assert!(text.contains(&advice.replace('`', "")), "{advice} is missing: {text}");
        }
    }

    #[test]
    fn what_is_missing_is_the_permission_that_aws_names() {
        let (.., message, _) = ANSWERS[3];
        let error = error("ecs", "RegisterTaskDefinition", "AccessDeniedException", message);
        assert_eq!(error.permission(), "iam:PassRole");
        assert!(!error.what_is_so().contains("does not allow me `ecs:RegisterTaskDefinition`"));
    }

    #[test]
    fn one_region_that_does_not_know_the_credentials_is_the_region() {
        for code in ["AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException"] {
            let error = error("ec2", "DescribeInstances", code, "not able to validate").while_others_answer();
            let text = error.failure("Nothing could be read.").lines[0].plain();
            assert!(text.contains("eu-west-9 may not be enabled for the account"), "{text}");
            assert!(!text.contains("missing or not valid"), "{text}");
        }
    }

    #[test]
    fn who_did_not_answer_is_named() {
        for (service, name) in [("sts", "AWS STS"), ("ec2", "AWS EC2"), ("ecs", "AWS ECS"), ("ecr", "AWS ECR")] {
            for class in [Class::NotSent, Class::Lost] {
                let text = AwsError::own(service, "Call", "eu-west-9", class, "no").what_is_so();
                assert!(text.contains(name) && text.contains("eu-west-9"), "{text}");
            }
        }
    }
}
