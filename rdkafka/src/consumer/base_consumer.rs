//! A consumer that is polled.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use fencepost_protocol::consumer::CommitFailure;
use fencepost_protocol::ids::{TopicId, TopicPartition};
use fencepost_protocol::message::OffsetToCommit;
use fencepost_tokio::task::try_block_on;

use super::{
    CommitMode, Consumer, ConsumerContext, ConsumerGroupMetadata, DefaultConsumerContext, NO_CLUSTER, RebalanceProtocol,
};
use crate::client::Client;
use crate::config::{ClientConfig, FromClientConfig, FromClientConfigAndContext};
use crate::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use crate::message::{BorrowedMessage, Message as _};
use crate::metadata::Metadata;
use crate::simulated::{ConsumerCore, ConsumerSettings, Core, Handle, Notice, Polled, partition_of, shared, wait};
use crate::topic_partition_list::{Entry, Offset, TopicPartitionList};
use crate::types::RDKafkaRespErr;
use crate::util::Timeout;

/// A consumer that is polled.
pub struct BaseConsumer<C = DefaultConsumerContext>
where
    C: ConsumerContext,
{
    client: Client<C>,
}

impl<C: ConsumerContext> fmt::Debug for BaseConsumer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(f)
    }
}

impl FromClientConfig for BaseConsumer {
    fn from_config(config: &ClientConfig) -> KafkaResult<BaseConsumer> {
        BaseConsumer::from_config_and_context(config, DefaultConsumerContext)
    }
}

impl<C: ConsumerContext> FromClientConfigAndContext<C> for BaseConsumer<C> {
    fn from_config_and_context(config: &ClientConfig, context: C) -> KafkaResult<BaseConsumer<C>> {
        let settings = ConsumerSettings::read(config)?;
        let made = Handle::make("consumer", |turn, name| Core::Consumer(ConsumerCore::new(settings, turn, name)));
        let handle = made.ok_or_else(|| KafkaError::ClientCreation(NO_CLUSTER.into()))?;
        Ok(BaseConsumer { client: Client::of(Arc::new(handle), Arc::new(context)) })
    }
}

/// A list of partitions by name.
fn list(partitions: impl IntoIterator<Item = (TopicPartition, Offset)>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    let Some(shared) = shared() else { return list };
    let world = shared.world.borrow();
    for (tp, offset) in partitions {
        list.entries.push(Entry::new(world.topic_name(tp.topic), tp.partition as i32, offset));
    }
    list
}

fn failed(failure: CommitFailure) -> KafkaError {
    KafkaError::ConsumerCommit(failure.error.into())
}

impl<C: ConsumerContext> BaseConsumer<C> {
    fn handle(&self) -> &Handle {
        &self.client.handle
    }

    fn with<T>(&self, f: impl FnOnce(&mut ConsumerCore, &mut crate::simulated::Turn<'_>) -> T) -> Option<T> {
        self.handle().access(|core, turn| f(core.consumer(), turn))
    }

    /// The partitions that are taken away have been finished with.
    pub(crate) fn let_go(&self) {
        self.with(ConsumerCore::revoked);
    }

    /// What there is now: a message or an error. Callbacks are called on the way.
    fn next(&self) -> Option<KafkaResult<BorrowedMessage<'_>>> {
        loop {
            let polled = self.handle().look(|core, turn| core.consumer().poll(turn))?;
            let notice = match polled {
                Polled::Message(content) => {
                    if let Some(shared) = shared() {
                        crate::simulated::looked_at(content.input);
                        shared.note_call();
                    }
                    return Some(Ok(BorrowedMessage::new(content)));
                }
                Polled::Nothing => return None,
                Polled::Notice(notice) => notice,
            };
            let context = self.client.context();
            let at = |tps: Vec<TopicPartition>| list(tps.into_iter().map(|tp| (tp, Offset::Invalid)));
            match notice {
                Notice::Assigned(tps) => {
                    context.rebalance(self, RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, &mut at(tps));
                }
                Notice::Revoking(tps) => {
                    context.rebalance(self, RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS, &mut at(tps));
                    self.let_go(); // also where a callback of the program's own did not
                }
                Notice::Lost(tps) => {
                    context.rebalance(self, RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS, &mut at(tps));
                }
                Notice::Committed(offsets, result) => {
                    let offsets = list(offsets.iter().map(|o| (o.tp, Offset::Offset(o.offset))));
                    context.commit_callback(result.map_err(failed), &offsets);
                }
                Notice::Error(error) => return Some(Err(error)),
            }
        }
    }

