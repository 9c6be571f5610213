//! The marker sender (§3.9): a queue of markers for each broker, and at most one WriteTxnMarkers in flight on each
//! connection, which takes all markers that wait for the broker.
//!
//! It moves markers; what an answer means for a transaction is decided in [`super::completion`].

use std::collections::{BTreeMap, VecDeque};

use crate::ids::*;
use crate::io::{Channel, CorrelationId, Outputs, Purpose};
use crate::message::{TxnMarkerEntry, WriteTxnMarkersRequest};
use crate::net::{Connection, Reconnect};
use crate::time::{Instant, Now, Span};

const RECONNECT: Reconnect = Reconnect::after_ms(100);
/// Pause before a marker that a leader refused for the time being is sent again, unless the metadata changes before.
/// Kafka sends it again at once; the pause only keeps a cluster below min.insync.replicas from drowning in retries.
const RESEND_PAUSE: Span = Span::from_millis(20);

/// One marker of one transaction for partitions that one broker leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    /// Partition of `__transaction_state` that the transaction belongs to.
    pub coordinator_partition: u32,
    pub transactional_id: Name,
    pub entry: TxnMarkerEntry,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Peer {
    connection: Connection<Vec<Marker>>,
    queue: Vec<Marker>,
}

impl Peer {
    fn new(to: NodeId) -> Peer {
        Peer { connection: Connection::new(Channel { to, purpose: Purpose::TxnMarkers }), queue: Vec::new() }
    }

    /// Everything that was under way to this broker: its destination is to be looked up again.
    fn fail(&mut self, now: Now) -> Vec<Marker> {
        let mut lost: Vec<Marker> = self.connection.lost(now, RECONNECT).into_iter().flatten().collect();
        lost.append(&mut self.queue);
        lost
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MarkerSender {
    request_timeout: Span,
    peers: BTreeMap<NodeId, Peer>,
    /// Markers for partitions without a leader: they wait for the metadata to change. (Taking such a partition for a
    /// deleted one is KAFKA-20734.)
    unknown_destination: Vec<Marker>,
    /// Markers to send again, in the order of their times.
    resend: VecDeque<(Instant, Marker)>,
    next_correlation: CorrelationId,
    /// Something was queued, or a connection changed, since the last flush.
    dirty: bool,
    /// Earliest deadline of a peer.
    deadline: Instant,
}

impl MarkerSender {
    pub fn new(request_timeout: Span) -> MarkerSender {
        MarkerSender {
            request_timeout,
            peers: BTreeMap::new(),
            unknown_destination: Vec::new(),
            resend: VecDeque::new(),
            next_correlation: 0,
            dirty: false,
            deadline: Instant::NEVER,
        }
    }

    /// Queues a marker for the broker that leads its partitions, or, without one, until the metadata changes.
    pub fn queue(&mut self, leader: Option<NodeId>, marker: Marker) {
        match leader {
            Some(leader) => {
                self.peers.entry(leader).or_insert_with(|| Peer::new(leader)).queue.push(marker);
                self.dirty = true;
            }
            None => self.unknown_destination.push(marker),
        }
    }

    /// Queues a marker that is to be sent again to whoever leads its partitions then.
    pub fn queue_again(&mut self, now: Now, marker: Marker) {
        self.resend.push_back((now.mono + RESEND_PAUSE, marker));
    }

    /// Forgets the markers of a coordinator partition that wait. Those in flight find another coordinator epoch when
    /// they are answered.
    pub fn forget(&mut self, coordinator_partition: u32) {
        let keep = |marker: &Marker| marker.coordinator_partition != coordinator_partition;
        for peer in self.peers.values_mut() {
            peer.queue.retain(keep);
        }
        self.unknown_destination.retain(keep);
        self.resend.retain(|(_, marker)| keep(marker));
        self.dirty = true;
    }

    /// Sends and connects where something waits. Called once at the end of a handler, so that all that the handler
    /// queued for a broker goes into one request.
    pub fn flush(&mut self, now: Now, out: &mut Outputs) {
        if !self.dirty {
            return;
        }
        self.dirty = false;
        self.deadline = Instant::NEVER;
        for Peer { connection, queue } in self.peers.values_mut() {
            if !queue.is_empty() && connection.ready(now.mono, 1, out) {
                let markers = core::mem::take(queue);
                let entries = markers.iter().map(|marker| marker.entry.clone()).collect();
                let request = WriteTxnMarkersRequest { markers: entries };
                connection.count_from(self.next_correlation);
                self.next_correlation += 1;
                connection.send(now.mono, request, markers, self.request_timeout, out);
            }
            self.deadline = self.deadline.min(connection.poll_timeout(!queue.is_empty()));
        }
    }

    pub fn connected(&mut self, node: NodeId) {
        self.dirty |= self.peers.get_mut(&node).is_some_and(|peer| peer.connection.connected());
    }

    /// The connection died or could not be made: the markers whose destination is to be looked up again.
    pub fn disconnected(&mut self, now: Now, node: NodeId) -> Vec<Marker> {
        self.dirty = true;
        self.peers.get_mut(&node).map(|peer| peer.fail(now)).unwrap_or_default()
    }

    /// The markers that an answer is about; none if the request was given up.
    pub fn answered(&mut self, node: NodeId, correlation: CorrelationId) -> Vec<Marker> {
        let answered = self.peers.get_mut(&node).and_then(|peer| peer.connection.response(correlation));
        self.dirty |= answered.is_some();
        answered.unwrap_or_default()
    }

    /// What waits for the metadata to change, or for less than that.
    pub fn take_waiting(&mut self) -> Vec<Marker> {
        let mut waiting = core::mem::take(&mut self.unknown_destination);
        waiting.extend(self.resend.drain(..).map(|(_, marker)| marker));
        waiting
    }

    pub fn poll_timeout(&self) -> Instant {
        let resend = self.resend.front().map_or(Instant::NEVER, |(at, _)| *at);
        self.deadline.min(resend)
    }

    /// Gives up what timed out: the markers whose destination is to be looked up again. A flush must follow.
    pub fn handle_timeout(&mut self, now: Now, out: &mut Outputs) -> Vec<Marker> {
        let mut due = Vec::new();
        while self.resend.front().is_some_and(|(at, _)| *at <= now.mono) {
            due.extend(self.resend.pop_front().map(|(_, marker)| marker));
        }
        if self.deadline <= now.mono {
            self.dirty = true;
            for peer in self.peers.values_mut().filter(|peer| peer.connection.is_overdue(now.mono)) {
                peer.connection.hang_up(out);
                due.append(&mut peer.fail(now));
            }
        }
        due
    }
}
