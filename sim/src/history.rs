//! The world's side of the history: numbers for names, and protocol values as events.

use std::collections::BTreeMap;

use fencepost_protocol::batch::Origin;
use fencepost_protocol::ids::TopicPartition;
use fencepost_protocol::message::IsolationLevel;
use fencepost_protocol::time::Instant;
use fencepost_reports::history::event as h;

use crate::client::Client;
use crate::observer::OffsetMove;
use crate::plan::{Plan, Promise};
use crate::world::{Body, Node};

/// Writes events to a sink.
pub struct History<'a> {
    sink: &'a mut dyn h::Sink,
    /// Time of the event in hand.
    pub now: Instant,
    groups: Vec<String>,
    clients: Vec<String>,
    transactional: Vec<(String, u32)>,
    topics: Vec<String>,
    /// Who committed what, outside transactions.
    invokers: BTreeMap<(u32, h::Partition, i64), (u32, u32)>,
}

/// An identity header as the history writes it.
pub fn identity(origin: &Origin) -> h::Identity {
    h::Identity {
        source: origin.source,
        partition: origin.partition,
        offset: origin.offset,
        stage: origin.stage,
        index: origin.index,
    }
}

/// A partition as the history writes it.
pub fn partition(tp: TopicPartition) -> h::Partition {
    h::Partition::new(tp.topic.0, tp.partition)
}

