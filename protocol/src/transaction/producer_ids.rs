//! Producer ids: blocks of 1000 that the controller hands out, the next one fetched before the current one is used up
//! (§1.1).

use crate::ids::*;
use crate::io::{Channel, CorrelationId, Output, Outputs, Purpose};
use crate::message::{AllocateProducerIdsRequest, AllocateProducerIdsResponse};
use crate::time::{Instant, Now, Span};

/// Pause after the controller refused or the connection died.
const RETRY_PAUSE: Span = Span::from_millis(50);
const CHANNEL: Channel = Channel { to: NodeId::CONTROLLER, purpose: Purpose::ControllerProducerIds };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    next: ProducerId,
    end: ProducerId,
    prefetch_at: ProducerId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Idle,
    Connecting { deadline: Instant },
    Ready,
    Waiting { correlation: CorrelationId, deadline: Instant },
}

/// The allocator of one broker. Ids of a block that a restart interrupts are lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProducerIds {
    broker: NodeId,
    broker_epoch: i64,
    request_timeout: Span,
    current: Option<Block>,
    following: Option<Block>,
    link: Link,
    /// A block has been asked for and has not come.
    wanted: bool,
    not_before: Instant,
    next_correlation: CorrelationId,
}

impl ProducerIds {
    pub fn new(broker: NodeId, request_timeout: Span) -> ProducerIds {
        ProducerIds {
            broker,
            broker_epoch: -1,
            request_timeout,
            current: None,
            following: None,
            link: Link::Idle,
            wanted: false,
            not_before: Instant::ZERO,
            next_correlation: 0,
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
        if !self.wanted && self.following.is_none() && now.mono >= self.not_before {
            self.wanted = true;
            self.advance(now, out);
        }
    }

    /// Connects or sends if a block is wanted and the pause is over.
    fn advance(&mut self, now: Now, out: &mut Outputs) {
        if !self.wanted || now.mono < self.not_before {
            return;
        }
        match self.link {
            Link::Idle => {
                self.link = Link::Connecting { deadline: now.mono + crate::connections::CONNECTION_SETUP_TIMEOUT };
                out.push(Output::Connect(CHANNEL));
            }
            Link::Ready => {
                let correlation = self.next_correlation;
                self.next_correlation += 1;
                self.link = Link::Waiting { correlation, deadline: now.mono + self.request_timeout };
                let request = AllocateProducerIdsRequest { broker: self.broker, broker_epoch: self.broker_epoch };
                out.push(Output::Send(CHANNEL, correlation, request.into()));
            }
            Link::Connecting { .. } | Link::Waiting { .. } => {}
        }
    }

    pub fn connected(&mut self, now: Now, out: &mut Outputs) {
        if matches!(self.link, Link::Connecting { .. }) {
            self.link = Link::Ready;
            self.advance(now, out);
        }
    }

    pub fn disconnected(&mut self, now: Now) {
        self.link = Link::Idle;
        self.not_before = now.mono + RETRY_PAUSE;
    }

    pub fn response(&mut self, now: Now, correlation: CorrelationId, response: &AllocateProducerIdsResponse) {
        if !matches!(self.link, Link::Waiting { correlation: expected, .. } if expected == correlation) {
            return;
        }
        self.link = Link::Ready;
        self.wanted = false;
        match response.block {
            Ok((start, count)) if start >= 0 && count > 0 => {
                let count = i64::from(count);
                let prefetch_at = start + count * 9 / 10;
                self.following = Some(Block { next: start, end: start + count, prefetch_at });
            }
            // As in Kafka, the next caller that needs an id asks again.
            _ => self.not_before = now.mono + RETRY_PAUSE,
        }
    }

    pub fn next_deadline(&self) -> Instant {
        match self.link {
            Link::Idle if self.wanted => self.not_before,
            Link::Connecting { deadline } | Link::Waiting { deadline, .. } => deadline,
            Link::Ready if self.wanted => self.not_before,
            Link::Idle | Link::Ready => Instant::NEVER,
        }
    }

    pub fn wake(&mut self, now: Now, out: &mut Outputs) {
        if let Link::Connecting { deadline } | Link::Waiting { deadline, .. } = self.link
            && now.mono >= deadline
        {
            out.push(Output::Close(CHANNEL));
            self.disconnected(now);
        }
        self.advance(now, out);
    }
}
