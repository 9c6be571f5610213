//! Where a client's producer and consumer stand, in words.

use fencepost_protocol::consumer::{Consumer, ConsumerError, Membership};
use fencepost_protocol::pipeline::Phase;
use fencepost_protocol::producer::{Producer, ProducerState};

use crate::cast::Names;
use crate::evidence::History;

/// Partitions that are listed at most.
const LISTED: usize = 12;

/// A producer: its state and identity, and what it has under way in each partition.
pub(crate) fn producer(producer: &Producer, names: &Names, lines: &mut Vec<String>) {
    let state = match producer.state() {
        ProducerState::Uninitialized => "has no producer id",
        ProducerState::Initializing => "waits for its producer id",
        ProducerState::Ready => "is ready",
        ProducerState::InTransaction => "is in a transaction",
        ProducerState::CommittingTransaction => "is committing",
        ProducerState::AbortingTransaction => "is aborting",
        ProducerState::AbortableError => "can only abort",
        ProducerState::FatalError => "failed for good",
    };
    let id = producer.producer_id_and_epoch();
    if !producer.is_idempotent() {
        lines.push("producer without idempotence".to_string());
    } else if id.is_some() {
        lines.push(format!("producer {state}; pid {} e{}", id.id, id.epoch));
    } else {
        lines.push(format!("producer {state}"));
    }
    let unfinished = producer.unfinished_batches();
    if unfinished > 0 {
        lines.push(format!("  {unfinished} batch{} without an outcome", if unfinished == 1 { "" } else { "es" }));
    }
    if !id.is_some() {
        return;
    }
    for backlog in producer.backlog().take(LISTED) {
        let name = names.partition_name(backlog.tp);
        let acknowledged = match backlog.last_acknowledged {
            -1 => "nothing acknowledged".to_string(),
            sequence => format!("acknowledged to seq {sequence}"),
        };
        lines.push(format!("  {name}: next seq {}, {acknowledged}", backlog.next_sequence));
    }
}

/// A consumer: its place in the group, and how far it is in each partition.
pub(crate) fn consumer(consumer: &Consumer, names: &Names, lines: &mut Vec<String>) {
    let place = match consumer.membership() {
        None => "reads without a group".to_string(),
        Some((Membership::None, _)) => "is no member of its group".to_string(),
        Some((Membership::Joining, _)) => "is joining its group".to_string(),
        Some((Membership::Stable, generation)) => format!("is a member, generation {generation}"),
    };
    lines.push(format!("consumer {place}{}", if consumer.is_dead() { "; dead" } else { "" }));
    for tp in consumer.assignment().take(LISTED) {
        let name = names.partition_name(tp);
        match consumer.position(tp) {
            Some(position) => lines.push(format!("  {name}: next offset {position}")),
            None => lines.push(format!("  {name}: position not known")),
        }
    }
}

/// What a consumer cannot go on after.
pub(crate) fn failure(error: &ConsumerError, history: &History<'_>) -> String {
    match error {
        ConsumerError::NoOffsetForPartition(tp) => {
            format!("{} has no committed offset, and auto.offset.reset=none", history.partition_name(*tp))
        }
        ConsumerError::OffsetOutOfRange(tp) => {
            format!("the position in {} is out of range, and auto.offset.reset=none", history.partition_name(*tp))
        }
        ConsumerError::LogTruncation(tp, to) => {
            let name = history.partition_name(*tp);
            format!("{name} was truncated to {to}, below the position, and auto.offset.reset=none")
        }
        ConsumerError::Partition(tp, error) => format!("{}: {}", history.partition_name(*tp), error.name()),
        ConsumerError::Group(error) => format!("the group answered {}", error.name()),
    }
}

/// What the application of a pipeline is doing.
pub(crate) fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::New => "has not begun",
        Phase::Initializing => "waits for initTransactions",
        Phase::Deciding => "is between two steps",
        Phase::Polling => "polls",
        Phase::Processing => "processes records",
        Phase::Flushing => "waits for its outputs to be acknowledged",
        Phase::CommittingOffsets => "commits offsets",
        Phase::SendingOffsets => "waits for sendOffsetsToTransaction",
        Phase::Committing => "waits for commitTransaction",
        Phase::Aborting => "waits for abortTransaction",
        Phase::Rewinding => "asks for the committed offsets, to go back to them",
        Phase::ReplacingProducer => "closes a producer that is of no use any more",
        Phase::BackingOff => "pauses before it makes a new producer",
        Phase::ClosingConsumer => "leaves its group",
        Phase::ClosingProducer => "closes its producer",
        Phase::Dead => "is over",
    }
}
