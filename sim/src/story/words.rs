//! Requests and answers in words: a few for the label of an arrow, all that matters for its detail.

use core::fmt::Write;

use fencepost_protocol::batch::{Payload, RecordBatch, TransactionResult};
use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::{NO_PRODUCER_ID, TopicPartition};
use fencepost_protocol::message::*;
use fencepost_protocol::records::{GroupLogRecord, TransactionLogRecord};
use fencepost_reports::story::{Batch, BatchKind, Chronicle, Message, Purpose};

use super::{NOTHING_NEW, sinks};
use crate::cast::Names;
use crate::message;

/// What is being written.
struct Draft<'n> {
    names: &'n Names,
    chronicle: &'n Chronicle,
    message: Message,
}

/// How many partitions a detail lists.
const LISTED: usize = 12;

impl Draft<'_> {
    fn new<'n>(kind: ApiKey, names: &'n Names, chronicle: &'n Chronicle) -> Draft<'n> {
        let message = Message { kind: kind.name().to_string(), ..Message::default() };
        Draft { names, chronicle, message }
    }

    /// Names a partition and notes that the message is about it.
    fn about(&mut self, tp: TopicPartition) -> String {
        if let Some(strip) = self.chronicle.strip(tp.topic.0, tp.partition)
            && !self.message.strips.contains(&strip)
        {
            self.message.strips.push(strip);
        }
        self.names.partition_name(tp)
    }

    fn list(&mut self, items: impl IntoIterator<Item = TopicPartition>) -> String {
        let names: Vec<String> = items.into_iter().map(|tp| self.about(tp)).collect();
        brief(&names)
    }

    fn producer(&mut self, producer: ProducerIdAndEpoch) -> String {
        if !producer.is_some() {
            return "no producer id".to_string();
        }
        self.message.producer = Some((producer.id, producer.epoch));
        format!("pid {} e{}", producer.id, producer.epoch)
    }

    fn error(&mut self, error: Option<ErrorCode>) {
        if let Some(error) = error
            && self.message.error.is_none()
        {
            self.message.error = Some(error.name().to_string());
        }
    }

    fn line(&mut self, text: impl AsRef<str>) {
        if !self.message.detail.is_empty() {
            self.message.detail.push('\n');
        }
        self.message.detail.push_str(text.as_ref());
    }

    /// One line for each partition, as many as are listed.
    fn lines<T>(&mut self, items: &[T], mut say: impl FnMut(&mut Self, &T) -> String) {
        for item in items.iter().take(LISTED) {
            let text = say(self, item);
            self.line(text);
        }
        if items.len() > LISTED {
            self.line(format!("and {} more", items.len() - LISTED));
        }
    }

    fn label(&mut self, text: impl Into<String>) {
        self.message.label = text.into();
    }

    fn purpose(&mut self, purpose: Purpose) {
        self.message.purpose = purpose;
    }
}

fn brief(names: &[String]) -> String {
    match names {
        [] => "nothing".to_string(),
        [one] => one.clone(),
        [one, two] => format!("{one}, {two}"),
        [one, rest @ ..] => format!("{one} and {} more", rest.len()),
    }
}

fn span(first: i64, last: i64) -> String {
    if first == last { first.to_string() } else { format!("{first}..{last}") }
}

fn records(n: i64) -> String {
    if n == 1 { "1 record".to_string() } else { format!("{n} records") }
}

/// `seq 0..9 e3` or, without a producer id, `10 records`.
fn sequences(batch: &RecordBatch) -> String {
    let count = i64::from(batch.last_offset_delta) + 1;
    if batch.producer_id == NO_PRODUCER_ID || batch.base_sequence < 0 {
        return records(count);
    }
    let first = i64::from(batch.base_sequence);
    format!("seq {} e{}", span(first, first + count - 1), batch.producer_epoch)
}

fn result_words(result: TransactionResult) -> &'static str {
    match result {
        TransactionResult::Commit => "commit",
        TransactionResult::Abort => "abort",
    }
}

