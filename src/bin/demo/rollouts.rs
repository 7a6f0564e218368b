//! Rollouts of ECS services, which Moto does not model: it takes a new task definition and shows the old deployment for
//! ever, has no tasks of services, and no memory of deployments. The proxy puts this in front of it: what Moto checks and
//! keeps stays with Moto, what happens over time is played here. The tests include this file too.

use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// How the rollouts that begin from now on end.
#[allow(dead_code, reason = "the demo breaks nothing; the tests do")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// The new tasks take the place of the old ones.
    #[default]
    Completes,
    /// They do not start, and the circuit breaker puts the old task definition back.
    RollsBack,
}

const BREAKER: &str = "ECS deployment circuit breaker: tasks failed to start.";

/// A deployment.
#[derive(Clone, Debug)]
struct Dep {
    id: String,
    definition: String,
    reason: Option<&'static str>,
}

/// One that the service is on its way to.
#[derive(Clone, Debug)]
struct Moving {
    dep: Dep,
    until: Instant,
    ending: Ending,
}

/// A service deployment that ECS remembers.
#[derive(Clone, Debug)]
struct Past {
    definition: String,
    status: &'static str,
    reason: Option<&'static str>,
}

#[derive(Clone, Debug)]
struct Service {
    desired: u64,
    stable: Dep,
    moving: Option<Moving>,
    past: Vec<Past>,
}

#[derive(Debug, Default)]
struct Known {
    /// The digests of tags, by `repository:tag`.
    tags: HashMap<String, String>,
    /// The first container of each task definition and its image, by ARN.
    definitions: HashMap<String, (String, String)>,
    /// By `cluster/service`.
    services: HashMap<String, Service>,
    ending: Ending,
    /// Digests of images that do not start, however other rollouts end.
    broken: HashSet<String>,
}

/// All that is played.
#[derive(Debug, Default)]
pub struct Rollouts(Mutex<Known>);

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A name out of a name or an ARN.
fn name(value: &Value) -> &str {
    text(value).rsplit('/').next().unwrap_or_default()
}

fn place(body: &Value, service: &str) -> String {
    format!("{}/{}", name(&body["cluster"]), name(&body[service]))
}

impl Rollouts {
    /// How the rollouts that begin from now on end.
    #[allow(dead_code, reason = "the demo breaks nothing; the tests do")]
    pub fn end(&self, ending: Ending) {
        self.0.lock().ending = ending;
    }

    /// The image of this digest does not start.
    #[allow(dead_code, reason = "the tests say how the next rollout ends")]
    pub fn breaks(&self, digest: String) {
        self.0.lock().broken.insert(digest);
    }

    /// What is on its way is there.
    pub fn arrive(&self, now: Instant) {
        for service in self.0.lock().services.values_mut() {
            if let Some(moving) = &mut service.moving {
                moving.until = now;
            }
            service.settle(now);
        }
    }

    /// The answer to a call that Moto does not know, or answers as if services had no tasks.
    pub fn answer(&self, action: &str, body: &Value, now: Instant) -> Option<Value> {
        let mut known = self.0.lock();
        known.services.values_mut().for_each(|service| service.settle(now));
        match action {
            "ListTasks" => {
                let service = known.services.get(&place(body, "serviceName"))?;
                let stopped = body["desiredStatus"] == "STOPPED";
                let count = if stopped { 0 } else { service.desired };
                let arns =
                    (0..count).map(|number| service.arn("task", &place(body, "serviceName"), &number.to_string()));
                Some(json!({"taskArns": arns.collect::<Vec<_>>()}))
            }
            "DescribeTasks" => {
                let arns = body["tasks"].as_array()?;
                Some(
                    json!({"tasks": arns.iter().filter_map(|arn| known.task(arn)).collect::<Vec<_>>(), "failures": []}),
                )
            }
            "ListServiceDeployments" => {
                let service = known.services.get(&place(body, "service"))?;
                Some(json!({"serviceDeployments": service.briefs(&place(body, "service"))}))
            }
            "DescribeServiceRevisions" => {
                let arns = body["serviceRevisionArns"].as_array()?;
                Some(json!({"serviceRevisions": arns.iter().filter_map(|arn| known.revision(arn)).collect::<Vec<_>>()}))
            }
            "StopServiceDeployment" => {
                let arn = &body["serviceDeploymentArn"];
                let parts: Vec<&str> = text(arn).split('/').collect();
                let [_, cluster, service, _] = parts.as_slice() else { return None };
                let service = known.services.get_mut(&format!("{cluster}/{service}"))?;
                if let Some(moving) = &mut service.moving {
                    (moving.ending, moving.until) = (Ending::RollsBack, now);
                }
                if let Some(last) = service.past.last_mut() {
                    last.status = "ROLLBACK_REQUESTED";
                }
                Some(json!({"serviceDeploymentArn": arn}))
            }
            _ => None,
        }
    }

