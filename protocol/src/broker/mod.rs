//! A broker: partition replicas with their roles, the two coordinators, and everything between them and the network.
//!
//! What happens in one input happens in this order: the request, answer or timer itself; the writes that coordinators
//! asked for by it, one after the other, each with what its commit sets free; loads of coordinator partitions; the
//! fetchers' next requests; and last the parked fetches that have something to say now. So an answer carries everything
//! that the input brought, and nothing is done twice.
//!
//! Nothing on the normal path takes time in proportion to the number of partitions: fetch sessions and fetchers know
//! which of theirs have news, and the periodic jobs look only at partitions that something happened to.

mod coordinators;
mod disk;
mod fetch;
mod fetcher;
mod isr;
mod job;
mod jobs;
mod journal;
mod lifecycle;
mod link;
mod markers;
mod metadata;
mod partition;
mod produce;
mod purgatory;
mod queries;
mod session;
mod states;
mod timer;
mod verification;
mod wait;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::config::{BrokerConfig, Domains};
use crate::coordinator::{Coordinator, CoordinatorAppend, CoordinatorKind};
use crate::group::{GroupCoordinator, GroupView};
use crate::ids::*;
use crate::image::ClusterImage;
use crate::io::*;
use crate::log::PartitionLog;
use crate::message::*;
use crate::records::CommittedOffset;
use crate::sorted::Sorted;
use crate::time::{Instant, Now, Span};
use crate::transaction::TransactionCoordinator;

use coordinators::Scratch;
pub use disk::BrokerDisk;
pub use job::Job;
pub use journal::{BrokerTally, JournalEntry};
pub use partition::Partition;
use timer::{Timer, Timers};

/// What a broker's process is started with.
#[derive(Clone, Debug)]
pub struct BrokerProcess {
    /// Its id.
    pub id: NodeId,
    /// Its configuration.
    pub config: Arc<BrokerConfig>,
    /// The domains of epochs and sequences.
    pub domains: Domains,
    /// What a former run left.
    pub disk: BrokerDisk,
    /// Differs from that of every former run.
    pub incarnation: u64,
}

/// A running broker.
#[derive(Clone, Debug)]
pub struct Broker {
    id: NodeId,
    config: Arc<BrokerConfig>,
    domains: Domains,
    /// `replica.lag.time.max.ms`.
    lag: Span,
    /// Time of the input at hand.
    now: Now,
    image: ClusterImage,
    timers: Timers,
    /// Earliest of what its timers and coordinators wait for, as it was after the last input that could change it.
    deadline: Instant,
    life: lifecycle::Life,
    feed: metadata::Feed,
    partitions: PartitionMap<Partition>,
    purgatory: purgatory::Purgatory,
    sessions: session::Sessions,
    /// Time of each follower's last fetch.
    follower_fetches: BTreeMap<NodeId, Instant>,
    /// Partitions led here with a follower outside the in-sync set, by follower.
    outsiders: BTreeMap<NodeId, Vec<TopicPartition>>,
    fetchers: BTreeMap<NodeId, fetcher::Fetcher>,
    fetchers_to_pump: Sorted<NodeId, ()>,
    isr: isr::IsrProposals,
    preflights: produce::Preflights,
    verifier: verification::Verifier,
    markers: markers::Markers,
    offset_commits: markers::OffsetCommits,
    jobs: jobs::Jobs,
    transactions: TransactionCoordinator,
    groups: GroupCoordinator,
    /// Writes that the coordinators asked for, in order.
    appends: VecDeque<(CoordinatorKind, CoordinatorAppend)>,
    scratch: Scratch,
    journal: journal::Journal,
}

