//! The request that a step describes.

use std::sync::Arc;

use fencepost_protocol::batch::*;
use fencepost_protocol::ids::*;
use fencepost_protocol::message::*;

use super::Run;
use crate::dialogue::Step;

impl Run<'_> {
    /// The newest version that a client of the cluster's protocol would use.
    pub(super) fn version(&self, key: ApiKey) -> i16 {
        let v2 = self.dialogue.cluster.transaction_version >= 2;
        match key {
            ApiKey::Produce => 11 + i16::from(v2),
            ApiKey::Fetch => 12,
            ApiKey::ListOffsets => 7,
            ApiKey::Metadata => 9,
            ApiKey::OffsetCommit => 9,
            ApiKey::OffsetFetch => 7,
            ApiKey::FindCoordinator => 3,
            ApiKey::JoinGroup => 7,
            ApiKey::Heartbeat | ApiKey::LeaveGroup | ApiKey::SyncGroup => 4,
            ApiKey::ApiVersions => 3,
            ApiKey::OffsetForLeaderEpoch => 4,
            ApiKey::AddPartitionsToTxn | ApiKey::AddOffsetsToTxn => 3,
            ApiKey::InitProducerId | ApiKey::EndTxn | ApiKey::TxnOffsetCommit => 4 + i16::from(v2),
            ApiKey::WriteTxnMarkers => 1,
            _ => 0,
        }
    }

    pub(super) fn request(&self, index: usize, step: &Step) -> Result<Request, String> {
        let key = match &*step.verb {
            "AddOffsets" => ApiKey::AddOffsetsToTxn,
            "AddPartitions" => ApiKey::AddPartitionsToTxn,
            verb => ApiKey::from_name(verb).ok_or_else(|| format!("'{verb}' is no step"))?,
        };
        let version = self.number(step, "v", self.version(key))?;
        Ok(match key {
            ApiKey::Produce => self.produce(index, step)?.into(),
            ApiKey::InitProducerId => self.init_producer_id(version, step)?.into(),
            ApiKey::AddPartitionsToTxn => self.add_partitions(version, step)?.into(),
            ApiKey::AddOffsetsToTxn => self.add_offsets(version, step)?.into(),
            ApiKey::EndTxn => self.end_txn(version, step)?.into(),
            ApiKey::TxnOffsetCommit => self.txn_offset_commit(version, step)?.into(),
            ApiKey::WriteTxnMarkers => self.write_txn_markers(step)?.into(),
            ApiKey::Fetch => self.fetch(step)?.into(),
            ApiKey::ListOffsets => self.list_offsets(step)?.into(),
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
            ApiKey::OffsetFetch => self.offset_fetch(step)?.into(),
            ApiKey::FindCoordinator => self.find_coordinator(step)?.into(),
            ApiKey::JoinGroup => self.join_group(step)?.into(),
            ApiKey::SyncGroup => self.sync_group(step)?.into(),
            ApiKey::Heartbeat => HeartbeatRequest { group: self.group(step)? }.into(),
            ApiKey::LeaveGroup => {
                let GroupMetadata { group_id, member_id, group_instance_id, .. } = self.group(step)?;
                LeaveGroupRequest { group_id, member_id, group_instance_id }.into()
            }
            ApiKey::ApiVersions => ApiVersionsRequest.into(),
            other => return Err(format!("{} is not for clients", other.name())),
        })
    }

    fn produce(&self, index: usize, step: &Step) -> Result<ProduceRequest, String> {
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
        Ok(ProduceRequest { version, transactional_id, acks, timeout_ms, partitions })
    }

    fn init_producer_id(&self, version: i16, step: &Step) -> Result<InitProducerIdRequest, String> {
        Ok(InitProducerIdRequest {
            version,
            transactional_id: self.transactional_id(step),
            transaction_timeout_ms: self.number(step, "timeout", 60_000)?,
            producer: self.producer(step)?,
        })
    }

    fn add_partitions(&self, version: i16, step: &Step) -> Result<AddPartitionsToTxnRequest, String> {
        let transaction = AddPartitionsTransaction {
            transactional_id: self.required_id(step)?,
            producer: self.producer(step)?,
            verify_only: step.says("verify"),
            partitions: self.partitions(step, "to")?,
        };
        Ok(AddPartitionsToTxnRequest { version, transactions: vec![transaction] })
    }

    fn add_offsets(&self, version: i16, step: &Step) -> Result<AddOffsetsToTxnRequest, String> {
        Ok(AddOffsetsToTxnRequest {
            version,
            transactional_id: self.required_id(step)?,
            producer: self.producer(step)?,
            group_id: self.group_id(step)?,
        })
    }

    fn end_txn(&self, version: i16, step: &Step) -> Result<EndTxnRequest, String> {
        Ok(EndTxnRequest {
            version,
            transactional_id: self.required_id(step)?,
            producer: self.producer(step)?,
            result: self.result(step)?,
        })
    }

    fn txn_offset_commit(&self, version: i16, step: &Step) -> Result<TxnOffsetCommitRequest, String> {
        Ok(TxnOffsetCommitRequest {
            version,
            transactional_id: self.required_id(step)?,
            producer: self.producer(step)?,
            group: self.group(step)?,
            offsets: self.offsets(step)?,
        })
    }

    fn write_txn_markers(&self, step: &Step) -> Result<WriteTxnMarkersRequest, String> {
        let marker = TxnMarkerEntry {
            producer: self.producer(step)?,
            result: self.result(step)?,
            coordinator_epoch: self.number(step, "coordinator", 0)?,
            transaction_version: 0,
            partitions: self.partitions(step, "to")?,
        };
        Ok(WriteTxnMarkersRequest { markers: vec![marker] })
    }

    fn fetch(&self, step: &Step) -> Result<FetchRequest, String> {
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
        Ok(FetchRequest {
            replica: None,
            isolation: self.isolation(step),
            max_wait_ms: 0,
            min_bytes: 0,
            max_bytes: 50 << 20,
            session_id: 0,
            session_epoch: -1,
            partitions: self.partitions(step, "of")?.into_iter().map(partition).collect(),
            forgotten: Vec::new(),
        })
    }

    fn list_offsets(&self, step: &Step) -> Result<ListOffsetsRequest, String> {
        let spec = match self.arg(step, "at") {
            None | Some("latest") => OffsetSpec::Latest,
            Some("earliest") => OffsetSpec::Earliest,
            Some(other) => return Err(format!("at={other}")),
        };
        let partitions = self.partitions(step, "of")?.into_iter().map(|tp| (tp, NO_LEADER_EPOCH, spec));
        Ok(ListOffsetsRequest { isolation: self.isolation(step), partitions: partitions.collect() })
    }

    fn offset_fetch(&self, step: &Step) -> Result<OffsetFetchRequest, String> {
        let of = self.arg(step, "of").map(|_| self.partitions(step, "of"));
        let group_id = self.group_id(step)?;
        Ok(OffsetFetchRequest { group_id, partitions: of.transpose()?, require_stable: !step.says("unstable") })
    }

    fn find_coordinator(&self, step: &Step) -> Result<FindCoordinatorRequest, String> {
        if let Some(key) = self.transactional_id(step) {
            return Ok(FindCoordinatorRequest { key_type: CoordinatorType::Transaction, key });
        }
        let key = self.name(self.arg(step, "group").ok_or("id= or group= is missing")?);
        Ok(FindCoordinatorRequest { key_type: CoordinatorType::Group, key })
    }

    fn join_group(&self, step: &Step) -> Result<JoinGroupRequest, String> {
        let group = self.group(step)?;
        let topics = self.arg(step, "topics").unwrap_or_default();
        let topics = topics.split(',').filter(|t| !t.is_empty());
        let topics = topics.map(|t| Ok(self.partition(&format!("{t}-0"))?.topic));
        let subscription =
            Subscription { topics: topics.collect::<Result<_, String>>()?, owned: Vec::new(), generation: -1 };
        Ok(JoinGroupRequest {
            group_id: group.group_id,
            member_id: group.member_id,
            group_instance_id: group.group_instance_id,
            client_id: "c".into(),
            session_timeout_ms: self.number(step, "session", 30_000)?,
            rebalance_timeout_ms: self.number(step, "rebalance", 30_000)?,
            protocols: vec![(AssignorName::Range, subscription)],
        })
    }

    fn sync_group(&self, step: &Step) -> Result<SyncGroupRequest, String> {
        let mut assignments = Vec::new();
        for part in self.arg(step, "assign").unwrap_or_default().split(';').filter(|p| !p.is_empty()) {
            let (member, list) = part.split_once(':').ok_or("assign=member:t-0,t-1;...")?;
            let member = self.members.get(member).map_or_else(|| member.into(), |m| m.member_id.clone());
            let list = list.split(',').filter(|t| !t.is_empty()).map(|t| self.partition(t));
            assignments.push((member, list.collect::<Result<_, _>>()?));
        }
        Ok(SyncGroupRequest { group: self.group(step)?, assignments })
    }
}
