//! Messages, as rust-rdkafka has them.

#![expect(clippy::disallowed_types, reason = "rust-rdkafka's signatures; in a simulation, virtual time")]

use std::fmt;
use std::marker::PhantomData;
use std::str;
use std::sync::Arc;
use std::time::SystemTime;

use crate::error::KafkaError;
use crate::simulated::{Input, looked_at};
use crate::util::{current_time_millis, millis_to_epoch};

/// When a message was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timestamp {
    /// Nobody knows.
    NotAvailable,
    /// By the producer's clock, milliseconds.
    CreateTime(i64),
    /// By the broker's clock, milliseconds.
    LogAppendTime(i64),
}

impl Timestamp {
    /// In milliseconds.
    pub fn to_millis(self) -> Option<i64> {
        match self {
            Timestamp::CreateTime(-1) | Timestamp::LogAppendTime(-1) | Timestamp::NotAvailable => None,
            Timestamp::CreateTime(t) | Timestamp::LogAppendTime(t) => Some(t),
        }
    }

    /// Now.
    pub fn now() -> Timestamp {
        Timestamp::CreateTime(current_time_millis())
    }
}

impl From<i64> for Timestamp {
    fn from(ms: i64) -> Timestamp {
        Timestamp::CreateTime(ms)
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Timestamp {
        Timestamp::CreateTime(millis_to_epoch(time))
    }
}

/// Headers of a message.
pub trait Headers {
    /// How many.
    fn count(&self) -> usize;

    /// The header at `idx`.
    ///
    /// # Panics
    /// If there is none.
    fn get(&self, idx: usize) -> Header<'_, &[u8]> {
        self.try_get(idx).unwrap_or_else(|| {
            panic!("headers index out of bounds: the count is {} but the index is {idx}", self.count())
        })
    }

    /// The header at `idx`, understood.
    ///
    /// # Errors
    /// It is not understood.
    fn get_as<V>(&self, idx: usize) -> Result<Header<'_, &V>, V::Error>
    where
        V: FromBytes + ?Sized,
    {
        self.get(idx).parse()
    }

    /// The header at `idx`, if there is one.
    fn try_get(&self, idx: usize) -> Option<Header<'_, &[u8]>>;

    /// The header at `idx`, understood, if there is one.
    fn try_get_as<V>(&self, idx: usize) -> Option<Result<Header<'_, &V>, V::Error>>
    where
        V: FromBytes + ?Sized,
    {
        self.try_get(idx).map(|header| header.parse())
    }

    /// All of them.
    fn iter(&self) -> HeadersIter<'_, Self>
    where
        Self: Sized,
    {
        HeadersIter { headers: self, index: 0 }
    }
}

/// One header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a, V> {
    /// Name.
    pub key: &'a str,
    /// Value.
    pub value: Option<V>,
}

impl<'a> Header<'a, &'a [u8]> {
    fn parse<V>(&self) -> Result<Header<'a, &'a V>, V::Error>
    where
        V: FromBytes + ?Sized,
    {
        Ok(Header { key: self.key, value: self.value.map(V::from_bytes).transpose()? })
    }
}

/// Goes over headers.
pub struct HeadersIter<'a, H> {
    headers: &'a H,
    index: usize,
}

impl<'a, H: Headers> Iterator for HeadersIter<'a, H> {
    type Item = Header<'a, &'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let header = self.headers.try_get(self.index)?;
        self.index += 1;
        Some(header)
    }
}

/// What every message has.
pub trait Message {
    /// Its headers' type.
    type Headers: Headers;

    /// Key.
    fn key(&self) -> Option<&[u8]>;
    /// Value.
    fn payload(&self) -> Option<&[u8]>;
    /// Topic.
    fn topic(&self) -> &str;
    /// Partition.
    fn partition(&self) -> i32;
    /// Offset.
    fn offset(&self) -> i64;
    /// Time.
    fn timestamp(&self) -> Timestamp;
    /// Headers.
    fn headers(&self) -> Option<&Self::Headers>;

    /// The value, understood.
    fn payload_view<P: ?Sized + FromBytes>(&self) -> Option<Result<&P, P::Error>> {
        self.payload().map(P::from_bytes)
    }

    /// The key, understood.
    fn key_view<K: ?Sized + FromBytes>(&self) -> Option<Result<&K, K::Error>> {
        self.key().map(K::from_bytes)
    }
}

