//! The request kinds: one table, and a file for each with its request and its response.

use fencepost_protocol::message::{ApiKey, Request, Response};
use kafka_protocol::messages as kafka;
use kafka_protocol::protocol::Message;

use crate::codec;
use crate::describe::{At, Wired};
use crate::directory::Directory;
use crate::error::{Problem, Side, Wire, WireError};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Whom {
    /// Which announces it in its answer to ApiVersions.
    Broker,
    /// By brokers alone.
    Controller,
}

/// The request kinds: file, the model's kind, Kafka's structures, whom it is put to. A kind that is missing here is a compile error.
macro_rules! kinds {
    ($($module:ident: $kind:ident($request:ident, $response:ident) to $whom:ident;)* -: $($own:ident)*) => {
        $(mod $module;)*

        /// Versions of a kind that can be both encoded and decoded here; `None` for the model's own kinds.
        pub fn versions(key: ApiKey) -> Option<(i16, i16)> {
            let (asked, answered) = match key {
                $(ApiKey::$kind => (kafka::$request::VERSIONS, kafka::$response::VERSIONS),)*
                $(ApiKey::$own => return None,)*
            };
            Some((asked.min.max(answered.min), asked.max.min(answered.max)))
        }

        /// Whom it is put to; `None` for the model's own kinds.
        fn whom(key: ApiKey) -> Option<Whom> {
            match key {
                $(ApiKey::$kind => Some(Whom::$whom),)*
                $(ApiKey::$own => None,)*
            }
        }

        fn request_bytes(at: &At<'_>, request: &Request) -> Wire<Vec<u8>> {
            match request {
                $(Request::$kind(r) => Ok(codec::encode::<kafka::$request>(&r.to_wire(at)?, at.version)?),)*
                $(Request::$own(_) => Err(Problem::NotOnTheWire.into()),)*
            }
        }

        fn request_of(at: &At<'_>, key: ApiKey, body: &[u8]) -> Wire<Request> {
            match key {
                $(ApiKey::$kind => {
                    let wire: kafka::$request = codec::decode(body, at.version)?;
                    Ok(Request::$kind(Wired::from_wire(&wire, at)?))
                })*
                $(ApiKey::$own => Err(Problem::NotOnTheWire.into()),)*
            }
        }

        fn response_bytes(at: &At<'_>, response: &Response) -> Wire<Vec<u8>> {
            match response {
                $(Response::$kind(r) => Ok(codec::encode::<kafka::$response>(&r.to_wire(at)?, at.version)?),)*
                $(Response::$own(_) => Err(Problem::NotOnTheWire.into()),)*
            }
        }

        fn response_of(at: &At<'_>, body: &[u8]) -> Wire<Response> {
            match at.asked.api_key() {
                $(ApiKey::$kind => {
                    let wire: kafka::$response = codec::decode(body, at.version)?;
                    Ok(Response::$kind(Wired::from_wire(&wire, at)?))
                })*
                $(ApiKey::$own => Err(Problem::NotOnTheWire.into()),)*
            }
        }
    };
}

