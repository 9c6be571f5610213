//! Metadata.

use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::*;
use fencepost_protocol::message as ours;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{BrokerId, MetadataRequest, MetadataResponse, TopicName};
use uuid::Uuid;

use crate::describe::{At, Wired, message};
use crate::error::{Fault, Problem, Wire};
use crate::values::s;

message! { ours::MetadataRequest => MetadataRequest {
    topics with topics,
    fixed allow_auto_topic_creation = (false) since 4,
} }

/// All topics are `null`, in version 0 an empty list.
mod topics {
    use super::*;

    pub fn write(topics: &Option<Vec<TopicId>>, at: &At<'_>, wire: &mut MetadataRequest) -> Wire<()> {
        wire.topics = match topics {
            None if at.version == 0 => Some(Vec::new()),
            topics => at.write("topics", topics)?,
        };
        Ok(())
    }

    pub fn read(wire: &MetadataRequest, at: &At<'_>) -> Wire<Option<Vec<TopicId>>> {
        match &wire.topics {
            Some(list) if at.version == 0 && list.is_empty() => Ok(None),
            topics => at.read("topics", topics),
        }
    }
}

fn named(name: &Option<TopicName>, id: Uuid, at: &At<'_>) -> Wire<TopicId> {
    Ok(match name {
        Some(name) => at.directory.topic(name)?,
        None => at.directory.by_uuid(id)?,
    })
}

impl Wired<MetadataRequestTopic> for TopicId {
    fn to_wire(&self, at: &At<'_>) -> Wire<MetadataRequestTopic> {
        Ok(MetadataRequestTopic::default().with_name(Some(at.directory.name(*self)?)))
    }

    fn from_wire(wire: &MetadataRequestTopic, at: &At<'_>) -> Wire<TopicId> {
        named(&wire.name, wire.topic_id, at)
    }
}

message! { ours::MetadataResponse => MetadataResponse {
    brokers = brokers,
    topics = topics,
} }

/// The model's messages carry no addresses: they come from the directory.
impl Wired<MetadataResponseBroker> for NodeId {
    fn to_wire(&self, at: &At<'_>) -> Wire<MetadataResponseBroker> {
        let (host, port) = at.directory.address(*self);
        let broker = MetadataResponseBroker::default().with_node_id(BrokerId(self.0));
        Ok(broker.with_host(s(&host)).with_port(port.into()))
    }

    fn from_wire(wire: &MetadataResponseBroker, _: &At<'_>) -> Wire<NodeId> {
        Ok(NodeId(wire.node_id.0))
    }
}

message! { ours::TopicMetadata => MetadataResponseTopic {
    topic with topic,
    error = error_code,
    partitions with partitions,
} }

mod topic {
    use super::*;

    pub fn write(topic: &TopicId, at: &At<'_>, wire: &mut MetadataResponseTopic) -> Wire<()> {
        wire.name = Some(at.directory.name(*topic)?);
        if at.version >= 1 {
            wire.is_internal = topic.is_internal();
        }
        if at.version >= 10 {
            wire.topic_id = at.directory.uuid(*topic)?;
        }
        Ok(())
    }

    pub fn read(wire: &MetadataResponseTopic, at: &At<'_>) -> Wire<TopicId> {
        named(&wire.name, wire.topic_id, at)
    }
}

/// The model's list has no indexes of its own: every partition must be there.
mod partitions {
    use super::*;

    pub fn write(list: &[ours::PartitionMetadata], at: &At<'_>, wire: &mut MetadataResponseTopic) -> Wire<()> {
        for (index, partition) in (0..).zip(list) {
            let entry: MetadataResponsePartition = at.write("partitions", partition)?;
            wire.partitions.push(entry.with_partition_index(index));
        }
        Ok(())
    }

    pub fn read(wire: &MetadataResponseTopic, at: &At<'_>) -> Wire<Vec<ours::PartitionMetadata>> {
        let mut list: Vec<_> = wire.partitions.iter().collect();
        list.sort_by_key(|p| p.partition_index);
        let missing = (0..).zip(&list).find(|(index, p)| p.partition_index != *index);
        if let Some((_, p)) = missing {
            return Err(Fault::from(Problem::Number(p.partition_index.into())).within("partitions"));
        }
        list.into_iter().map(|p| at.read("partitions", p)).collect()
    }
}

message! { ours::PartitionMetadata => MetadataResponsePartition {
    leader with leader,
    leader_epoch = leader_epoch since 7,
} }

mod leader {
    use super::*;

    pub fn write(leader: &Option<NodeId>, at: &At<'_>, wire: &mut MetadataResponsePartition) -> Wire<()> {
        let error = if leader.is_some() { None } else { Some(ErrorCode::LeaderNotAvailable) };
        wire.error_code = error.to_wire(at)?;
        wire.leader_id = BrokerId(leader.map_or(-1, |l| l.0));
        Ok(())
    }

    pub fn read(wire: &MetadataResponsePartition, _: &At<'_>) -> Wire<Option<NodeId>> {
        Ok((wire.leader_id.0 >= 0).then_some(NodeId(wire.leader_id.0)))
    }
}
