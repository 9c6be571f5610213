//! Walks over every field of every kind of message.

use core::fmt::Debug;
use std::collections::BTreeMap;

use super::messages::structs;
use super::*;
use crate::batch::*;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::image::*;
use crate::message::*;
use crate::records::*;

/// Something of which there is an example, and for each field of it examples that differ from it there and nowhere else.
trait Sample: Clone + Debug {
    fn sample() -> Self;
    fn flips(&self) -> Vec<Self>;
}

macro_rules! samples {
    ($($name:ident { $($field:ident),* $(,)? })*) => {$(
        impl Sample for $name {
            fn sample() -> Self {
                $name { $($field: Sample::sample()),* }
            }

            fn flips(&self) -> Vec<Self> {
                let mut all = Vec::new();
                $(all.extend(self.$field.flips().into_iter().map(|flipped| {
                    let mut other = self.clone();
                    other.$field = flipped;
                    other
                }));)*
                all
            }
        }
    )*};
}
structs!(samples);
samples! {
    Origin { source, partition, offset, stage, index }
    RecordBatch {
        base_offset, last_offset_delta, leader_epoch, transactional, producer_id, producer_epoch, base_sequence,
        max_timestamp_ms, size, payload,
    }
    FetchPartition { tp, current_leader_epoch, fetch_offset, last_fetched_epoch, max_bytes, log_start_offset }
    TopicPartition { topic, partition }
}

macro_rules! numbers {
    ($($name:ident),*) => {$(
        impl Sample for $name {
            fn sample() -> Self { 3 }
            fn flips(&self) -> Vec<Self> { vec![self.wrapping_add(1), self ^ 1 << ($name::BITS - 1)] }
        }
    )*};
}
numbers!(u8, u16, u32, u64, i16, i32, i64);

macro_rules! variants {
    ($($name:ident: $first:expr $(, $other:expr)*;)*) => {$(
        impl Sample for $name {
            fn sample() -> Self { $first }
            fn flips(&self) -> Vec<Self> { vec![$($other),*] }
        }
    )*};
}
variants! {
    bool: false, true;
    NodeId: NodeId(1), NodeId(2), NodeId(-1);
    TopicId: TopicId(1), TopicId(2);
    ErrorCode: ErrorCode::InvalidProducerEpoch, ErrorCode::ProducerFenced, ErrorCode::UnknownServerError;
    Acks: Acks::None, Acks::Leader, Acks::All;
    IsolationLevel: IsolationLevel::ReadUncommitted, IsolationLevel::ReadCommitted;
    CoordinatorType: CoordinatorType::Group, CoordinatorType::Transaction;
    AssignorName: AssignorName::Range, AssignorName::CooperativeSticky;
    TransactionResult: TransactionResult::Abort, TransactionResult::Commit;
    TransactionState: TransactionState::Empty, TransactionState::Ongoing, TransactionState::PrepareCommit,
        TransactionState::PrepareAbort, TransactionState::CompleteCommit, TransactionState::CompleteAbort,
        TransactionState::Dead, TransactionState::PrepareEpochFence;
    OffsetSpec: OffsetSpec::Earliest, OffsetSpec::Latest, OffsetSpec::Timestamp(0), OffsetSpec::Timestamp(1);
    ApiVersionsRequest: ApiVersionsRequest;
    Blob: "a value".into(), "a valve".into(), "".into(), "a value\0".into(), "a value and more".into(),
        Blob::Generated { id: 0, len: 7 }, Blob::Generated { id: 1, len: 7 }, Blob::Generated { id: 0, len: 8 };
}

/// Its cause is not in a message.
impl Sample for TransactionLogRecord {
    fn sample() -> Self {
        TransactionLogRecord { transactional_id: Sample::sample(), value: Sample::sample(), cause: None }
    }

    fn flips(&self) -> Vec<Self> {
        let ids = self.transactional_id.flips().into_iter();
        let ids = ids.map(|transactional_id| TransactionLogRecord { transactional_id, ..self.clone() });
        let values = self.value.flips().into_iter();
        ids.chain(values.map(|value| TransactionLogRecord { value, ..self.clone() })).collect()
    }
}

impl Sample for Value {
    fn sample() -> Self {
        Blob::sample().into()
    }

    fn flips(&self) -> Vec<Self> {
        self.blob().flips().into_iter().map(Value::from).collect()
    }
}

impl Sample for Name {
    fn sample() -> Self {
        "name".into()
    }

    fn flips(&self) -> Vec<Self> {
        ["nome", "", "name\0", "namename", "namename-1"].map(Name::from).to_vec()
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample() -> Self {
        Some(T::sample())
    }

    fn flips(&self) -> Vec<Self> {
        let inner = self.iter().flat_map(T::flips).map(Some);
        core::iter::once(None).chain(inner).collect()
    }
}

impl<T: Sample, E: Sample> Sample for Result<T, E> {
    fn sample() -> Self {
        Ok(T::sample())
    }

