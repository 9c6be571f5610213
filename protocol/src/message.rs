//! Requests and responses. Names are Kafka's; a field that no rule of the model looks at is left out.
//!
//! Where a rule depends on the API version (§0.1), the request carries `version`.

use std::sync::Arc;

use crate::batch::{RecordBatch, TransactionResult};
use crate::content::{Content, Hash};
use crate::error::ErrorCode;
use crate::ids::*;
use crate::image::{Features, MetadataChange};

/// Number of acknowledgements that a producer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Acks {
    /// `acks=0`: no response at all.
    None,
    /// `acks=1`: the leader has appended.
    Leader,
    /// `acks=all`: the high watermark has passed the batch.
    All,
}

/// `isolation.level` of a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IsolationLevel {
    /// Everything below the high watermark.
    ReadUncommitted,
    /// What is below the last stable offset, without aborted records.
    ReadCommitted,
}

/// Producer id and epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerIdAndEpoch {
    /// Producer id.
    pub id: ProducerId,
    /// Producer epoch.
    pub epoch: ProducerEpoch,
}

impl ProducerIdAndEpoch {
    /// (-1, -1).
    pub const NONE: ProducerIdAndEpoch = ProducerIdAndEpoch { id: NO_PRODUCER_ID, epoch: NO_PRODUCER_EPOCH };

    /// The pair (`id`, `epoch`).
    pub const fn new(id: ProducerId, epoch: ProducerEpoch) -> Self {
        ProducerIdAndEpoch { id, epoch }
    }

    /// Whether there is a producer id.
    pub const fn is_some(self) -> bool {
        self.id != NO_PRODUCER_ID
    }
}

/// Per partition an error, or success.
pub type PartitionErrors = Vec<(TopicPartition, Option<ErrorCode>)>;
/// Per partition an offset (-1 for none) with its leader epoch, or an error.
pub type PartitionOffsets = Vec<(TopicPartition, Result<(Offset, LeaderEpoch), ErrorCode>)>;

/// How a body is kept: as it is, or behind a pointer.
macro_rules! kept {
    ($body:ty) => { $body };
    ($body:ty, box) => { Box<$body> };
}