/// Headers of a borrowed message.
#[derive(Clone, Debug, Default)]
pub struct BorrowedHeaders {
    pub(crate) list: Vec<(String, Option<Vec<u8>>)>,
}

impl BorrowedHeaders {
    /// A copy.
    pub fn detach(&self) -> OwnedHeaders {
        OwnedHeaders { inner: self.clone() }
    }
}

impl Headers for BorrowedHeaders {
    fn count(&self) -> usize {
        self.list.len()
    }

    fn try_get(&self, idx: usize) -> Option<Header<'_, &[u8]>> {
        self.list.get(idx).map(|(key, value)| Header { key, value: value.as_deref() })
    }
}

/// Headers of one's own.
#[derive(Clone, Debug, Default)]
pub struct OwnedHeaders {
    inner: BorrowedHeaders,
}

impl OwnedHeaders {
    /// None.
    pub fn new() -> OwnedHeaders {
        OwnedHeaders::default()
    }

    /// None, with room for some.
    pub fn new_with_capacity(initial_capacity: usize) -> OwnedHeaders {
        OwnedHeaders { inner: BorrowedHeaders { list: Vec::with_capacity(initial_capacity) } }
    }

    /// With one more.
    pub fn insert<V>(mut self, header: Header<'_, &V>) -> OwnedHeaders
    where
        V: ToBytes + ?Sized,
    {
        self.inner.list.push((header.key.to_string(), header.value.map(|v| v.to_bytes().to_vec())));
        self
    }

    /// Borrowed.
    pub fn as_borrowed(&self) -> &BorrowedHeaders {
        &self.inner
    }
}

impl Headers for OwnedHeaders {
    fn count(&self) -> usize {
        self.inner.count()
    }

    fn try_get(&self, idx: usize) -> Option<Header<'_, &[u8]>> {
        self.inner.try_get(idx)
    }
}

/// The content of a message.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub payload: Option<Arc<[u8]>>,
    pub key: Option<Arc<[u8]>>,
    pub topic: Arc<str>,
    pub timestamp: Timestamp,
    pub partition: i32,
    pub offset: i64,
    pub headers: Option<OwnedHeaders>,
    /// The input that it is, if it was read.
    pub input: Option<Input>,
}

impl Content {
    /// Whether a program that sends both sends the same record twice.
    pub fn is_same_record(&self, other: &Content) -> bool {
        fn list(content: &Content) -> &[(String, Option<Vec<u8>>)] {
            content.headers.as_ref().map_or(&[], |headers| &headers.as_borrowed().list)
        }
        self.payload == other.payload && self.key == other.key && self.topic == other.topic && list(self) == list(other)
    }
}

/// A message that a client owns.
pub struct BorrowedMessage<'a> {
    content: Content,
    owner: PhantomData<&'a ()>,
}

impl fmt::Debug for BorrowedMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Content { topic, partition, offset, .. } = &self.content;
        write!(f, "Message {{ {topic}-{partition}@{offset} }}")
    }
}

impl<'a> BorrowedMessage<'a> {
    pub(crate) fn new(content: Content) -> BorrowedMessage<'a> {
        BorrowedMessage { content, owner: PhantomData }
    }

    /// Bytes of the key.
    pub fn key_len(&self) -> usize {
        self.content.key.as_ref().map_or(0, |k| k.len())
    }

    /// Bytes of the value.
    pub fn payload_len(&self) -> usize {
        self.content.payload.as_ref().map_or(0, |p| p.len())
    }

    /// A copy.
    pub fn detach(&self) -> OwnedMessage {
        OwnedMessage { content: self.content.clone() }
    }
}

impl Message for BorrowedMessage<'_> {
    type Headers = BorrowedHeaders;

    fn key(&self) -> Option<&[u8]> {
        looked_at(self.content.input);
        self.content.key.as_deref()
    }

    fn payload(&self) -> Option<&[u8]> {
        looked_at(self.content.input);
        self.content.payload.as_deref()
    }

    fn topic(&self) -> &str {
        &self.content.topic
    }

    fn partition(&self) -> i32 {
        self.content.partition
    }

    fn offset(&self) -> i64 {
        self.content.offset
    }

    fn timestamp(&self) -> Timestamp {
        self.content.timestamp
    }

    fn headers(&self) -> Option<&BorrowedHeaders> {
        looked_at(self.content.input);
        self.content.headers.as_ref().map(OwnedHeaders::as_borrowed)
    }
}