    fn flips(&self) -> Vec<Self> {
        let errors = core::iter::once(E::sample()).chain(E::sample().flips()).map(Err);
        self.iter().flat_map(T::flips).map(Ok).chain(errors).collect()
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn sample() -> Self {
        vec![T::sample()]
    }

    fn flips(&self) -> Vec<Self> {
        let inner = T::sample().flips().into_iter().map(|it| vec![it]);
        let mut all: Vec<Self> = inner.collect();
        // Two items in either order.
        if let Some(other) = T::sample().flips().pop() {
            all.extend([vec![T::sample(), other.clone()], vec![other, T::sample()]]);
        }
        all.push(Vec::new());
        all.push(vec![T::sample(), T::sample()]);
        all
    }
}

impl<T: Sample> Sample for Arc<[T]> {
    fn sample() -> Self {
        Vec::sample().into()
    }

    fn flips(&self) -> Vec<Self> {
        self.to_vec().flips().into_iter().map(Arc::from).collect()
    }
}

macro_rules! kept {
    ($($kept:ident),*) => {$(
        impl<T: Sample> Sample for $kept<T> {
            fn sample() -> Self { $kept::new(T::sample()) }
            fn flips(&self) -> Vec<Self> { T::flips(self).into_iter().map($kept::new).collect() }
        }
    )*};
}
kept!(Arc, Box);

impl<T: Sample + Content> Sample for Shared<T> {
    fn sample() -> Self {
        Vec::sample().into()
    }

    fn flips(&self) -> Vec<Self> {
        self.to_vec().flips().into_iter().map(Shared::from).collect()
    }
}

impl<A: Sample, B: Sample> Sample for (A, B) {
    fn sample() -> Self {
        (A::sample(), B::sample())
    }

    fn flips(&self) -> Vec<Self> {
        let first = self.0.flips().into_iter().map(|a| (a, self.1.clone()));
        first.chain(self.1.flips().into_iter().map(|b| (self.0.clone(), b))).collect()
    }
}

impl<A: Sample, B: Sample, C: Sample> Sample for (A, B, C) {
    fn sample() -> Self {
        (A::sample(), B::sample(), C::sample())
    }