// Messages are moved from machine to buffer to connection to machine, so they are kept small: large bodies that are not
// sent all the time are behind a pointer (`box`). And their tags are as wide as what follows: a message is then moved in
// whole words, each of which the processor finds again in one piece when it is read a moment later.
macro_rules! requests {
    ($(
        $(#[$doc:meta])*
        $variant:ident($request:ident $(as $req_kept:tt)?, $response:ident $(as $resp_kept:tt)?) = $key:literal;
    )*) => {
        /// A request.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[repr(u64)]
        pub enum Request { $($(#[$doc])* $variant(kept!($request $(, $req_kept)?)),)* }

        /// A response; its variant is that of the request it answers.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[repr(u64)]
        pub enum Response { $($(#[$doc])* $variant(kept!($response $(, $resp_kept)?)),)* }

        /// Kind of a request, with Kafka's API key (negative where the model has a message that Kafka has not).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ApiKey { $($(#[$doc])* $variant = $key,)* }

        impl ApiKey {
            /// All kinds.
            pub const ALL: &'static [ApiKey] = &[$(ApiKey::$variant),*];
            /// Kafka's name of the request.
            pub const fn name(self) -> &'static str { match self { $(ApiKey::$variant => stringify!($variant),)* } }
            /// The kind of that name, exactly as [`ApiKey::name`] spells it.
            pub fn from_name(name: &str) -> Option<ApiKey> { ApiKey::ALL.iter().copied().find(|k| k.name() == name) }
        }

        impl Request {
            /// A request without content.
            pub const EMPTY: Request = Request::ApiVersions(ApiVersionsRequest);

            /// Kind of the request.
            pub const fn api_key(&self) -> ApiKey { match self { $(Request::$variant(_) => ApiKey::$variant,)* } }
        }

        impl Response {
            /// A response without content.
            pub const EMPTY: Response = Response::Heartbeat(HeartbeatResponse { error: None });

            /// Kind of the request that this answers.
            pub const fn api_key(&self) -> ApiKey { match self { $(Response::$variant(_) => ApiKey::$variant,)* } }
        }

        /// What it says beyond its kind.
        impl Content for Request {
            #[inline]
            fn add_to(&self, hash: &mut Hash) { match self { $(Request::$variant(body) => body.add_to(hash),)* } }
        }

        /// What it says beyond its kind.
        impl Content for Response {
            #[inline]
            fn add_to(&self, hash: &mut Hash) { match self { $(Response::$variant(body) => body.add_to(hash),)* } }
        }

        $(impl From<$request> for Request { fn from(r: $request) -> Request { Request::$variant(r.into()) } })*
        $(impl From<$response> for Response { fn from(r: $response) -> Response { Response::$variant(r.into()) } })*
    };
}

requests! {
    /// Write batches.
    Produce(ProduceRequest, ProduceResponse) = 0;
    /// Read batches (consumer or follower).
    Fetch(FetchRequest as box, FetchResponse) = 1;
    /// Earliest, latest or time-stamped offsets.
    ListOffsets(ListOffsetsRequest, ListOffsetsResponse) = 2;
    /// Leaders of partitions.
    Metadata(MetadataRequest, MetadataResponse as box) = 3;
    /// Commit consumer offsets outside a transaction.
    OffsetCommit(OffsetCommitRequest as box, OffsetCommitResponse) = 8;
    /// Committed offsets of a group.
    OffsetFetch(OffsetFetchRequest, OffsetFetchResponse) = 9;
    /// Where a coordinator lives.
    FindCoordinator(FindCoordinatorRequest, FindCoordinatorResponse) = 10;
    /// Join a classic group.
    JoinGroup(JoinGroupRequest as box, JoinGroupResponse as box) = 11;
    /// Keep a classic membership alive.
    Heartbeat(HeartbeatRequest as box, HeartbeatResponse) = 12;
    /// Leave a classic group.
    LeaveGroup(LeaveGroupRequest, LeaveGroupResponse) = 13;
    /// Distribute or receive the assignment of a classic group.
    SyncGroup(SyncGroupRequest as box, SyncGroupResponse) = 14;
    /// Features of the cluster.
    ApiVersions(ApiVersionsRequest, ApiVersionsResponse) = 18;
    /// Obtain a producer id and epoch.
    InitProducerId(InitProducerIdRequest, InitProducerIdResponse) = 22;
    /// End offset of a leader epoch.
    OffsetForLeaderEpoch(OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse) = 23;
    /// Register data partitions in a transaction, or verify that they are.
    AddPartitionsToTxn(AddPartitionsToTxnRequest, AddPartitionsToTxnResponse) = 24;
    /// Register the offsets partition of a group in a transaction.
    AddOffsetsToTxn(AddOffsetsToTxnRequest as box, AddOffsetsToTxnResponse) = 25;
    /// Commit or abort a transaction.
    EndTxn(EndTxnRequest, EndTxnResponse) = 26;
    /// Write end-of-transaction markers.
    WriteTxnMarkers(WriteTxnMarkersRequest, WriteTxnMarkersResponse) = 27;
    /// Commit consumer offsets inside a transaction.
    TxnOffsetCommit(TxnOffsetCommitRequest as box, TxnOffsetCommitResponse) = 28;
    /// In-sync set change, leader to controller.
    AlterPartition(AlterPartitionRequest, AlterPartitionResponse) = 56;
    /// Producer state of partitions (tooling).
    DescribeProducers(DescribeProducersRequest, DescribeProducersResponse) = 61;
    /// A broker introduces itself to the controller.
    BrokerRegistration(BrokerRegistrationRequest, BrokerRegistrationResponse) = 62;
    /// A broker is alive (and may want to shut down).
    BrokerHeartbeat(BrokerHeartbeatRequest, BrokerHeartbeatResponse) = 63;
    /// State of transactional ids (tooling).
    DescribeTransactions(DescribeTransactionsRequest, DescribeTransactionsResponse) = 65;
    /// A block of producer ids.
    AllocateProducerIds(AllocateProducerIdsRequest, AllocateProducerIdsResponse) = 67;
    /// Changes of the cluster metadata after a version; stands for the fetch of KRaft's metadata log.
    MetadataFetch(MetadataFetchRequest, MetadataFetchResponse) = -1;
}

const _: () = assert!(size_of::<Request>() <= 56, "a large body is behind a pointer");
const _: () = assert!(size_of::<Response>() <= 40, "a large body is behind a pointer");

// ---- Produce -------------------------------------------------------------------------------------------------------

/// §1.6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceRequest {
    /// API version: ≤ 10 hides 120 behind 48, 11 verifies, ≥ 12 adds (transaction version 2).
    pub version: i16,
    /// Needed as soon as one batch is transactional.
    pub transactional_id: Option<Name>,
    /// Acknowledgements.
    pub acks: Acks,
    /// How long the leader may wait for the high watermark.
    pub timeout_ms: i32,
    /// Exactly one batch a partition.
    pub partitions: Vec<ProducePartition>,
}

/// One batch for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducePartition {
    /// Where to.
    pub tp: TopicPartition,
    /// What.
    pub batch: Arc<RecordBatch>,
}

/// Answer to a Produce; none is sent for `acks=0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceResponse {
    /// One entry per partition of the request, in its order.
    pub partitions: Vec<ProducePartitionResponse>,
}

/// Outcome of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducePartitionResponse {
    /// The partition.
    pub tp: TopicPartition,
    /// `None` for success.
    pub error: Option<ErrorCode>,
    /// Offset of the batch's first record; -1 on error.
    pub base_offset: Offset,
    /// Log start offset of the partition; -1 when unknown.
    pub log_start_offset: Offset,
    /// The leader that the broker knows of, with NOT_LEADER_OR_FOLLOWER (v10+).
    pub current_leader: Option<(NodeId, LeaderEpoch)>,
}

// ---- Fetch ---------------------------------------------------------------------------------------------------------

/// §1.11, §2.9, §7.3. Fetch sessions (KIP-227) are modelled, for an idle partition must cost nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// The follower and its broker epoch; `None` for a consumer.
    pub replica: Option<(NodeId, i64)>,
    /// Isolation level; meaningless for followers.
    pub isolation: IsolationLevel,
    /// How long the broker may wait for `min_bytes`.
    pub max_wait_ms: i32,
    /// Bytes that make the broker answer at once.
    pub min_bytes: i32,
    /// Limit of the whole response; the first batch is returned whatever its size.
    pub max_bytes: i32,
    /// 0 asks for a new session (with `session_epoch` 0) or none (with -1).
    pub session_id: u32,
    /// 0: full fetch that opens a session; -1: full fetch without one; n: the n-th incremental fetch.
    pub session_epoch: i32,
    /// Partitions that are new in the session or whose position changed.
    pub partitions: Vec<FetchPartition>,
    /// Partitions that leave the session.
    pub forgotten: Vec<TopicPartition>,
}

/// Position in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchPartition {
    /// The partition.
    pub tp: TopicPartition,
    /// Leader epoch that the reader knows; [`NO_LEADER_EPOCH`] skips the check.
    pub current_leader_epoch: LeaderEpoch,
    /// First offset wanted.
    pub fetch_offset: Offset,
    /// Epoch of the reader's last record, for truncation detection; [`NO_LEADER_EPOCH`] skips it.
    pub last_fetched_epoch: LeaderEpoch,
    /// Limit for this partition.
    pub max_bytes: i32,
    /// The follower's log start offset; -1 for consumers.
    pub log_start_offset: Offset,
}

/// Answer to a Fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchResponse {
    /// FETCH_SESSION_ID_NOT_FOUND or INVALID_FETCH_SESSION_EPOCH: start again with a full fetch.
    pub error: Option<ErrorCode>,
    /// Session that the broker keeps, 0 for none.
    pub session_id: u32,
    /// All partitions for a full fetch; otherwise only those with news.
    pub partitions: Vec<FetchPartitionResponse>,
}

