//! Responses: ours to bytes and back. Both directions look at the request that is answered, for the wire leaves out in
//! some versions what the request had said.

use std::sync::Arc;

use bytes::Bytes;
use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::*;
use fencepost_protocol::image::Features;
use fencepost_protocol::message as ours;
use fencepost_protocol::message::{ApiKey, ProducerIdAndEpoch, Request, Response, TransactionState};
use kafka_protocol::messages::*;

use super::request::{assignment, assignment_of, assignor, assignor_of, subscription, subscription_of};
use super::*;

type PerPartition = [(TopicPartition, Option<ErrorCode>)];

/// Per topic the partitions with their error codes.
fn codes(d: &Directory, partitions: &PerPartition) -> Wire<NamedTopics<i16>> {
    let groups = by_topic(partitions.iter().map(|(tp, error)| (*tp, code(*error))));
    groups.into_iter().map(|(topic, list)| Ok((d.name(topic)?, list))).collect()
}

fn pid(outcome: &Result<ProducerIdAndEpoch, ErrorCode>) -> (i16, ProducerIdAndEpoch) {
    match outcome {
        Ok(pair) => (0, *pair),
        Err(error) => (error.code(), ProducerIdAndEpoch::NONE),
    }
}

fn leader_of(leader: i32, epoch: i32) -> Option<(NodeId, LeaderEpoch)> {
    (leader >= 0).then_some((NodeId(leader), epoch))
}

fn state(state: TransactionState) -> &'static str {
    match state {
        TransactionState::Empty => "Empty",
        TransactionState::Ongoing => "Ongoing",
        TransactionState::PrepareCommit => "PrepareCommit",
        TransactionState::PrepareAbort => "PrepareAbort",
        TransactionState::CompleteCommit => "CompleteCommit",
        TransactionState::CompleteAbort => "CompleteAbort",
        TransactionState::Dead => "Dead",
        TransactionState::PrepareEpochFence => "PrepareEpochFence",
    }
}

fn state_of(text: &str) -> Wire<TransactionState> {
    use TransactionState::*;
    [Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort, Dead, PrepareEpochFence]
        .into_iter()
        .find(|s| state(*s) == text)
        .ok_or_else(|| malformed(format!("transaction state '{text}'")))
}

fn mismatch(request: &Request, response: &Response) -> WireError {
    malformed(format!("a {} answer to {}", response.api_key().name(), request.api_key().name()))
}

