//! What is read off a call that the proxy gets, and how its errors are worded.

use super::Control;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};

/// A call, as the tests speak of it.
pub struct Asked {
    pub action: String,
    pub ids: Vec<String>,
    pub form: String,
}

impl Asked {
    pub fn read(request: &HttpRequest, body: &Bytes, control: &Control) -> Self {
        let form = String::from_utf8_lossy(body).into_owned();
        let mut action = field(&form, "Action").or_else(|| named(request)).unwrap_or_default();
        control.named.lock().push(format!("{}:{action}", signed(request, 3)));
        if field(&form, "DryRun").is_some_and(|dry| dry == "true") {
            action = format!("DryRun:{action}");
        }
        let ids = match action.as_str() {
            "UpdateService" => service(&form, "service", 0).into_iter().collect(),
            // of the deployment's ARN the last part is its own
            "StopServiceDeployment" => service(&form, "serviceDeploymentArn", 1).into_iter().collect(),
            _ => instance_ids(&form),
        };
        Self { action, ids, form }
    }
}

/// The value of a field of a query-API form.
fn field(body: &str, name: &str) -> Option<String> {
    body.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
}

/// The operation of a call that is no form: DynamoDB names it in a header, Slack's Web API in the path.
fn named(request: &HttpRequest) -> Option<String> {
    let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok());
    let target = target.and_then(|target| target.split_once('.')).map(|(_, operation)| operation.to_owned());
    target.or_else(|| request.path().strip_prefix("/api/").map(str::to_owned))
}

/// The service that an ECS call is about: so many parts before the end of this field.
fn service(body: &str, field: &str, before_end: usize) -> Option<String> {
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    Some(body[field].as_str()?.rsplit('/').nth(before_end)?.to_owned())
}

fn instance_ids(body: &str) -> Vec<String> {
    let ids = body.split('&').filter(|pair| pair.starts_with("InstanceId."));
    ids.filter_map(|pair| Some(pair.split_once('=')?.1.to_owned())).collect()
}

/// The region for which a request is signed: `Credential=KEY/DATE/REGION/ec2/aws4_request`.
pub fn region(request: &HttpRequest) -> &str {
    signed(request, 2)
}

/// A part of what a request is signed for.
fn signed(request: &HttpRequest, part: usize) -> &str {
    let signed = request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    signed.split('/').nth(part).unwrap_or_default()
}

/// Whether it is a call to ECS or ECR.
pub fn is_container(request: &HttpRequest) -> bool {
    let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    target.starts_with("AmazonEC2Container")
}

/// An error as whoever was asked words it: DynamoDB, ECS and ECR in JSON, EC2 in XML.
pub fn error(request: &HttpRequest, code: &str, status: u16, action: &str, ids: &[String]) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(status).unwrap_or(actix_web::http::StatusCode::BAD_REQUEST);
    let message = words(code, signed(request, 3), action.trim_start_matches("DryRun:"), ids);
    if request.headers().contains_key("x-amz-target") {
        let json = format!(r#"{{"__type":"{code}","message":"{message}"}}"#);
        return HttpResponse::build(status).insert_header(("content-type", "application/x-amz-json-1.1")).body(json);
    }
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Errors><Error><Code>{code}</Code><Message>{message}\
         </Message></Error></Errors><RequestID>00000000-0000-0000-0000-000000000000</RequestID></Response>"
    );
    HttpResponse::build(status).insert_header(("content-type", "text/xml")).body(xml)
}

