//! Producer ids: blocks of 1000 that the controller hands out, the next one fetched before the current one is used up
//! (§1.1).

use crate::ids::*;
use crate::io::{Channel, CorrelationId, Outputs, Purpose};
use crate::message::{AllocateProducerIdsRequest, AllocateProducerIdsResponse};
use crate::net::{Connection, Reconnect};
use crate::time::{Instant, Now, Span};

/// Pause after the controller refused.
const RETRY_PAUSE: Span = Span::from_millis(50);
const RECONNECT: Reconnect = Reconnect::after_ms(50);
const CHANNEL: Channel = Channel { to: NodeId::CONTROLLER, purpose: Purpose::ControllerProducerIds };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    next: ProducerId,
    end: ProducerId,
    prefetch_at: ProducerId,
}

/// The allocator of one broker. Ids of a block that a restart interrupts are lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProducerIds {
    broker: NodeId,
    broker_epoch: i64,
    request_timeout: Span,
    current: Option<Block>,
    following: Option<Block>,
    connection: Connection<()>,
    /// A block has been asked for and has not come.
    wanted: bool,
    /// The controller is not asked before.
    refused_until: Instant,
}

impl ProducerIds {
    pub fn new(broker: NodeId, request_timeout: Span) -> ProducerIds {
        ProducerIds {
            broker,
            broker_epoch: -1,
            request_timeout,
            current: None,
            following: None,
            connection: Connection::new(CHANNEL),
            wanted: false,
            refused_until: Instant::ZERO,
        }
    }

    pub fn set_broker_epoch(&mut self, epoch: i64) {
        self.broker_epoch = epoch;
    }

    /// A fresh producer id, or `None` if none is at hand; the block that will have one is then asked for.
    pub fn generate(&mut self, now: Now, out: &mut Outputs) -> Option<ProducerId> {
        if self.current.is_none_or(|block| block.next == block.end) {
            self.current = self.following.take();
        }
        let Some(block) = &mut self.current else {
            self.want_block(now, out);
            return None;
        };
        let id = block.next;
        block.next += 1;
        if id == block.prefetch_at {
            self.want_block(now, out);
        }
        Some(id)
    }

    fn want_block(&mut self, now: Now, out: &mut Outputs) {
        let not_before = self.refused_until.max(self.connection.not_before());
        if !self.wanted && self.following.is_none() && now.mono >= not_before {
            self.wanted = true;
            self.advance(now, out);
        }
    }

    /// Connects or sends if a block is wanted.
    fn advance(&mut self, now: Now, out: &mut Outputs) {
        if self.wanted && self.connection.ready(now.mono, 1, out) {
            let request = AllocateProducerIdsRequest { broker: self.broker, broker_epoch: self.broker_epoch };
            self.connection.send(now.mono, request, (), self.request_timeout, out);
        }
    }

    pub fn connected(&mut self, now: Now, out: &mut Outputs) {
        if self.connection.connected() {
            self.advance(now, out);
        }
    }

    pub fn disconnected(&mut self, now: Now) {
        self.connection.lost(now, RECONNECT);
    }

    pub fn response(&mut self, now: Now, correlation: CorrelationId, response: &AllocateProducerIdsResponse) {
        if self.connection.response(correlation).is_none() {
            return;
        }
        self.wanted = false;
        match response.block {
            Ok((start, count)) if start >= 0 && count > 0 => {
                let count = i64::from(count);
                let prefetch_at = start + count * 9 / 10;
                self.following = Some(Block { next: start, end: start + count, prefetch_at });
            }
            // As in Kafka, the next caller that needs an id asks again.
            _ => self.refused_until = now.mono + RETRY_PAUSE,
        }
    }

    pub fn poll_timeout(&self) -> Instant {
        self.connection.poll_timeout(self.wanted)
    }

    pub fn handle_timeout(&mut self, now: Now, out: &mut Outputs) {
        if self.connection.is_overdue(now.mono) {
            self.connection.hang_up(out);
            self.disconnected(now);
        }
        self.advance(now, out);
    }
}
