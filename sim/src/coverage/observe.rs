//! From requests and answers to points.

use fencepost_protocol::batch::{Payload, RecordBatch, TransactionResult};
use fencepost_protocol::broker::Broker;
use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::group::GroupState;
use fencepost_protocol::ids::{NO_PRODUCER_ID, Name, TopicPartition};
use fencepost_protocol::io::NetInput;
use fencepost_protocol::message::*;
use fencepost_protocol::producer::ProducerState;

use super::{Coverage, Machine};
use crate::schedule::{Action, Effect, Own};

/// Parts of one request that are followed, at most.
const PARTS: usize = 4;
/// No point.
const NONE: u32 = u32::MAX;

/// What was seen when a request was handed over: for each of its first parts the point of its success; the answer adds
/// the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    parts: [u32; PARTS],
    count: u8,
}

impl Default for Seen {
    fn default() -> Self {
        Seen { parts: [NONE; PARTS], count: 0 }
    }
}

impl Seen {
    fn push(&mut self, point: u32) {
        if let Some(part) = self.parts.get_mut(self.count as usize) {
            *part = point;
            self.count += 1;
        }
    }
}

/// Place of an outcome: 0 for success.
#[inline]
fn outcome(error: Option<ErrorCode>) -> u32 {
    error.map_or(0, |e| {
        1 + ErrorCode::ALL.binary_search(&e).expect("every code is in the list, in numeric order") as u32
    })
}

impl Coverage {
    /// A request is about to be handed to `broker`.
    #[inline]
    pub(crate) fn request(&self, broker: &Broker, request: &Request) -> Seen {
        let mut seen = Seen::default();
        match request {
            Request::Produce(r) => {
                for p in r.partitions.iter().take(PARTS) {
                    seen.push(self.produce(broker, p.tp, &p.batch));
                }
            }
            Request::WriteTxnMarkers(r) => {
                for marker in &r.markers {
                    for tp in &marker.partitions {
                        seen.push(self.marker(broker, *tp, marker));
                    }
                }
            }
            Request::InitProducerId(r) => {
                if let Some(id) = &r.transactional_id {
                    let bump = usize::from(r.producer.is_some());
                    seen.push(self.of_id(broker, id, bump, r.producer));
                }
            }
            Request::AddPartitionsToTxn(r) => {
                for t in r.transactions.iter().take(PARTS) {
                    let input = if t.verify_only { 3 } else { 2 };
                    seen.push(self.of_id(broker, &t.transactional_id, input, t.producer));
                }
            }
            Request::AddOffsetsToTxn(r) => seen.push(self.of_id(broker, &r.transactional_id, 4, r.producer)),
            Request::EndTxn(r) => {
                let input = if r.result == TransactionResult::Commit { 5 } else { 6 };
                seen.push(self.of_id(broker, &r.transactional_id, input, r.producer));
            }
            Request::JoinGroup(r) => {
                seen.push(self.of_group(broker, &r.group_id, usize::from(!r.member_id.is_empty())))
            }
            Request::SyncGroup(r) => {
                seen.push(self.of_group(broker, &r.group.group_id, if r.assignments.is_empty() { 3 } else { 2 }));
            }
            Request::Heartbeat(r) => seen.push(self.of_group(broker, &r.group.group_id, 4)),
            Request::LeaveGroup(r) => seen.push(self.of_group(broker, &r.group_id, 5)),
            Request::OffsetCommit(r) => seen.push(self.of_group(broker, &r.group.group_id, 6)),
            Request::OffsetFetch(r) => {
                seen.push(self.of_group(broker, &r.group_id, if r.require_stable { 8 } else { 7 }));
            }
            Request::TxnOffsetCommit(r) => {
                let input = if r.group.generation < 0 { 10 } else { 9 };
                seen.push(self.of_group(broker, &r.group.group_id, input));
            }
            _ => {}
        }
        seen
    }

