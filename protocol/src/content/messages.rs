//! What Kafka's messages contain, struct by struct. Requests and responses themselves are in `message/`.

use super::{Content, Hash, words};
use crate::batch::*;
use crate::content;
use crate::error::ErrorCode;
use crate::ids::{NodeId, TopicId, TopicPartition};
use crate::image::*;
use crate::message::*;
use crate::records::*;

words! { Acks, IsolationLevel, CoordinatorType, AssignorName, TransactionState, TransactionResult }

impl Content for ErrorCode {
    #[inline]
    fn add_to(&self, hash: &mut Hash) {
        hash.add(self.code() as u64);
    }
}

impl Content for NodeId {
    #[inline]
    fn add_to(&self, hash: &mut Hash) {
        let NodeId(id) = self;
        hash.add(*id as u64);
    }
}

impl Content for TopicId {
    #[inline]
    fn add_to(&self, hash: &mut Hash) {
        let TopicId(id) = self;
        hash.add(u64::from(*id));
    }
}

impl Content for TopicPartition {
    #[inline]
    fn add_to(&self, hash: &mut Hash) {
        let TopicPartition { topic: TopicId(topic), partition } = self;
        hash.add(u64::from(*topic) << 32 | u64::from(*partition));
    }
}

// ---- Batches: the most frequent of all, so small fields share words ------------------------------------------------

impl Content for Blob {
    #[inline]
    fn add_to(&self, hash: &mut Hash) {
        match self {
            Blob::Bytes(bytes) => {
                hash.add(0);
                hash.add_bytes(bytes);
            }
            Blob::Generated { id, len } => {
                hash.add(1 << 32 | u64::from(*len));
                hash.add(*id);
            }
        }
    }
}

impl Content for Value {
    #[inline]
    fn add_to(&self, hash: &mut Hash) {
        self.blob().add_to(hash); // the fingerprint is a function of it
    }
}

impl Content for Origin {
    #[inline]
    fn add_to(&self, hash: &mut Hash) {
        let Origin { source, partition, offset, stage, index } = self;
        hash.add(u64::from(*source) << 32 | u64::from(*partition));
        hash.add(*offset as u64);
        hash.add(u64::from(*stage) << 16 | u64::from(*index));
    }
}

impl Content for Payload {
    #[inline]
    fn add_to(&self, hash: &mut Hash) {
        match self {
            Payload::Records(records) => {
                hash.add(0);
                records.add_to(hash);
            }
            Payload::Marker { result, coordinator_epoch } => {
                hash.add(1 | (*result as u64) << 8);
                coordinator_epoch.add_to(hash);
            }
            Payload::TransactionLog(records) => {
                hash.add(2);
                records.add_to(hash);
            }
            Payload::GroupLog(records) => {
                hash.add(3);
                records.add_to(hash);
            }
            Payload::Empty => hash.add(4),
        }
    }
}

impl Content for RecordBatch {
    #[inline]
    fn add_to(&self, hash: &mut Hash) {
        let RecordBatch {
            base_offset,
            last_offset_delta,
            leader_epoch,
            transactional,
            producer_id,
            producer_epoch,
            base_sequence,
            max_timestamp_ms,
            size,
            payload,
        } = self;
        base_offset.add_to(hash);
        hash.add_halves(*last_offset_delta, *leader_epoch);
        producer_id.add_to(hash);
        hash.add_halves(i32::from(*producer_epoch) << 1 | i32::from(*transactional), *base_sequence);
        max_timestamp_ms.add_to(hash);
        size.add_to(hash);
        payload.add_to(hash);
    }
}

impl Content for FetchPartition {
    #[inline]
    fn add_to(&self, hash: &mut Hash) {
        let FetchPartition { tp, current_leader_epoch, fetch_offset, last_fetched_epoch, max_bytes, log_start_offset } =
            self;
        tp.add_to(hash);
        hash.add_halves(*current_leader_epoch, *last_fetched_epoch);
        fetch_offset.add_to(hash);
        max_bytes.add_to(hash);
        log_start_offset.add_to(hash);
    }
}

// ---- The others ----------------------------------------------------------------------------------------------------