/// The body of a response in `version`.
///
/// # Errors
/// [`WireError`] where the version does not exist, a topic is unknown, or the response does not answer the request.
pub fn encode_response(d: &Directory, version: i16, request: &Request, response: &Response) -> Wire<Vec<u8>> {
    match response {
        Response::Produce(r) => {
            let mut topics = Vec::new();
            for (topic, list) in by_topic(r.partitions.iter().map(|p| (p.tp, p))) {
                let list = list.into_iter().map(|(index, p)| {
                    let mut data = produce_response::PartitionProduceResponse::default()
                        .with_index(index)
                        .with_error_code(code(p.error))
                        .with_base_offset(p.base_offset)
                        .with_log_append_time_ms(-1)
                        .with_log_start_offset(p.log_start_offset);
                    if version >= 10
                        && let Some((leader, epoch)) = p.current_leader
                    {
                        data.current_leader = produce_response::LeaderIdAndEpoch::default()
                            .with_leader_id(BrokerId(leader.0))
                            .with_leader_epoch(epoch);
                    }
                    data
                });
                let entry = produce_response::TopicProduceResponse::default().with_partition_responses(list.collect());
                topics.push(if version >= 13 {
                    entry.with_topic_id(d.uuid(topic)?)
                } else {
                    entry.with_name(d.name(topic)?)
                });
            }
            encode(&ProduceResponse::default().with_responses(topics), version)
        }
        Response::Fetch(r) => {
            let mut topics = Vec::new();
            for (topic, list) in by_topic(r.partitions.iter().map(|p| (p.tp, p))) {
                let list = list.into_iter().map(|(index, p)| {
                    let aborted = p.aborted.iter().map(|a| {
                        fetch_response::AbortedTransaction::default()
                            .with_producer_id(a.producer_id.into())
                            .with_first_offset(a.first_offset)
                    });
                    let records: Vec<u8> = p.batches.iter().flat_map(|b| encode_batch(b)).collect();
                    let mut data = fetch_response::PartitionData::default()
                        .with_partition_index(index)
                        .with_error_code(code(p.error))
                        .with_high_watermark(p.high_watermark)
                        .with_last_stable_offset(p.last_stable_offset)
                        .with_log_start_offset(if version >= 5 { p.log_start_offset } else { -1 })
                        .with_aborted_transactions(Some(aborted.collect()))
                        .with_preferred_read_replica(BrokerId(-1))
                        .with_records(Some(Bytes::from(records)));
                    if version >= 12 {
                        if let Some(end) = p.diverging_epoch {
                            data.diverging_epoch = fetch_response::EpochEndOffset::default()
                                .with_epoch(end.epoch)
                                .with_end_offset(end.end_offset);
                        }
                        if let Some((leader, epoch)) = p.current_leader {
                            data.current_leader = fetch_response::LeaderIdAndEpoch::default()
                                .with_leader_id(BrokerId(leader.0))
                                .with_leader_epoch(epoch);
                        }
                    }
                    data
                });
                let entry = fetch_response::FetchableTopicResponse::default().with_partitions(list.collect());
                topics.push(if version >= 13 {
                    entry.with_topic_id(d.uuid(topic)?)
                } else {
                    entry.with_topic(d.name(topic)?)
                });
            }
            let mut message = FetchResponse::default().with_responses(topics);
            if version >= 7 {
                message = message.with_error_code(code(r.error)).with_session_id(r.session_id as i32);
            }
            encode(&message, version)
        }
        Response::ListOffsets(r) => {
            let mut topics = Vec::new();
            for (topic, list) in by_topic(r.partitions.iter().map(|(tp, outcome)| (*tp, *outcome))) {
                let list = list.into_iter().map(|(index, outcome)| {
                    let (error, offset, epoch) = match outcome {
                        Ok((offset, epoch)) => (0, offset, epoch),
                        Err(error) => (error.code(), -1, -1),
                    };
                    list_offsets_response::ListOffsetsPartitionResponse::default()
                        .with_partition_index(index)
                        .with_error_code(error)
                        .with_timestamp(-1)
                        .with_offset(offset)
                        .with_leader_epoch(if version >= 4 { epoch } else { -1 })
                });
                let entry = list_offsets_response::ListOffsetsTopicResponse::default().with_name(d.name(topic)?);
                topics.push(entry.with_partitions(list.collect()));
            }
            encode(&ListOffsetsResponse::default().with_topics(topics), version)
        }
        Response::Metadata(r) => {
            let brokers = r.brokers.iter().map(|id| {
                let (host, port) = d.address(*id);
                metadata_response::MetadataResponseBroker::default()
                    .with_node_id(BrokerId(id.0))
                    .with_host(s(&host))
                    .with_port(i32::from(port))
            });
            let brokers = brokers.collect();
            let mut topics = Vec::new();
            for topic in &r.topics {
                let partitions = topic.partitions.iter().enumerate().map(|(index, p)| {
                    let error = if p.leader.is_some() { None } else { Some(ErrorCode::LeaderNotAvailable) };
                    metadata_response::MetadataResponsePartition::default()
                        .with_error_code(code(error))
                        .with_partition_index(index as i32)
                        .with_leader_id(BrokerId(p.leader.map_or(-1, |l| l.0)))
                        .with_leader_epoch(if version >= 7 { p.leader_epoch } else { -1 })
                });
                let mut entry = metadata_response::MetadataResponseTopic::default()
                    .with_error_code(code(topic.error))
                    .with_name(Some(d.name(topic.topic)?))
                    .with_is_internal(version >= 1 && topic.topic.is_internal())
                    .with_partitions(partitions.collect());
                if version >= 10 {
                    entry.topic_id = d.uuid(topic.topic)?;
                }
                topics.push(entry);
            }
            encode(&MetadataResponse::default().with_brokers(brokers).with_topics(topics), version)
        }
        Response::OffsetCommit(r) => {
            let topics = codes(d, &r.partitions)?.into_iter().map(|(name, list)| {
                let list = list.into_iter().map(|(index, code)| {
                    offset_commit_response::OffsetCommitResponsePartition::default()
                        .with_partition_index(index)
                        .with_error_code(code)
                });
                offset_commit_response::OffsetCommitResponseTopic::default()
                    .with_name(name)
                    .with_partitions(list.collect())
            });
            encode(&OffsetCommitResponse::default().with_topics(topics.collect()), version)
        }
        Response::OffsetFetch(r) => {
            let Request::OffsetFetch(asked) = request else { return Err(mismatch(request, response)) };
            let mut message = OffsetFetchResponse::default();
            let mut group = offset_fetch_response::OffsetFetchResponseGroup::default()
                .with_group_id(GroupId(s(&asked.group_id)))
                .with_error_code(code(r.error));
            for (topic, list) in by_topic(r.partitions.iter().map(|(tp, outcome)| (*tp, *outcome))) {
                let name = d.name(topic)?;
                let list = list.into_iter().map(|(index, outcome)| match outcome {
                    Ok((offset, epoch)) => (index, 0, offset, epoch),
                    Err(error) => (index, error.code(), -1, -1),
                });
                if version >= 8 {
                    let list = list.map(|(index, code, offset, epoch)| {
                        offset_fetch_response::OffsetFetchResponsePartitions::default()
                            .with_partition_index(index)
                            .with_committed_offset(offset)
                            .with_committed_leader_epoch(epoch)
                            .with_metadata(Some(s("")))
                            .with_error_code(code)
                    });
                    let entry = offset_fetch_response::OffsetFetchResponseTopics::default().with_name(name);
                    group.topics.push(entry.with_partitions(list.collect()));
                } else {
                    let list = list.map(|(index, code, offset, epoch)| {
                        offset_fetch_response::OffsetFetchResponsePartition::default()
                            .with_partition_index(index)
                            .with_committed_offset(offset)
                            .with_committed_leader_epoch(if version >= 5 { epoch } else { -1 })
                            .with_metadata(Some(s("")))
                            .with_error_code(code)
                    });
                    let entry = offset_fetch_response::OffsetFetchResponseTopic::default().with_name(name);
                    message.topics.push(entry.with_partitions(list.collect()));
                }
            }
            if version >= 8 {
                message.groups = vec![group];
            } else if version >= 2 {
                message.error_code = code(r.error);
            }
            encode(&message, version)
        }
        Response::FindCoordinator(r) => {
            let Request::FindCoordinator(asked) = request else { return Err(mismatch(request, response)) };
            let (error, node) = match r.node {
                Ok(node) => (0, node.0),
                Err(error) => (error.code(), -1),
            };
            let (host, port) = r.node.map_or_else(|_| (String::new(), 0), |node| d.address(node));
            let port = if r.node.is_ok() { i32::from(port) } else { -1 };
            let mut message = FindCoordinatorResponse::default();
            if version >= 4 {
                message.coordinators.push(
                    find_coordinator_response::Coordinator::default()
                        .with_key(s(&asked.key))
                        .with_node_id(BrokerId(node))
                        .with_host(s(&host))
                        .with_port(port)
                        .with_error_code(error),
                );
            } else {
                message =
                    message.with_error_code(error).with_node_id(BrokerId(node)).with_host(s(&host)).with_port(port);
            }
            encode(&message, version)
        }
        Response::JoinGroup(r) => {
            let mut members = Vec::new();
            for (member, sub) in &r.members {
                let entry = join_group_response::JoinGroupResponseMember::default().with_member_id(s(member));
                members.push(entry.with_metadata(subscription(d, sub)?));
            }
            // A failed join names no protocol: null from version 7 on, empty before.
            let protocol = match r.error {
                None => Some(s(assignor(r.protocol))),
                Some(_) if version >= 7 => None,
                Some(_) => Some(s("")),
            };
            let message = JoinGroupResponse::default()
                .with_error_code(code(r.error))
                .with_generation_id(r.generation)
                .with_protocol_type(if version >= 7 && r.error.is_none() { Some(s("consumer")) } else { None })
                .with_protocol_name(protocol)
                .with_leader(s(&r.leader))
                .with_member_id(s(&r.member_id))
                .with_members(members);
            encode(&message, version)
        }
        Response::Heartbeat(r) => encode(&HeartbeatResponse::default().with_error_code(code(r.error)), version),
        Response::LeaveGroup(r) => {
            let Request::LeaveGroup(asked) = request else { return Err(mismatch(request, response)) };
            let mut message = LeaveGroupResponse::default();
            if version >= 3 {
                let member = leave_group_response::MemberResponse::default()
                    .with_member_id(s(&asked.member_id))
                    .with_group_instance_id(asked.group_instance_id.as_ref().map(|i| s(i)))
                    .with_error_code(code(r.error));
                message.members = vec![member];
            } else {
                message.error_code = code(r.error);
            }
            encode(&message, version)
        }
        Response::SyncGroup(r) => {
            let message = SyncGroupResponse::default()
                .with_error_code(code(r.error))
                .with_assignment(assignment(d, &r.assignment)?);
            encode(&message, version)
        }
        Response::ApiVersions(r) => {
            let mut message = ApiVersionsResponse::default();
            for key in ApiKey::ALL.iter().copied().filter(|k| is_of_clients(*k)) {
                let (min, max) = super::versions(key).expect("a client's request is on the wire");
                let entry = api_versions_response::ApiVersion::default().with_api_key(key as i16);
                message.api_keys.push(entry.with_min_version(min).with_max_version(max));
            }
            if version >= 3 {
                let features = [
                    (TRANSACTION_VERSION, r.features.transaction_version, 2),
                    (ELIGIBLE_LEADER_REPLICAS_VERSION, r.features.eligible_leader_replicas_version, 1),
                ];
                for (feature, level, newest) in features {
                    message.supported_features.push(
                        api_versions_response::SupportedFeatureKey::default()
                            .with_name(s(feature))
                            .with_max_version(newest),
                    );
                    if level > 0 {
                        message.finalized_features.push(
                            api_versions_response::FinalizedFeatureKey::default()
                                .with_name(s(feature))
                                .with_max_version_level(i16::from(level))
                                .with_min_version_level(i16::from(level)),
                        );
                    }
                }
                message.finalized_features_epoch = r.features_epoch as i64;
            }
            encode(&message, version)
        }
        Response::InitProducerId(r) => {
            let (error, pair) = pid(&r.result);
            let message = InitProducerIdResponse::default()
                .with_error_code(error)
                .with_producer_id(pair.id.into())
                .with_producer_epoch(pair.epoch);
            encode(&message, version)
        }
        Response::OffsetForLeaderEpoch(r) => {
            let mut topics = Vec::new();
            for (topic, list) in by_topic(r.partitions.iter().map(|(tp, outcome)| (*tp, *outcome))) {
                let list = list.into_iter().map(|(index, outcome)| {
                    let (error, end) = match outcome {
                        Ok(end) => (0, end),
                        Err(error) => (error.code(), ours::EpochEndOffset::UNDEFINED),
                    };
                    offset_for_leader_epoch_response::EpochEndOffset::default()
                        .with_error_code(error)
                        .with_partition(index)
                        .with_leader_epoch(end.epoch)
                        .with_end_offset(end.end_offset)
                });
                let entry = offset_for_leader_epoch_response::OffsetForLeaderTopicResult::default();
                topics.push(entry.with_topic(d.name(topic)?).with_partitions(list.collect()));
            }
            encode(&OffsetForLeaderEpochResponse::default().with_topics(topics), version)
        }
        Response::AddPartitionsToTxn(r) => {
            let topics = |partitions: &PerPartition| -> Wire<Vec<add_partitions_to_txn_response::AddPartitionsToTxnTopicResult>> {
                let topics = codes(d, partitions)?.into_iter().map(|(name, list)| {
                    let list = list.into_iter().map(|(index, code)| {
                        add_partitions_to_txn_response::AddPartitionsToTxnPartitionResult::default()
                            .with_partition_index(index)
                            .with_partition_error_code(code)
                    });
                    add_partitions_to_txn_response::AddPartitionsToTxnTopicResult::default()
                        .with_name(name)
                        .with_results_by_partition(list.collect())
                });
                Ok(topics.collect())
            };
            let mut message = AddPartitionsToTxnResponse::default();
            if version >= 4 {
                message.error_code = code(r.error);
                for (id, partitions) in &r.transactions {
                    let entry = add_partitions_to_txn_response::AddPartitionsToTxnResult::default()
                        .with_transactional_id(TransactionalId(s(id)));
                    message.results_by_transaction.push(entry.with_topic_results(topics(partitions)?));
                }
            } else {
                let [(_, partitions)] = &r.transactions[..] else {
                    return Err(malformed(format!("{} transactions in version {version}", r.transactions.len())));
                };
                message.results_by_topic_v3_and_below = topics(partitions)?;
            }
            encode(&message, version)
        }
        Response::AddOffsetsToTxn(r) => {
            encode(&AddOffsetsToTxnResponse::default().with_error_code(code(r.error)), version)
        }
        Response::EndTxn(r) => {
            let mut message = EndTxnResponse::default().with_error_code(code(r.error));
            if version >= 5 {
                message = message.with_producer_id(r.producer.id.into()).with_producer_epoch(r.producer.epoch);
            }
            encode(&message, version)
        }
        Response::WriteTxnMarkers(r) => {
            let mut markers = Vec::new();
            for (pid, partitions) in &r.markers {
                let topics = codes(d, partitions)?.into_iter().map(|(name, list)| {
                    let list = list.into_iter().map(|(index, code)| {
                        write_txn_markers_response::WritableTxnMarkerPartitionResult::default()
                            .with_partition_index(index)
                            .with_error_code(code)
                    });
                    write_txn_markers_response::WritableTxnMarkerTopicResult::default()
                        .with_name(name)
                        .with_partitions(list.collect())
                });
                let topics = topics.collect();
                markers.push(
                    write_txn_markers_response::WritableTxnMarkerResult::default()
                        .with_producer_id((*pid).into())
                        .with_topics(topics),
                );
            }
            encode(&WriteTxnMarkersResponse::default().with_markers(markers), version)
        }
        Response::TxnOffsetCommit(r) => {
            let topics = codes(d, &r.partitions)?.into_iter().map(|(name, list)| {
                let list = list.into_iter().map(|(index, code)| {
                    txn_offset_commit_response::TxnOffsetCommitResponsePartition::default()
                        .with_partition_index(index)
                        .with_error_code(code)
                });
                txn_offset_commit_response::TxnOffsetCommitResponseTopic::default()
                    .with_name(name)
                    .with_partitions(list.collect())
            });
            encode(&TxnOffsetCommitResponse::default().with_topics(topics.collect()), version)
        }
        Response::AlterPartition(r) => {
            let mut topics = Vec::new();
            for (topic, list) in by_topic(r.partitions.iter().map(|(tp, outcome)| (*tp, outcome))) {
                let list = list.into_iter().map(|(index, outcome)| {
                    let data = alter_partition_response::PartitionData::default().with_partition_index(index);
                    match outcome {
                        Ok(p) => data
                            .with_leader_id(BrokerId(p.leader.0))
                            .with_leader_epoch(p.leader_epoch)
                            .with_isr(p.isr.iter().map(|n| BrokerId(n.0)).collect())
                            .with_partition_epoch(p.partition_epoch),
                        Err(error) => data.with_error_code(error.code()),
                    }
                });
                let entry = alter_partition_response::TopicData::default().with_topic_id(d.uuid(topic)?);
                topics.push(entry.with_partitions(list.collect()));
            }
            encode(&AlterPartitionResponse::default().with_error_code(code(r.error)).with_topics(topics), version)
        }
        Response::DescribeProducers(r) => {
            let mut topics = Vec::new();
            for (topic, list) in by_topic(r.partitions.iter().map(|(tp, outcome)| (*tp, outcome))) {
                let list = list.into_iter().map(|(index, outcome)| {
                    let data = describe_producers_response::PartitionResponse::default().with_partition_index(index);
                    match outcome {
                        Err(error) => data.with_error_code(error.code()),
                        Ok(producers) => {
                            let list = producers.iter().map(|p| {
                                describe_producers_response::ProducerState::default()
                                    .with_producer_id(p.producer.id.into())
                                    .with_producer_epoch(i32::from(p.producer.epoch))
                                    .with_last_sequence(p.last_sequence)
                                    .with_last_timestamp(p.last_timestamp_ms)
                                    .with_coordinator_epoch(p.coordinator_epoch)
                                    .with_current_txn_start_offset(p.current_txn_start_offset)
                            });
                            data.with_active_producers(list.collect())
                        }
                    }
                });
                let entry = describe_producers_response::TopicResponse::default().with_name(d.name(topic)?);
                topics.push(entry.with_partitions(list.collect()));
            }
            encode(&DescribeProducersResponse::default().with_topics(topics), version)
        }
        Response::BrokerRegistration(r) => {
            let message = match r.broker_epoch {
                Ok(epoch) => BrokerRegistrationResponse::default().with_broker_epoch(epoch),
                Err(error) => BrokerRegistrationResponse::default().with_error_code(error.code()),
            };
            encode(&message, version)
        }
        Response::BrokerHeartbeat(r) => {
            let message = BrokerHeartbeatResponse::default()
                .with_error_code(code(r.error))
                .with_is_caught_up(r.is_caught_up)
                .with_is_fenced(r.is_fenced)
                .with_should_shut_down(r.should_shutdown);
            encode(&message, version)
        }
        Response::DescribeTransactions(r) => {
            let mut states = Vec::new();
            for (id, outcome) in &r.transactions {
                let entry = describe_transactions_response::TransactionState::default()
                    .with_transactional_id(TransactionalId(s(id)));
                states.push(match outcome {
                    Err(error) => entry.with_error_code(error.code()),
                    Ok(value) => {
                        let mut topics = Vec::new();
                        for (topic, list) in by_topic(value.partitions.iter().map(|tp| (*tp, ()))) {
                            let data = describe_transactions_response::TopicData::default().with_topic(d.name(topic)?);
                            topics.push(data.with_partitions(list.into_iter().map(|(p, ())| p).collect()));
                        }
                        entry
                            .with_transaction_state(s(state(value.state)))
                            .with_transaction_timeout_ms(value.timeout_ms)
                            .with_transaction_start_time_ms(value.start_ms)
                            .with_producer_id(value.producer.id.into())
                            .with_producer_epoch(value.producer.epoch)
                            .with_topics(topics)
                    }
                });
            }
            encode(&DescribeTransactionsResponse::default().with_transaction_states(states), version)
        }
        Response::AllocateProducerIds(r) => {
            let message = match r.block {
                Ok((first, length)) => AllocateProducerIdsResponse::default()
                    .with_producer_id_start(first.into())
                    .with_producer_id_len(length),
                Err(error) => AllocateProducerIdsResponse::default().with_error_code(error.code()),
            };
            encode(&message, version)
        }
        Response::MetadataFetch(_) => Err(WireError::NotOnTheWire(ApiKey::MetadataFetch, version)),
    }
}