/// What one partition has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchPartitionResponse {
    /// The partition.
    pub tp: TopicPartition,
    /// `None` for success.
    pub error: Option<ErrorCode>,
    /// High watermark.
    pub high_watermark: Offset,
    /// Last stable offset.
    pub last_stable_offset: Offset,
    /// Log start offset.
    pub log_start_offset: Offset,
    /// Under read_committed, the aborted transactions that overlap the batches, in marker order.
    pub aborted: Vec<AbortedTransaction>,
    /// The follower's log diverges from this epoch's end on (§7.3).
    pub diverging_epoch: Option<EpochEndOffset>,
    /// The leader that the broker knows of, where the error is 6 or 74.
    pub current_leader: Option<(NodeId, LeaderEpoch)>,
    /// The data; the first batch may begin before the fetch offset.
    pub batches: Vec<Arc<RecordBatch>>,
}

/// An aborted transaction as a reader is told of it: only where it begins (§2.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AbortedTransaction {
    /// Its producer.
    pub producer_id: ProducerId,
    /// Its first offset in the partition.
    pub first_offset: Offset,
}

/// A leader epoch and where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEndOffset {
    /// The epoch; [`NO_LEADER_EPOCH`] for undefined.
    pub epoch: LeaderEpoch,
    /// First offset after it; -1 for undefined.
    pub end_offset: Offset,
}