    fn flips(&self) -> Vec<Self> {
        let (a, b, c) = self;
        let first = a.flips().into_iter().map(|a| (a, b.clone(), c.clone()));
        let second = b.flips().into_iter().map(|b| (a.clone(), b, c.clone()));
        let third = c.flips().into_iter().map(|c| (a.clone(), b.clone(), c));
        first.chain(second).chain(third).collect()
    }
}

/// An example and all that differ from it in a field.
fn all<T: Sample>() -> Vec<T> {
    let sample = T::sample();
    let flips = sample.flips();
    core::iter::once(sample).chain(flips).collect()
}

macro_rules! enums {
    ($($name:ident { $($variant:pat => $make:expr),* $(,)? })*) => {$(
        impl Sample for $name {
            fn sample() -> Self {
                Self::every().remove(0)
            }

            fn flips(&self) -> Vec<Self> {
                Self::every().split_off(1)
            }
        }

        impl Every for $name {
            fn every() -> Vec<Self> {
                let made: Vec<Self> = [$($make),*].concat();
                // Does not compile when a variant is missing.
                made.iter().for_each(|it| match it { $($variant => {})* });
                made
            }
        }
    )*};
}

trait Every: Sized {
    fn every() -> Vec<Self>;
}

enums! {
    Payload {
        Payload::Records(_) => all().into_iter().map(Payload::Records).collect::<Vec<_>>(),
        Payload::Marker { .. } => all::<(TransactionResult, i32)>()
            .into_iter()
            .map(|(result, coordinator_epoch)| Payload::Marker { result, coordinator_epoch })
            .collect(),
        Payload::TransactionLog(_) => all().into_iter().map(Payload::TransactionLog).collect(),
        Payload::GroupLog(_) => all().into_iter().map(Payload::GroupLog).collect(),
        Payload::Empty => vec![Payload::Empty],
    }
    GroupLogRecord {
        GroupLogRecord::Offset { .. } => all::<(Name, TopicPartition, Option<CommittedOffset>)>()
            .into_iter()
            .map(|(group_id, tp, value)| GroupLogRecord::Offset { group_id, tp, value })
            .collect::<Vec<_>>(),
        GroupLogRecord::Group { .. } => all::<(Name, Option<Arc<GroupMetadataValue>>)>()
            .into_iter()
            .map(|(group_id, value)| GroupLogRecord::Group { group_id, value })
            .collect(),
    }
    MetadataChange {
        MetadataChange::Broker(..) => all::<(NodeId, BrokerImage)>()
            .into_iter()
            .map(|(id, broker)| MetadataChange::Broker(id, broker))
            .collect::<Vec<_>>(),
        MetadataChange::Topic(..) => all::<(TopicId, Arc<TopicImage>)>()
            .into_iter()
            .map(|(id, topic)| MetadataChange::Topic(id, topic))
            .collect(),
        MetadataChange::Partition(..) => all::<(TopicPartition, PartitionImage)>()
            .into_iter()
            .map(|(tp, partition)| MetadataChange::Partition(tp, partition))
            .collect(),
        MetadataChange::Features(_) => all().into_iter().map(MetadataChange::Features).collect(),
    }
}

fn of<T: Sample + Into<M>, M>(_: fn(T) -> M) -> Vec<M> {
    all::<T>().into_iter().map(Into::into).collect()
}

macro_rules! messages {
    ($message:ident: $($body:ident),* $(,)?) => { [$(of::<$body, $message>($message::from)),*].concat() };
}

fn requests() -> Vec<Request> {
    messages!(Request: ProduceRequest, FetchRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest,
        OffsetFetchRequest, FindCoordinatorRequest, JoinGroupRequest, HeartbeatRequest, LeaveGroupRequest,
        SyncGroupRequest, ApiVersionsRequest, InitProducerIdRequest, OffsetForLeaderEpochRequest,
        AddPartitionsToTxnRequest, AddOffsetsToTxnRequest, EndTxnRequest, WriteTxnMarkersRequest,
        TxnOffsetCommitRequest, AlterPartitionRequest, DescribeProducersRequest, BrokerRegistrationRequest,
        BrokerHeartbeatRequest, DescribeTransactionsRequest, AllocateProducerIdsRequest, MetadataFetchRequest)
}

fn responses() -> Vec<Response> {
    messages!(Response: ProduceResponse, FetchResponse, ListOffsetsResponse, MetadataResponse, OffsetCommitResponse,
        OffsetFetchResponse, FindCoordinatorResponse, JoinGroupResponse, HeartbeatResponse, LeaveGroupResponse,
        SyncGroupResponse, ApiVersionsResponse, InitProducerIdResponse, OffsetForLeaderEpochResponse,
        AddPartitionsToTxnResponse, AddOffsetsToTxnResponse, EndTxnResponse, WriteTxnMarkersResponse,
        TxnOffsetCommitResponse, AlterPartitionResponse, DescribeProducersResponse, BrokerRegistrationResponse,
        BrokerHeartbeatResponse, DescribeTransactionsResponse, AllocateProducerIdsResponse, MetadataFetchResponse)
}

/// What is shown of two messages differs if and only if their numbers do; returns how many there are of each kind.
fn tell_apart<M: Debug + Content>(messages: &[M], key: impl Fn(&M) -> ApiKey) -> BTreeMap<ApiKey, usize> {
    let mut shown: BTreeMap<(ApiKey, u64), String> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for message in messages {
        let text = format!("{message:?}");
        if let Some(other) = shown.insert((key(message), content_of(message)), text.clone()) {
            assert_eq!(other, text, "two messages have one number");
            panic!("the sample occurs twice: {text}");
        }
        *counts.entry(key(message)).or_default() += 1;
    }
    counts
}

#[test]
fn a_request_that_differs_in_any_field_has_another_number() {
    let counts = tell_apart(&requests(), Request::api_key);
    assert!(ApiKey::ALL.iter().all(|key| counts.contains_key(key)), "{counts:?}");
    assert!(counts[&ApiKey::Produce] > 200, "its batch's records, markers and logs are among them: {counts:?}");
}

#[test]
fn an_answer_that_differs_in_any_field_has_another_number() {
    let counts = tell_apart(&responses(), Response::api_key);
    assert!(ApiKey::ALL.iter().all(|key| counts.contains_key(key)), "{counts:?}");
    assert!(counts[&ApiKey::Fetch] > 200, "its batches' contents are among them: {counts:?}");
}

#[test]
fn equal_items_have_equal_numbers_wherever_they_are() {
    let records: Vec<Record> = all();
    let (one, other) = (Shared::from(records.clone()), Shared::from(Arc::<[Record]>::from(records)));
    assert_eq!((content_of(&one), one.is(&other)), (content_of(&other), false));
    assert!(one.is(&one.clone()));
}

#[test]
fn two_fields_that_change_places_are_seen() {
    assert_ne!(content_of(&(1u64, 2u64)), content_of(&(2u64, 1u64)));
    assert_ne!(content_of(&vec![0u64]), content_of(&vec![0u64, 0]));
    assert_ne!(content_of(&(None::<u64>, Some(1u64))), content_of(&(Some(1u64), None::<u64>)));
    // What is added to one and taken from the other.
    let around: Vec<u64> = (0..16).map(|n| content_of(&(1000 + n as u64, 1000 - n as u64))).collect();
    assert!((1..16).all(|n| around[..n].iter().all(|other| *other != around[n])));
}
