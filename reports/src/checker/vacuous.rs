//! What was promised and not put to the test: a topic or sink to which nothing was owed, or whose end nobody read.

use super::evidence::Evidence;
use super::registry::{ABORTED, Cell, FAILED, FIRM, MAYBE, PENDING, SENT};
use super::sinks;
use crate::render::{counted, thousands};

/// What is known of the records of one topic, or of the effects in one sink.
#[derive(Clone, Copy, Debug, Default)]
struct Tried {
    sent: u64,
    failed: u64,
    aborted: u64,
    /// Of unknown outcome, and not there.
    unknown: u64,
    /// Acknowledged for good, or of unknown outcome and there, or on its way.
    owed: bool,
}

impl Tried {
    fn count(&mut self, cell: Cell, answered: bool) {
        let maybe = cell.is(MAYBE) || !answered && cell.is(SENT) && !cell.is(FAILED);
        self.owed |= cell.is(FIRM) || maybe && (cell.copies > 0 || cell.is(PENDING));
        self.sent += u64::from(cell.is(SENT));
        self.unknown += u64::from(maybe);
        self.aborted += u64::from(cell.is(ABORTED) && !maybe);
        self.failed += u64::from(cell.is(FAILED) && !cell.is(ABORTED) && !maybe);
    }

    /// Whether there is something to look for. Where nobody looked, what is of unknown outcome may be there.
    fn is_owed(self, read: bool) -> bool {
        self.owed || !read && self.unknown > 0
    }

    /// Why nothing is owed, in words.
    fn why(self, noun: &str) -> String {
        if self.sent == 0 {
            return format!("nobody asked for any {noun}");
        }
        let parts = [
            (self.failed, "failed"),
            (self.aborted, "belonged to transactions that were aborted"),
            (self.unknown, "had an unknown outcome and left nothing"),
        ];
        let parts = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", thousands(*n)));
        format!("{} asked for, {}", counted(self.sent, noun), parts.collect::<Vec<_>>().join(", "))
    }
}

/// Sentences, one for each promised topic or sink that was not put to the test. To be called after everything is settled
/// and before sinks are judged.
pub(crate) fn untested(ev: &Evidence) -> Vec<String> {
    let mut topics = vec![Tried::default(); ev.topics.len()];
    for (_, topic, cell) in ev.records.cells() {
        topics[topic as usize].count(cell, true);
    }
    let mut effects = vec![Tried::default(); ev.sinks.len()];
    for (_, sink, cell) in ev.effects.cells() {
        // Answers to these are not settled yet: what has none may have happened.
        effects[sink as usize].count(cell, cell.is(FIRM | FAILED | MAYBE));
    }

    let (mut untested, mut promised) = (Vec::new(), false);
    for (number, (info, tried)) in ev.topics.iter().zip(&topics).enumerate() {
        let number = number as u32;
        if info.internal || !(info.output || info.sent || ev.promises.names_topic(number)) {
            continue;
        }
        promised = true;
        let name = &info.name;
        let logs = &ev.logs[info.first_log as usize..(info.first_log + info.partitions) as usize];
        let unread = logs.iter().filter(|log| log.end.is_none()).count() as u64;
        let owed = tried.is_owed(unread == 0);
        if !owed && !info.may_be_empty {
            untested.push(format!("nothing is owed to topic {name}: {}", tried.why("record")));
        }
        if unread > 0 && (owed || !info.may_be_empty) {
            let of = counted(u64::from(info.partitions), "partition");
            untested.push(format!("topic {name} was not read to its end: {unread} of {of} without a final read"));
        }
    }
    for (number, tried) in effects.iter().enumerate() {
        let number = number as u32;
        let Some(title) = sinks::title(ev, number) else { continue };
        promised = true;
        if !tried.is_owed(sinks::was_read(ev, number)) {
            let why = tried.why("effect");
            untested.push(format!("nothing is owed to {title}: {why}"));
        }
        if !sinks::was_read(ev, number) {
            untested.push(format!("{title} was not read in the end"));
        }
    }
    let idle = topics.iter().chain(&effects).all(|tried| tried.sent == 0 && !tried.owed);
    if promised && idle && untested.is_empty() {
        // Topics that may be empty test something as long as somebody writes: that nothing leaks. This tests nothing.
        untested.push("nothing was put to the test: every topic may be empty, and nobody sent a record".to_owned());
    }
    if !promised {
        untested.push(if ev.topics.iter().all(|topic| topic.internal) {
            "the history declares no topic and no sink".to_owned()
        } else {
            "no client writes any of the topics and no promise names one: of what is in them nobody knows whether it should be"
                .to_owned()
        });
    }
    untested
}