impl<'a> History<'a> {
    /// Writes the preamble.
    pub fn new(plan: &Plan, nodes: &[Node], sink: &'a mut dyn h::Sink) -> History<'a> {
        let mut topics = vec!["__transaction_state".to_string(), "__consumer_offsets".to_string()];
        topics.extend(plan.topics.iter().map(|t| t.name.clone()));
        let mut history = History {
            sink,
            now: Instant::ZERO,
            groups: Vec::new(),
            clients: Vec::new(),
            transactional: Vec::new(),
            topics,
            invokers: BTreeMap::new(),
        };
        let internal = [plan.cluster.config.transaction_partitions, plan.cluster.config.offsets_partitions];
        let partitions = internal.into_iter().chain(plan.topics.iter().map(|t| t.partitions));
        for (id, partitions) in partitions.enumerate() {
            let name = history.topics[id].clone().into();
            let may_be_empty = id.checked_sub(2).and_then(|n| plan.topics.get(n)).is_some_and(|t| t.may_be_empty);
            let topic =
                h::Topic { id: id as u32, name, partitions, internal: id < 2, may_be_empty, ..h::Topic::default() };
            history.write(&h::Event::Topic(topic));
        }
        for (id, account) in plan.accounts().into_iter().enumerate() {
            let topic = |name: &String| history.topics.iter().position(|t| t == name).map(|t| t as u32);
            let announced_in = account.topic.as_ref().and_then(topic);
            let kind = if account.table.is_some() { h::SinkKind::Rows } else { h::SinkKind::Charges };
            let sink = h::ExternalSink { id: id as u32, name: account.name.into(), kind, announced_in };
            history.write(&h::Event::Sink(sink));
        }
        for node in nodes {
            let Body::Client(client) = &node.body else { continue };
            let Some(group) = client.group() else { continue };
            if !history.groups.iter().any(|g| g == group) {
                let id = history.groups.len() as u32;
                history.groups.push(group.to_string());
                history.write(&h::Event::Group(h::Group { id, name: group.to_string().into() }));
            }
        }
        for node in nodes {
            let Body::Client(client) = &node.body else { continue };
            if matches!(client, Client::External(_)) {
                continue; // declared when the program makes it
            }
            let id = history.clients.len() as u32;
            history.clients.push(node.name.clone());
            let mut declared = client.declare(plan);
            declared.id = id;
            declared.group = client.group().map(|g| history.group_number(g));
            if let Some(t) = &declared.transactional_id {
                history.transactional.push((t.to_string(), id));
            }
            history.write(&h::Event::Client(Box::new(declared)));
        }
        for (topic, promise) in &plan.promises {
            if *promise == Promise::ReadUncommitted {
                history.promise_of_a_reader(plan, topic);
                continue;
            }
            let sink = plan.accounts().iter().position(|a| a.name == *topic).map(|s| s as u32);
            let topic = history.topics.iter().position(|t| t == topic).map(|t| t as u32);
            let guarantee = match promise {
                Promise::ExactlyOnce | Promise::Idempotent | Promise::ReadUncommitted => h::Guarantee::ExactlyOnce,
                Promise::AtLeastOnce => h::Guarantee::AtLeastOnce,
                Promise::AtMostOnce => h::Guarantee::AtMostOnce,
            };
            let allow = match promise {
                Promise::Idempotent => vec!["epoch-bump-duplicate".into()],
                _ => Vec::new(),
            };
            history.write(&h::Event::Promise(h::Promise { topic, sink, client: None, guarantee, allow }));
        }
        history
    }

    /// A reader, all members of it, may be given what was aborted or not committed yet.
    fn promise_of_a_reader(&mut self, plan: &Plan, name: &str) {
        let Some(reader) = plan.readers.iter().find(|r| r.name == name) else { return };
        for member in 1..=reader.members {
            let client = self.client_number(&crate::client::member_name(name, member, reader.members));
            let allow = vec!["aborted-visible".into(), "uncommitted-visible".into()];
            self.write(&h::Event::Promise(h::Promise { client: Some(client), allow, ..h::Promise::default() }));
        }
    }

    /// Writes an event.
    #[inline]
    pub fn write(&mut self, event: &h::Event<'_>) {
        self.sink.event(event);
    }

    /// Declares a group if it is not known yet; its number.
    pub fn declare_group(&mut self, name: &str) -> u32 {
        if let Some(known) = self.groups.iter().position(|g| g == name) {
            return known as u32;
        }
        let id = self.groups.len() as u32;
        self.groups.push(name.to_string());
        self.write(&h::Event::Group(h::Group { id, name: name.to_string().into() }));
        id
    }

    /// Declares a client that comes into being during the run; its number, which is filled in here.
    pub fn declare_client(&mut self, mut client: h::Client<'static>) -> u32 {
        client.id = self.clients.len() as u32;
        let id = client.id;
        self.clients.push(client.name.to_string());
        if let Some(t) = &client.transactional_id {
            self.transactional.push((t.to_string(), id));
        }
        self.write(&h::Event::Client(Box::new(client)));
        id
    }

    /// Number of a client.
    pub fn client_number(&self, name: &str) -> u32 {
        self.clients.iter().position(|c| c == name).expect("clients are declared in the preamble") as u32
    }

    /// Number of a group.
    pub fn group_number(&self, name: &str) -> u32 {
        self.groups.iter().position(|g| g == name).expect("groups are declared in the preamble") as u32
    }

    /// A client that has this transactional id.
    pub fn client_of_transactional_id(&self, id: &str) -> Option<u32> {
        self.transactional.iter().find(|(t, _)| t == id).map(|(_, c)| *c)
    }

    /// `orders-0`.
    pub fn partition_name(&self, tp: TopicPartition) -> String {
        format!("{}-{}", self.topics[tp.topic.0 as usize], tp.partition)
    }

    /// A client has invoked a plain commit: the log will not say who it was.
    pub fn commit_invoked(&mut self, c: u32, i: u32, group: u32, at: h::Partition, next: i64) {
        self.invokers.insert((group, at, next), (c, i));
    }

    /// A committed offset has changed, durably.
    pub fn offset_moved(&mut self, t: u64, m: &OffsetMove) {
        let Some(group) = self.groups.iter().position(|g| *g == *m.group) else { return };
        let (group, at) = (group as u32, partition(m.tp));
        let cause = match m.marker {
            Some((pid, epoch)) => h::MoveCause::Marker { pid, epoch },
            None if m.offset < 0 => h::MoveCause::Tombstone,
            // It stays: the same value may come once more, by a request that was late.
            None => match self.invokers.get(&(group, at, m.offset)) {
                Some((c, i)) => h::MoveCause::Commit { c: *c, i: *i, generation: None },
                // Nobody asked for it: the checker knows.
                None => h::MoveCause::Commit { c: 0, i: 0, generation: None },
            },
        };
        self.write(&h::Event::OffsetMoved(h::OffsetMoved { t, group, at, offset: m.offset, cause }));
    }
}

/// Isolation level as the history writes it.
pub fn isolation(level: IsolationLevel) -> h::Isolation {
    match level {
        IsolationLevel::ReadUncommitted => h::Isolation::ReadUncommitted,
        IsolationLevel::ReadCommitted => h::Isolation::ReadCommitted,
    }
}
