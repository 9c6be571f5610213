//! The world's side of the history: numbers for names, and protocol values as events.

use std::collections::BTreeMap;

use fencepost_protocol::batch::{Origin, Payload, RecordBatch, TransactionResult};
use fencepost_protocol::ids::{Name, ProducerId, TopicPartition};
use fencepost_protocol::message::{GroupLogRecord, IsolationLevel};
use fencepost_protocol::time::Instant;
use fencepost_reports::history::event as h;

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
    last_committed: BTreeMap<(u32, h::Partition), i64>,
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
            last_committed: BTreeMap::new(),
        };
        let internal = [plan.cluster.config.transaction_partitions, plan.cluster.config.offsets_partitions];
        let partitions = internal.into_iter().chain(plan.topics.iter().map(|t| t.partitions));
        for (id, partitions) in partitions.enumerate() {
            let name = history.topics[id].clone().into();
            let topic = h::Topic { id: id as u32, name, partitions, internal: id < 2 };
            history.write(&h::Event::Topic(topic));
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
            let topic = history.topics.iter().position(|t| t == topic).map(|t| t as u32);
            let guarantee = match promise {
                Promise::ExactlyOnce | Promise::Idempotent => h::Guarantee::ExactlyOnce,
                Promise::AtLeastOnce => h::Guarantee::AtLeastOnce,
                Promise::AtMostOnce => h::Guarantee::AtMostOnce,
            };
            let allow = match promise {
                Promise::Idempotent => vec!["epoch-bump-duplicate".into()],
                _ => Vec::new(),
            };
            history.write(&h::Event::Promise(h::Promise { topic, guarantee, allow }));
        }
        history
    }

    /// Writes an event.
    #[inline]
    pub fn write(&mut self, event: &h::Event<'_>) {
        self.sink.event(event);
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

    /// The event for a change of a committed offset.
    pub fn offset_moved(&mut self, t: u64, m: &OffsetMove) -> Option<h::Event<'static>> {
        let group = self.groups.iter().position(|g| *g == *m.group)? as u32;
        let at = partition(m.tp);
        let cause = match m.marker {
            Some((pid, epoch)) => h::MoveCause::Marker { pid, epoch },
            None if m.offset < 0 => h::MoveCause::Tombstone,
            None => return self.plain_commit(group, at, m.offset),
        };
        self.last_committed.insert((group, at), m.offset);
        Some(h::Event::OffsetMoved(h::OffsetMoved { t, group, at, offset: m.offset, cause }))
    }

    /// The log does not say which client committed: plain commits are judged by what clients invoked.
    fn plain_commit(&mut self, group: u32, at: h::Partition, offset: i64) -> Option<h::Event<'static>> {
        self.last_committed.insert((group, at), offset);
        None
    }
}

/// A change of a committed offset, as the log of `__consumer_offsets` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetMove {
    /// Group.
    pub group: Name,
    /// Input partition.
    pub tp: TopicPartition,
    /// The new value; -1 for deleted.
    pub offset: i64,
    /// The commit marker that brought it about.
    pub marker: Option<(ProducerId, i16)>,
}

/// Reads the changes of committed offsets off a log: transactional ones take effect at their commit marker, and only
/// where no later record was committed before (§4.2).
pub fn offset_moves<'b>(log: impl Iterator<Item = &'b RecordBatch>, moves: &mut Vec<OffsetMove>) {
    let mut pending: BTreeMap<ProducerId, BTreeMap<(Name, TopicPartition), (i64, i64)>> = BTreeMap::new();
    let mut committed: BTreeMap<(Name, TopicPartition), i64> = BTreeMap::new();
    for batch in log {
        match &batch.payload {
            Payload::GroupLog(records) => {
                for (index, record) in records.iter().enumerate() {
                    let record_offset = batch.base_offset + index as i64;
                    let GroupLogRecord::Offset { group_id, tp, value } = record else { continue };
                    let key = (group_id.clone(), *tp);
                    match value {
                        Some(v) if batch.transactional => {
                            pending.entry(batch.producer_id).or_default().insert(key, (v.offset, record_offset));
                        }
                        Some(v) => {
                            committed.insert(key, record_offset);
                            moves.push(OffsetMove { group: group_id.clone(), tp: *tp, offset: v.offset, marker: None });
                        }
                        None => {
                            committed.remove(&key);
                            pending.values_mut().for_each(|p| {
                                p.remove(&key);
                            });
                            moves.push(OffsetMove { group: group_id.clone(), tp: *tp, offset: -1, marker: None });
                        }
                    }
                }
            }
            Payload::Marker { result, .. } => {
                let ended = pending.remove(&batch.producer_id).unwrap_or_default();
                if *result == TransactionResult::Abort {
                    continue;
                }
                for (key, (offset, record_offset)) in ended {
                    if committed.get(&key).is_some_and(|c| *c >= record_offset) {
                        continue;
                    }
                    committed.insert(key.clone(), record_offset);
                    let marker = Some((batch.producer_id, batch.producer_epoch));
                    moves.push(OffsetMove { group: key.0, tp: key.1, offset, marker });
                }
            }
            _ => {}
        }
    }
}

/// Isolation level as the history writes it.
pub fn isolation(level: IsolationLevel) -> h::Isolation {
    match level {
        IsolationLevel::ReadUncommitted => h::Isolation::ReadUncommitted,
        IsolationLevel::ReadCommitted => h::Isolation::ReadCommitted,
    }
}