impl Broker {
    /// Starts a broker process: it loads its logs and asks for its connections to the controller.
    pub fn start(process: BrokerProcess, now: Now, out: &mut Outputs) -> Broker {
        let BrokerProcess { id, config, domains, disk, incarnation } = process;
        let mut partitions = PartitionMap::new();
        let clean = disk.clean_shutdown;
        for (tp, stored) in disk.into_logs() {
            let log = PartitionLog::open(stored.disk, stored.settings, now.wall_ms);
            partitions.insert(tp, Partition::new(log, stored.settings));
        }
        let mut timers = Timers::default();
        let jobs = jobs::Jobs::new(&config, now.mono, &mut timers);
        let mut broker = Broker {
            id,
            lag: Span::from_millis(config.replica_lag_time_max_ms),
            now,
            image: ClusterImage::empty(),
            timers,
            deadline: Instant::NEVER,
            life: lifecycle::Life::new(incarnation, clean),
            feed: metadata::Feed::new(),
            partitions,
            purgatory: purgatory::Purgatory::default(),
            sessions: session::Sessions::new(incarnation),
            follower_fetches: BTreeMap::new(),
            outsiders: BTreeMap::new(),
            fetchers: BTreeMap::new(),
            fetchers_to_pump: Sorted::default(),
            isr: isr::IsrProposals::new(),
            preflights: produce::Preflights::default(),
            verifier: verification::Verifier::default(),
            markers: markers::Markers::default(),
            offset_commits: markers::OffsetCommits::default(),
            jobs,
            transactions: TransactionCoordinator::new(id, config.clone(), domains),
            groups: GroupCoordinator::new(id, config.clone(), domains),
            appends: VecDeque::new(),
            scratch: Scratch::default(),
            journal: journal::Journal::default(),
            config,
            domains,
        };
        broker.speak(out);
        broker.poll_metadata(out);
        broker.deadline = broker.earliest();
        broker
    }

    /// Its id.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// Its log of a partition.
    pub fn log(&self, tp: TopicPartition) -> Option<&PartitionLog> {
        self.partitions.get(tp).map(Partition::log)
    }

    /// Its replica of a partition.
    pub fn partition(&self, tp: TopicPartition) -> Option<&Partition> {
        self.partitions.get(tp)
    }

    /// Its replicas.
    pub fn partitions(&self) -> impl Iterator<Item = (TopicPartition, &Partition)> {
        self.partitions.iter()
    }

    /// Whether it believes to lead a partition.
    pub fn is_leader(&self, tp: TopicPartition) -> bool {
        self.partitions.get(tp).is_some_and(Partition::is_leader)
    }

    /// Epoch of its registration; -1 before it is registered.
    pub fn broker_epoch(&self) -> i64 {
        self.life.broker_epoch.unwrap_or(-1)
    }

    /// Whether the controller keeps it out of elections, as far as it knows; true before it is registered.
    pub fn is_fenced(&self) -> bool {
        self.life.fenced
    }

    /// State of every transactional id that it coordinates (white-box checks).
    pub fn transactions(&self) -> Vec<(Name, TransactionMetadataValue)> {
        self.transactions.transactions()
    }

    /// Groups that this broker coordinates (white box).
    pub fn groups(&self) -> Vec<GroupView> {
        self.groups.groups()
    }

    /// Committed offsets of every group that it coordinates (white-box checks).
    pub fn committed_offsets(&self) -> Vec<(Name, TopicPartition, CommittedOffset)> {
        self.groups.committed_offsets()
    }

    /// Finishes an input: everything that it set in motion.
    fn settle(&mut self, out: &mut Outputs) {
        self.run_appends(out);
        self.run_loads(out);
        self.pump_fetchers(out);
        self.check_parked_fetches(out);
        self.deadline = self.earliest();
    }

    fn earliest(&self) -> Instant {
        self.timers.next().min(self.transactions.poll_timeout()).min(self.groups.poll_timeout())
    }