/// AWS's own sentence for this code, which people read in the bot's answers. One of which nothing is known is all that is
/// said.
fn words(code: &str, service: &str, action: &str, ids: &[String]) -> String {
    let id = ids.first().map_or("i-0123456789abcdef0", String::as_str);
    let not_authorized = format!(
        "User: arn:aws:sts::123456789012:assumed-role/dronebot/task is not authorized to perform: {service}:{action} because \
         no identity-based policy allows the {service}:{action} action"
    );
    let (done, held) = match action {
        "StartInstances" => ("started", "disableApiStop"),
        "TerminateInstances" => ("terminated", "disableApiTermination"),
        _ => ("stopped", "disableApiStop"),
    };
    match code {
        "UnauthorizedOperation" => format!("You are not authorized to perform this operation. {not_authorized}"),
        "AccessDenied" | "AccessDeniedException" => not_authorized,
        "AuthFailure" => "AWS was not able to validate the provided access credentials".to_owned(),
        "RequestLimitExceeded" => "Request limit exceeded.".to_owned(),
        "ThrottlingException" => "Rate exceeded".to_owned(),
        "InsufficientInstanceCapacity" => "Insufficient capacity.".to_owned(),
        "IncorrectInstanceState" => format!("The instance '{id}' is not in a state from which it can be {done}."),
        "OperationNotPermitted" => {
            format!("The instance '{id}' may not be {done}. Modify its '{held}' instance attribute and try again.")
        }
        "InternalError" => "An internal error has occurred".to_owned(),
        "InternalServerError" => "Internal server error".to_owned(),
        "ServiceUnavailable" => "The service is unavailable. Please try again shortly.".to_owned(),
        "ProvisionedThroughputExceededException" => {
            "The level of configured provisioned throughput for the table was exceeded. Consider increasing your \
             provisioning level with the UpdateTable API."
                .to_owned()
        }
        other => other.to_owned(),
    }
}

/// The text between two tags, from there on, and where the text begins.
fn between<'a>(xml: &'a str, open: &str, close: &str) -> Option<(usize, &'a str)> {
    let start = xml.find(open)? + open.len();
    Some((start, &xml[start..start + xml[start..].find(close)?]))
}

/// The addresses that an answer has allocated.
pub fn allocated(xml: &str) -> Option<String> {
    between(xml, "<publicIp>", "</publicIp>").map(|(_, address)| address.to_owned())
}

/// Moto calls every address the account's own; AWS does so of those that somebody has allocated.
pub fn owned(mut xml: String, allocated: &[String]) -> String {
    const OPEN: &str = "<association>";
    let mut from = 0;
    while let Some((start, block)) = between(&xml[from..], OPEN, "</association>") {
        let (at, length) = (from + start, block.len());
        let is_own =
            between(block, "<publicIp>", "</publicIp>").is_some_and(|(_, ip)| allocated.iter().any(|own| own == ip));
        let owner = between(block, "<ipOwnerId>", "</ipOwnerId>").map(|(owner, text)| (at + owner, text.len()));
        from = at + length;
        if let Some((owner, old)) = owner.filter(|_| !is_own) {
            xml.replace_range(owner..owner + old, "amazon");
            from = from + "amazon".len() - old;
        }
    }
    xml
}

/// What a proxy on the way says in AWS's place.
pub fn page(status: u16, page: &'static str) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(status).unwrap_or(actix_web::http::StatusCode::BAD_GATEWAY);
    HttpResponse::build(status).insert_header(("content-type", "text/html")).body(page)
}

#[test]
fn an_address_is_elastic_only_when_somebody_has_allocated_it() {
    let one = |ip: &str, owner: &str| {
        format!("<item><association><publicIp>{ip}</publicIp><ipOwnerId>{owner}</ipOwnerId></association></item>")
    };
    let xml = one("198.51.100.7", "123456789012") + &one("198.51.100.8", "1") + "<association/>";
    let expected = one("198.51.100.7", "amazon") + &one("198.51.100.8", "1") + "<association/>";
    assert_eq!(owned(xml, &["198.51.100.8".to_owned()]), expected);
    let answer = "<AllocateAddressResponse><publicIp>198.51.100.8</publicIp></AllocateAddressResponse>";
    assert_eq!(allocated(answer).as_deref(), Some("198.51.100.8"));
    assert_eq!(owned("<none/>".to_owned(), &[]), "<none/>");
}