/// Name of the feature on the wire.
const TRANSACTION_VERSION: &str = "transaction.version";
/// Name of the feature on the wire.
const ELIGIBLE_LEADER_REPLICAS_VERSION: &str = "eligible.leader.replicas.version";

/// Whether clients send it (and a broker therefore announces it).
fn is_of_clients(key: ApiKey) -> bool {
    !matches!(
        key,
        ApiKey::AlterPartition
            | ApiKey::BrokerRegistration
            | ApiKey::BrokerHeartbeat
            | ApiKey::AllocateProducerIds
            | ApiKey::MetadataFetch
    )
}

/// The response that `body` holds.
///
/// # Errors
/// [`WireError`] where the bytes are malformed, or name a topic or an error that is not known.
pub fn decode_response(d: &Directory, version: i16, request: &Request, body: &[u8]) -> Wire<Response> {
    let key = request.api_key();
    Ok(match key {
        ApiKey::Produce => {
            let m: ProduceResponse = decode(body, version)?;
            let mut partitions = Vec::new();
            for topic in &m.responses {
                let id = d.resolve(version >= 13, &topic.name, topic.topic_id)?;
                for p in &topic.partition_responses {
                    partitions.push(ours::ProducePartitionResponse {
                        tp: partition(id, p.index)?,
                        error: error(p.error_code)?,
                        base_offset: p.base_offset,
                        log_start_offset: p.log_start_offset,
                        current_leader: leader_of(p.current_leader.leader_id.0, p.current_leader.leader_epoch),
                    });
                }
            }
            ours::ProduceResponse { partitions }.into()
        }
        ApiKey::Fetch => {
            let m: FetchResponse = decode(body, version)?;
            let mut partitions = Vec::new();
            for topic in &m.responses {
                let id = d.resolve(version >= 13, &topic.topic, topic.topic_id)?;
                for p in &topic.partitions {
                    let aborted = p.aborted_transactions.iter().flatten().map(|a| ours::AbortedTransaction {
                        producer_id: a.producer_id.0,
                        first_offset: a.first_offset,
                    });
                    let end = &p.diverging_epoch;
                    let diverging = ours::EpochEndOffset { epoch: end.epoch, end_offset: end.end_offset };
                    partitions.push(ours::FetchPartitionResponse {
                        tp: partition(id, p.partition_index)?,
                        error: error(p.error_code)?,
                        high_watermark: p.high_watermark,
                        last_stable_offset: p.last_stable_offset,
                        log_start_offset: p.log_start_offset,
                        aborted: aborted.collect(),
                        diverging_epoch: (diverging != ours::EpochEndOffset::UNDEFINED).then_some(diverging),
                        current_leader: leader_of(p.current_leader.leader_id.0, p.current_leader.leader_epoch),
                        batches: decode_batches(p.records.as_deref().unwrap_or_default())?,
                    });
                }
            }
            ours::FetchResponse { error: error(m.error_code)?, session_id: m.session_id as u32, partitions }.into()
        }
        ApiKey::ListOffsets => {
            let m: ListOffsetsResponse = decode(body, version)?;
            let mut partitions = Vec::new();
            for topic in &m.topics {
                for p in &topic.partitions {
                    let tp = partition(d.topic(&topic.name)?, p.partition_index)?;
                    partitions.push((tp, outcome(p.error_code, (p.offset, p.leader_epoch))?));
                }
            }
            ours::ListOffsetsResponse { partitions }.into()
        }
        ApiKey::Metadata => {
            let m: MetadataResponse = decode(body, version)?;
            let mut topics = Vec::new();
            for topic in &m.topics {
                let id = match &topic.name {
                    Some(name) => d.topic(name)?,
                    None => d.by_uuid(topic.topic_id)?,
                };
                let mut partitions: Vec<_> = topic.partitions.iter().collect();
                partitions.sort_by_key(|p| p.partition_index);
                let partitions = partitions.iter().map(|p| ours::PartitionMetadata {
                    leader: (p.leader_id.0 >= 0).then_some(NodeId(p.leader_id.0)),
                    leader_epoch: p.leader_epoch,
                });
                let partitions = partitions.collect();
                topics.push(ours::TopicMetadata { topic: id, error: error(topic.error_code)?, partitions });
            }
            let brokers = m.brokers.iter().map(|b| NodeId(b.node_id.0)).collect();
            ours::MetadataResponse { brokers, topics }.into()
        }
        ApiKey::OffsetCommit => {
            let m: OffsetCommitResponse = decode(body, version)?;
            let mut partitions = Vec::new();
            for topic in &m.topics {
                for p in &topic.partitions {
                    partitions.push((partition(d.topic(&topic.name)?, p.partition_index)?, error(p.error_code)?));
                }
            }
            ours::OffsetCommitResponse { partitions }.into()
        }
        ApiKey::OffsetFetch => {
            let m: OffsetFetchResponse = decode(body, version)?;
            let mut partitions = Vec::new();
            let whole = if version >= 8 {
                let [group] = &m.groups[..] else {
                    return Err(malformed(format!("{} groups in one answer", m.groups.len())));
                };
                for topic in &group.topics {
                    for p in &topic.partitions {
                        let tp = partition(d.topic(&topic.name)?, p.partition_index)?;
                        let found = (p.committed_offset, p.committed_leader_epoch);
                        partitions.push((tp, outcome(p.error_code, found)?));
                    }
                }
                group.error_code
            } else {
                for topic in &m.topics {
                    for p in &topic.partitions {
                        let tp = partition(d.topic(&topic.name)?, p.partition_index)?;
                        let found = (p.committed_offset, p.committed_leader_epoch);
                        partitions.push((tp, outcome(p.error_code, found)?));
                    }
                }
                m.error_code
            };
            ours::OffsetFetchResponse { error: error(whole)?, partitions }.into()
        }
        ApiKey::FindCoordinator => {
            let m: FindCoordinatorResponse = decode(body, version)?;
            let (code, node) = if version >= 4 {
                let [found] = &m.coordinators[..] else {
                    return Err(malformed(format!("{} coordinators in one answer", m.coordinators.len())));
                };
                (found.error_code, found.node_id.0)
            } else {
                (m.error_code, m.node_id.0)
            };
            ours::FindCoordinatorResponse { node: outcome(code, NodeId(node))? }.into()
        }
        ApiKey::JoinGroup => {
            let m: JoinGroupResponse = decode(body, version)?;
            let protocol = match m.protocol_name.as_deref().unwrap_or_default() {
                "" => ours::AssignorName::Range,
                text => assignor_of(text)?,
            };
            let mut members = Vec::new();
            for member in &m.members {
                members.push((name(&member.member_id), subscription_of(d, &member.metadata)?));
            }
            ours::JoinGroupResponse {
                error: error(m.error_code)?,
                generation: m.generation_id,
                protocol,
                leader: name(&m.leader),
                member_id: name(&m.member_id),
                members,
            }
            .into()
        }
        ApiKey::Heartbeat => {
            let m: HeartbeatResponse = decode(body, version)?;
            ours::HeartbeatResponse { error: error(m.error_code)? }.into()
        }
        ApiKey::LeaveGroup => {
            let m: LeaveGroupResponse = decode(body, version)?;
            let of_member = m.members.first().map_or(0, |member| member.error_code);
            ours::LeaveGroupResponse { error: error(if m.error_code != 0 { m.error_code } else { of_member })? }.into()
        }
        ApiKey::SyncGroup => {
            let m: SyncGroupResponse = decode(body, version)?;
            ours::SyncGroupResponse { error: error(m.error_code)?, assignment: assignment_of(d, &m.assignment)? }.into()
        }
        ApiKey::ApiVersions => {
            let m: ApiVersionsResponse = decode(body, version)?;
            let level = |feature: &str| {
                let found = m.finalized_features.iter().find(|f| &*f.name == feature);
                found.map_or(0, |f| f.max_version_level.clamp(0, 127) as u8)
            };
            let features = Features {
                transaction_version: level(TRANSACTION_VERSION),
                eligible_leader_replicas_version: level(ELIGIBLE_LEADER_REPLICAS_VERSION),
            };
            ours::ApiVersionsResponse { features, features_epoch: m.finalized_features_epoch.max(0) as u64 }.into()
        }
        ApiKey::InitProducerId => {
            let m: InitProducerIdResponse = decode(body, version)?;
            let pair = ProducerIdAndEpoch::new(m.producer_id.0, m.producer_epoch);
            ours::InitProducerIdResponse { result: outcome(m.error_code, pair)? }.into()
        }
        ApiKey::OffsetForLeaderEpoch => {
            let m: OffsetForLeaderEpochResponse = decode(body, version)?;
            let mut partitions = Vec::new();
            for topic in &m.topics {
                for p in &topic.partitions {
                    let end = ours::EpochEndOffset { epoch: p.leader_epoch, end_offset: p.end_offset };
                    let tp = partition(d.topic(&topic.topic)?, p.partition)?;
                    partitions.push((tp, outcome(p.error_code, end)?));
                }
            }
            ours::OffsetForLeaderEpochResponse { partitions }.into()
        }
        ApiKey::AddPartitionsToTxn => {
            let m: AddPartitionsToTxnResponse = decode(body, version)?;
            let flat = |topics: &[add_partitions_to_txn_response::AddPartitionsToTxnTopicResult]| -> Wire<Vec<_>> {
                let mut partitions = Vec::new();
                for topic in topics {
                    for p in &topic.results_by_partition {
                        let tp = partition(d.topic(&topic.name)?, p.partition_index)?;
                        partitions.push((tp, error(p.partition_error_code)?));
                    }
                }
                Ok(partitions)
            };
            let mut transactions = Vec::new();
            if version >= 4 {
                for t in &m.results_by_transaction {
                    transactions.push((name(&t.transactional_id), flat(&t.topic_results)?));
                }
            } else {
                let Request::AddPartitionsToTxn(asked) = request else { unreachable!("the key is the request's") };
                let id = asked.transactions.first().map_or_else(|| Arc::from(""), |t| t.transactional_id.clone());
                transactions.push((id, flat(&m.results_by_topic_v3_and_below)?));
            }
            ours::AddPartitionsToTxnResponse { error: error(m.error_code)?, transactions }.into()
        }
        ApiKey::AddOffsetsToTxn => {
            let m: AddOffsetsToTxnResponse = decode(body, version)?;
            ours::AddOffsetsToTxnResponse { error: error(m.error_code)? }.into()
        }
        ApiKey::EndTxn => {
            let m: EndTxnResponse = decode(body, version)?;
            let producer = ProducerIdAndEpoch::new(m.producer_id.0, m.producer_epoch);
            ours::EndTxnResponse { error: error(m.error_code)?, producer }.into()
        }
        ApiKey::WriteTxnMarkers => {
            let m: WriteTxnMarkersResponse = decode(body, version)?;
            let mut markers = Vec::new();
            for marker in &m.markers {
                let mut partitions = Vec::new();
                for topic in &marker.topics {
                    for p in &topic.partitions {
                        partitions.push((partition(d.topic(&topic.name)?, p.partition_index)?, error(p.error_code)?));
                    }
                }
                markers.push((marker.producer_id.0, partitions));
            }
            ours::WriteTxnMarkersResponse { markers }.into()
        }
        ApiKey::TxnOffsetCommit => {
            let m: TxnOffsetCommitResponse = decode(body, version)?;
            let mut partitions = Vec::new();
            for topic in &m.topics {
                for p in &topic.partitions {
                    partitions.push((partition(d.topic(&topic.name)?, p.partition_index)?, error(p.error_code)?));
                }
            }
            ours::TxnOffsetCommitResponse { partitions }.into()
        }
        ApiKey::AlterPartition => {
            let m: AlterPartitionResponse = decode(body, version)?;
            let mut partitions = Vec::new();
            for topic in &m.topics {
                for p in &topic.partitions {
                    let altered = ours::AlteredPartition {
                        leader: NodeId(p.leader_id.0),
                        leader_epoch: p.leader_epoch,
                        isr: p.isr.iter().map(|n| NodeId(n.0)).collect(),
                        partition_epoch: p.partition_epoch,
                    };
                    let tp = partition(d.by_uuid(topic.topic_id)?, p.partition_index)?;
                    partitions.push((tp, outcome(p.error_code, altered)?));
                }
            }
            ours::AlterPartitionResponse { error: error(m.error_code)?, partitions }.into()
        }
        ApiKey::DescribeProducers => {
            let m: DescribeProducersResponse = decode(body, version)?;
            let mut partitions = Vec::new();
            for topic in &m.topics {
                for p in &topic.partitions {
                    let producers = p.active_producers.iter().map(|a| ours::ActiveProducer {
                        producer: ProducerIdAndEpoch::new(a.producer_id.0, a.producer_epoch as i16),
                        last_sequence: a.last_sequence,
                        last_timestamp_ms: a.last_timestamp,
                        coordinator_epoch: a.coordinator_epoch,
                        current_txn_start_offset: a.current_txn_start_offset,
                    });
                    let mut producers: Vec<_> = producers.collect();
                    producers.sort_by_key(|a| a.producer);
                    let tp = partition(d.topic(&topic.name)?, p.partition_index)?;
                    partitions.push((tp, outcome(p.error_code, producers)?));
                }
            }
            ours::DescribeProducersResponse { partitions }.into()
        }
        ApiKey::BrokerRegistration => {
            let m: BrokerRegistrationResponse = decode(body, version)?;
            ours::BrokerRegistrationResponse { broker_epoch: outcome(m.error_code, m.broker_epoch)? }.into()
        }
        ApiKey::BrokerHeartbeat => {
            let m: BrokerHeartbeatResponse = decode(body, version)?;
            ours::BrokerHeartbeatResponse {
                error: error(m.error_code)?,
                is_caught_up: m.is_caught_up,
                is_fenced: m.is_fenced,
                should_shutdown: m.should_shut_down,
            }
            .into()
        }
        ApiKey::DescribeTransactions => {
            let m: DescribeTransactionsResponse = decode(body, version)?;
            let mut transactions = Vec::new();
            for t in &m.transaction_states {
                let found = match error(t.error_code)? {
                    Some(error) => Err(error),
                    None => {
                        let mut partitions = Vec::new();
                        for topic in &t.topics {
                            for p in &topic.partitions {
                                partitions.push(partition(d.topic(&topic.topic)?, *p)?);
                            }
                        }
                        partitions.sort();
                        Ok(ours::TransactionMetadataValue {
                            producer: ProducerIdAndEpoch::new(t.producer_id.0, t.producer_epoch),
                            previous_producer_id: NO_PRODUCER_ID,
                            next_producer_id: NO_PRODUCER_ID,
                            timeout_ms: t.transaction_timeout_ms,
                            state: state_of(&t.transaction_state)?,
                            partitions: partitions.into(),
                            last_update_ms: -1,
                            start_ms: t.transaction_start_time_ms,
                            client_transaction_version: 0,
                        })
                    }
                };
                transactions.push((name(&t.transactional_id), found));
            }
            ours::DescribeTransactionsResponse { transactions }.into()
        }
        ApiKey::AllocateProducerIds => {
            let m: AllocateProducerIdsResponse = decode(body, version)?;
            let block = (m.producer_id_start.0, m.producer_id_len);
            ours::AllocateProducerIdsResponse { block: outcome(m.error_code, block)? }.into()
        }
        ApiKey::MetadataFetch => return Err(WireError::NotOnTheWire(key, version)),
    })
}