    /// A request was answered.
    #[inline]
    pub(crate) fn answer(&mut self, seen: Seen, response: &Response) {
        if seen.count == 0 {
            return;
        }
        match response {
            Response::Produce(r) => self.outcomes(seen, r.partitions.iter().map(|p| p.error)),
            Response::WriteTxnMarkers(r) => {
                self.outcomes(seen, r.markers.iter().flat_map(|(_, list)| list.iter().map(|(_, e)| *e)));
            }
            Response::InitProducerId(r) => self.outcomes(seen, [r.result.err()].into_iter()),
            Response::AddPartitionsToTxn(r) => {
                let of = |list: &PartitionErrors| r.error.or(list.iter().find_map(|(_, e)| *e));
                if r.transactions.is_empty() {
                    self.outcomes(seen, [r.error].into_iter());
                } else {
                    self.outcomes(seen, r.transactions.iter().map(|(_, list)| of(list)));
                }
            }
            Response::AddOffsetsToTxn(r) => self.outcomes(seen, [r.error].into_iter()),
            Response::EndTxn(r) => self.outcomes(seen, [r.error].into_iter()),
            Response::JoinGroup(r) => self.outcomes(seen, [r.error].into_iter()),
            Response::SyncGroup(r) => self.outcomes(seen, [r.error].into_iter()),
            Response::Heartbeat(r) => self.outcomes(seen, [r.error].into_iter()),
            Response::LeaveGroup(r) => self.outcomes(seen, [r.error].into_iter()),
            Response::OffsetCommit(r) => {
                self.outcomes(seen, [r.partitions.iter().find_map(|(_, e)| *e)].into_iter());
            }
            Response::OffsetFetch(r) => {
                let error = r.error.or(r.partitions.iter().find_map(|(_, result)| result.err()));
                self.outcomes(seen, [error].into_iter());
            }
            Response::TxnOffsetCommit(r) => {
                self.outcomes(seen, [r.partitions.iter().find_map(|(_, e)| *e)].into_iter());
            }
            _ => {}
        }
    }

    fn outcomes(&mut self, seen: Seen, errors: impl Iterator<Item = Option<ErrorCode>>) {
        for (point, error) in seen.parts[..seen.count as usize].iter().zip(errors) {
            if *point != NONE {
                self.add(point + outcome(error));
            }
        }
    }

    fn of_id(&self, broker: &Broker, id: &Name, input: usize, given: ProducerIdAndEpoch) -> u32 {
        let (state, epoch) = match broker.transactional_id_state(id) {
            None => (0, 0),
            Some(known) => {
                let state = match known.state {
                    _ if known.in_transition => 8,
                    None => 1,
                    Some(TransactionState::Empty | TransactionState::Dead) => 2,
                    Some(TransactionState::Ongoing | TransactionState::PrepareEpochFence) => 3,
                    Some(TransactionState::PrepareCommit) => 4,
                    Some(TransactionState::PrepareAbort) => 5,
                    Some(TransactionState::CompleteCommit) => 6,
                    Some(TransactionState::CompleteAbort) => 7,
                };
                let epoch = match () {
                    () if !given.is_some() || given == known.producer => 0,
                    () if given.id == known.producer.id && given.epoch < known.producer.epoch => 1,
                    () => 2,
                };
                (state, epoch)
            }
        };
        self.number(Machine::Coordinator, state, input * 3 + epoch, 0)
    }

    fn of_group(&self, broker: &Broker, id: &Name, input: usize) -> u32 {
        let state = match broker.group_state(id) {
            None => 0,
            Some(None) => 1,
            Some(Some(GroupState::Empty)) => 2,
            Some(Some(GroupState::PreparingRebalance)) => 3,
            Some(Some(GroupState::CompletingRebalance)) => 4,
            Some(Some(GroupState::Stable)) => 5,
        };
        self.number(Machine::Group, state, input, 0)
    }

    fn produce(&self, broker: &Broker, tp: TopicPartition, batch: &RecordBatch) -> u32 {
        let input = match (&batch.payload, batch.producer_id == NO_PRODUCER_ID, batch.transactional) {
            (Payload::Marker { .. }, ..) => return NONE,
            (_, true, _) => 0,
            (_, _, false) => 1,
            (_, _, true) => 2,
        };
        let view = broker.log(tp).filter(|_| broker.is_leader(tp)).map(|log| log.producer(batch.producer_id));
        let (state, qualifier) = match view {
            None => (0, 0),
            Some(None) => (1, if input > 0 && batch.base_sequence > 0 { 2 } else { 0 }),
            Some(Some(known)) => {
                let qualifier = match () {
                    () if batch.producer_epoch < known.epoch => 3,
                    () if batch.producer_epoch > known.epoch => 4,
                    () if batch.base_sequence == known.last_sequence.wrapping_add(1) => 0,
                    () if batch.base_sequence <= known.last_sequence => 1,
                    () => 2,
                };
                (if known.open { 3 } else { 2 }, qualifier)
            }
        };
        self.number(Machine::Log, state, input * 5 + qualifier, 0)
    }

    fn marker(&self, broker: &Broker, tp: TopicPartition, marker: &TxnMarkerEntry) -> u32 {
        let input = if marker.result == TransactionResult::Commit { 3 } else { 4 };
        let view = broker.log(tp).filter(|_| broker.is_leader(tp)).map(|log| log.producer(marker.producer.id));
        let (state, qualifier) = match view {
            None => (0, 0),
            Some(None) => (1, 0),
            Some(Some(known)) => {
                let qualifier = match marker.producer.epoch.cmp(&known.epoch) {
                    core::cmp::Ordering::Less => 3,
                    core::cmp::Ordering::Equal => 0,
                    core::cmp::Ordering::Greater => 4,
                };
                (if known.open { 3 } else { 2 }, qualifier)
            }
        };
        self.number(Machine::Log, state, input * 5 + qualifier, 0)
    }

