//! The recorder of one client: which incarnation of it runs, and which of its calls have not returned.

use std::collections::VecDeque;

use fencepost_protocol::time::Now;
use fencepost_reports::history::event as h;

use super::History;
use super::effects::Effects;

/// Why a client can do no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Its process was killed.
    Killed,
    /// The run is over.
    RunOver,
}

impl Gone {
    /// What became of a call that nobody answered.
    const fn words(self) -> &'static str {
        match self {
            Gone::Killed => "the process ended",
            Gone::RunOver => "the run ended",
        }
    }
}

/// Writes what a client does. A client may keep something for each send that has not returned.
#[derive(Clone, Debug)]
pub struct Recorder<T = ()> {
    /// The history's number of the client, once its process has run.
    client: Option<u32>,
    incarnation: u32,
    /// The history's number of its consumer group.
    pub(super) group: Option<u32>,
    /// Sends that have not returned, by their numbers.
    pub(super) sends: VecDeque<(u64, T)>,
    /// The commit or abort that has not returned: which transaction, and whether it is a commit.
    pub(super) ending: Option<(u64, bool)>,
    /// Commits of offsets that have not returned.
    pub(super) commits: Vec<u64>,
    pub(super) effects: Effects,
    /// This incarnation has learned that it is fenced.
    pub(super) fenced: bool,
}

impl<T> Default for Recorder<T> {
    fn default() -> Recorder<T> {
        Recorder {
            client: None,
            incarnation: 0,
            group: None,
            sends: VecDeque::new(),
            ending: None,
            commits: Vec::new(),
            effects: Effects::default(),
            fenced: false,
        }
    }
}

impl<T> Recorder<T> {
    /// Of a client with that number in the history.
    pub fn of(client: u32) -> Recorder<T> {
        Recorder { client: Some(client), ..Recorder::default() }
    }

    /// The client is that one.
    pub fn introduce(&mut self, client: u32) {
        self.client = Some(client);
    }

    /// Its offsets are kept for that group.
    pub fn joins(&mut self, group: Option<u32>) {
        self.group = group;
    }

    /// The history's number of the client and its incarnation, once its process has run.
    pub fn place(&self) -> Option<(u32, u32)> {
        self.client.map(|client| (client, self.incarnation))
    }

    /// Number of its incarnation.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// From now on it is that incarnation which calls.
    pub fn set_incarnation(&mut self, incarnation: u32) {
        self.fenced &= incarnation == self.incarnation;
        self.incarnation = incarnation;
    }

    /// Time, number of the client, incarnation.
    #[inline]
    pub(super) fn stamp(&self, now: Now) -> (u64, u32, u32) {
        (now.mono.0, self.client.expect("a client that calls was introduced"), self.incarnation)
    }

    /// The incarnation begins to run: with its process, or with another producer in the same process.
    pub fn started(&self, now: Now, history: &mut History<'_>) {
        let (_, c, i) = self.stamp(now);
        history.started(now.mono, c, i);
    }

    /// The client has ended by itself.
    pub fn finished(&self, now: Now, text: &str, history: &mut History<'_>) {
        let (_, c, i) = self.stamp(now);
        history.ended(now.mono, c, i, text);
    }

    /// The client can do no more: every call that has not returned stays unknown. Returns what was kept of its sends.
    pub fn lost(&mut self, now: Now, gone: Gone, history: &mut History<'_>) -> VecDeque<(u64, T)> {
        if self.client.is_none() {
            return VecDeque::new(); // its process never ran
        }
        self.answered(now, h::Outcome::Unknown, gone.words(), history);
        let sends = self.give_up(now, gone.words(), history);
        self.ended(now, h::Outcome::Unknown, gone.words(), history);
        self.lose_commits(now, gone.words(), history);
        sends
    }
}

#[cfg(test)]
mod tests {
    use fencepost_protocol::batch::Origin;
    use fencepost_protocol::consumer::{CommitCause, ConsumerEvent};
    use fencepost_protocol::ids::{NO_LEADER_EPOCH, TopicId, TopicPartition};
    use fencepost_protocol::message::OffsetToCommit;
    use fencepost_reports::history::{Header, Writer};

    use super::super::Sent;
    use super::super::history::OffsetMove;
    use super::*;
    use crate::scenario::{Choice, Scenario};

    /// What stands in a history after a call, without the preamble.
    fn written(call: impl FnOnce(&mut Recorder, &mut History<'_>)) -> Vec<String> {
        let scenario = Scenario::load_built_in("lessons/lost-ack", Choice::default()).expect("it is built in");
        let mut writer = Writer::new(Vec::new(), &Header::new("a test"));
        let mut history = History::new(&scenario.plan, Vec::new(), &mut writer);
        let client = history.declare_client(h::Client { name: "till".into(), ..h::Client::default() });
        let mut recorder = Recorder::of(client);
        recorder.joins(Some(history.declare_group("audit")));
        call(&mut recorder, &mut history);
        let text = String::from_utf8(writer.finish().expect("memory can be written to")).expect("it is text");
        let after = text.lines().skip_while(|line| !line.starts_with("{\"group\"")).skip(1);
        after.filter(|line| !line.starts_with("{\"done\"")).map(str::to_string).collect()
    }

    const ORDERS: TopicPartition = TopicPartition::new(TopicId(2), 0);

    #[test]
    fn every_call_of_a_killed_process_ends_for_the_same_reason() {
        let now = Now::at_ms(1);
        let lines = written(|recorder, history| {
            let origin = Origin { source: Origin::SOURCE, partition: 0, offset: 0, stage: 0, index: 0 };
            let sent = Sent { op: 0, topic: ORDERS.topic, to: None, origin, value: None, n: Some(1) };
            recorder.asked(now, &origin, history);
            recorder.sent(now, &sent, (), history);
            recorder.ending(now, 1, true, history);
            recorder.ending(now, 1, true, history);
            let (leader_epoch, metadata) = (NO_LEADER_EPOCH, "".into());
            let offsets = vec![OffsetToCommit { tp: ORDERS, offset: 1, leader_epoch, metadata }];
            let begun = ConsumerEvent::CommitBegun { id: 0, cause: CommitCause::Application, generation: 1, offsets };
            recorder.consumer(now, begun, history);
            recorder.lost(now, Gone::Killed, history);
            assert!(recorder.lost(now, Gone::Killed, history).is_empty(), "nothing is open any more");
        });
        let ends: Vec<&String> = lines.iter().filter(|line| line.contains("the process ended")).collect();
        assert_eq!((lines.len(), ends.len()), (8, 4), "{lines:#?}");
    }

    #[test]
    fn fencing_is_told_once_for_each_incarnation() {
        use fencepost_protocol::error::ErrorCode;
        let lines = written(|recorder, history| {
            for incarnation in [0, 0, 1] {
                recorder.set_incarnation(incarnation);
                recorder.fenced(Now::at_ms(1), ErrorCode::ProducerFenced, history);
            }
        });
        assert_eq!(lines.len(), 2, "{lines:#?}");
    }

    #[test]
    fn an_offset_that_moved_without_a_client_is_nobodys() {
        let lines = written(|_, history| {
            history.offset_moved(1, &OffsetMove { group: "audit".into(), tp: ORDERS, offset: 7, marker: None });
        });
        assert!(lines.len() == 1 && lines[0].contains("\"cause\":\"unknown\""), "{lines:#?}");
    }
}