    fn connected(&mut self, channel: Channel, out: &mut Outputs) {
        match channel.purpose {
            Purpose::ControllerHeartbeat => {
                self.life.link.connected();
                self.speak(out);
            }
            Purpose::ControllerMetadata => {
                self.feed.link.connected();
                self.poll_metadata(out);
            }
            Purpose::ControllerAlterPartition => {
                self.isr.link.connected();
                self.send_proposals(out);
            }
            Purpose::ReplicaFetcher => self.fetcher_connected(channel.to),
            Purpose::AddPartitions => self.verifier_connected(channel.to, out),
            Purpose::TxnMarkers
            | Purpose::ControllerProducerIds
            | Purpose::Client
            | Purpose::PipelineProducer
            | Purpose::GroupCoordinator => {}
        }
    }

    fn lost(&mut self, channel: Channel, out: &mut Outputs) {
        match channel.purpose {
            Purpose::ControllerHeartbeat => self.life_link_lost(out),
            Purpose::ControllerMetadata => self.feed_link_lost(out),
            Purpose::ControllerAlterPartition => self.isr_link_lost(out),
            Purpose::ReplicaFetcher => self.fetcher_lost(channel.to),
            Purpose::AddPartitions => self.verifier_lost(channel.to, out),
            Purpose::TxnMarkers
            | Purpose::ControllerProducerIds
            | Purpose::Client
            | Purpose::PipelineProducer
            | Purpose::GroupCoordinator => {}
        }
    }

    fn link_mut(&mut self, channel: Channel) -> Option<&mut link::Link> {
        match channel.purpose {
            Purpose::ControllerHeartbeat => Some(&mut self.life.link),
            Purpose::ControllerMetadata => Some(&mut self.feed.link),
            Purpose::ControllerAlterPartition => Some(&mut self.isr.link),
            Purpose::ReplicaFetcher => self.fetchers.get_mut(&channel.to).map(|f| &mut f.link),
            Purpose::AddPartitions => self.verifier.link_mut(channel.to),
            Purpose::TxnMarkers
            | Purpose::ControllerProducerIds
            | Purpose::Client
            | Purpose::PipelineProducer
            | Purpose::GroupCoordinator => None,
        }
    }

    fn answered(&mut self, channel: Channel, correlation: CorrelationId, response: Response, out: &mut Outputs) {
        if !self.link_mut(channel).is_some_and(|link| link.answered(correlation)) {
            return; // of an older connection
        }
        match (channel.purpose, response) {
            (Purpose::ControllerHeartbeat, Response::BrokerRegistration(r)) => self.registered(r, out),
            (Purpose::ControllerHeartbeat, Response::BrokerHeartbeat(r)) => self.heartbeat_answered(r, out),
            (Purpose::ControllerMetadata, Response::MetadataFetch(r)) => self.metadata_arrived(r, out),
            (Purpose::ControllerAlterPartition, Response::AlterPartition(r)) => self.isr_answered(r, out),
            (Purpose::ReplicaFetcher, Response::Fetch(r)) => self.fetcher_answered(channel.to, r),
            (Purpose::AddPartitions, Response::AddPartitionsToTxn(r)) => self.verifier_answered(channel.to, r, out),
            _ => {} // no peer of ours sends that
        }
    }

    fn link_timer(&mut self, channel: Channel, out: &mut Outputs) {
        let now = self.now.mono;
        let mut timers = core::mem::take(&mut self.timers);
        let expiry = self.link_mut(channel).map(|link| link.expired(now, &mut timers, out));
        self.timers = timers;
        if expiry == Some(link::Expiry::Overdue) {
            self.lost(channel, out);
        }
    }

    fn timer(&mut self, timer: Timer, out: &mut Outputs) {
        match timer {
            Timer::Link(channel) => self.link_timer(channel, out),
            Timer::Heartbeat => self.speak(out),
            Timer::MetadataHold => self.apply_metadata(out),
            Timer::Job(job) => self.run_job(job, out),
            Timer::Load => {} // settle loads what is due
            Timer::Wait(tp, required, id) => self.wait_expired(tp, required, id, out),
            Timer::ParkedFetch(session) => self.answer_fetch(session, out),
            Timer::AddRetry(id) => self.retry_preflight(id, out),
            Timer::FetcherBackoff(leader) => self.fetcher_rested(leader),
            Timer::AlterRetry => self.retry_proposals(out),
        }
    }
}

