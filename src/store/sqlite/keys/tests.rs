//! Whatever the order of accepting, sweeping, forgetting, tidying and starting anew: what is listed is known, and nothing else.

use super::super::book::Book;
use super::super::trouble::Done;
use super::super::{file, left, requests};
use super::{number, walk};
use crate::clock;
use crate::store::contract::{id, request};
use crate::store::{Accepted, ReplicaName, StoreConfig};
use proptest::prelude::*;
use rusqlite::params;
use std::collections::VecDeque;

/// A book that is closed and opened again, and what it must know.
struct Life {
    folder: tempfile::TempDir,
    limit: usize,
    book: Option<Book>,
    next: u64,
    /// What is listed, oldest first, each with its keys.
    listed: VecDeque<(u64, Vec<String>)>,
    /// What is not, or no longer.
    strange: Vec<String>,
}

impl Life {
    fn new(limit: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut life =
            Self { folder, limit, book: None, next: 1, listed: VecDeque::new(), strange: vec!["event:none".into()] };
        life.start();
        life
    }

    fn start(&mut self) {
        // the old one first: it has the file
        drop(self.book.take());
        let config = StoreConfig { path: self.folder.path().join("bot.db"), ..StoreConfig::default() };
        let connection = file::open(&config).unwrap();
        // nobody pulls the plug here
        connection.pragma_update(None, "synchronous", "OFF").unwrap();
        self.book = Some(left::begin(connection, clock::system(), &ReplicaName("one".into()), self.limit).unwrap());
    }

    fn book(&mut self) -> &mut Book {
        self.book.as_mut().unwrap()
    }

    /// Takes a delivery with so many keys; by a transaction that fails in the end, if it shall.
    fn accept(&mut self, keys: usize, fails: bool) {
        let number = self.next;
        self.next += 1;
        let keys: Vec<String> = (0..keys).map(|key| format!("event:{number}-{key}")).collect();
        let book = self.book();
        book.begin().unwrap();
        assert_eq!(done(requests::accept(book, &request(number), &keys)), Accepted::New);
        if fails {
            book.roll_back();
            self.strange.extend(keys);
        } else {
            book.commit().unwrap();
            self.listed.push_back((number, keys));
        }
    }

    /// Cuts the oldest off the list, as the purge does.
    fn forget(&mut self, deliveries: usize) {
        for _ in 0..deliveries.min(self.listed.len()) {
            let (_, keys) = self.listed.pop_front().unwrap();
            self.strange.extend(keys);
            let book = self.book();
            let oldest = book.connection.query_row("SELECT min(seq) FROM deliveries", [], |row| row.get(0)).unwrap();
            book.begin().unwrap();
            book.execute("DELETE FROM deliveries WHERE seq = ?1", [oldest]).unwrap();
            book.commit().unwrap();
            book.keys.forget(oldest);
        }
    }

    fn check(&mut self) {
        let book = self.book.as_ref().unwrap();
        for (number, keys) in &self.listed {
            for key in keys {
                assert_eq!(requests::holder(book, key).unwrap(), Some(id(*number)), "{key}");
            }
        }
        for key in &self.strange {
            assert_eq!(requests::holder(book, key).unwrap(), None, "{key}");
        }
    }

    /// Sweeps and tidies to the end; returns how many rows the table has then.
    fn come_to_rest(&mut self) -> i64 {
        let book = self.book();
        loop {
            walk::sweep(book, 3).unwrap();
            if book.keys.sweep.is_none() {
                break;
            }
        }
        while book.keys.is_littered() {
            walk::tidy(book, 5).unwrap();
        }
        let first = book.keys.first;
        let litter = "SELECT count(*) FROM known WHERE seq < ?1";
        let litter: i64 = book.connection.query_row(litter, [first], |row| row.get(0)).unwrap();
        let rows: i64 = book.connection.query_row("SELECT count(*) FROM known", [], |row| row.get(0)).unwrap();
        assert!(litter <= rows / 2, "{litter} of {rows} rows lead nowhere");
        rows - litter
    }
}

fn done<T>(done: Done<T>) -> T {
    done.unwrap_or_else(|_| panic!("it was refused"))
}

