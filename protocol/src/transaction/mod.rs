//! The transaction coordinator: a state machine over the log of `__transaction_state` (§3).
//!
//! It owns the ids whose partition of that topic its broker leads. Every change of an id's state follows §3.3: compute the
//! target, write it, and only when the high watermark has passed the record install it, answer, or send markers.

mod add_partitions;
mod completion;
mod end_txn;
mod init_producer_id;
mod markers;
mod metadata;
mod ownership;
mod producer_ids;
mod sweep;
mod writes;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::config::{BrokerConfig, Domains};
use crate::coordinator::*;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::*;
use crate::log::PartitionLog;
use crate::message::*;
use crate::time::*;

pub use metadata::IdState;

use add_partitions::AddAnswer;
use markers::MarkerSender;
use ownership::Led;
use producer_ids::ProducerIds;
use sweep::Sweeps;
use writes::{CompletionRetry, Writes};

/// The transaction coordinator of one broker.
///
/// The broker routes requests, outcomes of writes, and answers on [`Purpose::TxnMarkers`] and
/// [`Purpose::ControllerProducerIds`] to it, and performs what it pushes. It expects an outcome for every
/// [`CoordinatorAppend`], also for those whose partition has moved away meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionCoordinator {
    config: Arc<BrokerConfig>,
    domains: Domains,
    /// By partition of `__transaction_state`.
    partitions: Vec<Option<Led>>,
    writes: Writes,
    /// Answers to AddPartitionsToTxn that wait for records of theirs to be committed.
    answers: BTreeMap<ConnId, AddAnswer>,
    producer_ids: ProducerIds,
    markers: MarkerSender,
    /// Complete records that could not be written, in the order of their times.
    completion_retries: VecDeque<CompletionRetry>,
    sweeps: Sweeps,
}

impl TransactionCoordinator {
    /// A coordinator that owns nothing yet.
    pub fn new(broker: NodeId, config: Arc<BrokerConfig>, domains: Domains) -> Self {
        let request_timeout = Span::from_millis(i64::from(config.request_timeout_ms));
        TransactionCoordinator {
            domains,
            partitions: Vec::new(),
            writes: Writes::default(),
            answers: BTreeMap::new(),
            producer_ids: ProducerIds::new(broker, request_timeout),
            markers: MarkerSender::new(request_timeout),
            completion_retries: VecDeque::new(),
            sweeps: Sweeps::default(),
            config,
        }
    }

    /// The broker registered with the controller; AllocateProducerIds carries this epoch.
    pub fn set_broker_epoch(&mut self, epoch: i64) {
        self.producer_ids.set_broker_epoch(epoch);
    }

    /// Something happened on a connection of the coordinator's own: [`Purpose::TxnMarkers`] or
    /// [`Purpose::ControllerProducerIds`].
    pub fn net(&mut self, turn: &mut Turn<'_>, input: NetInput) {
        let (NetInput::Connected(channel) | NetInput::Disconnected(channel) | NetInput::Response(channel, ..)) = input;
        match (channel.purpose, input) {
            (Purpose::TxnMarkers, NetInput::Connected(_)) => self.markers.connected(channel.to),
            (Purpose::TxnMarkers, NetInput::Disconnected(_)) => {
                let lost = self.markers.disconnected(turn.now, channel.to);
                self.route_again(turn, lost);
            }
            (Purpose::TxnMarkers, NetInput::Response(_, correlation, Response::WriteTxnMarkers(response))) => {
                self.markers_answered(turn, channel.to, correlation, &response);
            }
            (Purpose::ControllerProducerIds, NetInput::Connected(_)) => {
                self.producer_ids.connected(turn.now, &mut turn.out.net);
            }
            (Purpose::ControllerProducerIds, NetInput::Disconnected(_)) => self.producer_ids.disconnected(turn.now),
            (Purpose::ControllerProducerIds, NetInput::Response(_, id, Response::AllocateProducerIds(response))) => {
                self.producer_ids.response(turn.now, id, &response);
            }
            (purpose, input) => unreachable!("{input:?} on a connection for {purpose:?} is not for this coordinator"),
        }
        self.markers.flush(turn.now, &mut turn.out.net);
    }

    /// The metadata changed: markers that wait for a leader are looked at again.
    pub fn image_changed(&mut self, turn: &mut Turn<'_>) {
        let waiting = self.markers.take_waiting();
        self.route_again(turn, waiting);
        self.markers.flush(turn.now, &mut turn.out.net);
    }

    /// The next sweeps come later by this much: a background thread that stalls.
    pub fn postpone_sweep(&mut self, by: Span) {
        self.sweeps.postpone(by);
    }

