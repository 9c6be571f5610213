//! Lists of partitions with offsets, as rust-rdkafka has them.

#![expect(clippy::disallowed_types, reason = "rust-rdkafka's signatures; in a simulation, virtual time")]

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::error::{KafkaError, KafkaResult, RDKafkaErrorCode};

/// An offset, or a place that has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offset {
    /// The first.
    Beginning,
    /// After the last.
    End,
    /// What is stored or committed.
    Stored,
    /// None.
    Invalid,
    /// This one.
    Offset(i64),
    /// So many before the end.
    OffsetTail(i64),
}

impl Offset {
    /// From librdkafka's number.
    pub fn from_raw(raw_offset: i64) -> Offset {
        match raw_offset {
            -2 => Offset::Beginning,
            -1 => Offset::End,
            -1000 => Offset::Stored,
            -1001 => Offset::Invalid,
            n if n <= -2000 => Offset::OffsetTail(-(n + 2000)),
            n => Offset::Offset(n),
        }
    }

    /// As librdkafka's number.
    pub fn to_raw(self) -> Option<i64> {
        match self {
            Offset::Beginning => Some(-2),
            Offset::End => Some(-1),
            Offset::Stored => Some(-1000),
            Offset::Invalid => Some(-1001),
            Offset::Offset(n) if n >= 0 => Some(n),
            Offset::OffsetTail(n) if n > 0 => Some(-2000 - n),
            _ => None,
        }
    }
}

pub(crate) struct Entry {
    pub topic: String,
    pub partition: i32,
    /// As librdkafka's number. It can be set through a shared list, as in rust-rdkafka.
    offset: AtomicI64,
    pub metadata: String,
    pub error: Option<RDKafkaErrorCode>,
}

impl Entry {
    pub fn new(topic: &str, partition: i32, offset: Offset) -> Entry {
        let offset = AtomicI64::new(offset.to_raw().unwrap_or(-1001));
        Entry { topic: topic.to_string(), partition, offset, metadata: String::new(), error: None }
    }

    pub fn offset(&self) -> Offset {
        Offset::from_raw(self.offset.load(Ordering::Relaxed))
    }

    pub fn set_offset(&self, offset: Offset) -> KafkaResult<()> {
        let raw = offset.to_raw().ok_or(KafkaError::SetPartitionOffset(RDKafkaErrorCode::InvalidArgument))?;
        self.offset.store(raw, Ordering::Relaxed);
        Ok(())
    }
}

impl Clone for Entry {
    fn clone(&self) -> Entry {
        let mut entry = Entry::new(&self.topic, self.partition, self.offset());
        entry.metadata.clone_from(&self.metadata);
        entry.error = self.error;
        entry
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        let offset = |e: &Entry| e.offset.load(Ordering::Relaxed);
        let key = |e: &Entry| (e.partition, offset(e), e.error);
        key(self) == key(other) && self.topic == other.topic && self.metadata == other.metadata
    }
}

/// One partition of a list. (The text that is set in an element of a shared list is lost; rust-rdkafka keeps it.)
pub struct TopicPartitionListElem<'a> {
    place: Place<'a>,
}

enum Place<'a> {
    Shared(&'a Entry, Option<Box<Entry>>),
    Mine(&'a mut Entry),
}

impl<'a> TopicPartitionListElem<'a> {
    fn entry(&self) -> &Entry {
        match &self.place {
            Place::Shared(entry, None) => entry,
            Place::Shared(_, Some(own)) => own,
            Place::Mine(entry) => entry,
        }
    }

    fn entry_mut(&mut self) -> &mut Entry {
        match &mut self.place {
            Place::Shared(entry, own) => own.get_or_insert_with(|| Box::new((*entry).clone())),
            Place::Mine(entry) => entry,
        }
    }

    /// Topic.
    pub fn topic(&self) -> &str {
        &self.entry().topic
    }

    /// What went wrong with it.
    ///
    /// # Errors
    /// That.
    pub fn error(&self) -> KafkaResult<()> {
        self.entry().error.map_or(Ok(()), |code| Err(KafkaError::OffsetFetch(code)))
    }

    /// Partition.
    pub fn partition(&self) -> i32 {
        self.entry().partition
    }

    /// Offset.
    pub fn offset(&self) -> Offset {
        self.entry().offset()
    }

    /// Sets the offset.
    ///
    /// # Errors
    /// It is none.
    pub fn set_offset(&mut self, offset: Offset) -> KafkaResult<()> {
        self.entry().set_offset(offset)
    }

    /// The text committed with it.
    pub fn metadata(&self) -> &str {
        &self.entry().metadata
    }

    /// Sets the text.
    pub fn set_metadata<M: AsRef<str>>(&mut self, metadata: M) {
        self.entry_mut().metadata = metadata.as_ref().to_string();
    }
}

impl PartialEq for TopicPartitionListElem<'_> {
    fn eq(&self, other: &TopicPartitionListElem<'_>) -> bool {
        self.entry() == other.entry()
    }
}

impl fmt::Debug for TopicPartitionListElem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entry().fmt(f)
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Entry { topic, partition, metadata, error, .. } = self;
        let offset = self.offset();
        write!(f, "{topic}/{partition}: offset={offset:?} metadata={metadata:?}, error={error:?}")
    }
}