fn outcome(error: &Option<ErrorCode>) -> String {
    error.map_or_else(|| "ok".to_string(), |e| e.to_string())
}

/// A batch of an internal topic, with what it says.
pub(super) fn stored(t: u64, batch: &RecordBatch, names: &Names) -> Batch {
    let lines: Vec<String> = match &batch.payload {
        Payload::TransactionLog(records) => records.iter().map(|r| transaction_record(r, names)).collect(),
        Payload::GroupLog(records) => records.iter().map(|r| group_record(r, names)).collect(),
        Payload::Records(_) | Payload::Marker { .. } | Payload::Empty => Vec::new(),
    };
    let kind = match &batch.payload {
        Payload::Marker { result: TransactionResult::Commit, .. } => BatchKind::Commit,
        Payload::Marker { result: TransactionResult::Abort, .. } => BatchKind::Abort,
        _ if batch.transactional => BatchKind::Transactional,
        _ => BatchKind::Data,
    };
    Batch {
        t,
        base: batch.base_offset,
        count: batch.last_offset_delta as u32 + 1,
        kind,
        pid: batch.producer_id,
        epoch: batch.producer_epoch,
        sequence: batch.base_sequence,
        leader_epoch: batch.leader_epoch,
        words: lines.join("\n"),
        ..Batch::default()
    }
}

fn transaction_record(record: &TransactionLogRecord, names: &Names) -> String {
    let id = &record.transactional_id;
    let Some(value) = &record.value else { return format!("{id}: forgotten") };
    let producer = value.producer;
    let mut text = format!("{id}: {}, pid {} e{}", message::state_name(value.state), producer.id, producer.epoch);
    for tp in value.partitions.iter() {
        let _ = write!(text, ", {}", names.partition_name(*tp));
    }
    text
}

fn group_record(record: &GroupLogRecord, names: &Names) -> String {
    match record {
        GroupLogRecord::Offset { group_id, tp, value: Some(value) } => {
            format!("{group_id}: {} next {}", names.partition_name(*tp), value.offset)
        }
        GroupLogRecord::Offset { group_id, tp, value: None } => {
            format!("{group_id}: {} forgotten", names.partition_name(*tp))
        }
        GroupLogRecord::Group { group_id, value: Some(value) } => {
            let members = match value.members.len() {
                1 => "1 member".to_string(),
                n => format!("{n} members"),
            };
            format!("{group_id}: generation {}, {members}", value.generation)
        }
        GroupLogRecord::Group { group_id, value: None } => format!("{group_id}: forgotten"),
    }
}

/// A request.
pub(super) fn request(request: &message::Request, names: &Names, chronicle: &Chronicle) -> Message {
    match request {
        message::Request::Kafka(request) => kafka_request(request, names, chronicle),
        message::Request::Sink(request) => sinks::request(request, names, chronicle),
    }
}

