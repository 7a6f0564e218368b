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
            "UpdateService" => service(&form).into_iter().collect(),
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

/// The service that an ECS call is about.
fn service(body: &str) -> Option<String> {
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    Some(body["service"].as_str()?.rsplit('/').next()?.to_owned())
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
pub fn error(request: &HttpRequest, code: &str, status: u16) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(status).unwrap_or(actix_web::http::StatusCode::BAD_REQUEST);
    if request.headers().contains_key("x-amz-target") {
        let json = format!(r#"{{"__type":"{code}","message":"{code}"}}"#);
        return HttpResponse::build(status).insert_header(("content-type", "application/x-amz-json-1.1")).body(json);
    }
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Errors><Error><Code>{code}</Code><Message>{code}</Message>\
         </Error></Errors><RequestID>00000000-0000-0000-0000-000000000000</RequestID></Response>"
    );
    HttpResponse::build(status).insert_header(("content-type", "text/xml")).body(xml)
}

/// What a proxy on the way says in AWS's place.
pub fn page(status: u16, page: &'static str) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(status).unwrap_or(actix_web::http::StatusCode::BAD_GATEWAY);
    HttpResponse::build(status).insert_header(("content-type", "text/html")).body(page)
}
