//! Where a client would send a request.

use fencepost_protocol::ids::*;
use fencepost_protocol::message::*;

use super::Run;
use crate::dialogue::Step;
use crate::target::Reply;

impl Run<'_> {
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
    pub(super) fn destination(&mut self, step: &Step, request: &Request) -> Result<Option<NodeId>, String> {
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
    pub(super) fn node(&mut self, text: &str) -> Result<NodeId, String> {
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
}
