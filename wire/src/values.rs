//! Single values: what a field of ours is on the wire.

use std::sync::Arc;

use bytes::Bytes;
use fencepost_protocol::batch::{RecordBatch, TransactionResult};
use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::*;
use fencepost_protocol::message::{Acks, AssignorName, CoordinatorType, IsolationLevel, OffsetSpec, TransactionState};
use kafka_protocol::messages::{self as kafka, BrokerId, GroupId, TransactionalId};
use kafka_protocol::protocol::StrBytes;

use crate::batch::{decode_batches, encode_batch};
use crate::describe::{At, Wired};
use crate::error::{Problem, Wire};

pub(crate) fn s(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_string())
}

/// The only entry of a list.
pub(crate) fn one<T>(list: &[T]) -> Wire<&T> {
    match list {
        [only] => Ok(only),
        _ => Err(Problem::NotOne(list.len()).into()),
    }
}

/// `$ours` is `$wire` on the wire: `$write` makes one of the other, `$read` makes the first again or says what is wrong.
macro_rules! wired {
    ($($ours:ty => $wire:ty: $write:expr, $read:expr;)*) => {$(
        impl Wired<$wire> for $ours {
            fn to_wire(&self, _: &At<'_>) -> Wire<$wire> {
                let write: fn(&$ours) -> $wire = $write;
                Ok(write(self))
            }

            fn from_wire(wire: &$wire, _: &At<'_>) -> Wire<$ours> {
                let read: fn(&$wire) -> Result<$ours, Problem> = $read;
                Ok(read(wire)?)
            }
        }
    )*};
}

wired! {
    bool => bool: |v| *v, |w| Ok(*w);
    i16 => i16: |v| *v, |w| Ok(*w);
    i32 => i32: |v| *v, |w| Ok(*w);
    i64 => i64: |v| *v, |w| Ok(*w);
    i16 => i32: |v| i32::from(*v), |w| i16::try_from(*w).map_err(|_| Problem::Number((*w).into()));
    u32 => i32: |v| *v as i32, |w| Ok(*w as u32);
    u64 => i64: |v| *v as i64, |w| Ok(*w as u64);
    u64 => uuid::Uuid: |v| uuid::Uuid::from_u128(u128::from(*v)), |w| Ok(w.as_u128() as u64);
    Name => StrBytes: |v| s(v), |w| Ok(Arc::from(w.as_str()));
    Name => Option<StrBytes>: |v| Some(s(v)), |w| Ok(Arc::from(w.as_deref().unwrap_or_default()));
    Name => GroupId: |v| GroupId(s(v)), |w| Ok(Arc::from(w.as_str()));
    Name => TransactionalId: |v| TransactionalId(s(v)), |w| Ok(Arc::from(w.as_str()));
    NodeId => BrokerId: |v| BrokerId(v.0), |w| Ok(NodeId(w.0));
    ProducerId => kafka::ProducerId: |v| kafka::ProducerId(*v), |w| Ok(w.0);
    TransactionResult => bool: |v| *v == TransactionResult::Commit, |w| Ok(result(*w));
    Option<ErrorCode> => i16: |v| v.map_or(0, ErrorCode::code), |w| error(*w);
    OffsetSpec => i64: timestamp, |w| Ok(offset_spec(*w));
    Arc<RecordBatch> => Option<Bytes>: |v| Some(encode_batch(v).into()), |w| only_batch(w.as_deref().unwrap_or_default());
    Vec<Arc<RecordBatch>> => Option<Bytes>:
        |v| Some(v.iter().flat_map(|b| encode_batch(b)).collect()), |w| decode_batches(w.as_deref().unwrap_or_default());
}

fn result(committed: bool) -> TransactionResult {
    if committed { TransactionResult::Commit } else { TransactionResult::Abort }
}

fn error(code: i16) -> Result<Option<ErrorCode>, Problem> {
    match code {
        0 => Ok(None),
        code => ErrorCode::from_code(code).map(Some).ok_or(Problem::UnknownErrorCode(code)),
    }
}

fn timestamp(spec: &OffsetSpec) -> i64 {
    match spec {
        OffsetSpec::Earliest => -2,
        OffsetSpec::Latest => -1,
        OffsetSpec::Timestamp(t) => *t,
    }
}

fn offset_spec(timestamp: i64) -> OffsetSpec {
    match timestamp {
        -2 => OffsetSpec::Earliest,
        -1 => OffsetSpec::Latest,
        t => OffsetSpec::Timestamp(t),
    }
}

fn only_batch(bytes: &[u8]) -> Result<Arc<RecordBatch>, Problem> {
    match &decode_batches(bytes)?[..] {
        [batch] => Ok(batch.clone()),
        list => Err(Problem::NotOne(list.len())),
    }
}

/// A closed list of values, and the number of each on the wire.
macro_rules! numbers {
    ($($ours:ident => $wire:ty { $($variant:ident = $number:literal),* })*) => {$(
        impl Wired<$wire> for $ours {
            fn to_wire(&self, _: &At<'_>) -> Wire<$wire> {
                Ok(match self {
                    $($ours::$variant => $number,)*
                })
            }

            fn from_wire(wire: &$wire, _: &At<'_>) -> Wire<$ours> {
                match *wire {
                    $($number => Ok($ours::$variant),)*
                    unknown => Err(Problem::Number(unknown.into()).into()),
                }
            }
        }
    )*};
}

