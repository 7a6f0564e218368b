//! What can go wrong with a call, in the classes that decide what is done and said about it.

use super::call::Call;
use crate::domain::{AccountId, AccountRegion};
use aws_sdk_ec2::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use std::error::Error;

/// Our own code for an endpoint that answers a dry run as if it had made the change.
pub(super) const IGNORED: &str = "DryRunIgnored";
/// Our own code for a command that names no region where none is configured.
pub(super) const NO_REGION: &str = "NoRegion";
/// Our own code for a place in an account to which the credentials do not belong.
pub(super) const NO_ACCOUNT: &str = "NoAccount";

/// What kind of trouble it is. Everything but [`Class::Lost`] and [`Class::Server`] promises that the call changed
/// nothing, and only AWS can promise that: by a code of its own, or by never having been reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// AWS limits our calls.
    Throttled,
    /// AWS failed on its side (5xx); the call may have been made.
    Server,
    /// AWS's answer did not come, or what came is none of AWS's; the call may have been made.
    Lost,
    /// The call never left: no connection.
    NotSent,
    /// AWS does not know the resource, or does not yet.
    NotFound,
    /// The resource is in a state that does not allow the call.
    State,
    /// The resource is protected against the call.
    Protected,
    /// No capacity or quota is left.
    Capacity,
    /// IAM does not allow it.
    Denied,
    /// There are no credentials, or they are not valid any more.
    Credentials,
    /// The call itself is wrong.
    Input,
    /// No trouble at all: a dry run found that the call would be allowed.
    DryRun,
}

impl Class {
    /// The name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Server => "server",
            Self::Lost => "lost",
            Self::NotSent => "not_sent",
            Self::NotFound => "not_found",
            Self::State => "state",
            Self::Protected => "protected",
            Self::Capacity => "capacity",
            Self::Denied => "denied",
            Self::Credentials => "credentials",
            Self::Input => "input",
            Self::DryRun => "dry_run",
        }
    }

    /// The class of one of AWS's error codes, where the code alone tells.
    pub fn of_code(code: &str) -> Option<Self> {
        Some(match code {
            "DryRunOperation" => Self::DryRun,
            "RequestLimitExceeded"
            | "EC2ThrottledException"
            | "TooManyRequestsException"
            | "SlowDown"
            | "BandwidthLimitExceeded" => Self::Throttled,
            "InternalError" | "InternalFailure" | "Unavailable" | "ServiceUnavailable" | "ServerException" => {
                Self::Server
            }
            // the server waited too long for the request: how much of it was taken is not said
            "RequestTimeout" | "RequestTimeoutException" => Self::Lost,
            "InvalidState" | "UnsupportedHibernationConfiguration" => Self::State,
            code if code.starts_with("Incorrect") || code.ends_with(".InvalidState") => Self::State,
            "OperationNotPermitted" => Self::Protected,
            "ReservationCapacityExceeded" | "SpotMaxPriceTooLow" => Self::Capacity,
            code if code.starts_with("Insufficient") || is_quota(code) => Self::Capacity,
            "UnauthorizedOperation"
            | "AccessDenied"
            | "AccessDeniedException"
            | "OptInRequired"
            | "Blocked"
            | "PendingVerification" => Self::Denied,
            "AuthFailure"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "RequestExpired"
            | "InvalidClientTokenId"
            | "UnrecognizedClientException"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
            | "RequestTimeTooSkewed"
            | "MissingAuthenticationTokenException"
            | "MissingAuthenticationToken" => Self::Credentials,
            "ServiceNotActiveException" | "ConflictException" | "UpdateInProgressException" => Self::State,
            code if code.starts_with("Throttl") => Self::Throttled,
            "ParameterNotFound" => Self::NotFound,
            code if code.ends_with(".NotFound") || code.ends_with("NotFoundException") => Self::NotFound,
            code if code.starts_with("Invalid") || code.starts_with("Missing") || code.starts_with("Unsupported") => {
                Self::Input
            }
            "IdempotentParameterMismatch" | "MalformedQueryString" | "UnknownParameter" | "ClientException" => {
                Self::Input
            }
            _ => return None,
        })
    }
}

