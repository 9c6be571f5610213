//! Requests that only ask: Metadata, ApiVersions, FindCoordinator, ListOffsets, OffsetForLeaderEpoch, DescribeProducers.

use super::Broker;
use super::fetch::not_hosted;
use super::partition::{Partition, Role};
use crate::coordinator::CoordinatorKind;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::message::*;

impl Broker {
    /// From the broker's own image, which may be stale. A partition whose leader is not alive has none.
    pub(super) fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        let describe = |topic: TopicId| {
            let Some(image) = self.image.topic(topic) else {
                let error = Some(ErrorCode::UnknownTopicOrPartition);
                return TopicMetadata { topic, error, partitions: Vec::new() };
            };
            let partitions = image
                .partitions
                .iter()
                .map(|p| PartitionMetadata {
                    leader: p.leader.filter(|leader| self.image.is_alive(*leader)),
                    leader_epoch: p.leader_epoch,
                })
                .collect();
            TopicMetadata { topic, error: None, partitions }
        };
        let topics = match &request.topics {
            Some(topics) => topics.iter().copied().map(describe).collect(),
            None => (0..self.image.topics.len()).map(|i| describe(TopicId(i as u32))).collect(),
        };
        let brokers = self.image.brokers.iter().filter(|(_, b)| !b.fenced).map(|(id, _)| *id).collect();
        MetadataResponse { brokers, topics }
    }

    /// §0.1.
    pub(super) fn api_versions(&self) -> ApiVersionsResponse {
        ApiVersionsResponse { features: self.image.features, features_epoch: self.image.version }
    }

    /// §1.2.
    pub(super) fn find_coordinator(&self, request: &FindCoordinatorRequest) -> FindCoordinatorResponse {
        let which = match request.key_type {
            CoordinatorType::Group => CoordinatorKind::Group,
            CoordinatorType::Transaction => CoordinatorKind::Transaction,
        };
        let node = self.coordinator_of(which, &request.key).ok_or(ErrorCode::CoordinatorNotAvailable);
        FindCoordinatorResponse { node }
    }

    fn led(&self, tp: TopicPartition, epoch: LeaderEpoch) -> Result<&Partition, ErrorCode> {
        let hosted = self.partitions.get(tp).filter(|p| !matches!(p.role, Role::Idle));
        let partition = hosted.ok_or(not_hosted(&self.image, tp))?;
        partition.check_leader(epoch)?;
        Ok(partition)
    }

    /// §1.11: 78 while the high watermark of a new leader is below the start of its epoch.
    pub(super) fn list_offsets(&self, request: &ListOffsetsRequest) -> ListOffsetsResponse {
        let answer = |tp: TopicPartition, epoch: LeaderEpoch, spec: OffsetSpec| {
            let partition = self.led(tp, epoch)?;
            let log = &partition.log;
            let end = match request.isolation {
                IsolationLevel::ReadUncommitted => log.high_watermark(),
                IsolationLevel::ReadCommitted => log.last_stable_offset(),
            };
            let epoch_start = partition.leader().map_or(0, |l| l.epoch_start);
            let lags = log.high_watermark() < epoch_start;
            match spec {
                OffsetSpec::Earliest => {
                    let epoch = log.batches().next().map_or(NO_LEADER_EPOCH, |b| b.leader_epoch);
                    Ok((log.log_start_offset(), epoch))
                }
                OffsetSpec::Latest if lags => Err(ErrorCode::OffsetNotAvailable),
                OffsetSpec::Latest => Ok((end, partition.leader_epoch)),
                OffsetSpec::Timestamp(ms) => match log.offset_for_timestamp(ms) {
                    Some(found) if found.0 < end => Ok(found),
                    _ if lags => Err(ErrorCode::OffsetNotAvailable),
                    _ => Ok((-1, NO_LEADER_EPOCH)),
                },
            }
        };
        let partitions = request.partitions.iter().map(|(tp, epoch, spec)| (*tp, answer(*tp, *epoch, *spec))).collect();
        ListOffsetsResponse { partitions }
    }

    /// §7.4.
    pub(super) fn offset_for_leader_epoch(
        &self,
        request: &OffsetForLeaderEpochRequest,
    ) -> OffsetForLeaderEpochResponse {
        let answer = |tp, current, epoch| Ok(self.led(tp, current)?.log.end_offset_for_epoch(epoch));
        let partitions =
            request.partitions.iter().map(|(tp, current, epoch)| (*tp, answer(*tp, *current, *epoch))).collect();
        OffsetForLeaderEpochResponse { partitions }
    }

    /// §2.11.
    pub(super) fn describe_producers(&self, request: &DescribeProducersRequest) -> DescribeProducersResponse {
        let answer = |tp: TopicPartition| Ok(self.led(tp, NO_LEADER_EPOCH)?.log.active_producers());
        DescribeProducersResponse { partitions: request.partitions.iter().map(|tp| (*tp, answer(*tp))).collect() }
    }
}