    /// As [`BaseConsumer::next`], for a task that waits.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<KafkaResult<BorrowedMessage<'_>>> {
        match self.next() {
            Some(found) => Poll::Ready(found),
            None => {
                self.handle().register(cx.waker());
                Poll::Pending
            }
        }
    }

    /// Waits for a message, at most so long.
    pub fn poll<T: Into<Timeout>>(&self, timeout: T) -> Option<KafkaResult<BorrowedMessage<'_>>> {
        let timeout = timeout.into();
        if let Some(found) = self.next() {
            return Some(found);
        }
        if timeout != Timeout::After(Duration::ZERO) {
            let limit = match timeout {
                Timeout::After(limit) => Some(madsim::time::sleep(limit)),
                Timeout::Never => None,
            };
            let found = try_block_on(async move {
                let next = std::future::poll_fn(|cx| self.poll_next(cx));
                match limit {
                    None => Some(next.await),
                    Some(limit) => crate::simulated::or_until(next, limit).await,
                }
            });
            if let Some(found) = found.flatten() {
                return Some(found);
            }
        }
        self.handle().look(|core, turn| core.consumer().leave_poll(turn.now));
        None
    }

    /// Messages without end.
    pub fn iter(&self) -> Iter<'_, C> {
        Iter(self)
    }

    /// Whether the client is gone.
    pub fn closed(&self) -> bool {
        self.handle().look(|core, _| core.consumer().is_closed()).unwrap_or(true)
    }

    fn partitions(&self, tpl: &TopicPartitionList) -> KafkaResult<Vec<(TopicPartition, Offset)>> {
        let unknown = || KafkaError::Subscription("Local: Unknown partition".into());
        let shared = shared().ok_or_else(unknown)?;
        let world = shared.world.borrow();
        let find = |e: &Entry| Some((partition_of(&world, &e.topic, e.partition)?, e.offset()));
        tpl.entries.iter().map(|e| find(e).ok_or_else(unknown)).collect()
    }

    fn assign_these(&self, partitions: Vec<(TopicPartition, Offset)>) {
        self.with(|core, turn| {
            let place = |(tp, offset)| match offset {
                Offset::Offset(n) => (tp, Some(n)),
                Offset::Beginning => (tp, Some(0)),
                _ => (tp, None),
            };
            if core.subscription.is_empty() {
                core.assign(partitions.into_iter().map(place).collect(), turn);
            } else {
                // Within a rebalance: the group has assigned them; what is left are the places to begin.
                for (tp, offset) in partitions.into_iter().map(place) {
                    if let Some(offset) = offset {
                        core.seek(tp, offset, turn);
                    }
                }
            }
        });
    }

    fn offsets_to_commit(&self, tpl: &TopicPartitionList) -> KafkaResult<Vec<(TopicPartition, i64, String)>> {
        let partitions = self.partitions(tpl)?;
        let with_metadata = partitions.into_iter().zip(&tpl.entries);
        let offsets = with_metadata.filter_map(|((tp, offset), e)| match offset {
            Offset::Offset(n) => Some((tp, n, e.metadata.clone())),
            _ => None,
        });
        Ok(offsets.collect())
    }

    fn commit_these(
        &self,
        mode: CommitMode,
        offsets: impl FnOnce(&mut ConsumerCore) -> Vec<OffsetToCommit>,
    ) -> KafkaResult<()> {
        let begun = self.with(|core, turn| {
            if !core.has_group() {
                return Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::UnknownGroup));
            }
            let offsets = offsets(core);
            if offsets.is_empty() {
                return Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset));
            }
            Ok(core.commit(offsets, mode == CommitMode::Sync, turn))
        });
        let id = begun.ok_or(KafkaError::Canceled)??;
        if mode == CommitMode::Async {
            return Ok(());
        }
        let result = try_block_on(wait(self.handle(), Timeout::Never, |core, _| core.consumer().take_result(id)));
        result.flatten().ok_or(KafkaError::Canceled)?.map_err(failed)
    }

    fn committed_of(&self, tps: Vec<TopicPartition>, timeout: Timeout) -> KafkaResult<TopicPartitionList> {
        let has_group = self.with(|core, _| core.has_group()).unwrap_or(false);
        if !has_group {
            return Err(KafkaError::OffsetFetch(RDKafkaErrorCode::UnknownGroup));
        }
        if tps.is_empty() {
            return Ok(TopicPartitionList::new());
        }
        let id = self.with(|core, turn| core.ask_committed(tps, turn)).ok_or(KafkaError::Canceled)?;
        let found = try_block_on(wait(self.handle(), timeout, |core, _| core.consumer().take_committed(id)));
        let found = found.flatten().ok_or(KafkaError::OffsetFetch(RDKafkaErrorCode::OperationTimedOut))?;
        Ok(list(found.into_iter().map(|(tp, at)| (tp, at.map_or(Offset::Invalid, Offset::Offset)))))
    }
}

