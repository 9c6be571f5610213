//! Answers in the form in which they are recorded and compared: what Kafka promises, with symbolic names, without
//! what a cluster chooses freely (times, leader epochs, numbers of internal partitions).

use fencepost_protocol::batch::{Blob, Payload, RecordBatch, TransactionResult};
use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::*;
use fencepost_protocol::message::*;
use serde_json::{Map, Value, json};

use crate::dialogue::Topic;
use crate::names::Names;

/// Kafka's name of an error, "NONE" for success.
pub fn error_name(error: Option<ErrorCode>) -> &'static str {
    error.map_or("NONE", ErrorCode::name)
}

/// The name that a dialogue has for a partition.
pub fn partition_name(topics: &[Topic], tp: TopicPartition) -> String {
    match tp.topic {
        TopicId::TRANSACTION_STATE => "__transaction_state".to_string(),
        TopicId::CONSUMER_OFFSETS => "__consumer_offsets".to_string(),
        TopicId(id) => match topics.get(id as usize - 2) {
            Some(topic) => format!("{}-{}", topic.name, tp.partition),
            None => format!("{id}-{}", tp.partition),
        },
    }
}

fn of_partitions<T>(
    topics: &[Topic],
    entries: impl IntoIterator<Item = (TopicPartition, T)>,
    mut value: impl FnMut(T) -> Value,
) -> Value {
    Value::Object(entries.into_iter().map(|(tp, v)| (partition_name(topics, tp), value(v))).collect())
}

fn error_of(error: Option<ErrorCode>) -> Value {
    json!({ "error": error_name(error) })
}

fn outcome<T>(outcome: Result<T, ErrorCode>, value: impl FnOnce(T) -> Value) -> Value {
    match outcome {
        Ok(v) => value(v),
        Err(error) => error_of(Some(error)),
    }
}

fn producer(names: &mut Names, pair: ProducerIdAndEpoch) -> String {
    format!("{}/{}", names.producer(pair.id), pair.epoch)
}

