//! Which requests producers and consumers can ever send.

use fencepost_protocol::config::{ConsumerConfig, ProducerConfig};
use fencepost_protocol::message::ApiKey;

use crate::message::Kind;
use crate::sink;

/// Requests of transactions and idempotence.
pub(crate) const OF_TRANSACTIONS: [ApiKey; 5] = [
    ApiKey::AddPartitionsToTxn,
    ApiKey::AddOffsetsToTxn,
    ApiKey::EndTxn,
    ApiKey::TxnOffsetCommit,
    ApiKey::InitProducerId,
];
/// Requests of members of groups.
pub(crate) const OF_GROUPS: [ApiKey; 6] = [
    ApiKey::JoinGroup,
    ApiKey::SyncGroup,
    ApiKey::Heartbeat,
    ApiKey::LeaveGroup,
    ApiKey::OffsetFetch,
    ApiKey::OffsetCommit,
];

/// Those of a producer.
pub(crate) fn producer(config: &ProducerConfig, in_a_pipeline: bool, can: &mut Vec<ApiKey>) {
    can.extend([ApiKey::ApiVersions, ApiKey::Metadata, ApiKey::Produce]);
    let transactional = config.transactional_id.is_some();
    if transactional || config.enable_idempotence {
        can.push(ApiKey::InitProducerId);
    }
    if transactional {
        can.extend([ApiKey::FindCoordinator, ApiKey::AddPartitionsToTxn, ApiKey::EndTxn]);
        if in_a_pipeline {
            can.extend([ApiKey::AddOffsetsToTxn, ApiKey::TxnOffsetCommit]);
        }
    }
}

/// Those of a consumer.
pub(crate) fn consumer(config: &ConsumerConfig, commits: bool, can: &mut Vec<ApiKey>) {
    can.extend([ApiKey::Metadata, ApiKey::Fetch, ApiKey::ListOffsets, ApiKey::OffsetForLeaderEpoch]);
    if config.group_id.is_some() {
        can.push(ApiKey::FindCoordinator);
        can.extend(OF_GROUPS.iter().filter(|key| commits || **key != ApiKey::OffsetCommit));
    }
}

/// All of them, each once.
pub(crate) fn kinds(mut to_brokers: Vec<ApiKey>, to_sinks: &[sink::Kind]) -> Vec<Kind> {
    to_brokers.sort_unstable();
    to_brokers.dedup();
    to_brokers.into_iter().map(Kind::Kafka).chain(to_sinks.iter().copied().map(Kind::Sink)).collect()
}