numbers! {
    IsolationLevel => i8 { ReadUncommitted = 0, ReadCommitted = 1 }
    Acks => i16 { None = 0, Leader = 1, All = -1 }
    CoordinatorType => i8 { Group = 0, Transaction = 1 }
}

/// A closed list of values, and the word for each on the wire.
macro_rules! words {
    ($($ours:ident { $($variant:ident = $word:literal),* $(,)? })*) => {$(
        impl Wired<StrBytes> for $ours {
            fn to_wire(&self, _: &At<'_>) -> Wire<StrBytes> {
                Ok(StrBytes::from_static_str(match self {
                    $($ours::$variant => $word,)*
                }))
            }

            fn from_wire(wire: &StrBytes, _: &At<'_>) -> Wire<$ours> {
                match wire.as_str() {
                    $($word => Ok($ours::$variant),)*
                    unknown => Err(Problem::Word(unknown.to_string()).into()),
                }
            }
        }
    )*};
}

words! {
    AssignorName { Range = "range", CooperativeSticky = "cooperative-sticky" }
    TransactionState {
        Empty = "Empty",
        Ongoing = "Ongoing",
        PrepareCommit = "PrepareCommit",
        PrepareAbort = "PrepareAbort",
        CompleteCommit = "CompleteCommit",
        CompleteAbort = "CompleteAbort",
        Dead = "Dead",
        PrepareEpochFence = "PrepareEpochFence",
    }
}

impl Wired<StrBytes> for TopicId {
    fn to_wire(&self, at: &At<'_>) -> Wire<StrBytes> {
        Ok(at.directory.name(*self)?.0)
    }

    fn from_wire(wire: &StrBytes, at: &At<'_>) -> Wire<TopicId> {
        Ok(at.directory.topic(wire)?)
    }
}

impl<W, V: Wired<W>> Wired<Option<W>> for Option<V> {
    fn to_wire(&self, at: &At<'_>) -> Wire<Option<W>> {
        self.as_ref().map(|v| v.to_wire(at)).transpose()
    }

    fn from_wire(wire: &Option<W>, at: &At<'_>) -> Wire<Option<V>> {
        wire.as_ref().map(|w| V::from_wire(w, at)).transpose()
    }
}

impl<W, V: Wired<W>> Wired<Vec<W>> for Vec<V> {
    fn to_wire(&self, at: &At<'_>) -> Wire<Vec<W>> {
        self.iter().map(|v| v.to_wire(at)).collect()
    }

    fn from_wire(wire: &Vec<W>, at: &At<'_>) -> Wire<Vec<V>> {
        wire.iter().map(|w| V::from_wire(w, at)).collect()
    }
}

/// An entry of the wire that is a success or an error by its `error_code`.
pub(crate) trait Outcome: Sized {
    fn code(&self) -> i16;
    /// Kafka's defaults with an error, and what a broker puts beside it where that is not the default.
    fn failed(code: i16) -> Self;
}

impl<W: Outcome, V: Wired<W>> Wired<W> for Result<V, ErrorCode> {
    fn to_wire(&self, at: &At<'_>) -> Wire<W> {
        match self {
            Ok(value) => value.to_wire(at),
            Err(error) => Ok(W::failed(error.code())),
        }
    }

    fn from_wire(wire: &W, at: &At<'_>) -> Wire<Self> {
        match at.read("error_code", &wire.code())? {
            None => V::from_wire(wire, at).map(Ok),
            Some(error) => Ok(Err(error)),
        }
    }
}

macro_rules! outcome {
    ($($theirs:ty { $($field:ident: $value:expr),* })*) => {$(
        impl $crate::values::Outcome for $theirs {
            fn code(&self) -> i16 {
                self.error_code
            }

            fn failed(code: i16) -> Self {
                let mut wire = <$theirs>::default();
                wire.error_code = code;
                $(wire.$field = $value;)*
                wire
            }
        }
    )*};
}

/// A leader and its epoch, where a partition has one.
macro_rules! leader {
    ($theirs:ty) => {
        impl $crate::describe::Wired<$theirs>
            for Option<(fencepost_protocol::ids::NodeId, fencepost_protocol::ids::LeaderEpoch)>
        {
            fn to_wire(&self, _: &$crate::describe::At<'_>) -> $crate::error::Wire<$theirs> {
                Ok(match self {
                    None => <$theirs>::default(),
                    Some((leader, epoch)) => {
                        <$theirs>::default().with_leader_id(leader.0.into()).with_leader_epoch(*epoch)
                    }
                })
            }

            fn from_wire(wire: &$theirs, _: &$crate::describe::At<'_>) -> $crate::error::Wire<Self> {
                Ok((wire.leader_id.0 >= 0)
                    .then_some((fencepost_protocol::ids::NodeId(wire.leader_id.0), wire.leader_epoch)))
            }
        }
    };
}

pub(crate) use {leader, outcome};