/// Whether the code says that a quota of the account is reached, which neither another zone nor time mends.
pub(super) fn is_quota(code: &str) -> bool {
    code.ends_with("LimitExceeded")
        || code.ends_with("LimitExceededException")
        || code == "MaxSpotInstanceCountExceeded"
}

/// A call that did not succeed. Its texts are already without secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation} in {region}: {} {} {message} (request id {})", class.as_str(), code.as_deref().unwrap_or("-"), request_id.as_deref().unwrap_or("-"))]
pub struct AwsError {
    /// The service, as IAM names it: `ec2`.
    pub service: &'static str,
    /// The call, `StopInstances`.
    pub operation: &'static str,
    /// Where it was made.
    pub region: String,
    /// What kind of trouble it is.
    pub class: Class,
    /// AWS's code, if AWS answered.
    pub code: Option<String>,
    /// AWS's message or the cause, without encoded authorization messages and keys. For logs.
    pub message: String,
    /// AWS's request id, if AWS answered.
    pub request_id: Option<String>,
    /// The HTTP status of the answer, if one came, from AWS or from something between.
    pub status: Option<u16>,
    /// The account in which the call was made, where it is known.
    pub account: Option<AccountId>,
    /// Whether AWS takes the credentials in another region.
    pub elsewhere: bool,
}

impl AwsError {
    /// The error of a call, classified.
    pub(super) fn from_sdk<E>(call: &Call, place: &AccountRegion, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let answered = error.as_service_error();
        let code = answered.and_then(ProvideErrorMetadata::code).map(str::to_owned);
        let message = match answered.and_then(ProvideErrorMetadata::message) {
            Some(message) => message.to_owned(),
            None => DisplayErrorContext(error).to_string(),
        };
        let request_id = error.request_id().or_else(|| answered.and_then(|e| e.meta().request_id()));
        Self {
            service: call.service(),
            operation: call.operation(),
            region: place.region.clone(),
            class: classify(error, code.as_deref()),
            code,
            message: redact(&message),
            request_id: request_id.map(str::to_owned),
            status: error.raw_response().map(|raw| raw.status().as_u16()),
            account: place.account.clone(),
            elsewhere: false,
        }
    }

    /// An error of which AWS has said nothing.
    pub(super) fn own(
        service: &'static str,
        operation: &'static str,
        region: &str,
        class: Class,
        message: impl Into<String>,
    ) -> Self {
        Self {
            service,
            operation,
            region: region.to_owned(),
            class,
            code: None,
            message: message.into(),
            request_id: None,
            status: None,
            account: None,
            elsewhere: false,
        }
    }

    /// The error of a call whose answer says that it went well and does not say what came of it: none of AWS's.
    pub(super) fn hollow(call: &Call, place: &AccountRegion, what: &str) -> Self {
        let message = format!("the answer names no {what}");
        let own = Self::own(call.service(), call.operation(), &place.region, Class::Lost, message);
        Self { status: Some(200), account: place.account.clone(), ..own }
    }

    /// Whether the call may have been made although it did not succeed.
    pub fn may_have_happened(&self) -> bool {
        matches!(self.class, Class::Lost | Class::Server)
    }

    /// Whether a rehearsal was answered as if it had been the change itself.
    pub fn is_ignored_rehearsal(&self) -> bool {
        self.code.as_deref() == Some(IGNORED)
    }
}

fn classify<E>(error: &SdkError<E, HttpResponse>, code: Option<&str>) -> Class
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ConstructionFailure(_) if has_credentials_trouble(error) => Class::Credentials,
        SdkError::ConstructionFailure(_) => Class::Input,
        SdkError::DispatchFailure(failure) => {
            if has_credentials_trouble(error) {
                Class::Credentials
            } else if failure.is_user() || never_connected(error) {
                Class::NotSent
            } else {
                Class::Lost
            }
        }
        SdkError::ServiceError(service) => match code.and_then(Class::of_code) {
            Some(class) => class,
            // A page, an empty body: whatever the status, it is no refusal of AWS's, which has a code. The SDK calls an
            // answer that it cannot read an error of the service, too.
            None if code.is_none() => Class::Lost,
            None if service.raw().status().as_u16() >= 500 => Class::Server,
            None if service.raw().status().as_u16() == 429 => Class::Throttled,
            None => Class::Input,
        },
        // A timeout, an answer that cannot be read, and whatever the SDK adds: the call may have been made.
        _ => Class::Lost,
    }
}

