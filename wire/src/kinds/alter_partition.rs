//! AlterPartition.

use fencepost_protocol::ids::NodeId;
use fencepost_protocol::message as ours;
use kafka_protocol::messages::alter_partition_request::{BrokerState, PartitionData as Proposal, TopicData as Proposals};
use kafka_protocol::messages::alter_partition_response::{PartitionData as Altered, TopicData as AlteredTopic};
use kafka_protocol::messages::{AlterPartitionRequest, AlterPartitionResponse};

use crate::describe::{At, message, tuple};
use crate::error::Wire;
use crate::topics::{by_topic, partition};
use crate::values::outcome;

message! { ours::AlterPartitionRequest => AlterPartitionRequest {
    broker = broker_id,
    broker_epoch = broker_epoch,
    partitions = topics by topic,
} }

by_topic! { Proposals { id topic_id, partitions: [Proposal.partition_index] } }

partition! { ours::AlterPartitionEntry => Proposal {
    leader_epoch = leader_epoch,
    partition_epoch = partition_epoch,
    isr with isr,
} }

/// With the brokers' epochs since version 3.
mod isr {
    use super::*;

    pub fn write(isr: &Vec<(NodeId, i64)>, at: &At<'_>, wire: &mut Proposal) -> Wire<()> {
        if at.version >= 3 {
            wire.new_isr_with_epochs = at.write("new_isr_with_epochs", isr)?;
        } else {
            wire.new_isr = isr.iter().map(|(node, _)| node.0.into()).collect();
        }
        Ok(())
    }

    pub fn read(wire: &Proposal, at: &At<'_>) -> Wire<Vec<(NodeId, i64)>> {
        if at.version >= 3 {
            at.read("new_isr_with_epochs", &wire.new_isr_with_epochs)
        } else {
            Ok(wire.new_isr.iter().map(|node| (NodeId(node.0), -1)).collect())
        }
    }
}

tuple! { (NodeId, i64) => BrokerState { 0 = broker_id, 1 = broker_epoch } }

message! { ours::AlterPartitionResponse => AlterPartitionResponse {
    error = error_code,
    partitions = topics by topic,
} }

by_topic! { AlteredTopic { id topic_id, partitions: [Altered.partition_index] } }

message! { ours::AlteredPartition => Altered {
    leader = leader_id,
    leader_epoch = leader_epoch,
    isr = isr,
    partition_epoch = partition_epoch,
} }

outcome! { Altered {} }