impl EpochEndOffset {
    /// The answer "undefined".
    pub const UNDEFINED: EpochEndOffset = EpochEndOffset { epoch: NO_LEADER_EPOCH, end_offset: -1 };
}

// ---- ListOffsets, OffsetForLeaderEpoch -----------------------------------------------------------------------------

/// Which offset ListOffsets asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// Log start offset (timestamp -2).
    Earliest,
    /// End as the isolation level sees it (timestamp -1).
    Latest,
    /// First offset whose record timestamp is at or after this.
    Timestamp(i64),
}

/// §1.11.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOffsetsRequest {
    /// Isolation level.
    pub isolation: IsolationLevel,
    /// Partition, leader epoch known to the client (or [`NO_LEADER_EPOCH`]), and what is asked.
    pub partitions: Vec<(TopicPartition, LeaderEpoch, OffsetSpec)>,
}

/// Answer to ListOffsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOffsetsResponse {
    /// Per partition: offset and its leader epoch, or an error.
    pub partitions: PartitionOffsets,
}

/// §7.4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetForLeaderEpochRequest {
    /// Partition, leader epoch known to the asker, epoch asked for.
    pub partitions: Vec<(TopicPartition, LeaderEpoch, LeaderEpoch)>,
}

/// Answer to OffsetForLeaderEpoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetForLeaderEpochResponse {
    /// Per partition.
    pub partitions: Vec<(TopicPartition, Result<EpochEndOffset, ErrorCode>)>,
}

// ---- Metadata, ApiVersions, FindCoordinator ------------------------------------------------------------------------

/// Leaders of `topics`, or of all topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataRequest {
    /// `None` for all.
    pub topics: Option<Vec<TopicId>>,
}

/// Answer to Metadata, from the broker's own, possibly stale, cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataResponse {
    /// Brokers that are alive (not fenced).
    pub brokers: Vec<NodeId>,
    /// One entry per topic.
    pub topics: Vec<TopicMetadata>,
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicMetadata {
    /// The topic.
    pub topic: TopicId,
    /// UNKNOWN_TOPIC_OR_PARTITION if the broker does not know it.
    pub error: Option<ErrorCode>,
    /// By partition index.
    pub partitions: Vec<PartitionMetadata>,
}

/// One partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// `None` while the partition has no live leader (LEADER_NOT_AVAILABLE).
    pub leader: Option<NodeId>,
    /// Leader epoch.
    pub leader_epoch: LeaderEpoch,
}

/// Asked once for each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiVersionsRequest;

/// What the cluster supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiVersionsResponse {
    /// Finalized features.
    pub features: Features,
    /// Epoch (metadata version) of the finalized features; a client ignores an older one.
    pub features_epoch: u64,
}

/// What is coordinated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CoordinatorType {
    /// Key type 0.
    Group,
    /// Key type 1.
    Transaction,
}

/// §1.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindCoordinatorRequest {
    /// Group or transaction.
    pub key_type: CoordinatorType,
    /// Group id or transactional id.
    pub key: Name,
}

/// Answer to FindCoordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindCoordinatorResponse {
    /// The broker, or COORDINATOR_NOT_AVAILABLE.
    pub node: Result<NodeId, ErrorCode>,
}

// ---- Transactions --------------------------------------------------------------------------------------------------

