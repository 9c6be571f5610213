//! Life of a broker as the controller sees it: registration, heartbeats, fencing, controlled shutdown (§7.2, §7.5).

use super::partitions::Departure;
use super::session::Session;
use super::{Controller, PRODUCER_ID_BLOCK_SIZE};
use crate::config::BrokerVariant;
use crate::error::ErrorCode;
use crate::ids::NodeId;
use crate::image::{BrokerImage, MetadataChange};
use crate::message::*;
use crate::time::{Instant, Now};

/// State of a broker between two heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ControlState {
    Fenced,
    Unfenced,
    ControlledShutdown,
    ShutdownNow,
}

impl Controller {
    /// The broker epoch, or DUPLICATE_BROKER_REGISTRATION.
    pub(super) fn register(&mut self, now: Now, request: BrokerRegistrationRequest) -> Result<i64, ErrorCode> {
        let broker = request.broker;
        let existing = self.image.brokers.get(&broker).copied();
        let deadline = now.mono + self.session_timeout;
        let session = self.sessions.entry(broker).or_insert_with(Session::none);
        if let Some(existing) = existing {
            let lives = !existing.fenced && now.mono < session.deadline;
            if existing.incarnation == request.incarnation {
                // The same process again: it keeps its epoch and its state.
                if session.deadline != Instant::NEVER {
                    session.deadline = deadline;
                }
                self.update_deadline();
                return Ok(existing.epoch);
            }
            if lives && !existing.in_controlled_shutdown {
                return Err(ErrorCode::DuplicateBrokerRegistration);
            }
        }
        session.awaited &= existing.is_none();
        session.deadline = if session.awaited { deadline } else { Instant::NEVER };
        session.metadata_version = 0;
        session.shutdown_version = None;
        if let Some(existing) = existing {
            let clean = existing.epoch == request.previous_broker_epoch;
            self.remove_from_in_sync(broker, if clean { Departure::Clean } else { Departure::Unclean });
            if self.variants.has(BrokerVariant::DuplicateProducerIdBlock) {
                self.next_producer_id = (self.next_producer_id - i64::from(PRODUCER_ID_BLOCK_SIZE)).max(0);
            }
        }
        // As in KRaft, the epoch is the version at which the registration takes effect.
        let epoch = self.image.version as i64 + 1;
        let incarnation = request.incarnation;
        let image = BrokerImage { epoch, incarnation, fenced: true, in_controlled_shutdown: false };
        self.commit(MetadataChange::Broker(broker, image));
        self.session(broker).registered_version = self.image.version;
        self.update_deadline();
        Ok(epoch)
    }

    /// A broker is alive; moves it to the state that it asks for, as far as that can be granted.
    pub(super) fn heartbeat(&mut self, now: Now, request: BrokerHeartbeatRequest) -> BrokerHeartbeatResponse {
        let broker = request.broker;
        let refuse = |error| BrokerHeartbeatResponse {
            error: Some(error),
            is_caught_up: false,
            is_fenced: true,
            should_shutdown: false,
        };
        let Some(image) = self.image.brokers.get(&broker).copied() else {
            return refuse(ErrorCode::BrokerIdNotRegistered);
        };
        if image.epoch != request.broker_epoch {
            return refuse(ErrorCode::StaleBrokerEpoch);
        }
        let current = match self.sessions[&broker].shutdown_version {
            _ if image.fenced => ControlState::Fenced,
            Some(_) => ControlState::ControlledShutdown,
            None => ControlState::Unfenced,
        };
        let next = self.next_state(current, &request);
        let session = self.session(broker);
        session.metadata_version = request.current_metadata_version;
        let is_caught_up = request.current_metadata_version >= session.registered_version;
        if next != current {
            match next {
                ControlState::Fenced | ControlState::ShutdownNow => self.fence(broker),
                ControlState::Unfenced => self.unfence(broker),
                ControlState::ControlledShutdown => self.begin_controlled_shutdown(broker),
            }
        }
        let is_fenced = matches!(next, ControlState::Fenced | ControlState::ShutdownNow);
        let deadline = now.mono + self.session_timeout;
        let session = self.session(broker);
        if !is_fenced || session.awaited {
            session.deadline = deadline;
        }
        self.update_deadline();
        let should_shutdown = next == ControlState::ShutdownNow;
        BrokerHeartbeatResponse { error: None, is_caught_up, is_fenced, should_shutdown }
    }

