//! The producer client: idempotent, transactional or neither (§5).
//!
//! The machine is Java's `KafkaProducer` with its sender thread folded into one: every input ends in `Producer::run`,
//! which does what the sender's loop would do until it has nothing left to do at this instant.

mod accumulator;
mod backlog;
mod batch;
mod calls;
mod coordinator_responses;
mod event;
mod metadata;
mod nodes;
mod partitioner;
mod produce_responses;
mod schedule;
mod sender;
mod sequences;
mod transaction_manager;
mod transactional_sender;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

pub use accumulator::ProducerRecord;
pub use backlog::Backlog;
pub use event::*;
pub use partitioner::{murmur2, partition_for_key};

use accumulator::Accumulator;
use batch::Slot;
use metadata::Metadata;
use nodes::{Nodes, Phase};
use transaction_manager::{Step, TransactionManager};

use crate::config::{Domains, ProducerConfig};
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::{Channel, Client, Machine, NetInput, Outputs};
use crate::message::{ApiVersionsRequest, ProducerIdAndEpoch, Response};
use crate::net::{ConnectionSettings, Connections, Reconnect};
use crate::time::{Instant, Now, Span};

/// What a request in flight was.
#[derive(Clone, Debug)]
enum Sent {
    ApiVersions,
    Metadata,
    Produce(Vec<Slot>),
    Transactional,
}

/// A producer.
///
/// Calls return at once: `Err` means that the call was refused and changed nothing, `Ok` that it was taken. What Kafka's
/// client returns, or completes a future with, comes out of [`Producer::poll_event`]: drain it after every input.
#[derive(Clone, Debug)]
pub struct Producer {
    config: ProducerConfig,
    domains: Domains,
    connections: Connections<Sent>,
    nodes: Nodes,
    metadata: Metadata,
    accumulator: Accumulator,
    transactions: TransactionManager,
    events: VecDeque<ProducerEvent>,
    /// Batches do not linger: see [`Producer::run`].
    hurried: bool,
    /// `close` was called: when it gives up.
    closing: Option<Instant>,
    closed: bool,
    /// Kept for its memory only.
    scratch: Vec<TopicPartition>,
}

impl Producer {
    /// A producer that knows the brokers `bootstrap`. `config` is resolved. `topics` are asked for in the first Metadata
    /// request; others join with their first record.
    ///
    /// Nothing happens before the first call or [`Machine::handle_timeout`]; a new producer wants to be woken at once, to ask for
    /// metadata and, if it is idempotent, for a producer id.
    pub fn new(config: ProducerConfig, domains: Domains, bootstrap: Vec<NodeId>, topics: Vec<TopicId>) -> Producer {
        let mut nodes = Nodes::default();
        for id in bootstrap {
            nodes.index_of(id);
        }
        Producer {
            domains,
            connections: Connections::new(ConnectionSettings {
                reconnect: Reconnect {
                    backoff_ms: config.reconnect_backoff_ms,
                    backoff_max_ms: config.reconnect_backoff_max_ms,
                },
                max_in_flight: config.max_in_flight as usize,
                request_timeout_ms: i64::from(config.request_timeout_ms),
            }),
            nodes,
            metadata: Metadata::new(topics, config.retry_backoff_ms, config.metadata_max_age_ms),
            accumulator: Accumulator::new(
                config.batch_size,
                config.buffer_memory,
                Span::from_millis(i64::from(config.delivery_timeout_ms)),
            ),
            transactions: TransactionManager::new(
                config.enable_idempotence,
                config.transactional_id.clone(),
                config.protocol,
            ),
            events: VecDeque::new(),
            hurried: false,
            closing: None,
            closed: false,
            scratch: Vec::new(),
            config,
        }
    }

    /// The next thing that the application has not yet been told.
    pub fn poll_event(&mut self) -> Option<ProducerEvent> {
        self.events.pop_front()
    }

    /// Producer id and epoch that new batches get; [`ProducerIdAndEpoch::NONE`] before there is one.
    pub fn producer_id_and_epoch(&self) -> ProducerIdAndEpoch {
        self.transactions.producer
    }

    /// State (§5.1).
    pub fn state(&self) -> ProducerState {
        self.transactions.state
    }

    /// Whether the current transaction speaks transaction version 2 (§0.1).
    pub fn speaks_transaction_version_2(&self) -> bool {
        self.transactions.tv2
    }

    fn set_producer(&mut self, producer: ProducerIdAndEpoch) {
        if self.transactions.producer != producer {
            self.transactions.producer = producer;
            self.events.push_back(ProducerEvent::EpochChanged(producer));
        }
    }

    /// Requests on a connection were lost with it; `code` is what they count as answered with.
    fn lost(&mut self, now: Now, channel: Channel, requests: Vec<Sent>, code: ErrorCode) {
        let index = self.nodes.index_of(channel.to);
        self.nodes.failed(index);
        self.metadata.request_update();
        for request in requests {
            match request {
                Sent::ApiVersions => {}
                Sent::Metadata => self.metadata.failed(),
                Sent::Produce(slots) => self.produce_lost(now, slots, code),
                Sent::Transactional => self.transactional_lost(),
            }
        }
        if self.transactions.current.as_ref().is_some_and(|c| c.node == channel.to && c.step != Step::InFlight) {
            self.give_up_node(now, false);
        }
    }

    fn response(&mut self, now: Now, channel: Channel, request: Sent, response: Response) {
        match (request, response) {
            (Sent::Produce(slots), Response::Produce(response)) => self.produce_response(now, slots, &response),
            (Sent::ApiVersions, Response::ApiVersions(versions)) => {
                self.transactions.learn_features(versions.features_epoch, versions.features.transaction_version);
                let index = self.nodes.index_of(channel.to);
                self.nodes[index].phase = Phase::Ready;
            }
            (Sent::Metadata, Response::Metadata(response)) => self.metadata_response(now, &response),
            (Sent::Transactional, response) => self.transactional_response(response),
            _ => {} // an answer of another kind than its request: no broker of the model sends one
        }
    }
}

impl Machine for Producer {
    fn poll_timeout(&self) -> Instant {
        if self.closed { Instant::NEVER } else { self.earliest_deadline() }
    }

    fn handle_timeout(&mut self, now: Now, out: &mut Outputs) {
        if self.closed {
            return;
        }
        // In this order, as in Kafka's loop: a request that times out together with its batch finds it expired.
        self.expire_batches(now);
        while let Some((channel, requests)) = self.connections.expire(now, out) {
            self.lost(now, channel, requests, ErrorCode::RequestTimedOut);
        }
        self.expire_waiting(now);
        self.expire_calls(now);
        self.run(now, out);
    }
}

impl Client for Producer {
    fn net(&mut self, now: Now, input: NetInput, out: &mut Outputs) {
        if self.closed {
            return;
        }
        match input {
            NetInput::Connected(channel) => {
                if self.connections.connected(channel) {
                    let index = self.nodes.index_of(channel.to);
                    self.nodes[index].phase = Phase::AskingVersions;
                    self.connections.send(now, channel, ApiVersionsRequest, Sent::ApiVersions, out);
                }
            }
            NetInput::Disconnected(channel) => {
                let requests = self.connections.disconnected(now, channel);
                self.lost(now, channel, requests, ErrorCode::NetworkException);
            }
            NetInput::Response(channel, correlation, response) => {
                if let Some(request) = self.connections.response(channel, correlation) {
                    self.response(now, channel, request, response);
                }
            }
        }
        self.run(now, out);
    }
}