fn blob(value: Option<&Blob>) -> String {
    match value {
        Some(Blob::Bytes(bytes)) if bytes.len() > 40 => {
            format!("{}.. {} bytes", String::from_utf8_lossy(&bytes[..10]), bytes.len())
        }
        Some(Blob::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(Blob::Generated { id, .. }) => format!("generated {id}"),
        None => "null".to_string(),
    }
}

fn batch(names: &mut Names, batch: &RecordBatch) -> String {
    let range = format!("{}-{}", batch.base_offset, batch.last_offset());
    let who = producer(names, ProducerIdAndEpoch::new(batch.producer_id, batch.producer_epoch));
    match &batch.payload {
        Payload::Marker { result: TransactionResult::Commit, .. } => format!("{range} {who} COMMIT"),
        Payload::Marker { result: TransactionResult::Abort, .. } => format!("{range} {who} ABORT"),
        _ if batch.producer_id == NO_PRODUCER_ID => range,
        _ => {
            let kind = if batch.transactional { " txn" } else { "" };
            format!("{range} {who} seq {}{kind}", batch.base_sequence)
        }
    }
}

/// What a consumer would hand to its application (§6.1).
fn visible(from: Offset, isolation: IsolationLevel, p: &FetchPartitionResponse) -> Vec<String> {
    let mut pending: Vec<AbortedTransaction> = p.aborted.clone();
    pending.sort_by_key(|a| a.first_offset);
    let mut pending = pending.into_iter().peekable();
    let mut aborted = std::collections::BTreeSet::new();
    let mut records = Vec::new();
    for batch in &p.batches {
        if isolation == IsolationLevel::ReadCommitted && batch.producer_id != NO_PRODUCER_ID {
            while let Some(entry) = pending.next_if(|a| a.first_offset <= batch.last_offset()) {
                aborted.insert(entry.producer_id);
            }
            if let Payload::Marker { result: TransactionResult::Abort, .. } = batch.payload {
                aborted.remove(&batch.producer_id);
            } else if batch.transactional && aborted.contains(&batch.producer_id) {
                continue;
            }
        }
        for (i, record) in batch.records().iter().enumerate() {
            let offset = batch.base_offset + i as i64;
            if offset >= from {
                records.push(format!("{offset}:{}", blob(record.value.as_ref().map(|value| value.blob()).as_ref())));
            }
        }
    }
    records
}

fn fetched(names: &mut Names, asked: &FetchRequest, p: &FetchPartitionResponse) -> Value {
    if p.error.is_some() {
        return error_of(p.error);
    }
    let from = asked.partitions.iter().find(|a| a.tp == p.tp).map_or(0, |a| a.fetch_offset);
    let mut map = Map::new();
    map.insert("error".into(), "NONE".into());
    map.insert("high_watermark".into(), p.high_watermark.into());
    if asked.isolation == IsolationLevel::ReadCommitted {
        map.insert("last_stable_offset".into(), p.last_stable_offset.into());
        // Kafka's list may name transactions beyond what is returned: its bound is the next indexed offset.
        let end = p.batches.last().map_or(-1, |b| b.last_offset());
        let list = p.aborted.iter().filter(|a| a.first_offset <= end);
        let list = list.map(|a| format!("{}@{}", names.producer(a.producer_id), a.first_offset));
        map.insert("aborted".into(), list.collect::<Vec<_>>().into());
    }
    map.insert("batches".into(), p.batches.iter().map(|b| batch(names, b)).collect::<Vec<_>>().into());
    map.insert("visible".into(), visible(from, asked.isolation, p).into());
    Value::Object(map)
}

fn offsets(topics: &[Topic], partitions: &PartitionOffsets) -> Value {
    of_partitions(topics, partitions.iter().copied(), |o| {
        outcome(o, |(offset, _)| json!({ "error": "NONE", "offset": offset }))
    })
}

fn sorted(topics: &[Topic], partitions: &[TopicPartition]) -> Vec<String> {
    let mut list: Vec<String> = partitions.iter().map(|tp| partition_name(topics, *tp)).collect();
    list.sort();
    list
}

fn joined(names: &mut Names, r: &JoinGroupResponse) -> Value {
    let member = names.member(&r.member_id);
    if r.error.is_some() {
        return json!({ "error": error_name(r.error), "member": member });
    }
    let leader = names.member(&r.leader);
    let mut members: Vec<String> = r.members.iter().map(|(id, _)| names.member(id)).collect();
    members.sort();
    json!({ "error": "NONE", "generation": r.generation, "member": member, "leader": leader, "members": members })
}

fn active(names: &mut Names, p: &ActiveProducer) -> String {
    let coordinated = if p.coordinator_epoch < 0 { "" } else { " ended" };
    let open = match p.current_txn_start_offset {
        -1 => String::new(),
        at => format!(" open at {at}"),
    };
    format!("{} last seq {}{coordinated}{open}", producer(names, p.producer), p.last_sequence)
}

fn producers(names: &mut Names, producers: &[ActiveProducer]) -> Value {
    let mut list: Vec<String> = producers.iter().map(|p| active(names, p)).collect();
    list.sort();
    json!({ "error": "NONE", "producers": list })
}

fn transaction(names: &mut Names, topics: &[Topic], t: &TransactionMetadataValue) -> Value {
    let state = format!("{:?}", t.state);
    let (partitions, timeout) = (sorted(topics, &t.partitions), t.timeout_ms);
    json!({ "error": "NONE", "state": state, "producer": producer(names, t.producer), "partitions": partitions, "timeout": timeout })
}

/// The answer to `request` as it is recorded.
pub fn render(names: &mut Names, topics: &[Topic], request: &Request, response: &Response) -> Value {
    match response {
        Response::Produce(r) => of_partitions(topics, r.partitions.iter().map(|p| (p.tp, p)), |p| match p.error {
            None => json!({ "error": "NONE", "offset": p.base_offset }),
            error => error_of(error),
        }),
        Response::Fetch(r) if r.error.is_some() => error_of(r.error),
        Response::Fetch(r) => match request {
            Request::Fetch(asked) => {
                of_partitions(topics, r.partitions.iter().map(|p| (p.tp, p)), |p| fetched(names, asked, p))
            }
            _ => Value::Null,
        },
        Response::ListOffsets(r) => offsets(topics, &r.partitions),
        Response::OffsetForLeaderEpoch(r) => of_partitions(topics, r.partitions.iter().copied(), |o| {
            outcome(o, |end| json!({ "error": "NONE", "end": end.end_offset }))
        }),
        Response::ApiVersions(r) => json!({ "transaction.version": r.features.transaction_version }),
        Response::FindCoordinator(r) => error_of(r.node.err()),
        Response::OffsetCommit(r) => of_partitions(topics, r.partitions.iter().copied(), error_of),
        Response::TxnOffsetCommit(r) => of_partitions(topics, r.partitions.iter().copied(), error_of),
        Response::OffsetFetch(r) if r.error.is_some() => error_of(r.error),
        Response::OffsetFetch(r) => offsets(topics, &r.partitions),
        Response::JoinGroup(r) => joined(names, r),
        Response::Heartbeat(r) => error_of(r.error),
        Response::LeaveGroup(r) => error_of(r.error),
        Response::SyncGroup(r) => match r.error {
            None => json!({ "error": "NONE", "assignment": sorted(topics, &r.assignment) }),
            error => error_of(error),
        },
        Response::InitProducerId(r) => {
            outcome(r.result, |pair| json!({ "error": "NONE", "producer": producer(names, pair) }))
        }
        Response::AddPartitionsToTxn(r) => match (&r.error, &r.transactions[..]) {
            (None, [(_, partitions)]) => of_partitions(topics, partitions.iter().copied(), error_of),
            (error, _) => error_of(*error),
        },
        Response::AddOffsetsToTxn(r) => error_of(r.error),
        Response::EndTxn(r) => match r.error {
            None if r.producer.is_some() => json!({ "error": "NONE", "producer": producer(names, r.producer) }),
            error => error_of(error),
        },
        Response::WriteTxnMarkers(r) => {
            let list = r.markers.iter().map(|(id, partitions)| {
                (names.producer(*id), of_partitions(topics, partitions.iter().copied(), error_of))
            });
            Value::Object(list.collect())
        }
        Response::DescribeProducers(r) => of_partitions(topics, r.partitions.iter().map(|(tp, o)| (*tp, o)), |o| {
            outcome(o.as_ref().map_err(|e| *e), |list| producers(names, list))
        }),
        Response::DescribeTransactions(r) => match &r.transactions[..] {
            [(_, found)] => outcome(found.as_ref().map_err(|e| *e), |t| transaction(names, topics, t)),
            _ => Value::Null,
        },
        Response::Metadata(_)
        | Response::AlterPartition(_)
        | Response::BrokerRegistration(_)
        | Response::BrokerHeartbeat(_)
        | Response::AllocateProducerIds(_)
        | Response::MetadataFetch(_) => Value::Null,
    }
}

/// All error names in an answer.
pub fn errors(answer: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(answer, "error", &mut found);
    found
}

/// All values of a field, anywhere in an answer.
pub fn fields(answer: &Value, key: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(answer, key, &mut found);
    found
}

fn collect(value: &Value, wanted: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if key == wanted => found.push(text.clone()),
                    Value::Number(number) if key == wanted => found.push(number.to_string()),
                    _ => collect(value, wanted, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|v| collect(v, wanted, found)),
        _ => {}
    }
}
