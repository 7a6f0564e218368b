//! An EC2 and an STS that know as much as `ec2 list` asks.

use super::web::field;
use actix_web::HttpResponse;
use actix_web::web::Bytes;

pub(super) async fn answer(body: Bytes) -> HttpResponse {
    let answer = match field(&body, "Action").as_str() {
        "GetCallerIdentity" => {
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>arn:aws:sts::123456789012:assumed-role/bench/bot</Arn><UserId>A:bot</UserId>\
             <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
                .to_owned()
        }
        "DescribeInstances" => {
            let instance = |number: usize| {
                format!(
                    "<item><instanceId>i-{number:017x}</instanceId><imageId>ami-1</imageId><instanceState><code>16</code>\
                     <name>running</name></instanceState><instanceType>t3.micro</instanceType>\
                     <launchTime>2026-01-01T00:00:00.000Z</launchTime><placement><availabilityZone>eu-central-1a\
                     </availabilityZone></placement><tagSet><item><key>Name</key><value>web-{number}</value></item></tagSet></item>"
                )
            };
            let instances: String = (1..=3).map(instance).collect();
            format!(
                "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId>\
                 <reservationSet><item><reservationId>r-1</reservationId><ownerId>123456789012</ownerId><groupSet/>\
                 <instancesSet>{instances}</instancesSet></item></reservationSet></DescribeInstancesResponse>"
            )
        }
        _ => return HttpResponse::BadRequest().finish(),
    };
    HttpResponse::Ok().content_type("text/xml").body(answer)
}