/// §1.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitProducerIdRequest {
    /// API version: below 4 sees 47 in place of 90.
    pub version: i16,
    /// `None` for an idempotent producer.
    pub transactional_id: Option<Name>,
    /// `transaction.timeout.ms` of the producer.
    pub transaction_timeout_ms: i32,
    /// Pair that the producer has, or [`ProducerIdAndEpoch::NONE`] (KIP-360).
    pub producer: ProducerIdAndEpoch,
}

/// Answer to InitProducerId.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitProducerIdResponse {
    /// The pair to use from now on.
    pub result: Result<ProducerIdAndEpoch, ErrorCode>,
}

/// §1.4: v0–3 come from clients with one transaction, v4–5 from brokers with many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddPartitionsToTxnRequest {
    /// API version.
    pub version: i16,
    /// The transactions.
    pub transactions: Vec<AddPartitionsTransaction>,
}

/// Partitions of one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddPartitionsTransaction {
    /// Transactional id.
    pub transactional_id: Name,
    /// Its producer.
    pub producer: ProducerIdAndEpoch,
    /// Only ask whether they are there (brokers, below transaction version 2).
    pub verify_only: bool,
    /// The partitions.
    pub partitions: Vec<TopicPartition>,
}

/// Answer to AddPartitionsToTxn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddPartitionsToTxnResponse {
    /// Error of the whole request (v4+).
    pub error: Option<ErrorCode>,
    /// Per transactional id, in request order: per partition an error or success.
    pub transactions: Vec<(Name, PartitionErrors)>,
}

/// §1.5; never used by a client of transaction version 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddOffsetsToTxnRequest {
    /// API version.
    pub version: i16,
    /// Transactional id.
    pub transactional_id: Name,
    /// Its producer.
    pub producer: ProducerIdAndEpoch,
    /// The group whose offsets are committed.
    pub group_id: Name,
}

/// Answer to AddOffsetsToTxn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddOffsetsToTxnResponse {
    /// `None` for success.
    pub error: Option<ErrorCode>,
}

/// §1.8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndTxnRequest {
    /// API version: ≥ 5 speaks transaction version 2, below 2 sees 47 in place of 90.
    pub version: i16,
    /// Transactional id.
    pub transactional_id: Name,
    /// Its producer.
    pub producer: ProducerIdAndEpoch,
    /// Commit or abort.
    pub result: TransactionResult,
}

/// Answer to EndTxn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTxnResponse {
    /// `None` for success.
    pub error: Option<ErrorCode>,
    /// v5: the pair for the next transaction; [`ProducerIdAndEpoch::NONE`] before and on error.
    pub producer: ProducerIdAndEpoch,
}

/// §1.9.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteTxnMarkersRequest {
    /// The markers.
    pub markers: Vec<TxnMarkerEntry>,
}

/// One marker for some partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnMarkerEntry {
    /// Producer id and the epoch that the marker carries.
    pub producer: ProducerIdAndEpoch,
    /// Commit or abort.
    pub result: TransactionResult,
    /// Coordinator epoch.
    pub coordinator_epoch: CoordinatorEpoch,
    /// 0 or 2 (KIP-1228).
    pub transaction_version: u8,
    /// Where it is to be written.
    pub partitions: Vec<TopicPartition>,
}

/// Answer to WriteTxnMarkers: entries of one producer id are merged, as in Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteTxnMarkersResponse {
    /// Per producer id and partition.
    pub markers: Vec<(ProducerId, PartitionErrors)>,
}

/// Identity of a consumer within its group, as `sendOffsetsToTransaction` passes it on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupMetadata {
    /// Group id.
    pub group_id: Name,
    /// Generation (classic) or member epoch; -1 when not given.
    pub generation: i32,
    /// Member id; empty when not given.
    pub member_id: Name,
    /// `group.instance.id`.
    pub group_instance_id: Option<Name>,
}

impl GroupMetadata {
    /// Only a group id: generation -1, empty member (no fencing, §4.5).
    pub fn only_group(group_id: Name) -> GroupMetadata {
        GroupMetadata { group_id, generation: -1, member_id: "".into(), group_instance_id: None }
    }
}

/// Offset to commit for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetToCommit {
    /// The input partition.
    pub tp: TopicPartition,
    /// Next offset to read.
    pub offset: Offset,
    /// Epoch of the last record read; [`NO_LEADER_EPOCH`] if unknown.
    pub leader_epoch: LeaderEpoch,
    /// Free text; limited by `offset.metadata.max.bytes`.
    pub metadata: Name,
}

