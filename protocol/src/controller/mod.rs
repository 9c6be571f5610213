//! The KRaft controller, abstracted to one reliable node: it elects leaders, tracks in-sync and eligible replicas,
//! registers and fences brokers, and hands out blocks of producer ids (§1.1, §7.2, §7.5).
//!
//! The topics exist from the beginning, as if they had been created while all brokers were alive: every replica is in
//! sync and the first one leads, at leader epoch 0. A broker that has not appeared within a session timeout is treated
//! as one whose session ended. Its first registration is no restart, whenever it comes: it cannot have lost anything.

mod brokers;
mod creation;
mod election;
mod journal;
mod partitions;
#[cfg(test)]
mod property;
mod session;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{BrokerConfig, BrokerVariants};
use crate::error::ErrorCode;
use crate::ids::*;
use crate::image::*;
use crate::io::*;
use crate::message::*;
use crate::time::*;

pub use creation::{ControllerError, NewTopic};

use journal::Journal;
use session::Session;

/// Number of ids in a block (§1.1).
pub const PRODUCER_ID_BLOCK_SIZE: i32 = 1000;

/// The controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    image: ClusterImage,
    journal: Journal,
    sessions: BTreeMap<NodeId, Session>,
    /// The earliest deadline of a session.
    deadline: Instant,
    session_timeout: Span,
    next_producer_id: ProducerId,
    /// Every leader that was elected since the beginning.
    leader_moves: Vec<(TopicPartition, NodeId)>,
    variants: BrokerVariants,
}

impl Controller {
    /// A controller of a cluster of `brokers` (in the order in which replicas are assigned) with the internal topics
    /// and then `topics`. Partition p of the topic with id t starts at broker (p + t) mod n.
    pub fn new(
        config: Arc<BrokerConfig>,
        features: Features,
        topics: Vec<NewTopic>,
        brokers: Vec<NodeId>,
        now: Now,
    ) -> Result<Controller, ControllerError> {
        let session_timeout = Span::from_millis(i64::from(config.session_timeout_ms));
        let topics = creation::create_topics(&config, topics, &brokers)?;
        // The features and each topic are one change.
        let version = 1 + topics.len() as u64;
        let deadline = now.mono + session_timeout;
        let mut controller = Controller {
            image: ClusterImage { version, brokers: BTreeMap::new(), topics, features },
            journal: Journal::starting_after(version),
            sessions: brokers.into_iter().map(|b| (b, Session::awaited(deadline))).collect(),
            deadline,
            session_timeout,
            next_producer_id: 0,
            leader_moves: Vec::new(),
            variants: config.variant,
        };
        for partition in controller.image.topics.iter().flat_map(|t| &t.partitions) {
            let leader = partition.leader.expect("a new partition is led by its first replica");
            controller.sessions.get_mut(&leader).expect("replicas are brokers").leaderships += 1;
        }
        controller.update_deadline();
        Ok(controller)
    }

    /// The metadata as it is now.
    pub fn image(&self) -> &ClusterImage {
        &self.image
    }

    /// Every change of a leader so far, in order: the partition and its new leader. (That a partition lost its leader is
    /// not one.)
    pub fn leader_moves(&self) -> &[(TopicPartition, NodeId)] {
        &self.leader_moves
    }

    /// Changes the finalized features (an upgrade in mid-run).
    pub fn set_features(&mut self, _now: Now, features: Features, out: &mut Outputs) {
        if features != self.image.features {
            self.commit(MetadataChange::Features(features));
        }
        self.publish(out);
    }

    /// Makes `change` part of the metadata.
    fn commit(&mut self, change: MetadataChange) {
        self.image.apply(&change);
        self.image.version += 1;
        self.journal.append(change);
    }

    /// Answers the long polls that wait for what was committed.
    fn publish(&mut self, out: &mut Outputs) {
        self.journal.publish(&self.image, out);
    }

    /// Whether the broker may lead and be in sync: registered, not fenced, not shutting down.
    fn is_active(&self, broker: NodeId) -> bool {
        self.image.brokers.get(&broker).is_some_and(|b| !b.fenced && !b.in_controlled_shutdown)
    }

    /// Whether the broker may be elected: it is active, or it was there when the topics were created and its session
    /// has not ended since.
    fn may_lead(&self, broker: NodeId) -> bool {
        self.is_active(broker) || self.sessions.get(&broker).is_some_and(|s| s.awaited)
    }

    /// STALE_BROKER_EPOCH unless the broker's registration has that epoch.
    fn check_broker_epoch(&self, broker: NodeId, epoch: i64) -> Result<(), ErrorCode> {
        let current = self.image.brokers.get(&broker).is_some_and(|b| b.epoch == epoch);
        if current { Ok(()) } else { Err(ErrorCode::StaleBrokerEpoch) }
    }

    /// The next block of producer ids; ids are never handed out twice (§1.1).
    fn allocate_producer_ids(&mut self, request: AllocateProducerIdsRequest) -> Result<(ProducerId, i32), ErrorCode> {
        self.check_broker_epoch(request.broker, request.broker_epoch)?;
        let first = self.next_producer_id;
        let size = PRODUCER_ID_BLOCK_SIZE;
        self.next_producer_id = first.checked_add(i64::from(size)).ok_or(ErrorCode::UnknownServerError)?;
        Ok((first, size))
    }

    fn update_deadline(&mut self) {
        self.deadline = self.sessions.values().map(|s| s.deadline).min().unwrap_or(Instant::NEVER);
    }
}

impl Machine for Controller {
    fn poll_timeout(&self) -> Instant {
        self.deadline
    }

    fn handle_timeout(&mut self, now: Now, out: &mut Outputs) {
        self.expire_sessions(now);
        self.publish(out);
    }
}

impl Server for Controller {
    fn request(&mut self, now: Now, conn: ConnId, request: Request, out: &mut Outputs) {
        let response: Response = match request {
            Request::BrokerHeartbeat(request) => self.heartbeat(now, request).into(),
            Request::BrokerRegistration(request) => {
                BrokerRegistrationResponse { broker_epoch: self.register(now, request) }.into()
            }
            Request::AlterPartition(request) => self.alter_partition(request).into(),
            Request::AllocateProducerIds(request) => {
                AllocateProducerIdsResponse { block: self.allocate_producer_ids(request) }.into()
            }
            Request::MetadataFetch(request) => {
                self.journal.park(conn, request.after_version);
                return self.publish(out);
            }
            // The controller's listener serves nothing else: Kafka closes such a connection.
            _ => return out.push(Output::CloseIncoming(conn)),
        };
        out.push(Output::Respond(conn, response));
        self.publish(out);
    }
}