fn kafka_request(request: &Request, names: &Names, chronicle: &Chronicle) -> Message {
    let mut d = Draft::new(request.api_key(), names, chronicle);
    match request {
        Request::Produce(r) => ask_produce(&mut d, r),
        Request::Fetch(r) => ask_fetch(&mut d, r),
        Request::ListOffsets(r) => {
            d.purpose(Purpose::Consume);
            let list = d.list(r.partitions.iter().map(|p| p.0));
            d.label(list);
            d.lines(&r.partitions, |d, p| format!("{}: {:?}", d.about(p.0), p.2));
        }
        Request::OffsetForLeaderEpoch(r) => {
            d.purpose(Purpose::Replication);
            d.lines(&r.partitions, |d, p| format!("{}: epoch {}", d.about(p.0), p.2));
        }
        Request::Metadata(_) | Request::ApiVersions(_) => d.purpose(Purpose::Cluster),
        Request::FindCoordinator(r) => ask_find_coordinator(&mut d, r),
        Request::InitProducerId(r) => ask_init_producer_id(&mut d, r),
        Request::AddPartitionsToTxn(r) => ask_add_partitions_to_txn(&mut d, r),
        Request::AddOffsetsToTxn(r) => {
            d.purpose(Purpose::Transaction);
            let producer = d.producer(r.producer);
            d.label(format!("group {} e{}", r.group_id, r.producer.epoch));
            d.line(format!("{}, {producer}: offsets of group {}", r.transactional_id, r.group_id));
        }
        Request::EndTxn(r) => ask_end_txn(&mut d, r),
        Request::WriteTxnMarkers(r) => ask_write_txn_markers(&mut d, r),
        Request::TxnOffsetCommit(r) => ask_txn_offset_commit(&mut d, r),
        Request::OffsetCommit(r) => ask_offset_commit(&mut d, r),
        Request::OffsetFetch(r) => {
            d.purpose(Purpose::Consume);
            d.label(r.group_id.to_string());
            d.line(format!("group {}{}", r.group_id, if r.require_stable { ", only stable offsets" } else { "" }));
        }
        Request::JoinGroup(r) => {
            d.purpose(Purpose::Group);
            d.label(r.group_id.to_string());
            let member = if r.member_id.is_empty() { "a new member" } else { &r.member_id };
            d.line(format!("group {}, {member}, session timeout {} ms", r.group_id, r.session_timeout_ms));
        }
        Request::SyncGroup(r) => {
            d.purpose(Purpose::Group);
            d.label(format!("generation {}", r.group.generation));
            d.line(format!("group {} generation {}", r.group.group_id, r.group.generation));
            d.lines(&r.assignments, |d, (member, list)| format!("{member}: {}", d.list(list.iter().copied())));
        }
        Request::LeaveGroup(r) => {
            d.purpose(Purpose::Group);
            d.label(r.group_id.to_string());
        }
        Request::Heartbeat(r) => {
            d.purpose(Purpose::Idle);
            d.label(format!("generation {}", r.group.generation));
            d.line(format!("group {} generation {}", r.group.group_id, r.group.generation));
        }
        Request::AlterPartition(r) => ask_alter_partition(&mut d, r),
        Request::AllocateProducerIds(_) => d.purpose(Purpose::Cluster),
        Request::BrokerHeartbeat(r) => {
            d.purpose(if r.want_shutdown { Purpose::Cluster } else { Purpose::Idle });
            if r.want_shutdown {
                d.label("wants to shut down");
            }
        }
        Request::MetadataFetch(r) => d.line(format!("after version {}", r.after_version)),
        Request::BrokerRegistration(_) => d.purpose(Purpose::Cluster),
        Request::DescribeProducers(_) | Request::DescribeTransactions(_) => d.purpose(Purpose::Cluster),
    }
    d.message
}

fn ask_produce(d: &mut Draft<'_>, r: &ProduceRequest) {
    d.purpose(Purpose::Produce);
    if let Some(first) = r.partitions.first() {
        let more = if r.partitions.len() > 1 { format!(" +{}", r.partitions.len() - 1) } else { String::new() };
        let name = d.about(first.tp);
        d.label(format!("{name} {}{more}", sequences(&first.batch)));
    }
    let acks = match r.acks {
        Acks::None => "0",
        Acks::Leader => "1",
        Acks::All => "all",
    };
    let txn = r.transactional_id.as_ref().map_or(String::new(), |id| format!(", transactional id {id}"));
    d.line(format!("acks={acks}, version {}{txn}", r.version));
    d.lines(&r.partitions, |d, p| {
        let batch = &p.batch;
        let producer = d.producer(ProducerIdAndEpoch::new(batch.producer_id, batch.producer_epoch));
        let count = i64::from(batch.last_offset_delta) + 1;
        let first = i64::from(batch.base_sequence);
        let sequence =
            if first >= 0 { format!(", sequence {}", span(first, first + count - 1)) } else { String::new() };
        let kind = if batch.transactional { ", transactional" } else { "" };
        format!("{}: {} ({} bytes), {producer}{sequence}{kind}", d.about(p.tp), records(count), batch.size)
    });
}