/// §1.10.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnOffsetCommitRequest {
    /// API version: ≥ 5 speaks transaction version 2.
    pub version: i16,
    /// Transactional id.
    pub transactional_id: Name,
    /// Its producer.
    pub producer: ProducerIdAndEpoch,
    /// The consumer's identity.
    pub group: GroupMetadata,
    /// The offsets.
    pub offsets: Vec<OffsetToCommit>,
}

/// Answer to TxnOffsetCommit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnOffsetCommitResponse {
    /// Per partition.
    pub partitions: PartitionErrors,
}

// ---- Groups --------------------------------------------------------------------------------------------------------

/// §1.11.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetCommitRequest {
    /// The consumer's identity.
    pub group: GroupMetadata,
    /// The offsets.
    pub offsets: Vec<OffsetToCommit>,
}

/// Answer to OffsetCommit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetCommitResponse {
    /// Per partition.
    pub partitions: PartitionErrors,
}

/// §4.4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetFetchRequest {
    /// Group id.
    pub group_id: Name,
    /// `None` for all committed partitions.
    pub partitions: Option<Vec<TopicPartition>>,
    /// Refuse partitions with an open transactional offset (88).
    pub require_stable: bool,
}

/// Answer to OffsetFetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetFetchResponse {
    /// Error of the group.
    pub error: Option<ErrorCode>,
    /// Per partition: the committed offset (-1 for none) with its leader epoch, or an error.
    pub partitions: PartitionOffsets,
}

/// §4.6. The subscription replaces Kafka's opaque protocol metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinGroupRequest {
    /// Group id.
    pub group_id: Name,
    /// Empty at the first attempt of a dynamic member.
    pub member_id: Name,
    /// `group.instance.id`.
    pub group_instance_id: Option<Name>,
    /// `client.id`; prefix of the member id that the coordinator makes.
    pub client_id: Name,
    /// Session timeout.
    pub session_timeout_ms: i32,
    /// `max.poll.interval.ms`.
    pub rebalance_timeout_ms: i32,
    /// Assignors in order of preference, each with the subscription.
    pub protocols: Vec<(AssignorName, Subscription)>,
}

/// `partition.assignment.strategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AssignorName {
    /// `range`, eager.
    Range,
    /// `cooperative-sticky`, incremental.
    CooperativeSticky,
}

/// What a member tells the leader of its group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// Topics wanted, sorted.
    pub topics: Vec<TopicId>,
    /// Partitions owned at the time (cooperative).
    pub owned: Vec<TopicPartition>,
    /// Generation in which they were owned, -1 for none.
    pub generation: i32,
}

/// Answer to JoinGroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinGroupResponse {
    /// `None` for success. MEMBER_ID_REQUIRED carries the member id to use.
    pub error: Option<ErrorCode>,
    /// Generation.
    pub generation: i32,
    /// The assignor that all members support.
    pub protocol: AssignorName,
    /// Member id of the leader.
    pub leader: Name,
    /// Member id of the receiver.
    pub member_id: Name,
    /// For the leader: every member with its subscription, in member-id order.
    pub members: Vec<(Name, Subscription)>,
}

/// §4.6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncGroupRequest {
    /// Identity.
    pub group: GroupMetadata,
    /// From the leader: assignment of each member.
    pub assignments: Vec<(Name, Vec<TopicPartition>)>,
}

/// Answer to SyncGroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncGroupResponse {
    /// `None` for success.
    pub error: Option<ErrorCode>,
    /// The receiver's partitions.
    pub assignment: Vec<TopicPartition>,
}

/// §4.6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatRequest {
    /// Identity.
    pub group: GroupMetadata,
}

/// Answer to Heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeartbeatResponse {
    /// REBALANCE_IN_PROGRESS asks the member to rejoin.
    pub error: Option<ErrorCode>,
}

/// §4.6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveGroupRequest {
    /// Group id.
    pub group_id: Name,
    /// Member id.
    pub member_id: Name,
    /// `group.instance.id`.
    pub group_instance_id: Option<Name>,
}

/// Answer to LeaveGroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaveGroupResponse {
    /// `None` for success.
    pub error: Option<ErrorCode>,
}

