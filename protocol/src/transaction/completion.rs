//! From a decided transaction to a completed one: its markers, what their answers mean, and the Complete record
//! (§1.9, §3.9).

use super::TransactionCoordinator;
use super::markers::Marker;
use super::metadata::Completion;
use super::writes::{CompletionRetry, Then, Transition};
use crate::coordinator::Turn;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::image::ClusterImage;
use crate::io::CorrelationId;
use crate::message::{ProducerIdAndEpoch, TxnMarkerEntry, WriteTxnMarkersResponse};

/// What the coordinator makes of the answer for one partition (§1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reaction {
    Settled,
    SendAgain,
    /// Somebody else has taken over, or should have: the id stays pending until its partition is loaded again.
    GiveUp,
    /// Kafka throws here, which drops the rest of the response.
    Drop,
}

fn reaction(answer: Result<(), ErrorCode>) -> Reaction {
    match answer {
        Ok(()) | Err(ErrorCode::UnsupportedForMessageFormat | ErrorCode::UnsupportedVersion) => Reaction::Settled,
        Err(
            ErrorCode::UnknownTopicOrPartition
            | ErrorCode::NotLeaderOrFollower
            | ErrorCode::NotEnoughReplicas
            | ErrorCode::NotEnoughReplicasAfterAppend
            | ErrorCode::RequestTimedOut
            | ErrorCode::KafkaStorageError,
        ) => Reaction::SendAgain,
        Err(ErrorCode::InvalidProducerEpoch | ErrorCode::TransactionCoordinatorFenced) => Reaction::GiveUp,
        Err(_) => Reaction::Drop,
    }
}

/// Where a marker goes.
enum Destination {
    Leader(NodeId),
    /// The partition exists, but nobody can be asked at the moment.
    Nobody,
    /// The topic was deleted: no marker is needed.
    Deleted,
}

fn destination(image: &ClusterImage, tp: TopicPartition) -> Destination {
    match image.partition(tp) {
        None => Destination::Deleted,
        Some(partition) => match partition.leader {
            Some(leader) if image.is_alive(leader) => Destination::Leader(leader),
            _ => Destination::Nobody,
        },
    }
}

impl TransactionCoordinator {
    /// A Prepare state is installed: the transition to Complete is pending from here on. Returns the pair that is valid
    /// for the next transaction.
    pub(super) fn begin_completion(&mut self, turn: &Turn<'_>, partition: u32, name: &Name) -> ProducerIdAndEpoch {
        let id = self.id_mut(partition, name).expect("the id was installed just now");
        let target = id.metadata.completed(turn.now.wall_ms);
        let producer = target.value.producer;
        id.has_failed_epoch_fence = false;
        id.begin(target.value.state);
        id.completion = Some(Completion { remaining: id.metadata.value.partitions.to_vec(), target });
        producer
    }

    /// Queues the markers of a transaction whose completion has begun.
    pub(super) fn send_markers(&mut self, turn: &mut Turn<'_>, partition: u32, name: &Name) {
        let coordinator_epoch = self.led(partition).epoch;
        let metadata = &self.id_mut(partition, name).expect("its completion has begun").metadata;
        let entry = TxnMarkerEntry {
            producer: metadata.value.producer,
            result: metadata.decided().expect("only decided transactions send markers"),
            coordinator_epoch,
            transaction_version: metadata.value.client_transaction_version,
            partitions: metadata.value.partitions.to_vec(),
        };
        self.route(turn, Marker { coordinator_partition: partition, transactional_id: name.clone(), entry });
    }

    /// The transaction that a marker belongs to, if it is still this coordinator's at that epoch.
    fn completion_of(&mut self, marker: &Marker) -> Option<&mut Completion> {
        let epoch = marker.entry.coordinator_epoch;
        let id = self.id_at(marker.coordinator_partition, epoch, &marker.transactional_id).ok()?;
        id.completion.as_mut()
    }