fn ask_fetch(d: &mut Draft<'_>, r: &FetchRequest) {
    d.purpose(if r.replica.is_some() { Purpose::Replication } else { NOTHING_NEW });
    if let Some(first) = r.partitions.first() {
        let name = d.about(first.tp);
        d.label(format!("{name} from {}", first.fetch_offset));
    }
    let who = r.replica.map_or_else(
        || match r.isolation {
            IsolationLevel::ReadCommitted => "read_committed".to_string(),
            IsolationLevel::ReadUncommitted => "read_uncommitted".to_string(),
        },
        |(node, _)| format!("follower {node}"),
    );
    d.line(format!("{who}, session {} epoch {}", r.session_id, r.session_epoch));
    d.lines(&r.partitions, |d, p| format!("{} from offset {}", d.about(p.tp), p.fetch_offset));
}

fn ask_init_producer_id(d: &mut Draft<'_>, r: &InitProducerIdRequest) {
    d.purpose(Purpose::Transaction);
    let had = d.producer(r.producer);
    match &r.transactional_id {
        Some(id) => {
            d.label(id.to_string());
            d.line(format!("transactional id {id}, timeout {} ms", r.transaction_timeout_ms));
        }
        None => d.line("idempotent producer without transactional id"),
    }
    d.line(format!("has {had}"));
}

fn ask_add_partitions_to_txn(d: &mut Draft<'_>, r: &AddPartitionsToTxnRequest) {
    d.purpose(Purpose::Transaction);
    let list = d.list(r.transactions.iter().flat_map(|t| t.partitions.iter().copied()));
    let verify = r.transactions.iter().any(|t| t.verify_only);
    d.label(if verify { format!("verify {list}") } else { list });
    d.lines(&r.transactions, |d, t| {
        let producer = d.producer(t.producer);
        let partitions = d.list(t.partitions.iter().copied());
        let what = if t.verify_only { "verify" } else { "add" };
        format!("{}, {producer}: {what} {partitions}", t.transactional_id)
    });
}

fn ask_write_txn_markers(d: &mut Draft<'_>, r: &WriteTxnMarkersRequest) {
    d.purpose(Purpose::Transaction);
    if let Some(first) = r.markers.first() {
        let list = d.list(first.partitions.iter().copied());
        d.label(format!("{} {list} e{}", result_words(first.result), first.producer.epoch));
    }
    d.lines(&r.markers, |d, m| {
        let producer = d.producer(m.producer);
        let list = d.list(m.partitions.iter().copied());
        let epoch = m.coordinator_epoch;
        format!("{} {producer}, coordinator epoch {epoch}: {list}", result_words(m.result))
    });
}

fn ask_txn_offset_commit(d: &mut Draft<'_>, r: &TxnOffsetCommitRequest) {
    d.purpose(Purpose::Transaction);
    let producer = d.producer(r.producer);
    if let Some(first) = r.offsets.first() {
        let name = d.about(first.tp);
        d.label(format!("{name} next {} e{}", first.offset, r.producer.epoch));
    }
    let (id, group, generation) = (&r.transactional_id, &r.group.group_id, r.group.generation);
    d.line(format!("{id}, {producer}, group {group} generation {generation}"));
    d.lines(&r.offsets, |d, o| format!("{} next {}", d.about(o.tp), o.offset));
}

fn ask_offset_commit(d: &mut Draft<'_>, r: &OffsetCommitRequest) {
    d.purpose(Purpose::Consume);
    if let Some(first) = r.offsets.first() {
        let name = d.about(first.tp);
        d.label(format!("{name} next {}", first.offset));
    }
    d.line(format!("group {} generation {}", r.group.group_id, r.group.generation));
    d.lines(&r.offsets, |d, o| format!("{} next {}", d.about(o.tp), o.offset));
}

fn ask_alter_partition(d: &mut Draft<'_>, r: &AlterPartitionRequest) {
    d.purpose(Purpose::Cluster);
    let list = d.list(r.partitions.iter().map(|p| p.tp));
    d.label(list);
    d.lines(&r.partitions, |d, p| {
        let isr: Vec<String> = p.isr.iter().map(|(node, _)| node.0.to_string()).collect();
        format!("{}: in sync {}", d.about(p.tp), isr.join(", "))
    });
}

