//! How it is said that a request was taken over: who had it before is named, and no replica says of itself what befell
//! another.

use crate::domain::Line;
use crate::store::Former;

/// `I was restarted while running …`, or what befell the replica that ran it.
pub fn interrupted(former: &Former, text: &str) -> Line {
    match former {
        Former::Own => Line::from("I was restarted while running ").code(text),
        Former::Other { died, .. } => replica(former).text(end(*died)).text(" while it ran ").code(text),
    }
}

/// The same of what had not begun.
pub fn not_begun(former: &Former, text: &str) -> Line {
    match former {
        Former::Own => Line::from("I was restarted before I began ").code(text),
        Former::Other { died, .. } => replica(former).text(end(*died)).text(" before it began ").code(text),
    }
}

/// `I broke twice`, or those that did.
pub(super) fn broke(former: &Former, deaths: u32) -> String {
    let times = times(deaths);
    match former {
        Former::Own => format!("I broke {times}"),
        Former::Other { .. } => format!("Replicas of mine broke {times}"),
    }
}

/// How often, in words.
fn times(count: u32) -> String {
    match count {
        2 => "twice".to_owned(),
        count => format!("{count} times"),
    }
}

fn replica(former: &Former) -> Line {
    match former {
        Former::Other { host: Some(host), .. } => Line::from("The replica on ").code(host),
        _ => Line::from("The replica"),
    }
}

/// One that is silent may be dead or cut off: the replicas that live cannot tell.
fn end(died: bool) -> &'static str {
    if died { " died or was cut off" } else { " was stopped" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_befell_another_is_not_said_of_oneself() {
        let other = |host: Option<&str>, died| Former::Other { host: host.map(str::to_owned), died };
        let mut said = Vec::new();
        for former in
            [Former::Own, other(Some("ip-10-0-0-1"), true), other(Some("ip-10-0-0-1"), false), other(None, true)]
        {
            said.push(interrupted(&former, "ec2 stop web-1").plain());
            said.push(not_begun(&former, "ec2 stop web-1").plain());
            said.push(broke(&former, 2));
        }
        insta::assert_snapshot!(said.join("\n"), @r"
        I was restarted while running ec2 stop web-1
        I was restarted before I began ec2 stop web-1
        I broke twice
        The replica on ip-10-0-0-1 died or was cut off while it ran ec2 stop web-1
        The replica on ip-10-0-0-1 died or was cut off before it began ec2 stop web-1
        Replicas of mine broke twice
        The replica on ip-10-0-0-1 was stopped while it ran ec2 stop web-1
        The replica on ip-10-0-0-1 was stopped before it began ec2 stop web-1
        Replicas of mine broke twice
        The replica died or was cut off while it ran ec2 stop web-1
        The replica died or was cut off before it began ec2 stop web-1
        Replicas of mine broke twice
        ");
    }
}