impl Machine for Broker {
    fn poll_timeout(&self) -> Instant {
        debug_assert_eq!(self.deadline, self.earliest(), "whatever changes a deadline settles");
        self.deadline
    }

    fn handle_timeout(&mut self, now: Now, out: &mut Outputs) {
        self.now = now;
        while let Some(timer) = self.timers.pop_due(now.mono) {
            self.timer(timer, out);
            self.run_appends(out);
        }
        for which in CoordinatorKind::BOTH {
            if self.coordinator(which).poll_timeout() <= now.mono {
                self.with_coordinator(which, out, |c, turn| c.handle_timeout(turn));
            }
        }
        self.settle(out);
    }
}

impl Server for Broker {
    fn request(&mut self, now: Now, conn: ConnId, request: Request, out: &mut Outputs) {
        self.now = now;
        let response: Response = match request {
            Request::Produce(r) => {
                self.produce(conn, r, out);
                return self.settle(out);
            }
            Request::Fetch(r) => {
                self.fetch(conn, *r, out);
                return self.settle(out);
            }
            Request::WriteTxnMarkers(r) => {
                self.write_txn_markers(conn, r, out);
                return self.settle(out);
            }
            Request::TxnOffsetCommit(r) => {
                self.txn_offset_commit(conn, *r, out);
                return self.settle(out);
            }
            Request::InitProducerId(_)
            | Request::AddPartitionsToTxn(_)
            | Request::AddOffsetsToTxn(_)
            | Request::EndTxn(_)
            | Request::DescribeTransactions(_) => {
                self.coordinator_request(CoordinatorKind::Transaction, conn, request, out);
                return self.settle(out);
            }
            Request::OffsetCommit(_)
            | Request::OffsetFetch(_)
            | Request::JoinGroup(_)
            | Request::Heartbeat(_)
            | Request::LeaveGroup(_)
            | Request::SyncGroup(_) => {
                self.coordinator_request(CoordinatorKind::Group, conn, request, out);
                return self.settle(out);
            }
            Request::Metadata(r) => self.metadata(&r).into(),
            Request::ApiVersions(_) => {
                let response = self.api_versions();
                return push_made(out, || Output::Respond(conn, response.into()));
            }
            Request::FindCoordinator(r) => self.find_coordinator(&r).into(),
            Request::ListOffsets(r) => self.list_offsets(&r).into(),
            Request::OffsetForLeaderEpoch(r) => self.offset_for_leader_epoch(&r).into(),
            Request::DescribeProducers(r) => self.describe_producers(&r).into(),
            // The controller's: a broker that is sent one of these closes the connection.
            Request::AlterPartition(_)
            | Request::BrokerRegistration(_)
            | Request::BrokerHeartbeat(_)
            | Request::AllocateProducerIds(_)
            | Request::MetadataFetch(_) => return out.push(Output::CloseIncoming(conn)),
        };
        out.push(Output::Respond(conn, response));
    }
}

impl Client for Broker {
    fn net(&mut self, now: Now, input: NetInput, out: &mut Outputs) {
        self.now = now;
        let (NetInput::Connected(channel) | NetInput::Disconnected(channel) | NetInput::Response(channel, ..)) = &input;
        if matches!(channel.purpose, Purpose::TxnMarkers | Purpose::ControllerProducerIds) {
            self.with_transactions(out, |c, turn| c.net(turn, input));
            return self.settle(out);
        }
        match input {
            NetInput::Connected(channel) => self.connected(channel, out),
            NetInput::Disconnected(channel) => self.lost(channel, out),
            NetInput::Response(channel, correlation, response) => self.answered(channel, correlation, response, out),
        }
        self.settle(out);
    }
}
