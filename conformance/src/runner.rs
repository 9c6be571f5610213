//! Puts a dialogue to a target, step by step.
//!
//! How a step settles: the codes 14, 15 and 16 (their stand-in 19, and those of a leader that is being elected) are always asked again, for
//! they speak of the cluster's start, unless the step says `raw`; `settle` asks again after 51 too; `until=FIELD=VALUE`
//! asks again until a field of the answer has that value; `repeat=N` sends the request until it
//! has succeeded N times. After 30 seconds the last answer stands.

use std::collections::BTreeMap;
use std::sync::Arc;

use fencepost_protocol::batch::*;
use fencepost_protocol::ids::*;
use fencepost_protocol::message::*;
use serde_json::{Value, json};

use crate::answer;
use crate::dialogue::{Dialogue, Step, Topic};
use crate::names::{INVENTED, Names};
use crate::target::{Ending, Reply, Target};

/// How long a step is asked again, milliseconds.
const PATIENCE_MS: u64 = 30_000;
/// Pause between attempts, milliseconds.
const PAUSE_MS: u64 = 20;

struct Run<'a> {
    target: &'a mut dyn Target,
    dialogue: &'a Dialogue,
    topics: &'a [Topic],
    names: Names,
    producers: BTreeMap<String, ProducerIdAndEpoch>,
    members: BTreeMap<String, GroupMetadata>,
    /// Requests whose answers are still awaited: the node and the request, by connection.
    later: BTreeMap<String, (NodeId, Request, Option<String>)>,
    prefix: String,
}

/// The answers of a dialogue, one a step; `null` where there is nothing to say.
///
/// # Errors
/// The dialogue is wrong, or the machinery around the target fails; with the step's number and text.
pub fn run(target: &mut dyn Target, dialogue: &Dialogue) -> Result<Vec<Value>, String> {
    target.begin(&dialogue.topics).map_err(|e| format!("{}: {e}", dialogue.name))?;
    let prefix = target.prefix();
    let mut run = Run {
        target,
        dialogue,
        topics: &dialogue.topics,
        names: Names::default(),
        producers: BTreeMap::new(),
        members: BTreeMap::new(),
        later: BTreeMap::new(),
        prefix,
    };
    let mut answers = Vec::new();
    for (i, step) in dialogue.steps.iter().enumerate() {
        let answer = run.step(i, step);
        answers.push(answer.map_err(|e| format!("{}, step {} ({}): {e}", dialogue.name, i + 1, step.text))?);
    }
    Ok(answers)
}

/// Milliseconds of "250ms", "3s" or "3".
fn duration(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.strip_suffix("ms") {
        Some(digits) => (digits, 1),
        None => (text.strip_suffix('s').unwrap_or(text), 1000),
    };
    digits.parse::<u64>().map(|n| n * unit).map_err(|_| format!("'{text}' is no duration"))
}