impl<C: ConsumerContext> Consumer<C> for BaseConsumer<C> {
    fn client(&self) -> &Client<C> {
        &self.client
    }

    fn group_metadata(&self) -> Option<ConsumerGroupMetadata> {
        self.with(|core, _| core.group_metadata())?.map(ConsumerGroupMetadata)
    }

    fn subscribe(&self, topics: &[&str]) -> KafkaResult<()> {
        let done = self.with(|core, turn| {
            if !core.has_group() {
                return Err(KafkaError::Subscription("Local: Unknown group".into()));
            }
            let mut ids: Vec<TopicId> = Vec::new();
            for topic in topics {
                match topic.strip_prefix('^') {
                    Some(prefix) => {
                        let names: Vec<String> = turn.world.plan().topics.iter().map(|t| t.name.clone()).collect();
                        let fits = names.iter().filter(|n| n.starts_with(prefix.trim_end_matches(".*")));
                        ids.extend(fits.filter_map(|n| turn.world.topic(n)).map(|(id, _)| id));
                    }
                    None => ids.extend(turn.world.topic(topic).map(|(id, _)| id)),
                }
            }
            core.subscribe(ids, topics.iter().map(ToString::to_string).collect(), turn);
            Ok(())
        });
        done.unwrap_or(Err(KafkaError::Canceled))
    }

    fn unsubscribe(&self) {
        self.with(|core, turn| core.subscribe(Vec::new(), Vec::new(), turn));
    }

    fn assign(&self, assignment: &TopicPartitionList) -> KafkaResult<()> {
        let partitions = self.partitions(assignment)?;
        self.assign_these(partitions);
        Ok(())
    }

    fn unassign(&self) -> KafkaResult<()> {
        let subscribed = self.with(|core, _| !core.subscription.is_empty()).unwrap_or(false);
        if subscribed {
            self.let_go();
        } else {
            self.assign_these(Vec::new());
        }
        Ok(())
    }

    fn incremental_assign(&self, assignment: &TopicPartitionList) -> KafkaResult<()> {
        let mut partitions = self.partitions(assignment)?;
        let held = self.with(|core, _| core.assignment()).unwrap_or_default();
        partitions.extend(held.into_iter().map(|tp| (tp, Offset::Invalid)));
        self.assign_these(partitions);
        Ok(())
    }

