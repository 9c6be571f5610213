//! Faults that begin when something happens: "after the 3rd Produce to orders-0 was handled".

use fencepost_protocol::ids::TopicPartition;
use fencepost_protocol::message::{Request as KafkaRequest, Response as KafkaResponse};
use fencepost_protocol::time::Span;

use super::World;
use super::event::Step;
use crate::message::{Kind, Request, Response};
use crate::schedule::{Action, Actor, Deviation, Fault, Phase, Trigger, When};

/// The faults that wait for their moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Triggers {
    waiting: Vec<Waiting>,
}

#[derive(Clone, Debug)]
struct Waiting {
    trigger: Trigger,
    pause: Span,
    action: Action,
    seen: u32,
}

impl Triggers {
    pub fn add(&mut self, trigger: Trigger, pause: Span, action: Action) {
        self.waiting.push(Waiting { trigger, pause, action, seen: 0 });
    }

    #[inline]
    pub fn any(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub fn still_waiting(&self) -> impl Iterator<Item = Fault> + '_ {
        self.waiting.iter().map(|w| Fault { when: When::After(w.trigger.clone(), w.pause), action: w.action.clone() })
    }

    /// The faults whose moment this is.
    fn due(
        &mut self,
        phase: Phase,
        from: Actor,
        to: Actor,
        kind: Kind,
        concerns: impl Fn(TopicPartition) -> bool,
    ) -> Vec<Waiting> {
        let mut due = Vec::new();
        self.waiting.retain_mut(|w| {
            let t = &w.trigger;
            let fits = t.phase == phase
                && t.kind == kind
                && t.from.is_none_or(|f| f == from)
                && t.to.is_none_or(|r| r == to)
                && t.partition.is_none_or(&concerns);
            if fits {
                w.seen += 1;
            }
            let now = fits && w.seen >= t.nth;
            if now {
                due.push(w.clone());
            }
            !now
        });
        due
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

    fn begin(&mut self, due: Vec<Waiting>) {
        for w in due {
            self.record(|| {
                let when = When::After(w.trigger.clone(), w.pause);
                Deviation::Fault(Fault { when, action: w.action.clone() })
            });
            if w.pause == Span::ZERO {
                // What the acting machine has pushed and not yet sent is not the fault's to send.
                let pending = std::mem::take(&mut self.out);
                self.act(&w.action);
                debug_assert!(self.out.is_empty(), "a fault sends what it makes a machine say");
                self.out = pending;
            } else {
                self.after(w.pause, self.controller, Step::Act(w.action));
            }
        }
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
