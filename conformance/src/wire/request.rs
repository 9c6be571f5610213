//! Requests: ours to bytes and back.

use std::sync::Arc;

use bytes::Bytes;
use fencepost_protocol::batch::TransactionResult;
use fencepost_protocol::ids::*;
use fencepost_protocol::message as ours;
use fencepost_protocol::message::{Acks, ApiKey, OffsetSpec, ProducerIdAndEpoch, Request};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use uuid::Uuid;

use super::*;

fn optional(text: &Option<Name>) -> Option<StrBytes> {
    text.as_ref().map(|t| s(t))
}

fn optional_name(text: &Option<StrBytes>) -> Option<Name> {
    text.as_ref().map(name)
}

fn pair(id: i64, epoch: i16) -> ProducerIdAndEpoch {
    ProducerIdAndEpoch::new(id, epoch)
}

fn acks(acks: Acks) -> i16 {
    match acks {
        Acks::None => 0,
        Acks::Leader => 1,
        Acks::All => -1,
    }
}

fn acks_of(number: i16) -> Wire<Acks> {
    match number {
        0 => Ok(Acks::None),
        1 => Ok(Acks::Leader),
        -1 => Ok(Acks::All),
        other => Err(malformed(format!("acks={other}"))),
    }
}

/// Partitions of a topic as the wire lists them, for the many requests that carry nothing else.
fn indexes(entries: &[(i32, ())]) -> Vec<i32> {
    entries.iter().map(|(p, ())| *p).collect()
}

fn bare(tps: &[TopicPartition]) -> Vec<(TopicId, Vec<(i32, ())>)> {
    by_topic(tps.iter().map(|tp| (*tp, ())))
}

fn partitions_of(topic: TopicId, indexes: &[i32]) -> Wire<Vec<TopicPartition>> {
    indexes.iter().map(|p| partition(topic, *p)).collect()
}

fn offset_topics(d: &Directory, offsets: &[ours::OffsetToCommit]) -> Wire<NamedTopics<usize>> {
    let groups = by_topic(offsets.iter().enumerate().map(|(i, o)| (o.tp, i)));
    groups.into_iter().map(|(topic, list)| Ok((d.name(topic)?, list))).collect()
}

pub(super) fn assignor(name: ours::AssignorName) -> &'static str {
    match name {
        ours::AssignorName::Range => "range",
        ours::AssignorName::CooperativeSticky => "cooperative-sticky",
    }
}

pub(super) fn assignor_of(name: &str) -> Wire<ours::AssignorName> {
    match name {
        "range" => Ok(ours::AssignorName::Range),
        "cooperative-sticky" => Ok(ours::AssignorName::CooperativeSticky),
        other => Err(malformed(format!("assignor '{other}'"))),
    }
}

/// Version of the embedded consumer protocol that we write.
const CONSUMER_PROTOCOL: i16 = 2;

pub(super) fn subscription(d: &Directory, subscription: &ours::Subscription) -> Wire<Bytes> {
    let mut owned = Vec::new();
    for (topic, list) in bare(&subscription.owned) {
        let partitions = consumer_protocol_subscription::TopicPartition::default().with_topic(d.name(topic)?);
        owned.push(partitions.with_partitions(indexes(&list)));
    }
    let topics = subscription.topics.iter().map(|t| Ok(d.name(*t)?.0)).collect::<Wire<Vec<_>>>()?;
    let message = ConsumerProtocolSubscription::default()
        .with_topics(topics)
        .with_owned_partitions(owned)
        .with_generation_id(subscription.generation);
    let mut bytes = bytes::BytesMut::from(&CONSUMER_PROTOCOL.to_be_bytes()[..]);
    message.encode(&mut bytes, CONSUMER_PROTOCOL).map_err(malformed)?;
    Ok(bytes.freeze())
}

fn embedded<T: Decodable>(bytes: &Bytes, newest: i16) -> Wire<T> {
    let version = bytes.first_chunk::<2>().ok_or_else(|| malformed("an empty consumer protocol message"))?;
    let version = i16::from_be_bytes(*version).min(newest);
    // Newer writers may append fields; they are ignored, as Kafka does.
    T::decode(&mut bytes.slice(2..), version).map_err(malformed)
}

pub(super) fn subscription_of(d: &Directory, bytes: &Bytes) -> Wire<ours::Subscription> {
    if bytes.is_empty() {
        return Ok(ours::Subscription { generation: -1, ..Default::default() });
    }
    let message: ConsumerProtocolSubscription = embedded(bytes, 3)?;
    let topics = message.topics.iter().map(|t| d.topic(t)).collect::<Wire<Vec<_>>>()?;
    let mut owned = Vec::new();
    for entry in &message.owned_partitions {
        owned.extend(partitions_of(d.topic(&entry.topic)?, &entry.partitions)?);
    }
    Ok(ours::Subscription { topics, owned, generation: message.generation_id })
}