    fn incremental_unassign(&self, assignment: &TopicPartitionList) -> KafkaResult<()> {
        let given_up = self.partitions(assignment)?;
        let subscribed = self.with(|core, _| !core.subscription.is_empty()).unwrap_or(false);
        if subscribed {
            self.let_go();
            return Ok(());
        }
        let held = self.with(|core, _| core.assignment()).unwrap_or_default();
        let left = held.into_iter().filter(|tp| given_up.iter().all(|(other, _)| other != tp));
        self.assign_these(left.map(|tp| (tp, Offset::Invalid)).collect());
        Ok(())
    }

    fn seek<T: Into<Timeout>>(&self, topic: &str, partition: i32, offset: Offset, timeout: T) -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, offset)?;
        let done = self.seek_partitions(list, timeout)?;
        match done.entries.first().and_then(|e| e.error) {
            None => Ok(()),
            Some(code) => Err(KafkaError::Seek(code.to_string())),
        }
    }

    fn seek_partitions<T: Into<Timeout>>(
        &self,
        mut topic_partition_list: TopicPartitionList,
        timeout: T,
    ) -> KafkaResult<TopicPartitionList> {
        let timeout = timeout.into();
        for entry in &mut topic_partition_list.entries {
            let tp = shared().and_then(|s| partition_of(&s.world.borrow(), &entry.topic, entry.partition));
            let Some(tp) = tp else {
                entry.error = Some(RDKafkaErrorCode::UnknownPartition);
                continue;
            };
            let to = match entry.offset() {
                Offset::Offset(n) => Some(n),
                Offset::Beginning => Some(0),
                Offset::End => self.with(|core, _| core.end_offset(tp)).flatten(),
                Offset::Stored => {
                    let found = self.committed_of(vec![tp], timeout)?;
                    match found.entries.first().map(Entry::offset) {
                        Some(Offset::Offset(n)) => Some(n),
                        _ => None,
                    }
                }
                Offset::OffsetTail(n) => self.with(|core, _| core.end_offset(tp)).flatten().map(|end| (end - n).max(0)),
                Offset::Invalid => None,
            };
            let done = to.is_some_and(|to| self.with(|core, turn| core.seek(tp, to, turn)).unwrap_or(false));
            entry.error = (!done).then_some(RDKafkaErrorCode::State);
        }
        Ok(topic_partition_list)
    }

    fn commit(&self, topic_partition_list: &TopicPartitionList, mode: CommitMode) -> KafkaResult<()> {
        let offsets = self.offsets_to_commit(topic_partition_list)?;
        self.commit_these(mode, |core| offsets.iter().map(|(tp, at, m)| core.to_commit(*tp, *at, m)).collect())
    }

    fn commit_consumer_state(&self, mode: CommitMode) -> KafkaResult<()> {
        self.commit_these(mode, |core| core.stored())
    }

    fn commit_message(&self, message: &BorrowedMessage<'_>, mode: CommitMode) -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(message.topic(), message.partition(), Offset::Offset(message.offset() + 1))?;
        self.commit(&list, mode)
    }

    fn store_offset(&self, topic: &str, partition: i32, offset: i64) -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset + 1))?;
        self.store_offsets(&list)
    }

    fn store_offset_from_message(&self, message: &BorrowedMessage<'_>) -> KafkaResult<()> {
        self.store_offset(message.topic(), message.partition(), message.offset())
    }

    fn store_offsets(&self, tpl: &TopicPartitionList) -> KafkaResult<()> {
        let offsets = self.offsets_to_commit(tpl)?;
        let stored = self.with(|core, turn| {
            let assigned = core.assignment();
            if offsets.iter().any(|(tp, ..)| !assigned.contains(tp)) {
                return false;
            }
            offsets.iter().for_each(|(tp, at, metadata)| core.store(*tp, *at, metadata, turn.now));
            true
        });
        if stored == Some(true) { Ok(()) } else { Err(KafkaError::StoreOffset(RDKafkaErrorCode::State)) }
    }

    fn subscription(&self) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for topic in self.with(|core, _| core.subscription.clone()).unwrap_or_default() {
            list.add_topic_unassigned(&topic);
        }
        Ok(list)
    }

    fn assignment(&self) -> KafkaResult<TopicPartitionList> {
        let assigned = self.with(|core, _| core.assignment()).unwrap_or_default();
        Ok(list(assigned.into_iter().map(|tp| (tp, Offset::Invalid))))
    }

    fn assignment_lost(&self) -> bool {
        self.with(|core, _| core.lost).unwrap_or(true)
    }

    fn committed<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<TopicPartitionList> {
        let assigned = self.with(|core, _| core.assignment()).unwrap_or_default();
        self.committed_of(assigned, timeout.into())
    }

    fn committed_offsets<T: Into<Timeout>>(
        &self,
        tpl: TopicPartitionList,
        timeout: T,
    ) -> KafkaResult<TopicPartitionList> {
        let tps = self.partitions(&tpl)?.into_iter().map(|(tp, _)| tp).collect();
        self.committed_of(tps, timeout.into())
    }

    fn offsets_for_timestamp<T: Into<Timeout>>(&self, _: i64, _: T) -> KafkaResult<TopicPartitionList> {
        Err(KafkaError::OffsetFetch(RDKafkaErrorCode::NotImplemented))
    }

    fn offsets_for_times<T: Into<Timeout>>(&self, _: TopicPartitionList, _: T) -> KafkaResult<TopicPartitionList> {
        Err(KafkaError::OffsetFetch(RDKafkaErrorCode::NotImplemented))
    }

    fn position(&self) -> KafkaResult<TopicPartitionList> {
        let positions = self.with(|core, _| {
            let at = |tp| (tp, core.consumed(tp).map_or(Offset::Invalid, Offset::Offset));
            core.assignment().into_iter().map(at).collect::<Vec<_>>()
        });
        Ok(list(positions.unwrap_or_default()))
    }

    fn fetch_metadata<T: Into<Timeout>>(&self, topic: Option<&str>, timeout: T) -> KafkaResult<Metadata> {
        self.client.fetch_metadata(topic, timeout)
    }

    fn fetch_watermarks<T: Into<Timeout>>(&self, topic: &str, partition: i32, timeout: T) -> KafkaResult<(i64, i64)> {
        self.client.fetch_watermarks(topic, partition, timeout)
    }

    fn pause(&self, partitions: &TopicPartitionList) -> KafkaResult<()> {
        let partitions = self.partitions(partitions)?;
        self.with(|core, _| partitions.iter().for_each(|(tp, _)| core.pause(*tp)));
        Ok(())
    }

    fn resume(&self, partitions: &TopicPartitionList) -> KafkaResult<()> {
        let partitions = self.partitions(partitions)?;
        self.with(|core, turn| partitions.iter().for_each(|(tp, _)| core.resume(*tp, turn)));
        Ok(())
    }

    fn rebalance_protocol(&self) -> RebalanceProtocol {
        let found = self.with(|core, _| (core.subscription.is_empty(), core.is_cooperative()));
        match found {
            Some((false, true)) => RebalanceProtocol::Cooperative,
            Some((false, false)) => RebalanceProtocol::Eager,
            _ => RebalanceProtocol::None,
        }
    }
}

/// Messages without end.
pub struct Iter<'a, C>(&'a BaseConsumer<C>)
where
    C: ConsumerContext;

impl<'a, C: ConsumerContext> Iterator for Iter<'a, C> {
    type Item = KafkaResult<BorrowedMessage<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.0.poll(None) {
                return Some(item);
            }
        }
    }
}

impl<'a, C: ConsumerContext> IntoIterator for &'a BaseConsumer<C> {
    type Item = KafkaResult<BorrowedMessage<'a>>;
    type IntoIter = Iter<'a, C>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