/// A list.
#[derive(Clone, Default)]
pub struct TopicPartitionList {
    pub(crate) entries: Vec<Entry>,
}

impl TopicPartitionList {
    /// Empty.
    pub fn new() -> TopicPartitionList {
        TopicPartitionList::default()
    }

    /// Empty, with room.
    pub fn with_capacity(capacity: usize) -> TopicPartitionList {
        TopicPartitionList { entries: Vec::with_capacity(capacity) }
    }

    /// Of a map.
    ///
    /// # Errors
    /// An offset is none.
    pub fn from_topic_map(topic_map: &HashMap<(String, i32), Offset>) -> KafkaResult<TopicPartitionList> {
        let mut sorted: Vec<_> = topic_map.iter().collect();
        sorted.sort_by(|a, b| a.0.cmp(b.0));
        let mut list = TopicPartitionList::new();
        for ((topic, partition), offset) in sorted {
            list.add_partition_offset(topic, *partition, *offset)?;
        }
        Ok(list)
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// Room.
    pub fn capacity(&self) -> usize {
        self.entries.capacity()
    }

    /// Adds a topic without naming a partition.
    pub fn add_topic_unassigned<'a>(&'a mut self, topic: &str) -> TopicPartitionListElem<'a> {
        self.add_partition(topic, -1)
    }

    /// Adds a partition.
    pub fn add_partition<'a>(&'a mut self, topic: &str, partition: i32) -> TopicPartitionListElem<'a> {
        self.entries.push(Entry::new(topic, partition, Offset::Invalid));
        TopicPartitionListElem { place: Place::Mine(self.entries.last_mut().expect("just pushed")) }
    }

    /// Adds partitions, both ends included.
    pub fn add_partition_range(&mut self, topic: &str, start_partition: i32, stop_partition: i32) {
        for partition in start_partition..=stop_partition {
            self.add_partition(topic, partition);
        }
    }

    /// Sets the offset of a partition that is there.
    ///
    /// # Errors
    /// It is not there, or the offset is none.
    pub fn set_partition_offset(&mut self, topic: &str, partition: i32, offset: Offset) -> KafkaResult<()> {
        let found = self.entries.iter().find(|e| e.topic == topic && e.partition == partition);
        let entry = found.ok_or(KafkaError::SetPartitionOffset(RDKafkaErrorCode::UnknownPartition))?;
        entry.set_offset(offset)
    }

    /// Adds a partition with its offset.
    ///
    /// # Errors
    /// The offset is none.
    pub fn add_partition_offset(&mut self, topic: &str, partition: i32, offset: Offset) -> KafkaResult<()> {
        self.add_partition(topic, partition).set_offset(offset)
    }

    /// A partition of the list.
    pub fn find_partition(&self, topic: &str, partition: i32) -> Option<TopicPartitionListElem<'_>> {
        let entry = self.entries.iter().find(|e| e.topic == topic && e.partition == partition)?;
        Some(TopicPartitionListElem { place: Place::Shared(entry, None) })
    }

    /// Sets every offset.
    ///
    /// # Errors
    /// The offset is none.
    pub fn set_all_offsets(&mut self, offset: Offset) -> Result<(), KafkaError> {
        self.entries.iter().try_for_each(|e| e.set_offset(offset))
    }

    /// All of it.
    pub fn elements(&self) -> Vec<TopicPartitionListElem<'_>> {
        self.entries.iter().map(|e| TopicPartitionListElem { place: Place::Shared(e, None) }).collect()
    }

    /// Those of one topic.
    pub fn elements_for_topic<'a>(&'a self, topic: &str) -> Vec<TopicPartitionListElem<'a>> {
        self.elements().into_iter().filter(|e| e.topic() == topic).collect()
    }

    /// As a map.
    pub fn to_topic_map(&self) -> HashMap<(String, i32), Offset> {
        self.entries.iter().map(|e| ((e.topic.clone(), e.partition), e.offset())).collect()
    }
}

impl PartialEq for TopicPartitionList {
    fn eq(&self, other: &TopicPartitionList) -> bool {
        self.count() == other.count()
            && self.entries.iter().all(|e| {
                let found = other.find_partition(&e.topic, e.partition);
                found.is_some_and(|f| f.entry() == e)
            })
    }
}

impl FromIterator<(String, i32, Offset)> for TopicPartitionList {
    fn from_iter<I: IntoIterator<Item = (String, i32, Offset)>>(iter: I) -> Self {
        let mut list = TopicPartitionList::new();
        for (topic, partition, offset) in iter {
            list.add_partition_offset(&topic, partition, offset).expect("the offset is one");
        }
        list
    }
}

impl FromIterator<((String, i32), Offset)> for TopicPartitionList {
    fn from_iter<I: IntoIterator<Item = ((String, i32), Offset)>>(iter: I) -> Self {
        iter.into_iter().map(|((topic, partition), offset)| (topic, partition, offset)).collect()
    }
}

impl fmt::Debug for TopicPartitionList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TPL ")?;
        f.debug_set().entries(&self.entries).finish()
    }
}