// ---- Controller ----------------------------------------------------------------------------------------------------

/// §7.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterPartitionRequest {
    /// The leader that asks.
    pub broker: NodeId,
    /// Its broker epoch.
    pub broker_epoch: i64,
    /// Partition, leader epoch, partition epoch known, and new in-sync set with broker epochs (-1: unknown).
    pub partitions: Vec<AlterPartitionEntry>,
}

/// One partition of an AlterPartition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterPartitionEntry {
    /// The partition.
    pub tp: TopicPartition,
    /// Leader epoch of the sender.
    pub leader_epoch: LeaderEpoch,
    /// Partition epoch on which the change is based.
    pub partition_epoch: i32,
    /// Proposed in-sync set, with each member's broker epoch as the leader knows it (-1 skips the check).
    pub isr: Vec<(NodeId, i64)>,
}

/// Answer to AlterPartition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterPartitionResponse {
    /// STALE_BROKER_EPOCH and the like.
    pub error: Option<ErrorCode>,
    /// Per partition: the registration after the change, or an error.
    pub partitions: Vec<(TopicPartition, Result<AlteredPartition, ErrorCode>)>,
}

/// Registration of a partition after an accepted AlterPartition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlteredPartition {
    /// Leader.
    pub leader: NodeId,
    /// Leader epoch.
    pub leader_epoch: LeaderEpoch,
    /// In-sync set.
    pub isr: Vec<NodeId>,
    /// Partition epoch.
    pub partition_epoch: i32,
}

/// A broker starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerRegistrationRequest {
    /// Who.
    pub broker: NodeId,
    /// Distinguishes incarnations of one broker.
    pub incarnation: u64,
    /// Broker epoch of the previous run if that one shut down cleanly, else -1 (KIP-966).
    pub previous_broker_epoch: i64,
}

/// Answer to BrokerRegistration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerRegistrationResponse {
    /// The broker epoch, or DUPLICATE_BROKER_REGISTRATION while an earlier incarnation's session lives.
    pub broker_epoch: Result<i64, ErrorCode>,
}

/// Sent every `broker.heartbeat.interval.ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerHeartbeatRequest {
    /// Who.
    pub broker: NodeId,
    /// Its epoch.
    pub broker_epoch: i64,
    /// Metadata version that the broker has applied.
    pub current_metadata_version: u64,
    /// Still catching up: leave me fenced.
    pub want_fence: bool,
    /// Move my leaderships away, I want to stop.
    pub want_shutdown: bool,
}

/// Answer to BrokerHeartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerHeartbeatResponse {
    /// STALE_BROKER_EPOCH, BROKER_ID_NOT_REGISTERED.
    pub error: Option<ErrorCode>,
    /// The broker has applied its own registration.
    pub is_caught_up: bool,
    /// The controller keeps the broker out of elections.
    pub is_fenced: bool,
    /// The broker may stop now.
    pub should_shutdown: bool,
}

/// §1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocateProducerIdsRequest {
    /// Who.
    pub broker: NodeId,
    /// Its epoch.
    pub broker_epoch: i64,
}

/// Answer to AllocateProducerIds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocateProducerIdsResponse {
    /// First id and number of ids.
    pub block: Result<(ProducerId, i32), ErrorCode>,
}

/// Long poll for metadata changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataFetchRequest {
    /// Who.
    pub broker: NodeId,
    /// Version that the broker has.
    pub after_version: u64,
}

/// Answer to MetadataFetch, sent as soon as there is news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataFetchResponse {
    /// Version after the changes.
    pub version: u64,
    /// Changes in order; the first answer to a broker carries the whole image as changes.
    pub changes: Arc<[MetadataChange]>,
}

// ---- Tooling -------------------------------------------------------------------------------------------------------

/// §2.11.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeProducersRequest {
    /// The partitions.
    pub partitions: Vec<TopicPartition>,
}

/// Answer to DescribeProducers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeProducersResponse {
    /// Per partition its producers in id order.
    pub partitions: Vec<(TopicPartition, Result<Vec<ActiveProducer>, ErrorCode>)>,
}