fn ask_find_coordinator(d: &mut Draft<'_>, r: &FindCoordinatorRequest) {
    d.purpose(Purpose::Cluster);
    let what = match r.key_type {
        CoordinatorType::Group => "group",
        CoordinatorType::Transaction => "transactional id",
    };
    d.label(r.key.to_string());
    d.line(format!("{what} {}", r.key));
}

fn ask_end_txn(d: &mut Draft<'_>, r: &EndTxnRequest) {
    d.purpose(Purpose::Transaction);
    let producer = d.producer(r.producer);
    d.label(format!("{} e{}", result_words(r.result), r.producer.epoch));
    let id = &r.transactional_id;
    d.line(format!("{} of {id}, {producer}, version {}", result_words(r.result), r.version));
}

/// An answer to `asked`.
pub(super) fn response(
    response: &message::Response,
    asked: Option<&Message>,
    names: &Names,
    chronicle: &Chronicle,
) -> Message {
    match response {
        message::Response::Kafka(response) => kafka_response(response, asked, names, chronicle),
        message::Response::Sink(response) => sinks::response(response, asked),
    }
}

fn kafka_response(response: &Response, asked: Option<&Message>, names: &Names, chronicle: &Chronicle) -> Message {
    let mut d = Draft::new(response.api_key(), names, chronicle);
    if let Some(asked) = asked {
        d.message.purpose = asked.purpose;
        d.message.producer = asked.producer;
        d.message.strips.clone_from(&asked.strips);
    }
    match response {
        Response::Produce(r) => answer_produce(&mut d, r),
        Response::Fetch(r) => answer_fetch(&mut d, r),
        Response::ListOffsets(r) => answer_list_offsets(&mut d, r),
        Response::InitProducerId(r) => answer_init_producer_id(&mut d, r),
        Response::AddPartitionsToTxn(r) => {
            d.error(r.error);
            for (_, partitions) in &r.transactions {
                d.lines(partitions, |d, (tp, error)| {
                    d.error(*error);
                    format!("{}: {}", d.about(*tp), outcome(error))
                });
            }
        }
        Response::AddOffsetsToTxn(r) => d.error(r.error),
        Response::EndTxn(r) => answer_end_txn(&mut d, r),
        Response::WriteTxnMarkers(r) => {
            for (_, partitions) in &r.markers {
                d.lines(partitions, |d, (tp, error)| {
                    d.error(*error);
                    format!("{}: {}", d.about(*tp), outcome(error))
                });
            }
        }
        Response::TxnOffsetCommit(r) => d.lines(&r.partitions, |d, (tp, error)| {
            d.error(*error);
            format!("{}: {}", d.about(*tp), outcome(error))
        }),
        Response::OffsetCommit(r) => d.lines(&r.partitions, |d, (tp, error)| {
            d.error(*error);
            format!("{}: {}", d.about(*tp), outcome(error))
        }),
        Response::OffsetFetch(r) => answer_offset_fetch(&mut d, r),
        Response::FindCoordinator(r) => match r.node {
            Ok(node) => d.label(node.to_string()),
            Err(error) => d.error(Some(error)),
        },
        Response::JoinGroup(r) => {
            d.error(r.error);
            d.label(format!("generation {}", r.generation));
            let leader = if r.leader == r.member_id { ", leads the group" } else { "" };
            d.line(format!("{} in generation {}{leader}", r.member_id, r.generation));
        }
        Response::SyncGroup(r) => {
            d.error(r.error);
            let list = d.list(r.assignment.iter().copied());
            d.label(list.clone());
            d.line(format!("assigned: {list}"));
        }
        Response::LeaveGroup(r) => d.error(r.error),
        Response::Heartbeat(r) => {
            d.error(r.error);
            if r.error.is_some() {
                d.purpose(Purpose::Group);
            }
        }
        Response::AlterPartition(r) => d.error(r.error),
        Response::BrokerHeartbeat(r) => d.error(r.error),
        Response::AllocateProducerIds(r) => d.error(r.block.err()),
        Response::BrokerRegistration(r) => d.error(r.broker_epoch.err()),
        Response::MetadataFetch(r) => {
            d.label(format!("version {}", r.version));
            d.line(format!("version {}, {} changes", r.version, r.changes.len()));
        }
        Response::OffsetForLeaderEpoch(_)
        | Response::Metadata(_)
        | Response::ApiVersions(_)
        | Response::DescribeProducers(_)
        | Response::DescribeTransactions(_) => {}
    }
    if let Some(error) = d.message.error.clone() {
        d.label(error);
    }
    d.message
}