pub(super) fn assignment(d: &Directory, assignment: &[TopicPartition]) -> Wire<Bytes> {
    if assignment.is_empty() {
        return Ok(Bytes::new());
    }
    let mut topics = Vec::new();
    for (topic, list) in bare(assignment) {
        let entry = consumer_protocol_assignment::TopicPartition::default().with_topic(d.name(topic)?);
        topics.push(entry.with_partitions(indexes(&list)));
    }
    let message = ConsumerProtocolAssignment::default().with_assigned_partitions(topics);
    let mut bytes = bytes::BytesMut::from(&CONSUMER_PROTOCOL.to_be_bytes()[..]);
    message.encode(&mut bytes, CONSUMER_PROTOCOL).map_err(malformed)?;
    Ok(bytes.freeze())
}

pub(super) fn assignment_of(d: &Directory, bytes: &Bytes) -> Wire<Vec<TopicPartition>> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let message: ConsumerProtocolAssignment = embedded(bytes, 3)?;
    let mut partitions = Vec::new();
    for entry in &message.assigned_partitions {
        partitions.extend(partitions_of(d.topic(&entry.topic)?, &entry.partitions)?);
    }
    Ok(partitions)
}

/// The body of a request in `version`.
///
/// # Errors
/// [`WireError`] where the version does not exist, a topic is unknown, or the version has no field for a value that
/// matters.
pub fn encode_request(d: &Directory, version: i16, request: &Request) -> Wire<Vec<u8>> {
    match request {
        Request::Produce(r) => {
            let mut topics = Vec::new();
            for (topic, list) in by_topic(r.partitions.iter().map(|p| (p.tp, &p.batch))) {
                let data = list.into_iter().map(|(p, batch)| {
                    let records = Bytes::from(encode_batch(batch));
                    produce_request::PartitionProduceData::default().with_index(p).with_records(Some(records))
                });
                let entry = produce_request::TopicProduceData::default().with_partition_data(data.collect());
                topics.push(if version >= 13 {
                    entry.with_topic_id(d.uuid(topic)?)
                } else {
                    entry.with_name(d.name(topic)?)
                });
            }
            let message = ProduceRequest::default()
                .with_transactional_id(optional(&r.transactional_id).map(TransactionalId))
                .with_acks(acks(r.acks))
                .with_timeout_ms(r.timeout_ms)
                .with_topic_data(topics);
            encode(&message, version)
        }
        Request::Fetch(r) => {
            let mut topics = Vec::new();
            for (topic, list) in by_topic(r.partitions.iter().map(|p| (p.tp, p))) {
                let list = list.into_iter().map(|(index, p)| {
                    fetch_request::FetchPartition::default()
                        .with_partition(index)
                        .with_current_leader_epoch(if version >= 9 { p.current_leader_epoch } else { -1 })
                        .with_fetch_offset(p.fetch_offset)
                        .with_last_fetched_epoch(if version >= 12 { p.last_fetched_epoch } else { -1 })
                        .with_log_start_offset(if version >= 5 { p.log_start_offset } else { -1 })
                        .with_partition_max_bytes(p.max_bytes)
                });
                let entry = fetch_request::FetchTopic::default().with_partitions(list.collect());
                topics.push(if version >= 13 {
                    entry.with_topic_id(d.uuid(topic)?)
                } else {
                    entry.with_topic(d.name(topic)?)
                });
            }
            let mut forgotten = Vec::new();
            for (topic, list) in if version >= 7 { bare(&r.forgotten) } else { Vec::new() } {
                let entry = fetch_request::ForgottenTopic::default().with_partitions(indexes(&list));
                forgotten.push(if version >= 13 {
                    entry.with_topic_id(d.uuid(topic)?)
                } else {
                    entry.with_topic(d.name(topic)?)
                });
            }
            let (replica, epoch) = r.replica.map_or((BrokerId(-1), -1), |(node, epoch)| (BrokerId(node.0), epoch));
            let mut message = FetchRequest::default()
                .with_max_wait_ms(r.max_wait_ms)
                .with_min_bytes(r.min_bytes)
                .with_max_bytes(r.max_bytes)
                .with_isolation_level(isolation(r.isolation))
                .with_session_id(if version >= 7 { r.session_id as i32 } else { 0 })
                .with_session_epoch(if version >= 7 { r.session_epoch } else { -1 })
                .with_topics(topics)
                .with_forgotten_topics_data(forgotten);
            if version >= 15 {
                message.replica_state =
                    fetch_request::ReplicaState::default().with_replica_id(replica).with_replica_epoch(epoch);
            } else {
                message.replica_id = replica;
            }
            encode(&message, version)
        }
        Request::ListOffsets(r) => {
            let mut topics = Vec::new();
            for (topic, list) in by_topic(r.partitions.iter().map(|(tp, epoch, spec)| (*tp, (*epoch, *spec)))) {
                let list = list.into_iter().map(|(index, (epoch, spec))| {
                    let timestamp = match spec {
                        OffsetSpec::Earliest => -2,
                        OffsetSpec::Latest => -1,
                        OffsetSpec::Timestamp(t) => t,
                    };
                    list_offsets_request::ListOffsetsPartition::default()
                        .with_partition_index(index)
                        .with_current_leader_epoch(if version >= 4 { epoch } else { -1 })
                        .with_timestamp(timestamp)
                });
                topics.push(
                    list_offsets_request::ListOffsetsTopic::default()
                        .with_name(d.name(topic)?)
                        .with_partitions(list.collect()),
                );
            }
            let message = ListOffsetsRequest::default()
                .with_replica_id(BrokerId(-1))
                .with_isolation_level(if version >= 2 { isolation(r.isolation) } else { 0 })
                .with_topics(topics);
            encode(&message, version)
        }
        Request::Metadata(r) => {
            let topics = match &r.topics {
                None if version == 0 => Some(Vec::new()),
                None => None,
                Some(list) => {
                    let entry = |id: &TopicId| {
                        Ok(metadata_request::MetadataRequestTopic::default().with_name(Some(d.name(*id)?)))
                    };
                    Some(list.iter().map(entry).collect::<Wire<Vec<_>>>()?)
                }
            };
            let message = MetadataRequest::default().with_topics(topics).with_allow_auto_topic_creation(version < 4);
            encode(&message, version)
        }
        Request::OffsetCommit(r) => {
            let mut topics = Vec::new();
            for (name, list) in offset_topics(d, &r.offsets)? {
                let list = list.into_iter().map(|(index, i)| {
                    let o = &r.offsets[i];
                    offset_commit_request::OffsetCommitRequestPartition::default()
                        .with_partition_index(index)
                        .with_committed_offset(o.offset)
                        .with_committed_leader_epoch(if version >= 6 { o.leader_epoch } else { -1 })
                        .with_committed_metadata(Some(s(&o.metadata)))
                });
                let entry = offset_commit_request::OffsetCommitRequestTopic::default().with_name(name);
                topics.push(entry.with_partitions(list.collect()));
            }
            let instance = if version >= 7 { optional(&r.group.group_instance_id) } else { None };
            let message = OffsetCommitRequest::default()
                .with_group_id(GroupId(s(&r.group.group_id)))
                .with_generation_id_or_member_epoch(r.group.generation)
                .with_member_id(s(&r.group.member_id))
                .with_group_instance_id(instance)
                .with_topics(topics);
            encode(&message, version)
        }
        Request::OffsetFetch(r) => {
            let mut message = OffsetFetchRequest::default();
            message.require_stable = version >= 7 && r.require_stable;
            let groups = r.partitions.as_deref().map(bare);
            if version >= 8 {
                let topics = match groups {
                    None => None,
                    Some(groups) => {
                        let mut topics = Vec::new();
                        for (topic, list) in groups {
                            let entry = offset_fetch_request::OffsetFetchRequestTopics::default();
                            topics.push(entry.with_name(d.name(topic)?).with_partition_indexes(indexes(&list)));
                        }
                        Some(topics)
                    }
                };
                let group = offset_fetch_request::OffsetFetchRequestGroup::default()
                    .with_group_id(GroupId(s(&r.group_id)))
                    .with_member_id(None)
                    .with_member_epoch(-1)
                    .with_topics(topics);
                message.groups = vec![group];
            } else {
                message.group_id = GroupId(s(&r.group_id));
                message.topics = match groups {
                    None => None,
                    Some(groups) => {
                        let mut topics = Vec::new();
                        for (topic, list) in groups {
                            let entry = offset_fetch_request::OffsetFetchRequestTopic::default();
                            topics.push(entry.with_name(d.name(topic)?).with_partition_indexes(indexes(&list)));
                        }
                        Some(topics)
                    }
                };
            }
            encode(&message, version)
        }
        Request::FindCoordinator(r) => {
            let key_type = if r.key_type == ours::CoordinatorType::Transaction { 1 } else { 0 };
            let message = FindCoordinatorRequest::default().with_key_type(key_type);
            let message =
                if version >= 4 { message.with_coordinator_keys(vec![s(&r.key)]) } else { message.with_key(s(&r.key)) };
            encode(&message, version)
        }
        Request::JoinGroup(r) => {
            let mut protocols = Vec::new();
            for (name, sub) in &r.protocols {
                let entry = join_group_request::JoinGroupRequestProtocol::default().with_name(s(assignor(*name)));
                protocols.push(entry.with_metadata(subscription(d, sub)?));
            }
            let message = JoinGroupRequest::default()
                .with_group_id(GroupId(s(&r.group_id)))
                .with_session_timeout_ms(r.session_timeout_ms)
                .with_rebalance_timeout_ms(if version >= 1 { r.rebalance_timeout_ms } else { -1 })
                .with_member_id(s(&r.member_id))
                .with_group_instance_id(if version >= 5 { optional(&r.group_instance_id) } else { None })
                .with_protocol_type(s("consumer"))
                .with_protocols(protocols);
            encode(&message, version)
        }
        Request::Heartbeat(r) => {
            let message = HeartbeatRequest::default()
                .with_group_id(GroupId(s(&r.group.group_id)))
                .with_generation_id(r.group.generation)
                .with_member_id(s(&r.group.member_id))
                .with_group_instance_id(if version >= 3 { optional(&r.group.group_instance_id) } else { None });
            encode(&message, version)
        }
        Request::LeaveGroup(r) => {
            let mut message = LeaveGroupRequest::default().with_group_id(GroupId(s(&r.group_id)));
            if version >= 3 {
                let member = leave_group_request::MemberIdentity::default()
                    .with_member_id(s(&r.member_id))
                    .with_group_instance_id(optional(&r.group_instance_id));
                message.members = vec![member];
            } else {
                message.member_id = s(&r.member_id);
            }
            encode(&message, version)
        }
        Request::SyncGroup(r) => {
            let mut assignments = Vec::new();
            for (member, partitions) in &r.assignments {
                let entry = sync_group_request::SyncGroupRequestAssignment::default().with_member_id(s(member));
                assignments.push(entry.with_assignment(assignment(d, partitions)?));
            }
            // Version 5 insists on both names. Ours does not carry the assignor's; "range" stands for it.
            let named = |text| if version >= 5 { Some(s(text)) } else { None };
            let message = SyncGroupRequest::default()
                .with_group_id(GroupId(s(&r.group.group_id)))
                .with_generation_id(r.group.generation)
                .with_member_id(s(&r.group.member_id))
                .with_group_instance_id(if version >= 3 { optional(&r.group.group_instance_id) } else { None })
                .with_protocol_type(named("consumer"))
                .with_protocol_name(named("range"))
                .with_assignments(assignments);
            encode(&message, version)
        }
        Request::ApiVersions(_) => {
            let mut message = ApiVersionsRequest::default();
            if version >= 3 {
                message = message.with_client_software_name(s("fencepost")).with_client_software_version(s("0"));
            }
            encode(&message, version)
        }
        Request::InitProducerId(r) => {
            let given = if version >= 3 { r.producer } else { ProducerIdAndEpoch::NONE };
            let message = InitProducerIdRequest::default()
                .with_transactional_id(optional(&r.transactional_id).map(TransactionalId))
                .with_transaction_timeout_ms(r.transaction_timeout_ms)
                .with_producer_id(given.id.into())
                .with_producer_epoch(given.epoch);
            encode(&message, version)
        }
        Request::OffsetForLeaderEpoch(r) => {
            let mut topics = Vec::new();
            for (topic, list) in by_topic(r.partitions.iter().map(|(tp, current, asked)| (*tp, (*current, *asked)))) {
                let list = list.into_iter().map(|(index, (current, asked))| {
                    offset_for_leader_epoch_request::OffsetForLeaderPartition::default()
                        .with_partition(index)
                        .with_current_leader_epoch(current)
                        .with_leader_epoch(asked)
                });
                let entry = offset_for_leader_epoch_request::OffsetForLeaderTopic::default();
                topics.push(entry.with_topic(d.name(topic)?).with_partitions(list.collect()));
            }
            let replica = BrokerId(if version >= 3 { -1 } else { -2 });
            encode(&OffsetForLeaderEpochRequest::default().with_replica_id(replica).with_topics(topics), version)
        }
        Request::AddPartitionsToTxn(r) => {
            let topics = |tps: &[TopicPartition]| -> Wire<Vec<add_partitions_to_txn_request::AddPartitionsToTxnTopic>> {
                let mut topics = Vec::new();
                for (topic, list) in bare(tps) {
                    let entry = add_partitions_to_txn_request::AddPartitionsToTxnTopic::default();
                    topics.push(entry.with_name(d.name(topic)?).with_partitions(indexes(&list)));
                }
                Ok(topics)
            };
            let mut message = AddPartitionsToTxnRequest::default();
            if version >= 4 {
                for t in &r.transactions {
                    let entry = add_partitions_to_txn_request::AddPartitionsToTxnTransaction::default()
                        .with_transactional_id(TransactionalId(s(&t.transactional_id)))
                        .with_producer_id(t.producer.id.into())
                        .with_producer_epoch(t.producer.epoch)
                        .with_verify_only(t.verify_only)
                        .with_topics(topics(&t.partitions)?);
                    message.transactions.push(entry);
                }
            } else {
                let [t] = &r.transactions[..] else {
                    return Err(malformed(format!("{} transactions in version {version}", r.transactions.len())));
                };
                message = message
                    .with_v3_and_below_transactional_id(TransactionalId(s(&t.transactional_id)))
                    .with_v3_and_below_producer_id(t.producer.id.into())
                    .with_v3_and_below_producer_epoch(t.producer.epoch)
                    .with_v3_and_below_topics(topics(&t.partitions)?);
            }
            encode(&message, version)
        }
        Request::AddOffsetsToTxn(r) => {
            let message = AddOffsetsToTxnRequest::default()
                .with_transactional_id(TransactionalId(s(&r.transactional_id)))
                .with_producer_id(r.producer.id.into())
                .with_producer_epoch(r.producer.epoch)
                .with_group_id(GroupId(s(&r.group_id)));
            encode(&message, version)
        }
        Request::EndTxn(r) => {
            let message = EndTxnRequest::default()
                .with_transactional_id(TransactionalId(s(&r.transactional_id)))
                .with_producer_id(r.producer.id.into())
                .with_producer_epoch(r.producer.epoch)
                .with_committed(r.result == TransactionResult::Commit);
            encode(&message, version)
        }
        Request::WriteTxnMarkers(r) => {
            let mut markers = Vec::new();
            for m in &r.markers {
                let mut topics = Vec::new();
                for (topic, list) in bare(&m.partitions) {
                    let entry = write_txn_markers_request::WritableTxnMarkerTopic::default();
                    topics.push(entry.with_name(d.name(topic)?).with_partition_indexes(indexes(&list)));
                }
                markers.push(
                    write_txn_markers_request::WritableTxnMarker::default()
                        .with_producer_id(m.producer.id.into())
                        .with_producer_epoch(m.producer.epoch)
                        .with_transaction_result(m.result == TransactionResult::Commit)
                        .with_topics(topics)
                        .with_coordinator_epoch(m.coordinator_epoch),
                );
            }
            encode(&WriteTxnMarkersRequest::default().with_markers(markers), version)
        }
        Request::TxnOffsetCommit(r) => {
            let mut topics = Vec::new();
            for (name, list) in offset_topics(d, &r.offsets)? {
                let list = list.into_iter().map(|(index, i)| {
                    let o = &r.offsets[i];
                    txn_offset_commit_request::TxnOffsetCommitRequestPartition::default()
                        .with_partition_index(index)
                        .with_committed_offset(o.offset)
                        .with_committed_leader_epoch(if version >= 2 { o.leader_epoch } else { -1 })
                        .with_committed_metadata(Some(s(&o.metadata)))
                });
                let entry = txn_offset_commit_request::TxnOffsetCommitRequestTopic::default().with_name(name);
                topics.push(entry.with_partitions(list.collect()));
            }
            let mut message = TxnOffsetCommitRequest::default()
                .with_transactional_id(TransactionalId(s(&r.transactional_id)))
                .with_group_id(GroupId(s(&r.group.group_id)))
                .with_producer_id(r.producer.id.into())
                .with_producer_epoch(r.producer.epoch)
                .with_topics(topics);
            if version >= 3 {
                message = message
                    .with_generation_id(r.group.generation)
                    .with_member_id(s(&r.group.member_id))
                    .with_group_instance_id(optional(&r.group.group_instance_id));
            }
            encode(&message, version)
        }
        Request::AlterPartition(r) => {
            let mut topics = Vec::new();
            for (topic, list) in by_topic(r.partitions.iter().map(|p| (p.tp, p))) {
                let list = list.into_iter().map(|(index, p)| {
                    let mut data = alter_partition_request::PartitionData::default()
                        .with_partition_index(index)
                        .with_leader_epoch(p.leader_epoch)
                        .with_partition_epoch(p.partition_epoch);
                    for (node, epoch) in &p.isr {
                        if version >= 3 {
                            data.new_isr_with_epochs.push(
                                alter_partition_request::BrokerState::default()
                                    .with_broker_id(BrokerId(node.0))
                                    .with_broker_epoch(*epoch),
                            );
                        } else {
                            data.new_isr.push(BrokerId(node.0));
                        }
                    }
                    data
                });
                let entry = alter_partition_request::TopicData::default().with_topic_id(d.uuid(topic)?);
                topics.push(entry.with_partitions(list.collect()));
            }
            let message = AlterPartitionRequest::default()
                .with_broker_id(BrokerId(r.broker.0))
                .with_broker_epoch(r.broker_epoch)
                .with_topics(topics);
            encode(&message, version)
        }
        Request::DescribeProducers(r) => {
            let mut topics = Vec::new();
            for (topic, list) in bare(&r.partitions) {
                let entry = describe_producers_request::TopicRequest::default().with_name(d.name(topic)?);
                topics.push(entry.with_partition_indexes(indexes(&list)));
            }
            encode(&DescribeProducersRequest::default().with_topics(topics), version)
        }
        Request::BrokerRegistration(r) => {
            let previous = if version >= 3 { r.previous_broker_epoch } else { -1 };
            let message = BrokerRegistrationRequest::default()
                .with_broker_id(BrokerId(r.broker.0))
                .with_incarnation_id(Uuid::from_u128(u128::from(r.incarnation)))
                .with_previous_broker_epoch(previous);
            encode(&message, version)
        }
        Request::BrokerHeartbeat(r) => {
            let message = BrokerHeartbeatRequest::default()
                .with_broker_id(BrokerId(r.broker.0))
                .with_broker_epoch(r.broker_epoch)
                .with_current_metadata_offset(r.current_metadata_version as i64)
                .with_want_fence(r.want_fence)
                .with_want_shut_down(r.want_shutdown);
            encode(&message, version)
        }
        Request::DescribeTransactions(r) => {
            let ids = r.transactional_ids.iter().map(|id| TransactionalId(s(id))).collect();
            encode(&DescribeTransactionsRequest::default().with_transactional_ids(ids), version)
        }
        Request::AllocateProducerIds(r) => {
            let message = AllocateProducerIdsRequest::default()
                .with_broker_id(BrokerId(r.broker.0))
                .with_broker_epoch(r.broker_epoch);
            encode(&message, version)
        }
        Request::MetadataFetch(_) => Err(WireError::NotOnTheWire(ApiKey::MetadataFetch, version)),
    }
}

