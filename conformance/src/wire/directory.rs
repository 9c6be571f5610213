//! Names of topics and addresses of nodes, which the wire carries and the model's messages do not.

use std::collections::BTreeMap;

use fencepost_protocol::ids::*;
use kafka_protocol::messages::TopicName;
use uuid::Uuid;

use super::{Wire, WireError, s};

/// What one end of the wire knows of topics and nodes.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    topics: BTreeMap<TopicId, (String, Uuid)>,
    names: BTreeMap<String, TopicId>,
    ids: BTreeMap<Uuid, TopicId>,
    nodes: BTreeMap<NodeId, (String, u16)>,
}

impl Directory {
    /// A directory that knows Kafka's own topics by name.
    pub fn new() -> Directory {
        let mut directory = Directory::default();
        directory.add_topic(TopicId::TRANSACTION_STATE, "__transaction_state", 1);
        directory.add_topic(TopicId::CONSUMER_OFFSETS, "__consumer_offsets", 2);
        directory
    }

    /// Adds or replaces a topic; `uuid` is its id on the wire (0 where it is not known).
    pub fn add_topic(&mut self, id: TopicId, name: &str, uuid: u128) {
        let uuid = Uuid::from_u128(uuid);
        self.topics.insert(id, (name.to_string(), uuid));
        self.names.insert(name.to_string(), id);
        self.ids.insert(uuid, id);
    }

    /// Adds or replaces a node's address.
    pub fn add_node(&mut self, id: NodeId, host: &str, port: u16) {
        self.nodes.insert(id, (host.to_string(), port));
    }

    /// Address of a node; an empty one where it is not known.
    pub fn address(&self, id: NodeId) -> (String, u16) {
        self.nodes.get(&id).cloned().unwrap_or_default()
    }

    /// The topic of that name.
    pub fn topic(&self, name: &str) -> Wire<TopicId> {
        self.names.get(name).copied().ok_or_else(|| WireError::UnknownTopic(name.to_string()))
    }

    pub(super) fn name(&self, id: TopicId) -> Wire<TopicName> {
        let entry = self.topics.get(&id).ok_or_else(|| WireError::UnknownTopic(format!("topic {}", id.0)))?;
        Ok(TopicName(s(&entry.0)))
    }

    pub(super) fn uuid(&self, id: TopicId) -> Wire<Uuid> {
        Ok(self.topics.get(&id).ok_or_else(|| WireError::UnknownTopic(format!("topic {}", id.0)))?.1)
    }

    pub(super) fn by_uuid(&self, uuid: Uuid) -> Wire<TopicId> {
        self.ids.get(&uuid).copied().ok_or_else(|| WireError::UnknownTopicId(uuid.as_u128()))
    }

    /// The topic that a message names by name or, in newer versions, by id.
    pub(super) fn resolve(&self, by_id: bool, name: &str, uuid: Uuid) -> Wire<TopicId> {
        if by_id { self.by_uuid(uuid) } else { self.topic(name) }
    }
}
