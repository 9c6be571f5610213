//! OffsetFetch: of one group until version 7, of a list of groups since version 8, of which the model has one.

use fencepost_protocol::ids::*;
use fencepost_protocol::message as ours;
use fencepost_protocol::message::Request;
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse};

use crate::describe::{At, Wired, message, tuple};
use crate::error::Wire;
use crate::topics::{ByTopic, by_topic};
use crate::values::{one, outcome};

/// Since this version a request and its answer are lists of groups.
const GROUPS: i16 = 8;

impl Wired<OffsetFetchRequest> for ours::OffsetFetchRequest {
    fn to_wire(&self, at: &At<'_>) -> Wire<OffsetFetchRequest> {
        let mut wire = OffsetFetchRequest::default();
        if at.version >= 7 {
            wire.require_stable = self.require_stable;
        }
        if at.version >= GROUPS {
            let topics = nullable(&self.partitions, at)?;
            let group = OffsetFetchRequestGroup::default().with_group_id(at.write("group_id", &self.group_id)?);
            wire.groups = vec![group.with_topics(topics)];
        } else {
            wire.group_id = at.write("group_id", &self.group_id)?;
            wire.topics = nullable(&self.partitions, at)?;
        }
        Ok(wire)
    }

    fn from_wire(wire: &OffsetFetchRequest, at: &At<'_>) -> Wire<Self> {
        let (group_id, partitions) = if at.version >= GROUPS {
            let group = one(&wire.groups).map_err(|f| f.within("groups"))?;
            (at.read("group_id", &group.group_id)?, listed(&group.topics, at)?)
        } else {
            (at.read("group_id", &wire.group_id)?, listed(&wire.topics, at)?)
        };
        Ok(ours::OffsetFetchRequest { group_id, partitions, require_stable: wire.require_stable })
    }
}

/// `null` asks for all.
fn nullable<T: ByTopic<Partition = i32>>(tps: &Option<Vec<TopicPartition>>, at: &At<'_>) -> Wire<Option<Vec<T>>> {
    tps.as_ref().map(|list| at.write_topics("topics", list)).transpose()
}

fn listed<T: ByTopic<Partition = i32>>(topics: &Option<Vec<T>>, at: &At<'_>) -> Wire<Option<Vec<TopicPartition>>> {
    topics.as_ref().map(|list| at.read_topics("topics", list)).transpose()
}

by_topic! { OffsetFetchRequestTopic { name name, partition_indexes: [i32] } }
by_topic! { OffsetFetchRequestTopics { name name, partition_indexes: [i32] } }

impl Wired<OffsetFetchResponse> for ours::OffsetFetchResponse {
    fn to_wire(&self, at: &At<'_>) -> Wire<OffsetFetchResponse> {
        let mut wire = OffsetFetchResponse::default();
        if at.version >= GROUPS {
            let Request::OffsetFetch(asked) = at.asked else { return Err(at.not_its_answer()) };
            let group: OffsetFetchResponseGroup = at.write("groups", self)?;
            wire.groups = vec![group.with_group_id(at.write("group_id", &asked.group_id)?)];
        } else {
            wire.topics = at.write_topics("topics", &self.partitions)?;
            if at.version >= 2 {
                wire.error_code = at.write("error_code", &self.error)?;
            }
        }
        Ok(wire)
    }

    fn from_wire(wire: &OffsetFetchResponse, at: &At<'_>) -> Wire<Self> {
        if at.version >= GROUPS {
            return at.read("groups", one(&wire.groups).map_err(|f| f.within("groups"))?);
        }
        Ok(ours::OffsetFetchResponse {
            error: at.read("error_code", &wire.error_code)?,
            partitions: at.read_topics("topics", &wire.topics)?,
        })
    }
}

message! { ours::OffsetFetchResponse => OffsetFetchResponseGroup {
    error = error_code,
    partitions = topics by topic,
} }

by_topic! { OffsetFetchResponseTopic { name name, partitions: [OffsetFetchResponsePartition.partition_index] } }
by_topic! { OffsetFetchResponseTopics { name name, partitions: [OffsetFetchResponsePartitions.partition_index] } }

tuple! { (Offset, LeaderEpoch) => OffsetFetchResponsePartition {
    0 = committed_offset,
    1 = committed_leader_epoch since 5,
} }

tuple! { (Offset, LeaderEpoch) => OffsetFetchResponsePartitions {
    0 = committed_offset,
    1 = committed_leader_epoch,
} }

outcome! {
    OffsetFetchResponsePartition { committed_offset: -1 }
    OffsetFetchResponsePartitions { committed_offset: -1 }
}
