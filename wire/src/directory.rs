//! Names of topics and addresses of nodes, which the wire carries and the model's messages do not.

use std::collections::BTreeMap;

use fencepost_protocol::ids::*;
use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::error::Problem;

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

    /// An empty one where it is not known.
    pub(crate) fn address(&self, id: NodeId) -> (String, u16) {
        self.nodes.get(&id).cloned().unwrap_or_default()
    }

    pub(crate) fn topic(&self, name: &str) -> Result<TopicId, Problem> {
        self.names.get(name).copied().ok_or_else(|| Problem::UnknownTopic(name.to_string()))
    }

    fn known(&self, id: TopicId) -> Result<&(String, Uuid), Problem> {
        self.topics.get(&id).ok_or(Problem::UnnamedTopic(id.0))
    }

    pub(crate) fn name(&self, id: TopicId) -> Result<TopicName, Problem> {
        Ok(TopicName(StrBytes::from_string(self.known(id)?.0.clone())))
    }

    pub(crate) fn uuid(&self, id: TopicId) -> Result<Uuid, Problem> {
        Ok(self.known(id)?.1)
    }

    pub(crate) fn by_uuid(&self, uuid: Uuid) -> Result<TopicId, Problem> {
        self.ids.get(&uuid).copied().ok_or(Problem::UnknownTopicId(uuid.as_u128()))
    }
}