    /// Something is about to be told to a client whose producer is in state `before`: the point, if it is followed, of no
    /// change to the first state.
    #[inline]
    pub(crate) fn told(&self, before: ProducerState, input: &NetInput) -> Option<u32> {
        let (input, error) = input_of(input)?;
        let input = input * super::OUTCOMES + outcome(error) as usize;
        Some(self.number(Machine::Producer, before as usize, input, 0))
    }

    /// What was told left the producer in this state.
    #[inline]
    pub(crate) fn became(&mut self, told: u32, after: ProducerState) {
        self.add(told + after as u32);
    }

    /// A fault took effect.
    pub(crate) fn fault(&mut self, action: &Action) {
        self.add(self.number(Machine::Fault, 0, place_of_action(action), 0));
    }

    /// Something happened to a message.
    #[inline]
    pub(crate) fn effect(&mut self, effect: &Effect) {
        self.add(self.number(Machine::Fault, 0, place_of_effect(effect), 0));
    }
}

/// Name of an action, as scenarios have it.
pub(crate) fn action_name(action: &Action) -> &'static str {
    super::words::inputs(Machine::Fault)[place_of_action(action)]
}

fn place_of_action(action: &Action) -> usize {
    match action {
        Action::Crash { .. } => 0,
        Action::PowerLoss { .. } => 1,
        Action::Pause { .. } => 2,
        Action::Own(Own::Restart { .. }) => 3,
        Action::Own(Own::RollingRestart { .. }) => 4,
        Action::Block { .. } => 5,
        Action::Slow { .. } => 6,
        Action::LoseAnswers { .. } => 7,
        Action::Own(Own::MoveLeader { .. }) => 8,
        Action::StepClock { .. } => 9,
        Action::DriftClock { .. } => 10,
        Action::Own(Own::HoldMetadata { .. }) => 11,
        Action::SlowNode { .. } => 12,
        Action::Own(Own::PostponeJob { .. }) => 13,
        Action::Own(Own::SetTransactionVersion(_)) => 14,
        Action::Message(effect) => place_of_effect(effect),
    }
}

fn place_of_effect(effect: &Effect) -> usize {
    match effect {
        Effect::DelayRequest(_) => 15,
        Effect::DelayResponse(_) => 16,
        Effect::LoseRequest => 17,
        Effect::LoseResponse => 18,
        Effect::ErrorBefore(_) => 19,
        Effect::ErrorAfter(_) => 20,
    }
}

/// Place of what a producer was told among its inputs, with the error in it; none for what is not followed.
fn input_of(input: &NetInput) -> Option<(usize, Option<ErrorCode>)> {
    let response = match input {
        NetInput::Disconnected(_) => return Some((0, None)),
        NetInput::Response(_, _, response) => response,
        NetInput::Connected(_) => return None,
    };
    Some(match response {
        Response::Produce(r) => (1, r.partitions.iter().find_map(|p| p.error)),
        Response::InitProducerId(r) => (2, r.result.err()),
        Response::AddPartitionsToTxn(r) => {
            (3, r.error.or(r.transactions.iter().flat_map(|(_, list)| list).find_map(|(_, e)| *e)))
        }
        Response::AddOffsetsToTxn(r) => (4, r.error),
        Response::EndTxn(r) => (5, r.error),
        Response::TxnOffsetCommit(r) => (6, r.partitions.iter().find_map(|(_, e)| *e)),
        Response::FindCoordinator(r) => (7, r.node.err()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::Point;
    use fencepost_protocol::ids::NodeId;
    use fencepost_protocol::io::{Channel, Purpose};

    #[test]
    fn codes_are_found_by_their_number() {
        for (index, code) in ErrorCode::ALL.iter().enumerate() {
            assert_eq!(outcome(Some(*code)), index as u32 + 1);
        }
    }

    #[test]
    fn what_a_producer_is_told_is_named_with_its_state_before_and_after() {
        let mut coverage = Coverage::default();
        let answer = EndTxnResponse { error: Some(ErrorCode::ProducerFenced), producer: ProducerIdAndEpoch::NONE };
        let (before, after) = (ProducerState::CommittingTransaction, ProducerState::FatalError);
        let channel = Channel { to: NodeId(1), purpose: Purpose::Client };
        let told = coverage.told(before, &NetInput::Response(channel, 7, answer.into())).expect("it is followed");
        coverage.became(told, after);
        let words: Vec<String> = coverage.points().into_iter().map(|p| Point::of(p).to_string()).collect();
        assert_eq!(words, ["producer: EndTxn answered PRODUCER_FENCED in CommittingTransaction -> FatalError"]);
    }
}