/// Whether a connection was never made. The SDK knows and does not tell by its types, so its words are read; when
/// they change, the class becomes Lost, which only costs a look.
fn never_connected(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| {
        let words = cause.to_string();
        words == "client error (Connect)" || words.contains("dns error") || words.contains("HTTP connect timeout")
    })
}

/// Whether the call was not signed because there are no credentials.
fn has_credentials_trouble(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| {
        let words = cause.to_string();
        words.contains("loading credentials")
            || words.contains("credential provider")
            || words.contains("credentials provider")
            || words.contains("no providers in chain provided credentials")
            || words.contains("identity resolver")
    })
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// AWS's words without what must not be passed on: encoded authorization messages and access keys.
fn redact(message: &str) -> String {
    let message = message.split("Encoded authorization failure message").next().unwrap_or_default();
    let words: Vec<String> = message
        .split_whitespace()
        .map(|word| {
            let is_key = ["AKIA", "ASIA"].iter().any(|start| word.contains(start));
            let is_blob = word.len() > 200;
            if is_key || is_blob { "[redacted]".to_owned() } else { word.to_owned() }
        })
        .collect();
    words.join(" ").chars().take(600).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_class_that_decides_what_is_done() {
        let table = [
            ("RequestLimitExceeded", Class::Throttled),
            ("ThrottlingException", Class::Throttled),
            ("InvalidInstanceID.NotFound", Class::NotFound),
            ("InvalidInstanceID.Malformed", Class::Input),
            ("IncorrectInstanceState", Class::State),
            ("OperationNotPermitted", Class::Protected),
            ("InsufficientInstanceCapacity", Class::Capacity),
            ("UnauthorizedOperation", Class::Denied),
            ("ExpiredToken", Class::Credentials),
            ("DryRunOperation", Class::DryRun),
            ("InternalError", Class::Server),
            ("ServiceNotFoundException", Class::NotFound),
            ("ImageNotFoundException", Class::NotFound),
            ("ServiceNotActiveException", Class::State),
            ("ClientException", Class::Input),
            ("ServerException", Class::Server),
        ];
        for (code, class) in table {
            assert_eq!(Class::of_code(code), Some(class), "{code}");
        }
        assert_eq!(Class::of_code("SomethingNew"), None);
    }

    #[test]
    fn encoded_messages_and_keys_are_not_passed_on() {
        let text = redact(
            "You are not authorized to perform this operation. Encoded authorization failure message: 4zH7secret",
        );
        assert_eq!(text, "You are not authorized to perform this operation.");
        assert_eq!(redact("key AKIAIOSFODNN7EXAMPLE is bad"), "key [redacted] is bad");
    }

    #[test]
    fn a_throttle_says_what_is_so_what_was_not_done_and_what_to_do() {
        let error = AwsError {
            service: "ec2",
            operation: "StopInstances",
            region: "eu-central-1".into(),
            class: Class::Throttled,
            code: Some("RequestLimitExceeded".into()),
            message: "Request limit exceeded.".into(),
            request_id: Some("r-1".into()),
            status: Some(503),
            account: Some("123456789012".into()),
            elsewhere: false,
        };
        let failure = error.failure("`i-0abc` was not changed.");
        assert_eq!(
            failure.lines[0].plain(),
            "AWS is limiting our calls (RequestLimitExceeded, eu-central-1, account 123456789012): Request limit \
             exceeded. i-0abc was not changed. Try again in a minute."
        );
        assert_eq!(
            failure.cause,
            "StopInstances in eu-central-1: throttled RequestLimitExceeded Request limit exceeded. (request id r-1)"
        );
    }
}