#[derive(Clone, Debug)]
enum Act {
    Accept(usize),
    Fail(usize),
    Sweep(usize),
    Forget(usize),
    Tidy(usize),
    Start,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (1usize..4).prop_map(Act::Accept),
        1 => (1usize..4).prop_map(Act::Fail),
        6 => (1usize..6).prop_map(Act::Sweep),
        2 => (1usize..5).prop_map(Act::Forget),
        3 => (1usize..9).prop_map(Act::Tidy),
        1 => Just(Act::Start),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_any_order_of_events_what_is_listed_is_known_and_nothing_else(
        acts in prop::collection::vec(act(), 1..80),
        limit in 1usize..40,
    ) {
        let mut life = Life::new(limit);
        for act in acts {
            match act {
                Act::Accept(keys) => life.accept(keys, false),
                Act::Fail(keys) => life.accept(keys, true),
                Act::Sweep(slice) => walk::sweep(life.book(), slice).unwrap(),
                Act::Forget(deliveries) => life.forget(deliveries),
                Act::Tidy(slice) => walk::tidy(life.book(), slice).unwrap(),
                Act::Start => life.start(),
            }
        }
        life.check();
        life.start();
        life.check();
        let listed: usize = life.listed.iter().map(|(_, keys)| keys.len()).sum();
        prop_assert_eq!(life.come_to_rest(), listed as i64);
        prop_assert_eq!(life.book().keys.tail(), 0);
        life.check();
    }
}

/// Nothing was swept yet, so that the tidying alone tells that places were taken before.
#[test]
fn a_place_before_which_the_table_was_tidied_is_never_taken_again() {
    let mut life = Life::new(1);
    for _ in 0..4 {
        life.accept(1, false);
    }
    life.forget(4);
    walk::tidy(life.book(), 1).unwrap();
    life.start();
    life.accept(1, false);
    walk::sweep(life.book(), 1).unwrap();
    life.forget(1);
    life.start();
    assert_eq!(life.come_to_rest(), 0);
    life.check();
}

#[test]
fn a_start_reads_no_more_than_the_tail() {
    let mut life = Life::new(50);
    for _ in 0..200 {
        life.accept(3, false);
        while life.book().keys.is_too_long() {
            walk::sweep(life.book(), 7).unwrap();
        }
    }
    assert!(life.book().keys.tail() < 100);
    life.start();
    // what was written by a sweep that had not ended is read once more
    assert!(life.book().keys.tail() < 200, "{} of 600 keys were read", life.book().keys.tail());
    life.check();
}

#[test]
fn a_list_that_is_far_ahead_of_its_table_is_written_at_the_start() {
    let mut life = Life::new(10_000);
    for _ in 0..100 {
        life.accept(3, false);
    }
    assert_eq!(life.book().keys.tail(), 300);
    life.limit = 20;
    life.start();
    assert_eq!(life.book().keys.tail(), 0);
    assert_eq!(number(&life.book().connection, "known_to").unwrap(), 100);
    life.check();
    life.accept(2, false);
    life.start();
    assert_eq!(life.book().keys.tail(), 2);
    life.check();
}

#[test]
fn a_place_is_never_taken_twice_even_when_all_are_forgotten() {
    let mut life = Life::new(4);
    for _ in 0..20 {
        life.accept(1, false);
    }
    life.come_to_rest();
    life.forget(20);
    life.start();
    life.accept(1, false);
    // a mark that is taken to be written already would not be read by this start
    life.start();
    life.check();
}

#[test]
fn a_mark_alone_makes_no_key_known() {
    let mut life = Life::new(4);
    life.accept(1, false);
    let mark = life.book().keys.mark("event:strange");
    life.book().execute("INSERT INTO known (mark, seq) VALUES (?1, 1)", params![mark]).unwrap();
    assert_eq!(requests::holder(life.book(), "event:strange").unwrap(), None);
    assert_eq!(requests::holder(life.book(), "event:1-0").unwrap(), Some(id(1)));
}

#[test]
fn a_file_whose_secret_cannot_be_read_is_not_opened() {
    let mut life = Life::new(4);
    life.accept(1, false);
    life.book().execute("UPDATE facts SET value = 'none' WHERE name = 'mark_secret'", []).unwrap();
    drop(life.book.take());
    let config = StoreConfig { path: life.folder.path().join("bot.db"), ..StoreConfig::default() };
    assert!(left::begin(file::open(&config).unwrap(), clock::system(), &ReplicaName("one".into()), 4).is_err());
}