impl Run<'_> {
    fn arg<'s>(&self, step: &'s Step, key: &str) -> Option<&'s str> {
        step.args.get(key).map(|v| &**v)
    }

    fn number<T: std::str::FromStr>(&self, step: &Step, key: &str, default: T) -> Result<T, String> {
        match step.args.get(key) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| format!("{key}={text} is not a number that fits")),
        }
    }

    fn partition(&self, text: &str) -> Result<TopicPartition, String> {
        let (topic, index) = text.rsplit_once('-').ok_or_else(|| format!("'{text}' is not topic-partition"))?;
        let partition = index.parse().map_err(|_| format!("'{text}' is not topic-partition"))?;
        let id = match topic {
            "__transaction_state" => 0,
            "__consumer_offsets" => 1,
            _ => 2 + self.topics.iter().position(|t| t.name == topic).ok_or_else(|| format!("no topic '{topic}'"))?,
        };
        Ok(TopicPartition::new(TopicId(id as u32), partition))
    }

    fn partitions(&self, step: &Step, key: &str) -> Result<Vec<TopicPartition>, String> {
        let text = self.arg(step, key).ok_or_else(|| format!("{key}= is missing"))?;
        text.split(',').map(|t| self.partition(t)).collect()
    }

    /// A name on the cluster for a transactional id or group of the dialogue; `-` is the empty one.
    fn name(&self, text: &str) -> Name {
        if text == "-" { "".into() } else { format!("{}{text}", self.prefix).into() }
    }

    fn transactional_id(&self, step: &Step) -> Option<Name> {
        self.arg(step, "id").filter(|id| *id != "none").map(|id| self.name(id))
    }

    fn required_id(&self, step: &Step) -> Result<Name, String> {
        self.transactional_id(step).ok_or_else(|| "id= is missing".to_string())
    }

    /// `p`, `p+1`, `p-1` (another epoch), `p@7` (that epoch), `none`, or `900000001:3`.
    fn producer(&self, step: &Step) -> Result<ProducerIdAndEpoch, String> {
        let Some(text) = self.arg(step, "producer") else { return Ok(ProducerIdAndEpoch::NONE) };
        if text == "none" {
            return Ok(ProducerIdAndEpoch::NONE);
        }
        let bad = || format!("'{text}' is no producer");
        if let Some((id, epoch)) = text.split_once(':') {
            let id = match id.parse() {
                Ok(id) => id,
                Err(_) => self.bound(id).id,
            };
            return Ok(ProducerIdAndEpoch::new(id, epoch.parse().map_err(|_| bad())?));
        }
        let at = text.find(['+', '-', '@']).unwrap_or(text.len());
        let pair = self.bound(&text[..at]);
        let epoch = match text[at..].chars().next() {
            None => pair.epoch,
            Some('@') => text[at + 1..].parse().map_err(|_| bad())?,
            Some(_) => pair.epoch.wrapping_add(text[at..].parse::<i16>().map_err(|_| bad())?),
        };
        Ok(ProducerIdAndEpoch::new(pair.id, epoch))
    }

    /// The producer of that name; a name that was never bound stands for a producer id that nobody has.
    fn bound(&self, name: &str) -> ProducerIdAndEpoch {
        self.producers.get(name).copied().unwrap_or(ProducerIdAndEpoch::new(INVENTED, 0))
    }

    fn isolation(&self, step: &Step) -> IsolationLevel {
        match self.arg(step, "isolation") {
            Some("uncommitted") => IsolationLevel::ReadUncommitted,
            _ => IsolationLevel::ReadCommitted,
        }
    }

    fn result(&self, step: &Step) -> Result<TransactionResult, String> {
        if step.words.iter().any(|w| w == "commit") {
            Ok(TransactionResult::Commit)
        } else if step.words.iter().any(|w| w == "abort") {
            Ok(TransactionResult::Abort)
        } else {
            Err("commit or abort?".to_string())
        }
    }

    /// The newest version that a client of the cluster's protocol would use.
    fn version(&self, key: ApiKey) -> i16 {
        let v2 = self.dialogue.cluster.transaction_version >= 2;
        match key {
            ApiKey::Produce => {
                if v2 {
                    12
                } else {
                    11
                }
            }
            ApiKey::Fetch => 12,
            ApiKey::ListOffsets => 7,
            ApiKey::Metadata => 9,
            ApiKey::OffsetCommit => 9,
            ApiKey::OffsetFetch => 7,
            ApiKey::FindCoordinator => 3,
            ApiKey::JoinGroup => 7,
            ApiKey::Heartbeat | ApiKey::LeaveGroup | ApiKey::SyncGroup => 4,
            ApiKey::ApiVersions => 3,
            ApiKey::InitProducerId => 5.min(if v2 { 5 } else { 4 }),
            ApiKey::OffsetForLeaderEpoch => 4,
            ApiKey::AddPartitionsToTxn | ApiKey::AddOffsetsToTxn => 3,
            ApiKey::EndTxn | ApiKey::TxnOffsetCommit => {
                if v2 {
                    5
                } else {
                    4
                }
            }
            ApiKey::WriteTxnMarkers => 1,
            _ => 0,
        }
    }

    fn group(&self, step: &Step) -> Result<GroupMetadata, String> {
        let group_id = self.name(self.arg(step, "group").ok_or("group= is missing")?);
        let mut group = match self.arg(step, "member") {
            None => GroupMetadata::only_group(group_id),
            Some(name) => match self.members.get(name) {
                Some(known) => GroupMetadata { group_id, ..known.clone() },
                None => GroupMetadata { member_id: name.into(), ..GroupMetadata::only_group(group_id) },
            },
        };
        if let Some(generation) = self.arg(step, "generation") {
            let bad = |_| format!("generation={generation}");
            group.generation = match generation.starts_with('+') || group.generation >= 0 && generation.starts_with('-')
            {
                true => group.generation + generation.parse::<i32>().map_err(bad)?,
                false => generation.parse().map_err(bad)?,
            };
        }
        if let Some(instance) = self.arg(step, "instance") {
            group.group_instance_id = Some(instance.into());
        }
        Ok(group)
    }

    fn offsets(&self, step: &Step) -> Result<Vec<OffsetToCommit>, String> {
        let text = self.arg(step, "offsets").ok_or("offsets= is missing")?;
        let metadata: Name = "m".repeat(self.number(step, "metadata", 0)?).into();
        let entry = |entry: &str| {
            let (tp, offset) = entry.split_once(':').ok_or_else(|| format!("'{entry}' is not partition:offset"))?;
            let offset = offset.parse().map_err(|_| format!("'{entry}' is not partition:offset"))?;
            let tp = self.partition(tp)?;
            Ok(OffsetToCommit { tp, offset, leader_epoch: NO_LEADER_EPOCH, metadata: metadata.clone() })
        };
        text.split(',').map(entry).collect()
    }

    fn produce(&self, index: usize, step: &Step) -> Result<Request, String> {
        let producer = self.producer(step)?;
        let transactional_id = self.transactional_id(step);
        let count: usize = self.number(step, "n", 1)?;
        let transactional = match self.arg(step, "txn") {
            None => transactional_id.is_some(),
            Some(text) => text == "yes",
        };
        let acks = match self.arg(step, "acks") {
            None | Some("all") => Acks::All,
            Some("1") => Acks::Leader,
            Some("0") => Acks::None,
            Some(other) => return Err(format!("acks={other}")),
        };
        let age: i64 = self.number(step, "age", 0)?;
        let timestamp_ms = self.target.wall_ms() - age;
        let size: usize = self.number(step, "size", 0)?;
        let mut partitions = Vec::new();
        for tp in self.partitions(step, "to")? {
            let record = |i| {
                let text = format!("{}.{i}", index + 1);
                let value = Blob::from(&*format!("{text}{}", "x".repeat(size.saturating_sub(text.len()))));
                Record { origin: Origin::default(), timestamp_ms, key: None, value: Some(value.into()) }
            };
            let records: Vec<Record> = (0..count).map(record).collect();
            let default = if producer.is_some() { 0 } else { NO_SEQUENCE };
            let mut batch = RecordBatch::of_records(records.into());
            batch.transactional = transactional;
            batch.producer_id = producer.id;
            batch.producer_epoch = producer.epoch;
            batch.base_sequence = self.number(step, "seq", default)?;
            partitions.push(ProducePartition { tp, batch: Arc::new(batch) });
        }
        let version = self.number(step, "v", self.version(ApiKey::Produce))?;
        let timeout_ms = self.number(step, "timeout", 10_000)?;
        Ok(ProduceRequest { version, transactional_id, acks, timeout_ms, partitions }.into())
    }

    fn request(&self, index: usize, step: &Step) -> Result<Request, String> {
        let key = match &*step.verb {
            "AddOffsets" => ApiKey::AddOffsetsToTxn,
            "AddPartitions" => ApiKey::AddPartitionsToTxn,
            verb => ApiKey::from_name(verb).ok_or_else(|| format!("'{verb}' is no step"))?,
        };
        let version = self.number(step, "v", self.version(key))?;
        let word = |word: &str| step.words.iter().any(|w| w == word);
        Ok(match key {
            ApiKey::Produce => self.produce(index, step)?,
            ApiKey::InitProducerId => InitProducerIdRequest {
                version,
                transactional_id: self.transactional_id(step),
                transaction_timeout_ms: self.number(step, "timeout", 60_000)?,
                producer: self.producer(step)?,
            }
            .into(),
            ApiKey::AddPartitionsToTxn => {
                let transaction = AddPartitionsTransaction {
                    transactional_id: self.required_id(step)?,
                    producer: self.producer(step)?,
                    verify_only: word("verify"),
                    partitions: self.partitions(step, "to")?,
                };
                AddPartitionsToTxnRequest { version, transactions: vec![transaction] }.into()
            }
            ApiKey::AddOffsetsToTxn => AddOffsetsToTxnRequest {
                version,
                transactional_id: self.required_id(step)?,
                producer: self.producer(step)?,
                group_id: self.name(self.arg(step, "group").ok_or("group= is missing")?),
            }
            .into(),
            ApiKey::EndTxn => EndTxnRequest {
                version,
                transactional_id: self.required_id(step)?,
                producer: self.producer(step)?,
                result: self.result(step)?,
            }
            .into(),
            ApiKey::TxnOffsetCommit => TxnOffsetCommitRequest {
                version,
                transactional_id: self.required_id(step)?,
                producer: self.producer(step)?,
                group: self.group(step)?,
                offsets: self.offsets(step)?,
            }
            .into(),
            ApiKey::WriteTxnMarkers => {
                let marker = TxnMarkerEntry {
                    producer: self.producer(step)?,
                    result: self.result(step)?,
                    coordinator_epoch: self.number(step, "coordinator", 0)?,
                    transaction_version: 0,
                    partitions: self.partitions(step, "to")?,
                };
                WriteTxnMarkersRequest { markers: vec![marker] }.into()
            }
            ApiKey::Fetch => {
                let from = self.number(step, "from", 0)?;
                let max_bytes = self.number(step, "bytes", 1 << 20)?;
                let current_leader_epoch = self.number(step, "leader-epoch", NO_LEADER_EPOCH)?;
                let partition = |tp| FetchPartition {
                    tp,
                    current_leader_epoch,
                    fetch_offset: from,
                    last_fetched_epoch: NO_LEADER_EPOCH,
                    max_bytes,
                    log_start_offset: -1,
                };
                FetchRequest {
                    replica: None,
                    isolation: self.isolation(step),
                    max_wait_ms: 0,
                    min_bytes: 0,
                    max_bytes: 50 << 20,
                    session_id: 0,
                    session_epoch: -1,
                    partitions: self.partitions(step, "of")?.into_iter().map(partition).collect(),
                    forgotten: Vec::new(),
                }
                .into()
            }
            ApiKey::ListOffsets => {
                let spec = match self.arg(step, "at") {
                    None | Some("latest") => OffsetSpec::Latest,
                    Some("earliest") => OffsetSpec::Earliest,
                    Some(other) => return Err(format!("at={other}")),
                };
                let partitions = self.partitions(step, "of")?.into_iter().map(|tp| (tp, NO_LEADER_EPOCH, spec));
                ListOffsetsRequest { isolation: self.isolation(step), partitions: partitions.collect() }.into()
            }
            ApiKey::OffsetForLeaderEpoch => {
                let asked = self.number(step, "epoch", 0)?;
                let partitions = self.partitions(step, "of")?.into_iter().map(|tp| (tp, NO_LEADER_EPOCH, asked));
                OffsetForLeaderEpochRequest { partitions: partitions.collect() }.into()
            }
            ApiKey::DescribeProducers => DescribeProducersRequest { partitions: self.partitions(step, "of")? }.into(),
            ApiKey::DescribeTransactions => {
                DescribeTransactionsRequest { transactional_ids: vec![self.required_id(step)?] }.into()
            }
            ApiKey::OffsetCommit => {
                OffsetCommitRequest { group: self.group(step)?, offsets: self.offsets(step)? }.into()
            }
            ApiKey::OffsetFetch => OffsetFetchRequest {
                group_id: self.name(self.arg(step, "group").ok_or("group= is missing")?),
                partitions: match self.arg(step, "of") {
                    None => None,
                    Some(_) => Some(self.partitions(step, "of")?),
                },
                require_stable: !word("unstable"),
            }
            .into(),
            ApiKey::FindCoordinator => match self.transactional_id(step) {
                Some(key) => FindCoordinatorRequest { key_type: CoordinatorType::Transaction, key }.into(),
                None => {
                    let key = self.name(self.arg(step, "group").ok_or("id= or group= is missing")?);
                    FindCoordinatorRequest { key_type: CoordinatorType::Group, key }.into()
                }
            },
            ApiKey::JoinGroup => {
                let group = self.group(step)?;
                let topics = self.arg(step, "topics").unwrap_or_default();
                let topics = topics.split(',').filter(|t| !t.is_empty());
                let topics = topics.map(|t| Ok(self.partition(&format!("{t}-0"))?.topic));
                let subscription =
                    Subscription { topics: topics.collect::<Result<_, String>>()?, owned: Vec::new(), generation: -1 };
                JoinGroupRequest {
                    group_id: group.group_id,
                    member_id: group.member_id,
                    group_instance_id: group.group_instance_id,
                    client_id: "c".into(),
                    session_timeout_ms: self.number(step, "session", 30_000)?,
                    rebalance_timeout_ms: self.number(step, "rebalance", 30_000)?,
                    protocols: vec![(AssignorName::Range, subscription)],
                }
                .into()
            }
            ApiKey::SyncGroup => {
                let mut assignments = Vec::new();
                for part in self.arg(step, "assign").unwrap_or_default().split(';').filter(|p| !p.is_empty()) {
                    let (member, list) = part.split_once(':').ok_or("assign=member:t-0,t-1;...")?;
                    let member = self.members.get(member).map_or_else(|| member.into(), |m| m.member_id.clone());
                    let list = list.split(',').filter(|t| !t.is_empty()).map(|t| self.partition(t));
                    assignments.push((member, list.collect::<Result<_, _>>()?));
                }
                SyncGroupRequest { group: self.group(step)?, assignments }.into()
            }
            ApiKey::Heartbeat => HeartbeatRequest { group: self.group(step)? }.into(),
            ApiKey::LeaveGroup => {
                let group = self.group(step)?;
                LeaveGroupRequest {
                    group_id: group.group_id,
                    member_id: group.member_id,
                    group_instance_id: group.group_instance_id,
                }
                .into()
            }
            ApiKey::ApiVersions => ApiVersionsRequest.into(),
            other => return Err(format!("{} is not for clients", other.name())),
        })
    }

    /// One request that belongs to no step.
    fn ask(&mut self, to: NodeId, request: Request) -> Result<Option<Response>, String> {
        let version = self.version(request.api_key());
        self.target.send(to, "look-up", version, request)?;
        match self.target.receive(to, "look-up", 5_000)? {
            Some(Reply::Answer(response)) => Ok(Some(response)),
            _ => Ok(None),
        }
    }

    fn leader(&mut self, tp: TopicPartition) -> Result<Option<NodeId>, String> {
        let brokers = self.target.brokers();
        if let [only] = brokers[..]
            && self.dialogue.cluster.brokers == 1
        {
            return Ok(Some(only));
        }
        for to in brokers {
            let request = MetadataRequest { topics: Some(vec![tp.topic]) }.into();
            if let Some(Response::Metadata(r)) = self.ask(to, request)? {
                let topic = r.topics.iter().find(|t| t.topic == tp.topic);
                let leader = topic.and_then(|t| t.partitions.get(tp.partition as usize)).and_then(|p| p.leader);
                return Ok(leader.filter(|l| r.brokers.contains(l)));
            }
        }
        Ok(None)
    }

    fn coordinator(&mut self, key_type: CoordinatorType, key: Name) -> Result<Option<NodeId>, String> {
        let brokers = self.target.brokers();
        if let [only] = brokers[..]
            && self.dialogue.cluster.brokers == 1
        {
            return Ok(Some(only));
        }
        for to in brokers {
            let request = FindCoordinatorRequest { key_type, key: key.clone() }.into();
            if let Some(Response::FindCoordinator(r)) = self.ask(to, request)? {
                return Ok(r.node.ok());
            }
        }
        Ok(None)
    }

    /// Where a client would send the request; `None` while nobody is there for it.
    fn destination(&mut self, step: &Step, request: &Request) -> Result<Option<NodeId>, String> {
        use CoordinatorType::{Group, Transaction};
        if let Some(text) = self.arg(step, "at-broker") {
            return self.node(text).map(Some);
        }
        let first = |tps: Option<TopicPartition>| tps.ok_or_else(|| "no partition".to_string());
        match request {
            Request::Produce(r) => {
                let tp = first(r.partitions.first().map(|p| p.tp))?;
                self.leader(tp)
            }
            Request::Fetch(r) => {
                let tp = first(r.partitions.first().map(|p| p.tp))?;
                self.leader(tp)
            }
            Request::ListOffsets(r) => self.leader(first(r.partitions.first().map(|p| p.0))?),
            Request::OffsetForLeaderEpoch(r) => self.leader(first(r.partitions.first().map(|p| p.0))?),
            Request::DescribeProducers(r) => self.leader(first(r.partitions.first().copied())?),
            Request::WriteTxnMarkers(r) => {
                self.leader(first(r.markers.first().and_then(|m| m.partitions.first().copied()))?)
            }
            Request::InitProducerId(InitProducerIdRequest { transactional_id: Some(id), .. }) => {
                self.coordinator(Transaction, id.clone())
            }
            Request::AddPartitionsToTxn(r) => self.coordinator(Transaction, r.transactions[0].transactional_id.clone()),
            Request::AddOffsetsToTxn(r) => self.coordinator(Transaction, r.transactional_id.clone()),
            Request::EndTxn(r) => self.coordinator(Transaction, r.transactional_id.clone()),
            Request::DescribeTransactions(r) => self.coordinator(Transaction, r.transactional_ids[0].clone()),
            Request::TxnOffsetCommit(r) => self.coordinator(Group, r.group.group_id.clone()),
            Request::OffsetCommit(r) => self.coordinator(Group, r.group.group_id.clone()),
            Request::OffsetFetch(r) => self.coordinator(Group, r.group_id.clone()),
            Request::JoinGroup(r) => self.coordinator(Group, r.group_id.clone()),
            Request::SyncGroup(r) => self.coordinator(Group, r.group.group_id.clone()),
            Request::Heartbeat(r) => self.coordinator(Group, r.group.group_id.clone()),
            Request::LeaveGroup(r) => self.coordinator(Group, r.group_id.clone()),
            _ => Ok(self.target.brokers().first().copied()),
        }
    }

    /// `2`, `leader:t-0`, `coordinator:T`, `group:g`.
    fn node(&mut self, text: &str) -> Result<NodeId, String> {
        let found = match text.split_once(':') {
            None => Some(NodeId(text.parse().map_err(|_| format!("'{text}' is no broker"))?)),
            Some(("leader", tp)) => {
                let tp = self.partition(tp)?;
                self.leader(tp)?
            }
            Some(("coordinator", id)) => {
                let key = self.name(id);
                self.coordinator(CoordinatorType::Transaction, key)?
            }
            Some(("group", id)) => {
                let key = self.name(id);
                self.coordinator(CoordinatorType::Group, key)?
            }
            Some(_) => return Err(format!("'{text}' is no broker")),
        };
        found.ok_or_else(|| format!("nobody is {text}"))
    }

    fn bind(&mut self, step_bind: Option<&str>, request: &Request, response: &Response) {
        let Some(bind) = step_bind else { return };
        match (request, response) {
            (_, Response::InitProducerId(InitProducerIdResponse { result: Ok(pair) })) => {
                self.producers.insert(bind.to_string(), *pair);
            }
            (_, Response::EndTxn(r)) if r.error.is_none() && r.producer.is_some() => {
                self.producers.insert(bind.to_string(), r.producer);
            }
            (Request::JoinGroup(asked), Response::JoinGroup(r)) if !r.member_id.is_empty() => {
                let member = GroupMetadata {
                    group_id: asked.group_id.clone(),
                    generation: if r.error.is_none() { r.generation } else { -1 },
                    member_id: r.member_id.clone(),
                    group_instance_id: asked.group_instance_id.clone(),
                };
                self.members.insert(bind.to_string(), member);
            }
            _ => {}
        }
    }

    fn render(&mut self, bind: Option<&str>, request: &Request, reply: &Reply) -> Value {
        match reply {
            Reply::Silence => json!("no answer, as asked"),
            Reply::Closed => json!("connection closed"),
            Reply::Answer(response) => {
                self.bind(bind, request, response);
                answer::render(&mut self.names, self.topics, request, response)
            }
        }
    }

    fn settled(&self, step: &Step, answer: &Value) -> bool {
        let word = |word: &str| step.words.iter().any(|w| w == word);
        if let Some(condition) = self.arg(step, "until") {
            let Some((field, wanted)) = condition.split_once('=') else { return true };
            return answer::fields(answer, field).iter().any(|v| v == wanted);
        }
        if word("raw") {
            return true;
        }
        // "connection closed" may only be what is left of a broker that is gone.
        if answer == "connection closed" && self.dialogue.cluster.alone {
            return false;
        }
        let transient = [
            "COORDINATOR_LOAD_IN_PROGRESS",
            "COORDINATOR_NOT_AVAILABLE",
            "NOT_COORDINATOR",
            "NOT_LEADER_OR_FOLLOWER",
            "OFFSET_NOT_AVAILABLE",
            // A leader's stand-in for a coordinator that is not there yet (§1.6).
            "NOT_ENOUGH_REPLICAS",
        ];
        let errors = answer::errors(answer);
        !errors.iter().any(|e| transient.contains(&&**e) || word("settle") && e == "CONCURRENT_TRANSACTIONS")
    }

    fn step(&mut self, index: usize, step: &Step) -> Result<Value, String> {
        match &*step.verb {
            "wait" => {
                let text = step.words.first().ok_or("wait how long?")?;
                self.target.pass(duration(text)?);
                return Ok(Value::Null);
            }
            "stop" | "kill" | "start" | "restart" | "crash" => {
                let node = self.node(step.words.first().ok_or("which broker?")?)?;
                let ending = if matches!(&*step.verb, "kill" | "crash") { Ending::Kill } else { Ending::Clean };
                if step.verb != "start" {
                    self.target.stop(node, ending)?;
                }
                if matches!(&*step.verb, "start" | "restart" | "crash") {
                    self.target.start(node)?;
                }
                return Ok(Value::Null);
            }
            "AtRest" => {
                // Waits until no marker of the transactional id is on its way; says where it rests.
                let described = crate::dialogue::step(&format!("DescribeTransactions id={}", step.args["id"]))?;
                // A coordinator whose marker was refused gives up (§1.9): then it rests in a Prepare state.
                for _ in 0..150 {
                    let answer = self.step(index, &described)?;
                    if !answer::fields(&answer, "state").iter().any(|s| s.starts_with("Prepare")) {
                        return Ok(answer);
                    }
                    self.target.pass(5);
                }
                return self.step(index, &described);
            }
            "await" => {
                let name = step.words.first().ok_or("await which?")?;
                let (node, request, bind) = self.later.remove(name).ok_or("nothing of that name was begun")?;
                let reply = self.target.receive(node, name, PATIENCE_MS)?;
                let Some(reply) = reply else { return Ok(json!("still waiting")) };
                return Ok(self.render(bind.as_deref(), &request, &reply));
            }
            _ => {}
        }
        let request = self.request(index, step)?;
        let version = self.number(step, "v", self.version(request.api_key()))?;
        if let Some(name) = self.arg(step, "later") {
            let node = self.destination(step, &request)?.ok_or("nobody is there for it")?;
            self.target.send(node, name, version, request.clone())?;
            // What was sent first must have arrived first.
            self.target.pass(100);
            self.later.insert(name.to_string(), (node, request, step.bind.clone()));
            return Ok(Value::Null);
        }
        let repeat: u32 = self.number(step, "repeat", 1)?;
        let mut done = 1;
        while done < repeat {
            let node = self.destination(step, &request)?.ok_or("nobody is there for it")?;
            self.target.send(node, "main", version, request.clone())?;
            let reply = self.target.receive(node, "main", PATIENCE_MS)?.unwrap_or(Reply::Closed);
            let answer = self.render(None, &request, &reply);
            if answer::errors(&answer).iter().all(|e| e == "NONE") {
                done += 1;
            } else {
                self.target.pass(PAUSE_MS);
            }
        }
        let connection = self.arg(step, "on").unwrap_or("main").to_string();
        let mut waited = 0;
        let mut last = json!("nobody is there for it");
        loop {
            if let Some(node) = self.destination(step, &request)? {
                self.target.send(node, &connection, version, request.clone())?;
                let reply = self.target.receive(node, &connection, PATIENCE_MS)?;
                let reply = reply.unwrap_or(Reply::Closed);
                last = self.render(step.bind.as_deref(), &request, &reply);
                if self.settled(step, &last) {
                    return Ok(last);
                }
            }
            if waited >= PATIENCE_MS {
                return Ok(last);
            }
            self.target.pass(PAUSE_MS);
            waited += PAUSE_MS;
        }
    }
}
