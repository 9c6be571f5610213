use std::sync::Arc;

use super::*;
use crate::message::Timestamp;

const TP: TopicPartition = TopicPartition { topic: TopicId(2), partition: 0 };
const OUT: TopicId = TopicId(3);

fn content(key: Option<&str>, value: &str) -> Content {
    Content {
        payload: Some(value.as_bytes().into()),
        key: key.map(|key| key.as_bytes().into()),
        topic: "t".into(),
        timestamp: Timestamp::NotAvailable,
        partition: 0,
        offset: 0,
        headers: None,
        input: None,
    }
}

/// A process, told in short.
struct Told(Ledger);

impl Told {
    fn new() -> Told {
        let mut ledger = Ledger::default();
        ledger.begins();
        Told(ledger)
    }

    fn given(&mut self, offset: i64, key: Option<&str>, value: &str) -> usize {
        let group = Some(Arc::from("g"));
        self.0.give(Given { process: 0, tp: TP, offset, group, content: content(key, value), client: 0 })
    }

    fn seen(&mut self, offset: i64, value: &str) {
        let message = self.given(offset, None, value);
        self.0.look(1, message);
    }

    fn sent(&mut self, key: Option<&str>, value: &str) -> usize {
        let look = self.0.take_look(1);
        self.0.send(Sent { process: 0, task: 1, client: 0, topic: OUT, content: content(key, value), look })
    }

    fn committed(&mut self, next: i64) {
        self.0.note(0, Fact::Commits(vec![(TP, next)]));
    }

    /// Input offset and index of each record.
    fn attributed(&self) -> Result<Vec<(i64, u16)>, usize> {
        let attributed = attribute(&self.0, &Relations::new(), &Skips::new());
        match &*attributed.unattributed {
            [] => Ok(attributed.identities.iter().map(|id| (id.offset, id.index)).collect()),
            [unknown] => Err(unknown.records),
            _ => panic!("there is one topic"),
        }
    }
}

#[test]
fn a_batch_of_copies_is_attributed_by_content_in_whatever_order_it_is_sent() {
    let mut told = Told::new();
    (0..3).for_each(|n| told.seen(n, &format!("order {n}")));
    for n in [2, 0, 1] {
        told.sent(None, &format!("order {n}, paid"));
    }
    told.committed(3);
    assert_eq!(told.attributed(), Ok(vec![(2, 0), (0, 0), (1, 0)]));
}

#[test]
fn a_value_that_begins_another_one_is_not_taken_for_it() {
    let mut told = Told::new();
    told.seen(0, "order 1");
    told.seen(1, "order 10");
    told.sent(None, "order 10 paid");
    told.sent(None, "order 1 paid");
    assert_eq!(told.attributed(), Ok(vec![(1, 0), (0, 0)]));
}

#[test]
fn equal_messages_each_have_a_record() {
    let mut told = Told::new();
    (0..3).for_each(|n| told.seen(n, "ping"));
    for _ in 0..3 {
        told.sent(None, "ping");
    }
    assert_eq!(told.attributed(), Ok(vec![(0, 0), (1, 0), (2, 0)]));
}

#[test]
fn several_records_of_the_message_that_the_task_looked_at_are_told_apart_by_their_number() {
    let mut told = Told::new();
    for n in 0..2 {
        told.seen(n, &format!("{n}"));
        told.sent(None, "debit");
        told.sent(None, "credit");
        told.committed(n + 1);
    }
    assert_eq!(told.attributed(), Ok(vec![(0, 0), (0, 1), (1, 0), (1, 1)]));
}

#[test]
fn as_many_records_as_messages_between_commits_are_attributed_by_order() {
    let mut told = Told::new();
    for round in 0..2 {
        (0..3).for_each(|n| told.seen(round * 3 + n, "x"));
        for n in 0..3 {
            told.sent(None, &format!("{round}{n}"));
        }
        told.committed(round * 3 + 3);
    }
    assert_eq!(told.attributed(), Ok((0..6).map(|n| (n, 0)).collect()));
}

/// The record is made of the message before: what the task looked at last is not it. That the last message waits for its record
/// and was not passed over cannot be seen.
#[test]
fn a_program_that_lags_one_message_behind_is_not_attributed_to_what_it_looked_at_last() {
    let mut told = Told::new();
    told.seen(0, "a");
    for n in 1..4 {
        told.seen(n, "b");
        told.sent(None, &format!("{n}"));
        told.committed(n);
    }
    assert_eq!(told.attributed(), Err(3));
}

#[test]
fn by_order_nothing_is_attributed_where_fewer_records_than_messages_are_sent() {
    let mut told = Told::new();
    (0..10).for_each(|n| told.seen(n, "x"));
    told.sent(None, "sum");
    told.committed(10);
    assert_eq!(told.attributed(), Err(1));
}