    /// Moto's answer with what it does not tell, and what is learnt from it. `lag` is how long a rollout takes.
    pub fn complete(&self, action: &str, body: &Value, mut answer: Value, lag: Duration, now: Instant) -> Value {
        let mut known = self.0.lock();
        match action {
            "PutImage" => {
                let image = &answer["image"];
                let tag = format!("{}:{}", text(&image["repositoryName"]), text(&image["imageId"]["imageTag"]));
                known.tags.insert(tag, text(&image["imageId"]["imageDigest"]).to_owned());
            }
            "RegisterTaskDefinition" => {
                let made = &answer["taskDefinition"];
                let container = &made["containerDefinitions"][0];
                let container = (text(&container["name"]).to_owned(), text(&container["image"]).to_owned());
                known.definitions.insert(text(&made["taskDefinitionArn"]).to_owned(), container);
            }
            "CreateService" => {
                let made = &answer["service"];
                let definition = text(&made["taskDefinition"]).to_owned();
                let service = Service {
                    desired: made["desiredCount"].as_u64().unwrap_or_default(),
                    stable: Dep { id: "ecs-svc/1".to_owned(), definition: definition.clone(), reason: None },
                    moving: None,
                    past: vec![Past { definition, status: "SUCCESSFUL", reason: None }],
                };
                known.services.insert(place(body, "serviceName"), service);
            }
            "UpdateService" => {
                let ending = known.ending_of(&body["taskDefinition"]);
                if let Some(service) = known.services.get_mut(&place(body, "service")) {
                    service.settle(now);
                    service.begin(text(&body["taskDefinition"]), ending, now + lag);
                    service.show(&mut answer["service"]);
                }
            }
            "DescribeServices" => {
                for shown in answer["services"].as_array_mut().into_iter().flatten() {
                    let place = format!("{}/{}", name(&shown["clusterArn"]), text(&shown["serviceName"]));
                    if let Some(service) = known.services.get_mut(&place) {
                        service.settle(now);
                        service.show(shown);
                    }
                }
            }
            _ => {}
        }
        answer
    }
}

impl Known {
    /// The digest of an image: pinned, or what its tag means.
    fn digest(&self, image: &str) -> Option<String> {
        if let Some((_, digest)) = image.split_once('@') {
            return Some(digest.to_owned());
        }
        self.tags.get(image.split_once('/')?.1).cloned()
    }

    /// How the rollout of a task definition ends, by its ARN or by `family:revision`.
    fn ending_of(&self, definition: &Value) -> Ending {
        let found = self.definitions.iter().find(|(arn, _)| name(&json!(arn)) == name(definition));
        let digest = found.and_then(|(_, (_, image))| self.digest(image));
        if digest.is_some_and(|digest| self.broken.contains(&digest)) { Ending::RollsBack } else { self.ending }
    }

    fn task(&self, arn: &Value) -> Option<Value> {
        let parts: Vec<&str> = text(arn).split('/').collect();
        let [_, cluster, service, _] = parts.as_slice() else { return None };
        let definition = &self.services.get(&format!("{cluster}/{service}"))?.stable.definition;
        let (container, image) = self.definitions.get(definition)?;
        Some(json!({
            "taskArn": arn,
            "taskDefinitionArn": definition,
            "lastStatus": "RUNNING",
            "desiredStatus": "RUNNING",
            "healthStatus": "HEALTHY",
            "containers": [{"name": container, "image": image, "imageDigest": self.digest(image)}],
        }))
    }

