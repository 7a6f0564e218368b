//! In which body the bot lives: the machine, the task and the image; and what AWS says of its end.

use jiff::Timestamp;
use serde::Serialize;

/// Where the bot runs, as far as it could find out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Body {
    /// The host's name, as its own system says it.
    pub host: String,
    /// The EC2 instance, `i-…`.
    pub instance: Option<String>,
    /// Its type, `t3.micro`.
    pub instance_type: Option<String>,
    /// The availability zone, `eu-central-1a`.
    pub zone: Option<String>,
    /// The region, `eu-central-1`.
    pub region: Option<String>,
    /// For how long the machine is ours, in EC2's words: `spot`, `on-demand`, `scheduled`.
    pub lifecycle: Option<String>,
    /// The ECS task.
    pub task: Option<EcsTask>,
    /// The image's digest, `sha256:…`.
    pub image: Option<String>,
}

/// A task of ECS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EcsTask {
    /// The cluster's name.
    pub cluster: String,
    /// The task's id: the last part of its ARN.
    pub id: String,
    /// The task definition with its revision, `dronebot:26`.
    pub definition: String,
}

impl Body {
    /// What tells this body from others: the instance, else the task, else the host. Two tasks on one instance live in
    /// one body.
    pub fn id(&self) -> &str {
        let task = self.task.as_ref().map(|task| task.id.as_str());
        self.instance.as_deref().or(task).unwrap_or(&self.host)
    }

    /// Its id with its zone, for sentences: `i-0abc (eu-central-1a)`.
    pub fn name(&self) -> String {
        match &self.zone {
            Some(zone) => format!("{} ({zone})", self.id()),
            None => self.id().to_owned(),
        }
    }

    /// The digest as people write it, where there is no room for all of it.
    pub fn short_image(&self) -> Option<&str> {
        let image = self.image.as_deref()?;
        Some(image.get(.."sha256:".len() + 12).unwrap_or(image))
    }
}

/// AWS says that the body will not last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Notice {
    /// It is taken back, for certain.
    Interruption {
        /// What happens to it: `terminate`, `stop`, `hibernate`.
        action: String,
        /// When.
        #[serde(serialize_with = "as_text")]
        at: Timestamp,
    },
    /// It may be taken back before long; to leave it is recommended.
    Rebalance {
        /// When that was said.
        #[serde(serialize_with = "as_text")]
        at: Timestamp,
    },
}

impl Notice {
    /// The name in metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Interruption { .. } => "interruption",
            Self::Rebalance { .. } => "rebalance",
        }
    }

    /// What it says of this body, as a sentence without its end.
    pub fn says_of(&self, body: &str) -> String {
        match self {
            Self::Interruption { action, at } => {
                format!("AWS takes {body} back at {} ({action})", at.strftime("%H:%M:%S UTC"))
            }
            Self::Rebalance { at } => {
                format!("AWS recommends since {} to leave {body}: it may be taken back", at.strftime("%H:%M:%S UTC"))
            }
        }
    }
}

fn as_text<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_its_instance_else_its_task_else_its_host() {
        let mut body = Body { host: "drone-1".into(), ..Body::default() };
        assert_eq!((body.id(), body.name().as_str()), ("drone-1", "drone-1"));
        body.task = Some(EcsTask { cluster: "ops".into(), id: "158d1c".into(), definition: "dronebot:26".into() });
        body.zone = Some("eu-central-1a".into());
        assert_eq!(body.name(), "158d1c (eu-central-1a)");
        body.instance = Some("i-0abc".into());
        assert_eq!(body.name(), "i-0abc (eu-central-1a)");
    }

    #[test]
    fn a_digest_is_cut_to_what_people_compare() {
        let body = |image: &str| Body { image: Some(image.into()), ..Body::default() };
        assert_eq!(body("sha256:0123456789abcdef0123").short_image(), Some("sha256:0123456789ab"));
        assert_eq!(body("sha256:01").short_image(), Some("sha256:01"));
        assert_eq!(Body::default().short_image(), None);
    }

    #[test]
    fn a_notice_says_what_and_when() {
        let at = "2026-11-24T12:04:05Z".parse().unwrap();
        let told = Notice::Interruption { action: "terminate".into(), at }.says_of("i-0abc");
        assert_eq!(told, "AWS takes i-0abc back at 12:04:05 UTC (terminate)");
        let told = Notice::Rebalance { at }.says_of("i-0abc");
        assert_eq!(told, "AWS recommends since 12:04:05 UTC to leave i-0abc: it may be taken back");
    }
}