kinds! {
    produce: Produce(ProduceRequest, ProduceResponse) to Broker;
    fetch: Fetch(FetchRequest, FetchResponse) to Broker;
    list_offsets: ListOffsets(ListOffsetsRequest, ListOffsetsResponse) to Broker;
    metadata: Metadata(MetadataRequest, MetadataResponse) to Broker;
    offset_commit: OffsetCommit(OffsetCommitRequest, OffsetCommitResponse) to Broker;
    offset_fetch: OffsetFetch(OffsetFetchRequest, OffsetFetchResponse) to Broker;
    find_coordinator: FindCoordinator(FindCoordinatorRequest, FindCoordinatorResponse) to Broker;
    join_group: JoinGroup(JoinGroupRequest, JoinGroupResponse) to Broker;
    heartbeat: Heartbeat(HeartbeatRequest, HeartbeatResponse) to Broker;
    leave_group: LeaveGroup(LeaveGroupRequest, LeaveGroupResponse) to Broker;
    sync_group: SyncGroup(SyncGroupRequest, SyncGroupResponse) to Broker;
    api_versions: ApiVersions(ApiVersionsRequest, ApiVersionsResponse) to Broker;
    init_producer_id: InitProducerId(InitProducerIdRequest, InitProducerIdResponse) to Broker;
    offset_for_leader_epoch: OffsetForLeaderEpoch(OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse) to Broker;
    add_partitions_to_txn: AddPartitionsToTxn(AddPartitionsToTxnRequest, AddPartitionsToTxnResponse) to Broker;
    add_offsets_to_txn: AddOffsetsToTxn(AddOffsetsToTxnRequest, AddOffsetsToTxnResponse) to Broker;
    end_txn: EndTxn(EndTxnRequest, EndTxnResponse) to Broker;
    write_txn_markers: WriteTxnMarkers(WriteTxnMarkersRequest, WriteTxnMarkersResponse) to Broker;
    txn_offset_commit: TxnOffsetCommit(TxnOffsetCommitRequest, TxnOffsetCommitResponse) to Broker;
    alter_partition: AlterPartition(AlterPartitionRequest, AlterPartitionResponse) to Controller;
    describe_producers: DescribeProducers(DescribeProducersRequest, DescribeProducersResponse) to Broker;
    broker_registration: BrokerRegistration(BrokerRegistrationRequest, BrokerRegistrationResponse) to Controller;
    broker_heartbeat: BrokerHeartbeat(BrokerHeartbeatRequest, BrokerHeartbeatResponse) to Controller;
    describe_transactions: DescribeTransactions(DescribeTransactionsRequest, DescribeTransactionsResponse) to Broker;
    allocate_producer_ids: AllocateProducerIds(AllocateProducerIdsRequest, AllocateProducerIdsResponse) to Controller;
    // The model's own: Kafka has no such message.
    -: MetadataFetch
}

fn exists(key: ApiKey, version: i16) -> Wire<()> {
    match versions(key) {
        Some((min, max)) if (min..=max).contains(&version) => Ok(()),
        _ => Err(Problem::NotOnTheWire.into()),
    }
}

/// The body of a request in `version`.
///
/// # Errors
/// The version does not exist, or a topic has no name.
pub fn encode_request(directory: &Directory, version: i16, request: &Request) -> Result<Vec<u8>, WireError> {
    let at = At { directory, version, asked: &Request::EMPTY };
    let bytes = exists(request.api_key(), version).and_then(|()| request_bytes(&at, request));
    bytes.map_err(|f| f.at(request.api_key(), version, Side::Request))
}

/// The request that `body` holds.
///
/// # Errors
/// The bytes are malformed, or say what the model or the directory does not know.
pub fn decode_request(directory: &Directory, key: ApiKey, version: i16, body: &[u8]) -> Result<Request, WireError> {
    let at = At { directory, version, asked: &Request::EMPTY };
    let request = exists(key, version).and_then(|()| request_of(&at, key, body));
    request.map_err(|f| f.at(key, version, Side::Request))
}

/// The body of a response in `version`, the request's. The request says what the wire repeats of it.
///
/// # Errors
/// The version does not exist, a topic has no name, or the response does not answer the request.
pub fn encode_response(
    directory: &Directory,
    version: i16,
    request: &Request,
    response: &Response,
) -> Result<Vec<u8>, WireError> {
    let at = At { directory, version, asked: request };
    let answers = match response.api_key() {
        key if key == request.api_key() => exists(key, version),
        other => Err(Problem::NotItsAnswer(other).into()),
    };
    let bytes = answers.and_then(|()| response_bytes(&at, response));
    bytes.map_err(|f| f.at(request.api_key(), version, Side::Response))
}

/// The response that `body` holds. The request says what the wire leaves out in some versions.
///
/// # Errors
/// The bytes are malformed, or say what the model or the directory does not know.
pub fn decode_response(
    directory: &Directory,
    version: i16,
    request: &Request,
    body: &[u8],
) -> Result<Response, WireError> {
    let at = At { directory, version, asked: request };
    let response = exists(request.api_key(), version).and_then(|()| response_of(&at, body));
    response.map_err(|f| f.at(request.api_key(), version, Side::Response))
}