    fn next_state(&self, current: ControlState, request: &BrokerHeartbeatRequest) -> ControlState {
        let session = &self.sessions[&request.broker];
        let leads = session.leaderships > 0;
        match current {
            ControlState::Fenced if request.want_shutdown => ControlState::ShutdownNow,
            ControlState::Fenced if request.want_fence => ControlState::Fenced,
            ControlState::Fenced if request.current_metadata_version >= session.registered_version => {
                ControlState::Unfenced
            }
            ControlState::Unfenced if request.want_fence && request.want_shutdown => ControlState::ShutdownNow,
            ControlState::Unfenced if request.want_fence => ControlState::Fenced,
            ControlState::Unfenced if request.want_shutdown && leads => ControlState::ControlledShutdown,
            ControlState::Unfenced if request.want_shutdown => ControlState::ShutdownNow,
            // The other brokers must know of the new leaders before the old one stops.
            ControlState::ControlledShutdown
                if !leads && session.shutdown_version.is_none_or(|v| v <= self.lowest_active_version()) =>
            {
                ControlState::ShutdownNow
            }
            unchanged => unchanged,
        }
    }

    /// The oldest metadata version that an active broker has reported.
    fn lowest_active_version(&self) -> u64 {
        let active = self.sessions.iter().filter(|(id, _)| self.is_active(**id));
        active.map(|(_, s)| s.metadata_version).min().unwrap_or(u64::MAX)
    }

    /// Ends every session whose time is over, one after the other, so that each sees the effect of those before it.
    pub(super) fn expire_sessions(&mut self, now: Now) {
        while self.deadline <= now.mono {
            let earliest = self.deadline;
            let (&broker, _) =
                self.sessions.iter().find(|(_, s)| s.deadline == earliest).expect("the deadline is that of a session");
            self.fence(broker);
            self.update_deadline();
        }
    }

    /// Takes the broker out of every in-sync set and leadership, then marks it fenced.
    fn fence(&mut self, broker: NodeId) {
        let session = self.session(broker);
        session.deadline = Instant::NEVER;
        session.shutdown_version = None;
        session.awaited = false;
        self.remove_from_in_sync(broker, Departure::Clean);
        if let Some(image) = self.image.brokers.get(&broker).copied().filter(|b| !b.fenced) {
            self.commit(MetadataChange::Broker(broker, BrokerImage { fenced: true, ..image }));
        }
    }

    /// Makes the broker eligible, and leader where there is none and it may be.
    fn unfence(&mut self, broker: NodeId) {
        self.session(broker).awaited = false;
        let image = self.image.brokers[&broker];
        self.commit(MetadataChange::Broker(broker, BrokerImage { fenced: false, ..image }));
        self.elect_where_leaderless();
    }

    /// Moves the broker's leaderships away and takes it out of the in-sync sets.
    fn begin_controlled_shutdown(&mut self, broker: NodeId) {
        let image = self.image.brokers[&broker];
        self.commit(MetadataChange::Broker(broker, BrokerImage { in_controlled_shutdown: true, ..image }));
        self.remove_from_in_sync(broker, Departure::Clean);
        self.session(broker).shutdown_version = Some(self.image.version);
    }

    /// The session of a broker that is known to have one.
    pub(super) fn session(&mut self, broker: NodeId) -> &mut Session {
        self.sessions.get_mut(&broker).expect("every broker that registered or holds a replica has a session")
    }
}
