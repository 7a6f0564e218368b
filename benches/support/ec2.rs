//! An EC2 and an STS that know as much as `ec2 list`, `ec2 stop` and `ec2 start` ask. There are three instances, of which
//! the first can be stopped and started, at once.

use super::web::field;
use actix_web::HttpResponse;
use actix_web::web::Bytes;
use std::sync::atomic::{AtomicBool, Ordering};

/// The first instance.
const FIRST: &str = "i-00000000000000001";

/// Whether it is stopped; one for the whole process.
static STOPPED: AtomicBool = AtomicBool::new(false);

pub(super) async fn answer(body: Bytes) -> HttpResponse {
    let action = field(&body, "Action");
    let answer = match action.as_str() {
        "GetCallerIdentity" => {
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>arn:aws:sts::123456789012:assumed-role/bench/bot</Arn><UserId>A:bot</UserId>\
             <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
                .to_owned()
        }
        "DescribeInstances" => described(&field(&body, "InstanceId.1")),
        "StopInstances" | "StartInstances" if field(&body, "DryRun") == "true" => {
            let error = "<Response><Errors><Error><Code>DryRunOperation</Code><Message>it would have succeeded</Message>\
                         </Error></Errors><RequestID>r</RequestID></Response>";
            return HttpResponse::PreconditionFailed().content_type("text/xml").body(error);
        }
        "StopInstances" | "StartInstances" => {
            let before = state(1);
            STOPPED.store(action == "StopInstances", Ordering::Relaxed);
            format!(
                "<{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId><instancesSet>\
                 <item><instanceId>{FIRST}</instanceId><currentState>{}</currentState><previousState>{before}\
                 </previousState></item></instancesSet></{action}Response>",
                state(1)
            )
        }
        _ => return HttpResponse::BadRequest().finish(),
    };
    HttpResponse::Ok().content_type("text/xml").body(answer)
}

fn state(number: usize) -> &'static str {
    match number == 1 && STOPPED.load(Ordering::Relaxed) {
        true => "<code>80</code><name>stopped</name>",
        false => "<code>16</code><name>running</name>",
    }
}

/// All instances, or the one that is meant.
fn described(id: &str) -> String {
    let numbers: Vec<usize> = (1..=3).filter(|number| id.is_empty() || id == format!("i-{number:017x}")).collect();
    let instance = |number: usize| {
        format!(
            "<item><instanceId>i-{number:017x}</instanceId><imageId>ami-1</imageId><instanceState>{}</instanceState>\
             <instanceType>t3.micro</instanceType><launchTime>2026-01-01T00:00:00.000Z</launchTime><placement>\
             <availabilityZone>eu-central-1a</availabilityZone></placement><tagSet><item><key>Name</key>\
             <value>web-{number}</value></item></tagSet></item>",
            state(number)
        )
    };
    let instances: String = numbers.into_iter().map(instance).collect();
    format!(
        "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId>\
         <reservationSet><item><reservationId>r-1</reservationId><ownerId>123456789012</ownerId><groupSet/>\
         <instancesSet>{instances}</instancesSet></item></reservationSet></DescribeInstancesResponse>"
    )
}
