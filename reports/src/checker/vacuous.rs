//! What was promised and not put to the test: a topic or sink to which nothing was owed, or whose end nobody read.

use super::epochs::Epochs;
use super::evidence::Evidence;
use super::registry::{ABORTED, Cell, FAILED, FIRM, MAYBE, NONE, PENDING, SENT};
use super::sinks;
use super::state::Fate;
use crate::history::event::DecisionCause;
use crate::words::{counted, thousands};

/// What is known of the records of one topic, or of the effects in one sink.
#[derive(Clone, Copy, Debug, Default)]
struct Tried {
    sent: u64,
    failed: u64,
    aborted: u64,
    /// Of transactions that nobody ended; whose commit failed.
    abandoned: u64,
    refused: u64,
    /// Of transactions that coordinators aborted, which their clients never learned: because they timed out; for another
    /// reason.
    timed_out: u64,
    undone: u64,
    /// Of unknown outcome, and not there.
    unknown: u64,
    /// Acknowledged for good, or of unknown outcome and there, or on its way.
    owed: bool,
}

impl Tried {
    fn count(&mut self, cell: Cell, answered: bool, of: Of) {
        let maybe = cell.is(MAYBE) || !answered && cell.is(SENT) && !cell.is(FAILED);
        self.owed |= cell.is(FIRM) || maybe && (cell.copies > 0 || cell.is(PENDING));
        self.sent += u64::from(cell.is(SENT));
        let place = if maybe || cell.is(ABORTED) {
            match of {
                Of::TimedOut => &mut self.timed_out,
                Of::Undone => &mut self.undone,
                _ if maybe => &mut self.unknown,
                Of::Abandoned => &mut self.abandoned,
                Of::Refused => &mut self.refused,
                Of::Other => &mut self.aborted,
            }
        } else if cell.is(FAILED) {
            &mut self.failed
        } else {
            return;
        };
        *place += 1;
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
            (self.abandoned, "belonged to transactions that nobody ended"),
            (self.refused, "belonged to transactions whose commit failed"),
            (self.timed_out, "belonged to transactions that timed out and were aborted"),
            (self.undone, "belonged to transactions that were aborted, which their clients never learned"),
            (self.unknown, "had an unknown outcome and left nothing"),
        ];
        let parts = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", thousands(*n)));
        format!("{} asked for, {}", counted(self.sent, noun), parts.collect::<Vec<_>>().join(", "))
    }
}

/// Which kind of transaction a record belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Abandoned,
    Refused,
    TimedOut,
    Undone,
    Other,
}

fn transaction(ev: &Evidence, epochs: &Epochs, txn: u32) -> Of {
    if txn == NONE {
        return Of::Other;
    }
    let fate = ev.txns[txn as usize].fate;
    let decided = match fate {
        Fate::Unknown | Fate::Committing | Fate::Abandoned => epochs.aborted(ev, txn),
        _ => None,
    };
    match (fate, decided) {
        (_, Some(DecisionCause::Timeout)) => Of::TimedOut,
        (Fate::Unknown | Fate::Committing, Some(_)) => Of::Undone,
        (Fate::Abandoned, _) => Of::Abandoned,
        (Fate::CommitFailed, _) => Of::Refused,
        _ => Of::Other,
    }
}

/// Sentences, one for each promised topic or sink that was not put to the test. To be called after everything is settled
/// and before sinks are judged.
pub(crate) fn untested(ev: &Evidence, epochs: &Epochs) -> Vec<String> {
    let mut topics = vec![Tried::default(); ev.topics.len()];
    for (_, topic, cell) in ev.records.cells() {
        topics[topic as usize].count(cell, true, transaction(ev, epochs, cell.txn));
    }
    let mut effects = vec![Tried::default(); ev.sinks.len()];
    for (_, sink, cell) in ev.effects.cells() {
        // Answers to these are not settled yet: what has none may have happened.
        effects[sink as usize].count(cell, cell.is(FIRM | FAILED | MAYBE), Of::Other);
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
