//! What was promised and not put to the test: a topic or sink to which nothing was owed, or whose end nobody read.

use super::evidence::Evidence;
use super::registry::{ABORTED, FAILED, FIRM, MAYBE, SENT};
use super::sinks;
use crate::render::counted;

/// What is known of the records of one topic or sink.
#[derive(Clone, Copy, Debug, Default)]
struct Tried {
    sent: u64,
    failed: u64,
    aborted: u64,
    /// Acknowledged for good, or of unknown outcome.
    owed: bool,
}

impl Tried {
    fn count(&mut self, cell: super::registry::Cell) {
        self.owed |= cell.is(FIRM | MAYBE);
        self.sent += u64::from(cell.is(SENT));
        self.aborted += u64::from(cell.is(ABORTED));
        self.failed += u64::from(cell.is(FAILED) && !cell.is(ABORTED));
    }

    /// Why nothing is owed, in words.
    fn why(self, noun: &str) -> String {
        let sent = counted(self.sent, noun);
        match (self.failed, self.aborted) {
            _ if self.sent == 0 => format!("nobody asked for any {noun}"),
            (0, 0) => format!("of {sent} that were asked for none was acknowledged"),
            (_, 0) => format!("of {sent} that were asked for none was acknowledged, and all failed"),
            (0, _) => format!("{sent} were asked for, and all belonged to transactions that were aborted"),
            (failed, aborted) => {
                format!("of {sent} that were asked for {failed} failed and {aborted} belonged to aborted transactions")
            }
        }
    }
}

/// Sentences, one for each promised topic or sink that was not put to the test. To be called after everything is settled
/// and before sinks are judged.
pub(crate) fn untested(ev: &Evidence) -> Vec<String> {
    let mut topics = vec![Tried::default(); ev.topics.len()];
    for (_, topic, cell) in ev.records.cells() {
        topics[topic as usize].count(cell);
    }
    let mut effects = vec![Tried::default(); ev.sinks.len()];
    for (_, sink, cell) in ev.effects.cells() {
        effects[sink as usize].count(cell);
        // What nobody answered may have happened.
        effects[sink as usize].owed |= cell.is(SENT) && !cell.is(FAILED);
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
        if !tried.owed && !info.may_be_empty {
            untested.push(format!("nothing is owed to topic {name}: {}", tried.why("record")));
        }
        if unread > 0 && (tried.owed || !info.may_be_empty) {
            let of = counted(u64::from(info.partitions), "partition");
            untested.push(format!("topic {name} was not read to its end: {unread} of {of} have no final read"));
        }
    }
    for (number, tried) in effects.iter().enumerate() {
        let number = number as u32;
        let Some(title) = sinks::title(ev, number) else { continue };
        promised = true;
        if !tried.owed {
            let why = tried.why("effect");
            untested.push(format!("nothing is owed to {title}: {why}"));
        }
        if !sinks::was_read(ev, number) {
            untested.push(format!("{title} was not read in the end"));
        }
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
