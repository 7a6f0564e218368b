//! Looking instead of repeating: after a crash, a panic or a lost answer, the provider is asked what is true, and the
//! person is told that.

use super::answer::Answer;
use super::job::{Job, Workshop, of_found};
use crate::commands::Found;
use crate::domain::{CommandError, Line, Part, Plan, Reply, Tone};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A change that is not visible yet may still be on its way through AWS: for this long "not done" is not believed.
const SETTLING: Duration = Duration::from_secs(10);

/// Asks until the answer is settled or the command's waiting time is over.
pub(super) async fn look(job: &Job, plan: &Plan, shop: &Workshop, why: &str) -> Answer {
    let _locked = shop.locks.take(&plan.targets, &job.request.text, &job.request);
    let limits = &job.context.limits;
    let begun = Instant::now();
    loop {
        let found = job.command.verify(plan, &job.context).await;
        let waited = begun.elapsed();
        let settled = match &found {
            Ok(Found::Done(_)) => true,
            Ok(Found::NotDone(_)) => waited >= SETTLING.min(limits.wait),
            Ok(Found::Unknown(_)) | Err(_) => waited >= limits.wait,
        };
        if settled {
            return tell(job, plan, why, found);
        }
        sleep(limits.poll).await;
    }
}

fn tell(job: &Job, plan: &Plan, why: &str, found: Result<Found, CommandError>) -> Answer {
    let first = Line::new().text(format!("{why} while running ")).code(&job.request.text).text(". I looked:");
    let mut answer = match found {
        Ok(found) => of_found(found),
        Err(error) => {
            tracing::warn!(req = %job.request.id, ?error, "verification failed");
            Answer::unknown(Reply::new(Tone::Unknown).text(unseen(plan)))
        }
    };
    answer.reply.parts.insert(0, Part::Text(first));
    answer
}

fn unseen(plan: &Plan) -> Line {
    let line = Line::new().text("AWS does not answer, so I cannot tell whether it was done. Check with ");
    plan.targets
        .iter()
        .take(3)
        .enumerate()
        .fold(line, |line, (index, target)| {
            let line = if index > 0 { line.text(", ") } else { line };
            line.code(format!("ec2 show {} --region {}", target.id, target.region))
        })
        .text(".")
}

/// When even looking breaks: what was asked, and that nobody knows.
pub(super) fn unseen_answer(job: &Job) -> Answer {
    let line = Line::new()
        .text("Something broke on my side while running ")
        .code(&job.request.text)
        .text(", and again when I looked. I do not know whether it was done; check its targets with ")
        .code("ec2 show")
        .text(" and give ")
        .code(format!("req {}", job.request.id.short()))
        .text(" to the platform team.");
    Answer::unknown(Reply::new(Tone::Unknown).text(line))
}
