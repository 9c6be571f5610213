//! Faults that begin when something happens: "after the 3rd Produce to orders-0 was handled".

use fencepost_protocol::ids::TopicPartition;
use fencepost_protocol::message::{Request as KafkaRequest, Response as KafkaResponse};
use fencepost_protocol::time::Span;

use super::World;
use super::event::Step;
use super::faults::Occasion;
use crate::message::{Kind, Request, Response};
use crate::schedule::{Actor, Deviation, Fault, Phase, Trigger, When};

/// The faults that wait for their moment, or did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Triggers {
    list: Vec<Waiting>,
    /// A bit for each kind of message that one of them counts. (Kinds may share a bit.)
    kinds: u128,
}

#[derive(Clone, Debug)]
struct Waiting {
    trigger: Trigger,
    /// Number of the fault in the history, if it is declared there.
    number: Option<u32>,
    /// What begins; none once it has begun, or where it only counts.
    begins: Option<Occasion>,
    seen: u64,
}

fn bit(kind: Kind) -> u128 {
    1 << (kind.word() % 127)
}

impl Triggers {
    /// A fault waits.
    pub fn add(&mut self, trigger: Trigger, occasion: Occasion) {
        let number = occasion.number;
        self.push(Waiting { trigger, number, begins: Some(occasion), seen: 0 });
    }

    /// A fault that the schedule leaves out: what its trigger counts is counted all the same.
    pub fn count(&mut self, trigger: Trigger, number: u32) {
        self.push(Waiting { trigger, number: Some(number), begins: None, seen: 0 });
    }

    fn push(&mut self, waiting: Waiting) {
        self.kinds |= bit(waiting.trigger.kind);
        self.list.push(waiting);
    }

    /// Whether one of them counts messages of this kind.
    #[inline]
    pub fn concern(&self, kind: impl FnOnce() -> Kind) -> bool {
        self.kinds != 0 && self.kinds & bit(kind()) != 0
    }

    pub fn still_waiting(&self) -> impl Iterator<Item = Fault> + '_ {
        self.list.iter().filter_map(|w| w.begins.as_ref().map(|o| o.fault.clone()))
    }

    /// The numbers of the faults that have one, and how much of what its trigger counts was seen.
    pub fn seen(&self) -> Vec<(u32, u64)> {
        let mut seen: Vec<_> = self.list.iter().filter_map(|w| Some((w.number?, w.seen))).collect();
        seen.sort_unstable();
        seen
    }

    /// The faults whose moment this is, with their places.
    fn due(
        &mut self,
        phase: Phase,
        from: Actor,
        to: Actor,
        kind: Kind,
        concerns: impl Fn(TopicPartition) -> bool,
    ) -> Vec<(usize, Occasion)> {
        let mut due = Vec::new();
        if !self.concern(|| kind) {
            return due;
        }
        for (place, w) in self.list.iter_mut().enumerate() {
            let t = &w.trigger;
            let fits = t.phase == phase
                && t.kind == kind
                && t.from.is_none_or(|f| f == from)
                && t.to.is_none_or(|r| r == to)
                && t.partition.is_none_or(&concerns);
            if !fits {
                continue;
            }
            w.seen += 1;
            if w.seen >= u64::from(t.nth) {
                due.extend(w.begins.take().map(|occasion| (place, occasion)));
            }
        }
        due
    }

    /// A fault has begun, and has a number from now on.
    fn numbered(&mut self, place: usize, number: Option<u32>) {
        self.list[place].number = number;
    }
}

impl World<'_> {
    /// A request is at `phase`. Returns whether the node that is acting (sender or receiver) was stopped by a fault.
    pub(super) fn triggered(&mut self, phase: Phase, from: Actor, to: Actor, request: &Request) -> bool {
        let due = self.triggers.due(phase, from, to, request.kind(), |tp| request_concerns(request, tp));
        let acting = if phase == Phase::Sending { from } else { to };
        let incarnation = self.nodes[acting as usize].incarnation;
        self.begin(due);
        self.nodes[acting as usize].incarnation != incarnation
    }

    /// An answer is at `phase`.
    pub(super) fn triggered_answer(&mut self, phase: Phase, client: Actor, server: Actor, response: &Response) {
        let due = self.triggers.due(phase, client, server, response.kind(), |tp| response_concerns(response, tp));
        self.begin(due);
    }

    fn begin(&mut self, due: Vec<(usize, Occasion)>) {
        for (place, mut occasion) in due {
            self.record(|| Deviation::Fault(occasion.fault.clone()));
            let When::After(_, pause) = occasion.fault.when else { continue };
            if pause == Span::ZERO {
                // What the acting machine has pushed and not yet sent is not the fault's to send.
                let pending = std::mem::take(&mut self.out);
                self.act(&mut occasion);
                debug_assert!(self.out.is_empty(), "a fault sends what it makes a machine say");
                self.out = pending;
                self.triggers.numbered(place, occasion.number);
            } else {
                // The run does not end before it.
                self.faults.last_end = self.faults.last_end.max(self.now + pause);
                self.after(pause, self.controller, Step::Act(place, occasion));
            }
        }
    }

    /// The fault of a trigger begins, after its pause.
    pub(super) fn begin_after_pause(&mut self, place: usize, mut occasion: Occasion) {
        self.act(&mut occasion);
        self.triggers.numbered(place, occasion.number);
    }
}

fn request_concerns(request: &Request, tp: TopicPartition) -> bool {
    use KafkaRequest as Request;
    let request = match request {
        crate::message::Request::Kafka(request) => request,
        crate::message::Request::Sink(request) => return request.about.partition() == Some(tp),
    };
    match request {
        Request::Produce(r) => r.partitions.iter().any(|p| p.tp == tp),
        Request::Fetch(r) => r.partitions.iter().any(|p| p.tp == tp),
        Request::WriteTxnMarkers(r) => r.markers.iter().any(|m| m.partitions.contains(&tp)),
        Request::AddPartitionsToTxn(r) => r.transactions.iter().any(|t| t.partitions.contains(&tp)),
        Request::OffsetCommit(r) => r.offsets.iter().any(|o| o.tp == tp),
        Request::TxnOffsetCommit(r) => r.offsets.iter().any(|o| o.tp == tp),
        _ => false,
    }
}

/// A fetch concerns a partition if it brings data of it.
fn response_concerns(response: &Response, tp: TopicPartition) -> bool {
    use KafkaResponse as Response;
    let crate::message::Response::Kafka(response) = response else { return false };
    match response {
        Response::Produce(r) => r.partitions.iter().any(|p| p.tp == tp),
        Response::Fetch(r) => r.partitions.iter().any(|p| p.tp == tp && !p.batches.is_empty()),
        Response::WriteTxnMarkers(r) => r.markers.iter().any(|m| m.1.iter().any(|p| p.0 == tp)),
        _ => false,
    }
}