fn answer_produce(d: &mut Draft<'_>, r: &ProduceResponse) {
    if let Some(first) = r.partitions.first() {
        let name = d.about(first.tp);
        d.label(format!("{name} offset {}", first.base_offset));
    }
    d.lines(&r.partitions, |d, p| {
        d.error(p.error);
        match p.error {
            Some(error) => format!("{}: {error}", d.about(p.tp)),
            None => format!("{}: stored at offset {}", d.about(p.tp), p.base_offset),
        }
    });
}

fn answer_fetch(d: &mut Draft<'_>, r: &FetchResponse) {
    d.error(r.error);
    let brought: i64 = r.partitions.iter().flat_map(|p| &p.batches).map(|b| i64::from(b.last_offset_delta) + 1).sum();
    if brought > 0 && d.message.purpose == NOTHING_NEW {
        d.purpose(Purpose::Consume);
    } else if brought == 0 && d.message.purpose == Purpose::Replication {
        d.purpose(NOTHING_NEW);
    }
    if let Some(first) = r.partitions.iter().find(|p| !p.batches.is_empty()) {
        let name = d.about(first.tp);
        d.label(format!("{name} {}", records(brought)));
    }
    d.lines(&r.partitions, |d, p| {
        d.error(p.error);
        let (first, last) = (p.batches.first(), p.batches.last());
        let data = match (first, last) {
            (Some(a), Some(b)) => format!("offsets {}", span(a.base_offset, b.last_offset())),
            _ => "nothing new".to_string(),
        };
        let mut text = format!("{}: {data}, HW {}, LSO {}", d.about(p.tp), p.high_watermark, p.last_stable_offset);
        if !p.aborted.is_empty() {
            let list: Vec<String> =
                p.aborted.iter().map(|a| format!("pid {} from {}", a.producer_id, a.first_offset)).collect();
            let _ = write!(text, ", aborted: {}", list.join(", "));
        }
        if let Some(error) = p.error {
            let _ = write!(text, ", {error}");
        }
        text
    });
}

fn answer_end_txn(d: &mut Draft<'_>, r: &EndTxnResponse) {
    d.error(r.error);
    if r.error.is_none() {
        d.label("ok");
        if r.producer.is_some() {
            d.line(format!("next transaction: pid {} e{}", r.producer.id, r.producer.epoch));
        }
    }
}

fn answer_offset_fetch(d: &mut Draft<'_>, r: &OffsetFetchResponse) {
    d.error(r.error);
    d.lines(&r.partitions, |d, p| match p.1 {
        Ok((offset, _)) => format!("{}: next {offset}", d.about(p.0)),
        Err(error) => {
            d.error(Some(error));
            format!("{}: {error}", d.about(p.0))
        }
    });
}

fn answer_init_producer_id(d: &mut Draft<'_>, r: &InitProducerIdResponse) {
    match r.result {
        Ok(producer) => {
            let words = d.producer(producer);
            d.label(words.clone());
            d.line(words);
        }
        Err(error) => d.error(Some(error)),
    }
}

fn answer_list_offsets(d: &mut Draft<'_>, r: &ListOffsetsResponse) {
    d.lines(&r.partitions, |d, p| match p.1 {
        Ok((offset, _)) => format!("{}: {offset}", d.about(p.0)),
        Err(error) => {
            d.error(Some(error));
            format!("{}: {error}", d.about(p.0))
        }
    })
}