/// Producer state of a partition as tooling sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveProducer {
    /// Producer id and epoch.
    pub producer: ProducerIdAndEpoch,
    /// Last sequence, -1 for none.
    pub last_sequence: Sequence,
    /// Wall milliseconds of the last batch or marker.
    pub last_timestamp_ms: i64,
    /// Epoch of the last coordinator that wrote a marker, -1 for none.
    pub coordinator_epoch: CoordinatorEpoch,
    /// First offset of the open transaction, -1 for none.
    pub current_txn_start_offset: Offset,
}

/// DescribeTransactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeTransactionsRequest {
    /// The ids.
    pub transactional_ids: Vec<Name>,
}

/// Answer to DescribeTransactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeTransactionsResponse {
    /// Per id.
    pub transactions: Vec<(Name, Result<TransactionMetadataValue, ErrorCode>)>,
}

// ---- Contents of internal topics -----------------------------------------------------------------------------------

/// State of a transactional id as stored (§3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionState {
    /// 0.
    Empty,
    /// 1.
    Ongoing,
    /// 2.
    PrepareCommit,
    /// 3.
    PrepareAbort,
    /// 4.
    CompleteCommit,
    /// 5.
    CompleteAbort,
    /// 6.
    Dead,
    /// 7; only ever a pending state.
    PrepareEpochFence,
}

/// Value of a record of `__transaction_state` (§3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionMetadataValue {
    /// Producer id and epoch.
    pub producer: ProducerIdAndEpoch,
    /// Producer id before the last rotation; not stored by format version 0.
    pub previous_producer_id: ProducerId,
    /// Producer id after the coming rotation; not stored by format version 0.
    pub next_producer_id: ProducerId,
    /// `transaction.timeout.ms` of the producer.
    pub timeout_ms: i32,
    /// State.
    pub state: TransactionState,
    /// Partitions in the transaction, sorted.
    pub partitions: Arc<[TopicPartition]>,
    /// Wall milliseconds of the last change.
    pub last_update_ms: i64,
    /// Wall milliseconds of the first AddPartitions; -1 when Empty.
    pub start_ms: i64,
    /// Transaction version of the client; not stored by format version 0.
    pub client_transaction_version: u8,
}

/// One record of `__transaction_state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionLogRecord {
    /// Key.
    pub transactional_id: Name,
    /// Value; `None` is a tombstone.
    pub value: Option<Arc<TransactionMetadataValue>>,
    /// Why the transaction is ended, where the record decides that. No field of Kafka's: it is for whoever watches the log.
    pub cause: Option<EndCause>,
}

/// Why a coordinator ended a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndCause {
    /// Its client asked for it.
    Request,
    /// It was open for longer than its timeout.
    Timeout,
    /// A producer with its transactional id initialised itself.
    Init,
}

/// One record of `__consumer_offsets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupLogRecord {
    /// A committed offset of a group.
    Offset {
        /// Group id.
        group_id: Name,
        /// Input partition.
        tp: TopicPartition,
        /// `None` is a tombstone.
        value: Option<CommittedOffset>,
    },
    /// Membership of a classic group; `None` is a tombstone.
    Group {
        /// Group id.
        group_id: Name,
        /// What a new coordinator restores.
        value: Option<Arc<GroupMetadataValue>>,
    },
}

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// Next offset to read.
    pub offset: Offset,
    /// Epoch of the last record read.
    pub leader_epoch: LeaderEpoch,
    /// Free text.
    pub metadata: Name,
    /// Wall milliseconds.
    pub commit_ms: i64,
}

/// Membership of a classic group as stored with each completed rebalance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMetadataValue {
    /// Generation.
    pub generation: i32,
    /// Chosen assignor; `None` for an empty group.
    pub protocol: Option<AssignorName>,
    /// Member id of the leader.
    pub leader: Option<Name>,
    /// Members in id order.
    pub members: Vec<GroupMemberValue>,
}

/// One member as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMemberValue {
    /// Member id.
    pub member_id: Name,
    /// `group.instance.id`.
    pub group_instance_id: Option<Name>,
    /// `client.id`.
    pub client_id: Name,
    /// Session timeout.
    pub session_timeout_ms: i32,
    /// Rebalance timeout.
    pub rebalance_timeout_ms: i32,
    /// Its subscription.
    pub subscription: Subscription,
    /// Its partitions.
    pub assignment: Vec<TopicPartition>,
}
