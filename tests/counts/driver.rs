//! The driver of the benchmarks: what it counts as an answer, and what not. One that takes an apology for an answer calls a
//! bot fast that does nothing.

use crate::support::{Door, Line, answers, peers};
use crate::wal::Wal;
use serde_json::{Value, json};

fn line(door: Door) -> Line {
    Line { door, user: "U0P00000001".into(), channel: "C0C00000002".into(), text: "ping" }
}

#[test]
fn only_what_was_asked_is_an_answer() {
    assert!(answers("ping", r#"{"text":"Pong. It took 3 ms from Slack to here."}"#));
    assert!(answers("ping", r#"{"text":"pong"}"#), "as a peer says it");
    for other in ["I am busy. Try again in a minute.", "Something broke on my side.", "`ping` may not be run"] {
        assert!(!answers("ping", &json!({"text": other}).to_string()), "{other}");
    }
    assert!(!answers("ec2 list", r#"{"text":"AWS could not be asked"}"#));
}

#[test]
fn an_acknowledgement_leads_back_to_its_command() {
    for door in [Door::Slash, Door::Mention] {
        for (number, copy) in [(0, 0), (59_999, 0), (123_456, 1_001)] {
            let envelope: Value = serde_json::from_str(&line(door).envelope("http://slack", number, copy, 0)).unwrap();
            let ack = json!({"envelope_id": envelope["envelope_id"]}).to_string();
            assert_eq!(crate::support::acked(&ack), Some(number));
        }
    }
}

#[test]
fn every_delivery_has_an_id_of_its_own_and_real_size() {
    let slash = line(Door::Slash);
    assert_ne!(slash.envelope("http://slack", 7, 0, 0), slash.envelope("http://slack", 7, 1, 0));
    assert!(slash.envelope("http://slack", 7, 0, 0).len() > 550);
    assert!(line(Door::Mention).envelope("http://slack", 7, 0, 0).len() > 1_000);
}

#[test]
fn peers_are_names_with_commands() {
    let named = peers::parse("slack-morphism=/opt/peer; bolt-js = node '/a b/app.cjs' --quiet;").unwrap();
    let names: Vec<&str> = named.iter().map(|peer| peer.name.as_str()).collect();
    assert_eq!(names, ["slack-morphism", "bolt-js"]);
    let command = named[1].command();
    assert_eq!(command.get_program(), "node");
    assert_eq!(command.get_args().collect::<Vec<_>>(), ["/a b/app.cjs", "--quiet"]);
    assert!(peers::parse("slack-morphism").is_err() && peers::parse("slack-morphism=").is_err());
    assert_eq!(peers::parse(" ; ").unwrap(), []);
}

/// A log of SQLite with these frames: the salt under which each was written, and the size of the file if it is the last of
/// its transaction.
fn log(salt: u8, frames: &[(u8, u8)]) -> Wal {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made-up-wal");
    let mut bytes = vec![0; 32];
    bytes[10] = 2; // pages of 512 bytes
    bytes[23] = salt;
    for (salt, size) in frames {
        let mut frame = vec![0; 24 + 512];
        (frame[7], frame[15]) = (*size, *salt);
        bytes.extend(frame);
    }
    // a frame that is being written
    bytes.extend([0; 100]);
    std::fs::write(&path, bytes).unwrap();
    Wal::read(&path)
}

#[test]
fn the_log_of_the_store_is_read_as_sqlite_writes_it() {
    let before = log(1, &[(1, 0), (1, 9)]);
    assert_eq!((before.pages, before.commits, before.bytes), (2, 1, 2 * 536));
    let after = log(1, &[(1, 0), (1, 9), (1, 9), (1, 0), (1, 0), (1, 9)]).since(&before).unwrap();
    assert_eq!((after.pages, after.commits), (4, 2));
    // begun anew: what follows the first frame is old
    let anew = log(2, &[(2, 9), (1, 9), (1, 9)]);
    assert_eq!((anew.pages, anew.commits), (1, 1));
    assert_eq!(anew.since(&before), None);
}