impl Message for OwnedMessage {
    type Headers = OwnedHeaders;

    fn key(&self) -> Option<&[u8]> {
        looked_at(self.content.input);
        self.content.key.as_deref()
    }

    fn payload(&self) -> Option<&[u8]> {
        looked_at(self.content.input);
        self.content.payload.as_deref()
    }

    fn topic(&self) -> &str {
        &self.content.topic
    }

    fn partition(&self) -> i32 {
        self.content.partition
    }

    fn offset(&self) -> i64 {
        self.content.offset
    }

    fn timestamp(&self) -> Timestamp {
        self.content.timestamp
    }

    fn headers(&self) -> Option<&OwnedHeaders> {
        looked_at(self.content.input);
        self.content.headers.as_ref()
    }
}

/// A message of one's own.
#[derive(Clone, Debug)]
pub struct OwnedMessage {
    content: Content,
}

impl OwnedMessage {
    /// Of these parts.
    pub fn new(
        payload: Option<Vec<u8>>,
        key: Option<Vec<u8>>,
        topic: String,
        timestamp: Timestamp,
        partition: i32,
        offset: i64,
        headers: Option<OwnedHeaders>,
    ) -> OwnedMessage {
        let (payload, key) = (payload.map(Into::into), key.map(Into::into));
        OwnedMessage {
            content: Content { payload, key, topic: topic.into(), timestamp, partition, offset, headers, input: None },
        }
    }

    pub(crate) fn of(content: Content) -> OwnedMessage {
        OwnedMessage { content }
    }

    /// Takes the headers out.
    pub fn detach_headers(&mut self) -> Option<OwnedHeaders> {
        self.content.headers.take()
    }

    /// With other headers.
    pub fn replace_headers(mut self, headers: Option<OwnedHeaders>) -> Self {
        self.content.headers = headers;
        self
    }

    /// With another value.
    pub fn set_payload(mut self, payload: Option<Vec<u8>>) -> Self {
        self.content.payload = payload.map(Into::into);
        self
    }

    /// With another key.
    pub fn set_key(mut self, key: Option<Vec<u8>>) -> Self {
        self.content.key = key.map(Into::into);
        self
    }

    /// With another topic.
    pub fn set_topic(mut self, topic: String) -> Self {
        self.content.topic = topic.into();
        self
    }

    /// With another time.
    pub fn set_timestamp(mut self, timestamp: Timestamp) -> Self {
        self.content.timestamp = timestamp;
        self
    }

    /// With another partition.
    pub fn set_partition(mut self, partition: i32) -> Self {
        self.content.partition = partition;
        self
    }

    /// With another offset.
    pub fn set_offset(mut self, offset: i64) -> Self {
        self.content.offset = offset;
        self
    }
}

/// What a delivery callback is told.
pub type DeliveryResult<'a> = Result<BorrowedMessage<'a>, (KafkaError, BorrowedMessage<'a>)>;

/// What bytes can be understood as.
pub trait FromBytes {
    /// They are not understood.
    type Error;
    /// Understands them.
    ///
    /// # Errors
    /// They are not understood.
    fn from_bytes(_: &[u8]) -> Result<&Self, Self::Error>;
}

impl FromBytes for [u8] {
    type Error = ();
    fn from_bytes(bytes: &[u8]) -> Result<&Self, Self::Error> {
        Ok(bytes)
    }
}

impl FromBytes for str {
    type Error = str::Utf8Error;
    fn from_bytes(bytes: &[u8]) -> Result<&Self, Self::Error> {
        str::from_utf8(bytes)
    }
}

/// What can be sent as bytes.
pub trait ToBytes {
    /// The bytes.
    fn to_bytes(&self) -> &[u8];
}

macro_rules! to_bytes {
    ($($ty:ty => |$it:ident| $bytes:expr;)*) => {
        $(impl ToBytes for $ty {
            fn to_bytes(&self) -> &[u8] {
                let $it = self;
                $bytes
            }
        })*
    };
}
to_bytes! {
    [u8] => |it| it;
    str => |it| it.as_bytes();
    Vec<u8> => |it| it.as_slice();
    String => |it| it.as_bytes();
    () => |_it| &[];
}

impl<T: ToBytes> ToBytes for &T {
    fn to_bytes(&self) -> &[u8] {
        (*self).to_bytes()
    }
}

impl<const N: usize> ToBytes for [u8; N] {
    fn to_bytes(&self) -> &[u8] {
        self
    }
}
