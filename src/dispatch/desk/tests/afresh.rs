//! Who is believed to be in a group for how long.

use super::*;

/// A right that was taken away ends within half a minute for what changes something and for an approval; what
/// only reads goes on by what Slack said in the last minutes.
#[test]
fn a_change_and_a_word_on_one_ask_slack_anew_who_somebody_is() {
    // whose clock is set forward by minutes, and whose own bound is shorter
    actix::System::new().block_on(async {
        let office = Office::new(false).await;
        let asked = || office.server.paths().iter().filter(|path| path.ends_with("users.info")).count();
        let table = [
            // after so many seconds, what is said, and how often Slack has been asked by then
            (0, "ec2 list", 1),
            (29, "ec2 stop i-1", 1),
            (2, "ec2 list", 1),
            (0, "ec2 stop i-1", 2),
            (31, "ec2 list", 2),
            (0, "approve ZZZZ", 3),
            // who declines lets nothing be done
            (31, "decline ZZZZ", 3),
            (0, "ec2 reboot i-1", 4),
            (31, "deploy rollback web", 5),
            (60, "ping", 5),
        ];
        for (after, line, times) in table {
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(after)).await;
            tokio::time::resume();
            office.says("UMAYA", line, How::Fresh).await;
            assert_eq!(asked(), times, "{line} after {after} s");
        }
        office.house.ends().await;
    });
}