fn result(committed: bool) -> TransactionResult {
    if committed { TransactionResult::Commit } else { TransactionResult::Abort }
}

fn node(id: BrokerId) -> NodeId {
    NodeId(id.0)
}

/// The request that `body` holds.
///
/// # Errors
/// [`WireError`] where the bytes are malformed, or name a topic that the directory does not know.
pub fn decode_request(d: &Directory, key: ApiKey, version: i16, body: &[u8]) -> Wire<Request> {
    Ok(match key {
        ApiKey::Produce => {
            let m: ProduceRequest = decode(body, version)?;
            let mut partitions = Vec::new();
            for topic in &m.topic_data {
                let id = d.resolve(version >= 13, &topic.name, topic.topic_id)?;
                for data in &topic.partition_data {
                    let batches = decode_batches(data.records.as_deref().unwrap_or_default())?;
                    let [batch] = &batches[..] else {
                        return Err(malformed(format!("{} batches for one partition", batches.len())));
                    };
                    let tp = partition(id, data.index)?;
                    partitions.push(ours::ProducePartition { tp, batch: batch.clone() });
                }
            }
            let transactional_id = m.transactional_id.as_ref().map(|id| name(id));
            let acks = acks_of(m.acks)?;
            ours::ProduceRequest { version, transactional_id, acks, timeout_ms: m.timeout_ms, partitions }.into()
        }
        ApiKey::Fetch => {
            let m: FetchRequest = decode(body, version)?;
            let (replica, epoch) = if version >= 15 {
                (m.replica_state.replica_id, m.replica_state.replica_epoch)
            } else {
                (m.replica_id, -1)
            };
            let mut partitions = Vec::new();
            for topic in &m.topics {
                let id = d.resolve(version >= 13, &topic.topic, topic.topic_id)?;
                for p in &topic.partitions {
                    partitions.push(ours::FetchPartition {
                        tp: partition(id, p.partition)?,
                        current_leader_epoch: p.current_leader_epoch,
                        fetch_offset: p.fetch_offset,
                        last_fetched_epoch: p.last_fetched_epoch,
                        max_bytes: p.partition_max_bytes,
                        log_start_offset: p.log_start_offset,
                    });
                }
            }
            let mut forgotten = Vec::new();
            for topic in &m.forgotten_topics_data {
                let id = d.resolve(version >= 13, &topic.topic, topic.topic_id)?;
                forgotten.extend(partitions_of(id, &topic.partitions)?);
            }
            ours::FetchRequest {
                replica: (replica.0 >= 0).then_some((node(replica), epoch)),
                isolation: isolation_of(m.isolation_level)?,
                max_wait_ms: m.max_wait_ms,
                min_bytes: m.min_bytes,
                max_bytes: m.max_bytes,
                session_id: m.session_id as u32,
                session_epoch: m.session_epoch,
                partitions,
                forgotten,
            }
            .into()
        }
        ApiKey::ListOffsets => {
            let m: ListOffsetsRequest = decode(body, version)?;
            let mut partitions = Vec::new();
            for topic in &m.topics {
                for p in &topic.partitions {
                    let spec = match p.timestamp {
                        -2 => OffsetSpec::Earliest,
                        -1 => OffsetSpec::Latest,
                        t => OffsetSpec::Timestamp(t),
                    };
                    let tp = partition(d.topic(&topic.name)?, p.partition_index)?;
                    partitions.push((tp, p.current_leader_epoch, spec));
                }
            }
            ours::ListOffsetsRequest { isolation: isolation_of(m.isolation_level)?, partitions }.into()
        }
        ApiKey::Metadata => {
            let m: MetadataRequest = decode(body, version)?;
            let all = m.topics.is_none() || version == 0 && m.topics.as_ref().is_some_and(Vec::is_empty);
            let mut topics = Vec::new();
            for topic in m.topics.iter().flatten() {
                topics.push(match &topic.name {
                    Some(name) => d.topic(name)?,
                    None => d.by_uuid(topic.topic_id)?,
                });
            }
            ours::MetadataRequest { topics: (!all).then_some(topics) }.into()
        }
        ApiKey::OffsetCommit => {
            let m: OffsetCommitRequest = decode(body, version)?;
            let mut offsets = Vec::new();
            for topic in &m.topics {
                for p in &topic.partitions {
                    offsets.push(ours::OffsetToCommit {
                        tp: partition(d.topic(&topic.name)?, p.partition_index)?,
                        offset: p.committed_offset,
                        leader_epoch: p.committed_leader_epoch,
                        metadata: p.committed_metadata.as_ref().map_or_else(|| Arc::from(""), name),
                    });
                }
            }
            let group = ours::GroupMetadata {
                group_id: name(&m.group_id),
                generation: m.generation_id_or_member_epoch,
                member_id: name(&m.member_id),
                group_instance_id: optional_name(&m.group_instance_id),
            };
            ours::OffsetCommitRequest { group, offsets }.into()
        }
        ApiKey::OffsetFetch => {
            let m: OffsetFetchRequest = decode(body, version)?;
            let require_stable = m.require_stable;
            let mut partitions = Vec::new();
            let (group_id, all) = if version >= 8 {
                let [group] = &m.groups[..] else {
                    return Err(malformed(format!("{} groups in one OffsetFetch", m.groups.len())));
                };
                for topic in group.topics.iter().flatten() {
                    partitions.extend(partitions_of(d.topic(&topic.name)?, &topic.partition_indexes)?);
                }
                (name(&group.group_id), group.topics.is_none())
            } else {
                for topic in m.topics.iter().flatten() {
                    partitions.extend(partitions_of(d.topic(&topic.name)?, &topic.partition_indexes)?);
                }
                (name(&m.group_id), m.topics.is_none())
            };
            ours::OffsetFetchRequest { group_id, partitions: (!all).then_some(partitions), require_stable }.into()
        }
        ApiKey::FindCoordinator => {
            let m: FindCoordinatorRequest = decode(body, version)?;
            let key_type = match m.key_type {
                0 => ours::CoordinatorType::Group,
                1 => ours::CoordinatorType::Transaction,
                other => return Err(malformed(format!("coordinator type {other}"))),
            };
            let key = if version >= 4 {
                let [key] = &m.coordinator_keys[..] else {
                    return Err(malformed(format!("{} keys in one FindCoordinator", m.coordinator_keys.len())));
                };
                name(key)
            } else {
                name(&m.key)
            };
            ours::FindCoordinatorRequest { key_type, key }.into()
        }
        ApiKey::JoinGroup => {
            let m: JoinGroupRequest = decode(body, version)?;
            let mut protocols = Vec::new();
            for p in &m.protocols {
                protocols.push((assignor_of(&p.name)?, subscription_of(d, &p.metadata)?));
            }
            let rebalance_timeout_ms =
                if m.rebalance_timeout_ms < 0 { m.session_timeout_ms } else { m.rebalance_timeout_ms };
            ours::JoinGroupRequest {
                group_id: name(&m.group_id),
                member_id: name(&m.member_id),
                group_instance_id: optional_name(&m.group_instance_id),
                client_id: Arc::from(""), // of the header
                session_timeout_ms: m.session_timeout_ms,
                rebalance_timeout_ms,
                protocols,
            }
            .into()
        }
        ApiKey::Heartbeat => {
            let m: HeartbeatRequest = decode(body, version)?;
            let group = ours::GroupMetadata {
                group_id: name(&m.group_id),
                generation: m.generation_id,
                member_id: name(&m.member_id),
                group_instance_id: optional_name(&m.group_instance_id),
            };
            ours::HeartbeatRequest { group }.into()
        }
        ApiKey::LeaveGroup => {
            let m: LeaveGroupRequest = decode(body, version)?;
            let (member_id, group_instance_id) = if version >= 3 {
                let [member] = &m.members[..] else {
                    return Err(malformed(format!("{} members in one LeaveGroup", m.members.len())));
                };
                (name(&member.member_id), optional_name(&member.group_instance_id))
            } else {
                (name(&m.member_id), None)
            };
            ours::LeaveGroupRequest { group_id: name(&m.group_id), member_id, group_instance_id }.into()
        }
        ApiKey::SyncGroup => {
            let m: SyncGroupRequest = decode(body, version)?;
            let mut assignments = Vec::new();
            for a in &m.assignments {
                assignments.push((name(&a.member_id), assignment_of(d, &a.assignment)?));
            }
            let group = ours::GroupMetadata {
                group_id: name(&m.group_id),
                generation: m.generation_id,
                member_id: name(&m.member_id),
                group_instance_id: optional_name(&m.group_instance_id),
            };
            ours::SyncGroupRequest { group, assignments }.into()
        }
        ApiKey::ApiVersions => {
            let _: ApiVersionsRequest = decode(body, version)?;
            ours::ApiVersionsRequest.into()
        }
        ApiKey::InitProducerId => {
            let m: InitProducerIdRequest = decode(body, version)?;
            ours::InitProducerIdRequest {
                version,
                transactional_id: m.transactional_id.as_ref().map(|id| name(id)),
                transaction_timeout_ms: m.transaction_timeout_ms,
                producer: pair(m.producer_id.0, m.producer_epoch),
            }
            .into()
        }
        ApiKey::OffsetForLeaderEpoch => {
            let m: OffsetForLeaderEpochRequest = decode(body, version)?;
            let mut partitions = Vec::new();
            for topic in &m.topics {
                for p in &topic.partitions {
                    let tp = partition(d.topic(&topic.topic)?, p.partition)?;
                    partitions.push((tp, p.current_leader_epoch, p.leader_epoch));
                }
            }
            ours::OffsetForLeaderEpochRequest { partitions }.into()
        }
        ApiKey::AddPartitionsToTxn => {
            let m: AddPartitionsToTxnRequest = decode(body, version)?;
            let flat =
                |topics: &[add_partitions_to_txn_request::AddPartitionsToTxnTopic]| -> Wire<Vec<TopicPartition>> {
                    let mut partitions = Vec::new();
                    for topic in topics {
                        partitions.extend(partitions_of(d.topic(&topic.name)?, &topic.partitions)?);
                    }
                    Ok(partitions)
                };
            let mut transactions = Vec::new();
            if version >= 4 {
                for t in &m.transactions {
                    transactions.push(ours::AddPartitionsTransaction {
                        transactional_id: name(&t.transactional_id),
                        producer: pair(t.producer_id.0, t.producer_epoch),
                        verify_only: t.verify_only,
                        partitions: flat(&t.topics)?,
                    });
                }
            } else {
                transactions.push(ours::AddPartitionsTransaction {
                    transactional_id: name(&m.v3_and_below_transactional_id),
                    producer: pair(m.v3_and_below_producer_id.0, m.v3_and_below_producer_epoch),
                    verify_only: false,
                    partitions: flat(&m.v3_and_below_topics)?,
                });
            }
            ours::AddPartitionsToTxnRequest { version, transactions }.into()
        }
        ApiKey::AddOffsetsToTxn => {
            let m: AddOffsetsToTxnRequest = decode(body, version)?;
            ours::AddOffsetsToTxnRequest {
                version,
                transactional_id: name(&m.transactional_id),
                producer: pair(m.producer_id.0, m.producer_epoch),
                group_id: name(&m.group_id),
            }
            .into()
        }
        ApiKey::EndTxn => {
            let m: EndTxnRequest = decode(body, version)?;
            ours::EndTxnRequest {
                version,
                transactional_id: name(&m.transactional_id),
                producer: pair(m.producer_id.0, m.producer_epoch),
                result: result(m.committed),
            }
            .into()
        }
        ApiKey::WriteTxnMarkers => {
            let m: WriteTxnMarkersRequest = decode(body, version)?;
            let mut markers = Vec::new();
            for marker in &m.markers {
                let mut partitions = Vec::new();
                for topic in &marker.topics {
                    partitions.extend(partitions_of(d.topic(&topic.name)?, &topic.partition_indexes)?);
                }
                markers.push(ours::TxnMarkerEntry {
                    producer: pair(marker.producer_id.0, marker.producer_epoch),
                    result: result(marker.transaction_result),
                    coordinator_epoch: marker.coordinator_epoch,
                    transaction_version: 0, // v2 only
                    partitions,
                });
            }
            ours::WriteTxnMarkersRequest { markers }.into()
        }
        ApiKey::TxnOffsetCommit => {
            let m: TxnOffsetCommitRequest = decode(body, version)?;
            let mut offsets = Vec::new();
            for topic in &m.topics {
                for p in &topic.partitions {
                    offsets.push(ours::OffsetToCommit {
                        tp: partition(d.topic(&topic.name)?, p.partition_index)?,
                        offset: p.committed_offset,
                        leader_epoch: p.committed_leader_epoch,
                        metadata: p.committed_metadata.as_ref().map_or_else(|| Arc::from(""), name),
                    });
                }
            }
            let group = ours::GroupMetadata {
                group_id: name(&m.group_id),
                generation: m.generation_id,
                member_id: name(&m.member_id),
                group_instance_id: optional_name(&m.group_instance_id),
            };
            ours::TxnOffsetCommitRequest {
                version,
                transactional_id: name(&m.transactional_id),
                producer: pair(m.producer_id.0, m.producer_epoch),
                group,
                offsets,
            }
            .into()
        }
        ApiKey::AlterPartition => {
            let m: AlterPartitionRequest = decode(body, version)?;
            let mut partitions = Vec::new();
            for topic in &m.topics {
                for p in &topic.partitions {
                    let isr = if version >= 3 {
                        p.new_isr_with_epochs.iter().map(|b| (node(b.broker_id), b.broker_epoch)).collect()
                    } else {
                        p.new_isr.iter().map(|b| (node(*b), -1)).collect()
                    };
                    partitions.push(ours::AlterPartitionEntry {
                        tp: partition(d.by_uuid(topic.topic_id)?, p.partition_index)?,
                        leader_epoch: p.leader_epoch,
                        partition_epoch: p.partition_epoch,
                        isr,
                    });
                }
            }
            ours::AlterPartitionRequest { broker: node(m.broker_id), broker_epoch: m.broker_epoch, partitions }.into()
        }
        ApiKey::DescribeProducers => {
            let m: DescribeProducersRequest = decode(body, version)?;
            let mut partitions = Vec::new();
            for topic in &m.topics {
                partitions.extend(partitions_of(d.topic(&topic.name)?, &topic.partition_indexes)?);
            }
            ours::DescribeProducersRequest { partitions }.into()
        }
        ApiKey::BrokerRegistration => {
            let m: BrokerRegistrationRequest = decode(body, version)?;
            ours::BrokerRegistrationRequest {
                broker: node(m.broker_id),
                incarnation: m.incarnation_id.as_u128() as u64,
                previous_broker_epoch: m.previous_broker_epoch,
            }
            .into()
        }
        ApiKey::BrokerHeartbeat => {
            let m: BrokerHeartbeatRequest = decode(body, version)?;
            ours::BrokerHeartbeatRequest {
                broker: node(m.broker_id),
                broker_epoch: m.broker_epoch,
                current_metadata_version: m.current_metadata_offset as u64,
                want_fence: m.want_fence,
                want_shutdown: m.want_shut_down,
            }
            .into()
        }
        ApiKey::DescribeTransactions => {
            let m: DescribeTransactionsRequest = decode(body, version)?;
            ours::DescribeTransactionsRequest {
                transactional_ids: m.transactional_ids.iter().map(|id| name(id)).collect(),
            }
            .into()
        }
        ApiKey::AllocateProducerIds => {
            let m: AllocateProducerIdsRequest = decode(body, version)?;
            ours::AllocateProducerIdsRequest { broker: node(m.broker_id), broker_epoch: m.broker_epoch }.into()
        }
        ApiKey::MetadataFetch => return Err(WireError::NotOnTheWire(key, version)),
    })
}