/// Gives the list to a macro: the one that makes them content, and in tests the one that makes samples of them.
macro_rules! structs {
    ($with:ident) => {
        $with! {
            Record { origin, timestamp_ms, key, value }
            ProducerIdAndEpoch { id, epoch }

            ProduceRequest { version, transactional_id, acks, timeout_ms, partitions }
            ProducePartition { tp, batch }
            ProduceResponse { partitions }
            ProducePartitionResponse { tp, error, base_offset, log_start_offset, current_leader }

            FetchRequest {
                replica, isolation, max_wait_ms, min_bytes, max_bytes, session_id, session_epoch, partitions, forgotten,
            }
            FetchResponse { error, session_id, partitions }
            FetchPartitionResponse {
                tp, error, high_watermark, last_stable_offset, log_start_offset, aborted, diverging_epoch, current_leader, batches,
            }
            AbortedTransaction { producer_id, first_offset }
            EpochEndOffset { epoch, end_offset }

            ListOffsetsRequest { isolation, partitions }
            ListOffsetsResponse { partitions }
            OffsetForLeaderEpochRequest { partitions }
            OffsetForLeaderEpochResponse { partitions }

            MetadataRequest { topics }
            MetadataResponse { brokers, topics }
            TopicMetadata { topic, error, partitions }
            PartitionMetadata { leader, leader_epoch }
            ApiVersionsResponse { features, features_epoch }
            FindCoordinatorRequest { key_type, key }
            FindCoordinatorResponse { node }

            InitProducerIdRequest { version, transactional_id, transaction_timeout_ms, producer }
            InitProducerIdResponse { result }
            AddPartitionsToTxnRequest { version, transactions }
            AddPartitionsTransaction { transactional_id, producer, verify_only, partitions }
            AddPartitionsToTxnResponse { error, transactions }
            AddOffsetsToTxnRequest { version, transactional_id, producer, group_id }
            AddOffsetsToTxnResponse { error }
            EndTxnRequest { version, transactional_id, producer, result }
            EndTxnResponse { error, producer }
            WriteTxnMarkersRequest { markers }
            TxnMarkerEntry { producer, result, coordinator_epoch, transaction_version, partitions }
            WriteTxnMarkersResponse { markers }
            GroupMetadata { group_id, generation, member_id, group_instance_id }
            OffsetToCommit { tp, offset, leader_epoch, metadata }
            TxnOffsetCommitRequest { version, transactional_id, producer, group, offsets }
            TxnOffsetCommitResponse { partitions }

            OffsetCommitRequest { group, offsets }
            OffsetCommitResponse { partitions }
            OffsetFetchRequest { group_id, partitions, require_stable }
            OffsetFetchResponse { error, partitions }
            JoinGroupRequest {
                group_id, member_id, group_instance_id, client_id, session_timeout_ms, rebalance_timeout_ms, protocols,
            }
            Subscription { topics, owned, generation }
            JoinGroupResponse { error, generation, protocol, leader, member_id, members }
            SyncGroupRequest { group, assignments }
            SyncGroupResponse { error, assignment }
            HeartbeatRequest { group }
            HeartbeatResponse { error }
            LeaveGroupRequest { group_id, member_id, group_instance_id }
            LeaveGroupResponse { error }

            AlterPartitionRequest { broker, broker_epoch, partitions }
            AlterPartitionEntry { tp, leader_epoch, partition_epoch, isr }
            AlterPartitionResponse { error, partitions }
            AlteredPartition { leader, leader_epoch, isr, partition_epoch }
            BrokerRegistrationRequest { broker, incarnation, previous_broker_epoch }
            BrokerRegistrationResponse { broker_epoch }
            BrokerHeartbeatRequest {
                broker, broker_epoch, current_metadata_version, want_fence, want_shutdown,
            }
            BrokerHeartbeatResponse { error, is_caught_up, is_fenced, should_shutdown }
            AllocateProducerIdsRequest { broker, broker_epoch }
            AllocateProducerIdsResponse { block }
            MetadataFetchRequest { broker, after_version }
            MetadataFetchResponse { version, changes }
            Features { transaction_version, eligible_leader_replicas_version }
            BrokerImage { epoch, incarnation, fenced, in_controlled_shutdown }
            PartitionImage {
                replicas, isr, elr, last_known_leader, leader, leader_epoch, partition_epoch, leader_recovering,
            }
            TopicSettings {
                min_insync_replicas, unclean_leader_election, max_message_bytes, segment_bytes,
            }
            TopicImage { name, settings, partitions }

            DescribeProducersRequest { partitions }
            DescribeProducersResponse { partitions }
            ActiveProducer {
                producer, last_sequence, last_timestamp_ms, coordinator_epoch, current_txn_start_offset,
            }
            DescribeTransactionsRequest { transactional_ids }
            DescribeTransactionsResponse { transactions }

            TransactionMetadataValue {
                producer, previous_producer_id, next_producer_id, timeout_ms, state, partitions, last_update_ms, start_ms,
                client_transaction_version,
            }
            CommittedOffset { offset, leader_epoch, metadata, commit_ms }
            GroupMetadataValue { generation, protocol, leader, members }
            GroupMemberValue {
                member_id, group_instance_id, client_id, session_timeout_ms, rebalance_timeout_ms, subscription, assignment,
            }
        }
    };
}
#[cfg(test)]
pub(super) use structs;

structs!(content);

impl Content for ApiVersionsRequest {
    #[inline]
    fn add_to(&self, _: &mut Hash) {
        let ApiVersionsRequest = self;
    }
}

impl Content for TransactionLogRecord {
    /// The cause is no part of what a broker is sent.
    #[inline]
    fn add_to(&self, hash: &mut Hash) {
        let TransactionLogRecord { transactional_id, value, cause: _ } = self;
        transactional_id.add_to(hash);
        value.add_to(hash);
    }
}

impl Content for OffsetSpec {
    #[inline]
    fn add_to(&self, hash: &mut Hash) {
        match self {
            OffsetSpec::Earliest => hash.add(0),
            OffsetSpec::Latest => hash.add(1),
            OffsetSpec::Timestamp(at) => {
                hash.add(2);
                at.add_to(hash);
            }
        }
    }
}

impl Content for MetadataChange {
    fn add_to(&self, hash: &mut Hash) {
        match self {
            MetadataChange::Broker(id, broker) => {
                hash.add(0);
                id.add_to(hash);
                broker.add_to(hash);
            }
            MetadataChange::Topic(id, topic) => {
                hash.add(1);
                id.add_to(hash);
                topic.add_to(hash);
            }
            MetadataChange::Partition(tp, partition) => {
                hash.add(2);
                tp.add_to(hash);
                partition.add_to(hash);
            }
            MetadataChange::Features(features) => {
                hash.add(3);
                features.add_to(hash);
            }
        }
    }
}

impl Content for GroupLogRecord {
    fn add_to(&self, hash: &mut Hash) {
        match self {
            GroupLogRecord::Offset { group_id, tp, value } => {
                hash.add(0);
                group_id.add_to(hash);
                tp.add_to(hash);
                value.add_to(hash);
            }
            GroupLogRecord::Group { group_id, value } => {
                hash.add(1);
                group_id.add_to(hash);
                value.add_to(hash);
            }
        }
    }
}