#[test]
fn by_order_nothing_is_attributed_where_more_records_than_messages_are_sent() {
    let mut told = Told::new();
    (0..2).for_each(|n| told.seen(n, "x"));
    for n in 0..4 {
        told.sent(None, &n.to_string());
    }
    told.committed(2);
    assert_eq!(told.attributed(), Err(4));
}

/// Nobody commits: messages that were passed over show in the end.
#[test]
fn by_order_nothing_is_attributed_where_messages_were_passed_over() {
    let mut told = Told::new();
    told.seen(0, "x");
    told.seen(1, "y");
    told.sent(None, "made of y");
    told.seen(2, "z");
    told.seen(3, "w");
    told.sent(None, "made of w");
    assert_eq!(told.attributed(), Err(2));
}

/// Its tenth message has not come.
#[test]
fn messages_that_wait_for_the_rest_of_their_batch_are_no_objection() {
    let mut told = Told::new();
    (0..2).for_each(|n| told.seen(n, "x"));
    for n in 0..2 {
        told.sent(None, &n.to_string());
    }
    told.committed(2);
    told.seen(2, "x");
    assert_eq!(told.attributed(), Ok(vec![(0, 0), (1, 0)]));
}

#[test]
fn keys_tell_where_the_order_does_not() {
    let mut told = Told::new();
    for (n, key) in ["a", "b", "c"].into_iter().enumerate() {
        let message = told.given(n as i64, Some(key), "x");
        told.0.look(1, message);
    }
    for key in ["c", "a", "b"] {
        told.sent(Some(key), "done");
    }
    told.committed(3);
    assert_eq!(told.attributed(), Ok(vec![(2, 0), (0, 0), (1, 0)]));
}

#[test]
fn evidence_that_contradicts_itself_is_none() {
    // The successor of a number is sent, which is another message's value.
    let mut told = Told::new();
    for n in [5, 4, 3] {
        told.seen(n, &n.to_string());
        told.sent(None, &(n + 1).to_string());
    }
    assert_eq!(told.attributed(), Ok(vec![(5, 0), (4, 0), (3, 0)]), "by what the task looked at");
}

#[test]
fn a_record_that_failed_and_is_sent_again_is_the_same() {
    let mut told = Told::new();
    (0..2).for_each(|n| told.seen(n, "x"));
    let first = told.sent(None, "0");
    told.sent(None, "1");
    told.0.note(0, Fact::Failed(first));
    told.sent(None, "0");
    told.committed(2);
    assert_eq!(told.attributed(), Ok(vec![(0, 0), (1, 0), (0, 0)]));
}

#[test]
fn after_an_abort_what_was_kept_or_is_given_again_is_the_same() {
    for given_again in [false, true] {
        let mut told = Told::new();
        let batch = |told: &mut Told, read: bool| {
            if read {
                (0..2).for_each(|n| told.seen(n, "x"));
            }
            for n in 0..2 {
                told.sent(None, &n.to_string());
            }
        };
        batch(&mut told, true);
        told.0.note(0, Fact::Aborts(0));
        batch(&mut told, given_again);
        told.committed(2);
        assert_eq!(told.attributed(), Ok(vec![(0, 0), (1, 0), (0, 0), (1, 0)]), "given again: {given_again}");
    }
}

#[test]
fn what_is_sent_without_a_message_is_known_by_its_content() {
    let mut told = Told::new();
    for text in ["a", "b", "a"] {
        told.sent(None, text);
    }
    assert_eq!(told.attributed(), Ok(vec![(0, 0), (1, 0), (0, 0)]));
}

#[test]
fn what_cannot_be_attributed_stands_for_itself_although_it_is_equal() {
    let mut told = Told::new();
    (0..4).for_each(|n| told.seen(n, "x"));
    for _ in 0..2 {
        told.sent(None, "ok");
    }
    told.committed(4);
    let attributed = attribute(&told.0, &Relations::new(), &Skips::new());
    assert_eq!(attributed.unattributed.len(), 1);
    assert_ne!(attributed.identities[0], attributed.identities[1]);
    assert!(attributed.identities.iter().all(|id| id.is_workload()) && attributed.routes.is_empty());
}

#[test]
fn the_tests_word_is_stronger_than_content() {
    let mut told = Told::new();
    told.seen(0, "same");
    told.seen(1, "other");
    told.sent(None, "same");
    let mut relations = Relations::new();
    relations.insert(OUT, Box::new(|input, _| crate::message::Message::payload(input) == Some(b"other")));
    let attributed = attribute(&told.0, &relations, &Skips::new());
    assert_eq!(attributed.identities[0].offset, 1);
}
