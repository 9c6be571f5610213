//! Requests and responses. Names are Kafka's; a field that no rule of the model looks at is left out.
//!
//! Where a rule depends on the API version (§0.1), the request carries `version`.

mod controller;
mod fetch;
mod groups;
mod metadata;
mod offsets;
mod partitions;
mod produce;
mod tooling;
mod transactions;

use crate::content::{Content, Hash};

pub use controller::*;
pub use fetch::*;
pub use groups::*;
pub use metadata::*;
pub use offsets::*;
pub use partitions::*;
pub use produce::*;
pub use tooling::*;
pub use transactions::*;

// What bodies are made of, and others own.
pub use crate::assignor::{AssignorName, Subscription};
pub use crate::ids::ProducerIdAndEpoch;
pub use crate::records::{TransactionMetadataValue, TransactionState};

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
