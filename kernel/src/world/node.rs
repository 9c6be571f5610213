//! Nodes: a host, a process and a clock.

use super::event::Event;
use super::process::Process;
use crate::ConnId;
use crate::clock::Clock;
use crate::queue::Rank;
use crate::time::{Instant, Span};
use crate::vocabulary::Vocabulary;

/// One node, without what runs on it.
pub struct Node<V: Vocabulary> {
    /// Name.
    pub name: String,
    /// How often its process was ended.
    pub incarnation: u32,
    /// Its process.
    pub process: Process,
    /// When its process ended last.
    pub ended_at: Instant,
    /// Its wall clock.
    pub clock: Clock,
    /// Its process does not run, and it is certain that it will.
    pub comes_back: bool,
    /// Messages and timers that reached it.
    pub deliveries: u64,
    /// Its process takes requests once it runs.
    pub(super) serving: bool,
    pub(super) wake_at: Instant,
    pub(super) channels: Vec<(V::Channel, ConnId)>,
    pub(super) connections_made: u16,
    pub(super) busy_until: Instant,
    /// What it costs to send a message.
    pub(super) burden: Span,
    pub(super) frozen: Vec<(Rank, Event<V>)>,
    pub(super) pauses: u32,
}

impl<V: Vocabulary> Node<V> {
    pub(super) fn new(name: String) -> Node<V> {
        Node {
            name,
            incarnation: 0,
            process: Process::Down,
            ended_at: Instant::ZERO,
            clock: Clock::default(),
            comes_back: false,
            deliveries: 0,
            serving: false,
            wake_at: Instant::NEVER,
            channels: Vec::new(),
            connections_made: 0,
            busy_until: Instant::ZERO,
            burden: Span::ZERO,
            frozen: Vec::new(),
            pauses: 0,
        }
    }

    /// Whether its process takes requests from its connections.
    #[inline]
    pub(super) fn is_serving(&self) -> bool {
        self.process.is_running() && self.serving
    }

    /// Whether it has this end of a connection.
    pub fn has_open(&self, channel: V::Channel) -> bool {
        self.channels.iter().any(|(c, _)| *c == channel)
    }
}