    /// Installed state of every id led here, in id order (white-box checks).
    pub fn transactions(&self) -> Vec<(Name, TransactionMetadataValue)> {
        let led = self.partitions.iter().flatten();
        let mut all: Vec<_> =
            led.flat_map(|led| led.ids.iter().map(|(name, id)| (name.clone(), id.metadata.value.clone()))).collect();
        all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// State of an id of `partition` (white-box checks); `None` if the partition is not led here or is being loaded.
    pub fn state_of(&self, partition: u32, id: &str) -> Option<IdState> {
        let led = self.available(partition).ok()?;
        Some(led.ids.get(id).map_or(IdState::UNKNOWN, |id| IdState {
            state: Some(id.metadata.value.state),
            in_transition: id.pending.is_some(),
            producer: id.metadata.value.producer,
        }))
    }

    fn describe_transactions(&self, turn: &mut Turn<'_>, conn: ConnId, request: &DescribeTransactionsRequest) {
        let describe = |name: &Name| {
            let partition = self.owned(turn, name)?;
            let id = self.led(partition).ids.get(name).ok_or(ErrorCode::TransactionalIdNotFound)?;
            let mut value = id.metadata.value.clone();
            if let Some(completion) = &id.completion {
                value.partitions = completion.remaining.as_slice().into(); // whose markers are still on their way
            }
            Ok(value)
        };
        let transactions = request.transactional_ids.iter().map(|name| (name.clone(), describe(name))).collect();
        turn.respond(conn, DescribeTransactionsResponse { transactions });
    }
}

impl Coordinator for TransactionCoordinator {
    fn elected(&mut self, turn: &mut Turn<'_>, partition: u32, epoch: CoordinatorEpoch) {
        self.own(turn, partition, epoch);
    }

    fn resigned(&mut self, _: &mut Turn<'_>, partition: u32) {
        self.disown(partition);
    }

    fn load(
        &mut self,
        turn: &mut Turn<'_>,
        partition: u32,
        epoch: CoordinatorEpoch,
        log: &PartitionLog,
    ) -> Option<Ticket> {
        self.loaded(turn, partition, epoch, log.batches().map(|b| &**b));
        None
    }

    /// InitProducerId (with or without transactional id), AddPartitionsToTxn, AddOffsetsToTxn, EndTxn, DescribeTransactions.
    fn request(&mut self, turn: &mut Turn<'_>, conn: ConnId, request: Request) {
        match request {
            Request::InitProducerId(request) => self.init_producer_id(turn, conn, &request),
            Request::AddPartitionsToTxn(request) => self.add_partitions_to_txn(turn, conn, &request),
            Request::AddOffsetsToTxn(request) => self.add_offsets_to_txn(turn, conn, &request),
            Request::EndTxn(request) => self.end_txn(turn, conn, &request),
            Request::DescribeTransactions(request) => self.describe_transactions(turn, conn, &request),
            other => unreachable!("{:?} is no request of the transaction coordinator", other.api_key()),
        }
    }

    fn written(&mut self, turn: &mut Turn<'_>, ticket: Ticket, outcome: Written) {
        if let Err(error) = outcome {
            self.committed(turn, ticket, Err(error));
        }
    }

    fn committed(&mut self, turn: &mut Turn<'_>, ticket: Ticket, outcome: Committed) {
        self.settle_write(turn, ticket, outcome);
        self.markers.flush(turn.now, &mut turn.out.net);
    }

    fn poll_timeout(&self) -> Instant {
        let retry = self.completion_retries.front().map_or(Instant::NEVER, |retry| retry.at);
        self.markers.poll_timeout().min(self.producer_ids.poll_timeout()).min(self.sweeps.poll_timeout()).min(retry)
    }

    fn handle_timeout(&mut self, turn: &mut Turn<'_>) {
        if self.producer_ids.poll_timeout() <= turn.now.mono {
            self.producer_ids.handle_timeout(turn.now, &mut turn.out.net);
        }
        if self.markers.poll_timeout() <= turn.now.mono {
            let due = self.markers.handle_timeout(turn.now, &mut turn.out.net);
            self.route_again(turn, due);
        }
        self.retry_completions(turn);
        self.sweep(turn);
        self.markers.flush(turn.now, &mut turn.out.net);
    }
}

/// Clients of old request versions know 47 only (§1.3, §1.4, §1.8).
fn fenced_before(version: i16, first_with_90: i16, error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::ProducerFenced if version < first_with_90 => ErrorCode::InvalidProducerEpoch,
        error => error,
    }
}