    /// Groups the partitions of a marker by their present leaders and queues it for each; dropped silently if the
    /// transaction is no longer ours.
    fn route(&mut self, turn: &mut Turn<'_>, marker: Marker) {
        let Some(completion) = self.completion_of(&marker) else { return };
        let Marker { coordinator_partition, transactional_id, mut entry } = marker;
        let mut groups: Vec<(Option<NodeId>, Vec<TopicPartition>)> = Vec::new();
        for tp in core::mem::take(&mut entry.partitions) {
            let leader = match destination(turn.image, tp) {
                Destination::Leader(leader) => Some(leader),
                Destination::Nobody => None,
                Destination::Deleted => {
                    completion.settle(tp);
                    continue;
                }
            };
            match groups.iter_mut().find(|(node, _)| *node == leader) {
                Some((_, partitions)) => partitions.push(tp),
                None => groups.push((leader, vec![tp])),
            }
        }
        for (leader, partitions) in groups {
            let entry = TxnMarkerEntry { partitions, ..entry.clone() };
            let transactional_id = transactional_id.clone();
            self.markers.queue(leader, Marker { coordinator_partition, transactional_id, entry });
        }
        self.complete_if_done(turn, coordinator_partition, &transactional_id);
    }

    /// Looks up the destinations of markers again.
    pub(super) fn route_again(&mut self, turn: &mut Turn<'_>, markers: Vec<Marker>) {
        for marker in markers {
            self.route(turn, marker);
        }
    }

    /// A broker answered: each partition of each marker that was in the request is settled, sent again, or the
    /// transaction is given up.
    pub(super) fn markers_answered(
        &mut self,
        turn: &mut Turn<'_>,
        node: NodeId,
        correlation: CorrelationId,
        response: &WriteTxnMarkersResponse,
    ) {
        let answers = &response.markers;
        let mut cursor = 0;
        for mut marker in self.markers.answered(node, correlation) {
            let Some(completion) = self.completion_of(&marker) else { continue };
            let mut again = Vec::new();
            let mut give_up = false;
            for &tp in &marker.entry.partitions {
                // The answer is keyed by producer id, usually in the order of the request.
                let of_producer = |i: &usize| answers[*i].0 == marker.entry.producer.id;
                let answer = (cursor..answers.len()).chain(0..cursor).filter(of_producer).find_map(|i| {
                    let answer = answers[i].1.iter().find(|(answered, _)| *answered == tp)?;
                    cursor = i;
                    Some(answer.1.map_or(Ok(()), Err))
                });
                match answer.map_or(Reaction::Drop, reaction) {
                    Reaction::Settled => completion.settle(tp),
                    Reaction::SendAgain => again.push(tp),
                    Reaction::GiveUp => give_up = true,
                    Reaction::Drop => return,
                }
            }
            let (partition, name) = (marker.coordinator_partition, marker.transactional_id.clone());
            if give_up {
                let id = self.id_mut(partition, &name).expect("the completion is that of an id");
                // The partitions whose markers were written stay struck off, as long as this coordinator remembers it.
                let completion = id.completion.take().expect("it was found just now");
                id.metadata.value.partitions = completion.remaining.into();
                continue;
            }
            if !again.is_empty() {
                marker.entry.partitions = again;
                self.markers.queue_again(turn.now, marker);
            }
            self.complete_if_done(turn, partition, &name);
        }
    }

    /// Writes the Complete record once no marker remains.
    fn complete_if_done(&mut self, turn: &mut Turn<'_>, partition: u32, name: &Name) {
        let epoch = self.led(partition).epoch;
        let id = self.id_mut(partition, name).expect("the id completes its transaction");
        if let Some(Completion { target, .. }) = id.completion.take_if(|completion| completion.remaining.is_empty()) {
            let transition = Transition { partition, epoch, name: name.clone(), target, then: Then::Complete };
            self.writes.transition(turn, transition);
        }
    }

    /// Writes Complete records again that are due, as far as their ids are still ours.
    pub(super) fn retry_completions(&mut self, turn: &mut Turn<'_>) {
        while self.completion_retries.front().is_some_and(|retry| retry.at <= turn.now.mono) {
            let CompletionRetry { partition, epoch, name, target, .. } =
                self.completion_retries.pop_front().expect("there is a first one");
            if self.id_at(partition, epoch, &name).is_ok() {
                self.writes.transition(turn, Transition { partition, epoch, name, target, then: Then::Complete });
            }
        }
    }
}