    fn revision(&self, arn: &Value) -> Option<Value> {
        let parts: Vec<&str> = text(arn).split('/').collect();
        let [_, cluster, service, number] = parts.as_slice() else { return None };
        let service = self.services.get(&format!("{cluster}/{service}"))?;
        let definition = &service.past.get(number.parse::<usize>().ok()?)?.definition;
        let (container, image) = self.definitions.get(definition)?;
        Some(json!({
            "serviceRevisionArn": arn,
            "taskDefinition": definition,
            "containerImages": [{"containerName": container, "image": image, "imageDigest": self.digest(image)}],
        }))
    }
}

impl Service {
    /// An ARN in the account and region of the service.
    fn arn(&self, kind: &str, place: &str, id: &str) -> String {
        let start = self.stable.definition.split(":task-definition").next().unwrap_or_default();
        format!("{start}:{kind}/{place}/{id}")
    }

    fn begin(&mut self, definition: &str, ending: Ending, until: Instant) {
        let id = format!("ecs-svc/{}", self.past.len() + 1);
        let dep = Dep { id, definition: definition.to_owned(), reason: None };
        self.past.push(Past { definition: definition.to_owned(), status: "IN_PROGRESS", reason: None });
        self.moving = Some(Moving { dep, until, ending });
    }

    /// Ends a rollout whose time has come.
    fn settle(&mut self, now: Instant) {
        let Some(Moving { dep, until, ending }) = self.moving.clone() else { return };
        let Some(last) = self.past.last_mut().filter(|_| until <= now) else { return };
        match ending {
            Ending::Completes => {
                last.status = "SUCCESSFUL";
                self.stable = dep;
            }
            Ending::RollsBack => {
                // whoever asked for it knows the reason
                last.reason = (last.status != "ROLLBACK_REQUESTED").then_some(BREAKER);
                last.status = "ROLLBACK_SUCCESSFUL";
                self.stable.id = format!("{}-back", dep.id);
                self.stable.reason = last.reason.map(|_| "ECS deployment circuit breaker: rolling back.");
            }
        }
        self.moving = None;
    }

    /// Writes deployments and counts into a service as Moto shows it.
    fn show(&self, shown: &mut Value) {
        let deployment = |dep: &Dep, is_primary: bool, state: &str, running: u64| {
            json!({
                "id": dep.id,
                "status": if is_primary { "PRIMARY" } else { "ACTIVE" },
                "taskDefinition": dep.definition,
                "rolloutState": state,
                "rolloutStateReason": dep.reason,
                "desiredCount": self.desired,
                "runningCount": running,
                "pendingCount": 0,
                "failedTasks": 0,
                "createdAt": 1_790_000_000,
            })
        };
        shown["deployments"] = match &self.moving {
            Some(moving) => json!([
                deployment(&moving.dep, true, "IN_PROGRESS", 0),
                deployment(&self.stable, false, "COMPLETED", self.desired),
            ]),
            None => json!([deployment(&self.stable, true, "COMPLETED", self.desired)]),
        };
        shown["runningCount"] = json!(self.desired);
        shown["pendingCount"] = json!(0);
        shown["deploymentConfiguration"] =
            json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}, "strategy": "ROLLING"});
    }

    fn briefs(&self, place: &str) -> Vec<Value> {
        let brief = |(number, past): (usize, &Past)| {
            json!({
                "serviceDeploymentArn": self.arn("service-deployment", place, &number.to_string()),
                "targetServiceRevisionArn": self.arn("service-revision", place, &number.to_string()),
                "status": past.status,
                "statusReason": past.reason,
                "createdAt": 1_790_000_000 + number,
            })
        };
        self.past.iter().enumerate().map(brief).collect()
    }
}
