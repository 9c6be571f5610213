//! What the sender's loop does: resolve, bump, send transactional requests, drain batches into produce requests, refresh
//! metadata, finish flushes and the close.

use core::ops::Bound::{Excluded, Unbounded};

use super::Producer;
use super::Sent;
use super::accumulator::{Appended, Membership, Partition, ProducerRecord, WaitingRecord, WaitsFor};
use super::batch::Slot;
use super::event::*;
use super::nodes::Phase;
use super::partitioner::partition_for_key;
use super::schedule::may_drain;
use super::transaction_manager::{Handler, TxnRequest};
use crate::config::{ProducerVariant, ProtocolGeneration};
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::Outputs;
use crate::message::*;
use crate::time::{Instant, Now};

impl Producer {
    /// Does everything that can be done at `now`.
    pub(super) fn run(&mut self, now: Now, out: &mut Outputs) {
        loop {
            self.place_waiting(now);
            let hurry = self.hurry();
            if hurry != self.hurried {
                self.hurried = hurry;
                if hurry {
                    self.refresh_all();
                }
            }
            let blocked = self.transactions.enabled && self.run_transactional(now, out);
            let completed = !blocked && self.send_produce(now, out);
            while self.accumulator.generations.flushed() {
                self.events.push_back(ProducerEvent::Flushed);
            }
            if !completed && !self.advance_close(now, out) {
                break;
            }
        }
        if !self.closed {
            self.refresh_metadata(now, out);
        }
    }

    /// The part of the loop that idempotence adds. Whether produce requests must wait.
    fn run_transactional(&mut self, now: Now, out: &mut Outputs) -> bool {
        self.resolve_sequences();
        if self.transactions.is_fatal() {
            self.fail_everything();
            return true;
        }
        if core::mem::take(&mut self.transactions.refused) {
            // §5.3: fail batches, UNINITIALIZED.
            let code = self.transactions.last_error;
            self.fail_queue(ProducerError::Abortable(code));
            self.abort_batches(DeliveryErrorKind::Code(code), false);
            self.transactions.become_state(ProducerState::Uninitialized);
            self.transactions.abort_undrained = false;
        }
        self.bump_idempotent_epoch();
        let blocked = self.send_transactional(now, out);
        if self.transactions.is_fatal() {
            self.fail_everything();
            return true;
        }
        blocked
    }

    /// In the fatal state nothing is sent and everything fails (P3).
    fn fail_everything(&mut self) {
        let code = self.transactions.last_error;
        self.fail_queue(ProducerError::Fatal(code));
        self.transactions.current = None;
        self.transactions.rest_until = None;
        self.transactions.new_partitions.clear();
        if self.accumulator.generations.incomplete() > 0 {
            self.abort_batches(DeliveryErrorKind::Code(code), false);
        }
    }

    /// §5.7: a partition whose expired batch is the only gap goes on; where sequences are missing, the epoch must change.
    fn resolve_sequences(&mut self) {
        if self.transactions.unresolved.is_empty() {
            return;
        }
        let candidates: Vec<TopicPartition> = self.transactions.unresolved.iter().copied().collect();
        for tp in candidates {
            let partition = self.accumulator.partitions.get_mut(tp).expect("an unresolved partition was written to");
            if !partition.sequences.in_flight.is_empty() {
                continue;
            }
            let harmless = partition.sequences.is_complete(&self.domains);
            partition.unresolved = None;
            self.transactions.unresolved.remove(&tp);
            if !harmless {
                if self.transactions.is_transactional() {
                    // Kafka's exception has no code.
                    self.transactions.abortable_with_bump(ErrorCode::UnknownServerError);
                } else {
                    self.request_local_bump(tp);
                }
            }
            self.refresh(tp);
        }
    }

    /// An idempotent producer wants new sequences for a partition (§5.6).
    pub(super) fn request_local_bump(&mut self, tp: TopicPartition) {
        self.transactions.bump_required = true;
        self.transactions.to_rewrite.insert(tp);
    }

    /// §5.6, idempotent producers: the local bump, and the first or a fresh producer id.
    fn bump_idempotent_epoch(&mut self) {
        if self.transactions.is_transactional() {
            return;
        }
        if self.transactions.bump_required {
            self.transactions.bump_required = false;
            let old = self.transactions.producer;
            if old.epoch == self.domains.max_epoch {
                // The rewrite waits for the new id: nothing is drained without one.
                self.set_producer(ProducerIdAndEpoch::NONE);
                self.transactions.become_state(ProducerState::Uninitialized);
            } else if old.is_some() {
                self.set_producer(ProducerIdAndEpoch::new(old.id, old.epoch + 1));
                self.rewrite_in_flight();
            }
            self.refresh_all();
        }
        if self.transactions.state != ProducerState::Initializing && !self.transactions.producer.is_some() {
            self.transactions.become_state(ProducerState::Initializing);
            let given = ProducerIdAndEpoch::NONE;
            self.transactions.enqueue(Handler::new(TxnRequest::InitProducerId { given, epoch_bump: false }));
        }
    }

    /// Gives the batches in flight of the partitions that asked for it new sequences under the new identity.
    pub(super) fn rewrite_in_flight(&mut self) {
        let producer = self.transactions.producer;
        for tp in core::mem::take(&mut self.transactions.to_rewrite) {
            let accumulator = &mut self.accumulator;
            let Some(partition) = accumulator.partitions.get_mut(tp) else { continue };
            let sequences = &mut partition.sequences;
            if !sequences.in_flight.is_empty() {
                let unknown = sequences.in_flight.iter().map(|slot| &accumulator.batches[*slot]);
                let unknown = unknown.filter(|b| b.certainty() == Certainty::Unknown);
                let tokens = unknown.flat_map(|b| b.tokens.iter().copied()).collect();
                self.events
                    .push_back(ProducerEvent::LocalEpochBump { tp, rewritten_tokens_of_unknown_outcome: tokens });
            }
            let table = self.transactions.table;
            sequences.restart_with_in_flight(&self.domains, table, producer, &mut accumulator.batches);
            partition.unresolved = None;
            self.transactions.unresolved.remove(&tp);
        }
    }

    // ---- Waiting records -------------------------------------------------------------------------------------------

    pub(super) fn waits_for_memory(&self) -> bool {
        !self.accumulator.waiting.is_empty() && self.accumulator.waits_for == WaitsFor::Memory
    }

    /// Lets waiting records go on, in the order in which they were sent, until one must wait further.
    fn place_waiting(&mut self, now: Now) {
        while let Some(first) = self.accumulator.waiting.pop_front() {
            let WaitingRecord { deadline, generation, token, record } = first;
            match self.place(now, token, record, generation) {
                Ok(_) => self.accumulator.generations.end(generation),
                Err((record, waits_for)) => {
                    let first = WaitingRecord { deadline, generation, token, record };
                    self.accumulator.waits_for = waits_for;
                    self.accumulator.waiting.push_front(first);
                    break;
                }
            }
        }
    }

    /// Chooses a partition for a record and puts it into a batch. Says whether there may be something to send; gives the
    /// record back if it must wait.
    pub(super) fn place(
        &mut self,
        now: Now,
        token: u64,
        wanted: ProducerRecord,
        generation: u64,
    ) -> Result<bool, (ProducerRecord, WaitsFor)> {
        let ProducerRecord { topic, partition, ref record } = wanted;
        let size = record.size();
        let Some(known) = self.metadata.topic(topic) else {
            self.metadata.add_interest(topic);
            return Err((wanted, WaitsFor::Metadata));
        };
        let partitions = known.leaders.len() as u32;
        let chosen = match (partition, &record.key) {
            (Some(p), _) if p < partitions => p,
            (Some(_), _) => {
                self.metadata.request_update();
                return Err((wanted, WaitsFor::Metadata));
            }
            (None, Some(key)) => partition_for_key(key, partitions),
            (None, None) => known.sticky.next(size, self.config.batch_size.max(1) as u32, &known.leaders),
        };
        let tp = TopicPartition::new(topic, chosen);
        let sticky = partition.is_none() && record.key.is_none();
        if !self.accumulator.partitions.contains(tp) {
            let (leader, epoch) = self.metadata.leader(tp);
            self.accumulator.partitions.insert(tp, Partition::new(leader, epoch));
        }
        let appended = self.accumulator.append(tp, token, wanted.record, now.mono, generation);
        let news = match appended {
            Appended::NoMemory(record) => {
                if let (true, Some(known)) = (sticky, self.metadata.topic(topic)) {
                    known.sticky.undo(size);
                }
                return Err((ProducerRecord { topic, partition, record }, WaitsFor::Memory));
            }
            Appended::Joined => false,
            Appended::News => true,
        };
        let joined_transaction = self.transactions.is_transactional() && self.enter_transaction(tp);
        if news || joined_transaction {
            self.refresh(tp);
        }
        Ok(news || joined_transaction)
    }

    /// Makes a partition part of the transaction at its first record. Whether it was not before.
    fn enter_transaction(&mut self, tp: TopicPartition) -> bool {
        let partition = self.accumulator.partitions.get_mut(tp).expect("the partition was entered before the record");
        if partition.membership != Membership::None {
            return false;
        }
        self.transactions.members.push(tp);
        if self.transactions.tv2 {
            partition.membership = Membership::Added;
            self.transactions.started = true;
        } else {
            partition.membership = Membership::Pending;
            self.transactions.new_partitions.push(tp);
        }
        true
    }

    // ---- Produce requests ------------------------------------------------------------------------------------------

    /// Whether a request can be sent to a broker now; begins to connect if need be and allowed.
    pub(super) fn node_ready(&mut self, now: Now, index: usize, out: &mut Outputs) -> bool {
        let node = &mut self.nodes[index];
        match node.phase {
            Phase::Ready => self.connections.ready(now, node.channel, out),
            Phase::Idle => {
                if now.mono >= self.connections.not_before(node.channel) {
                    node.phase = Phase::Connecting;
                    self.connections.ready(now, node.channel, out);
                }
                false
            }
            Phase::Connecting | Phase::AskingVersions => false,
        }
    }

    /// Sends what is due to every broker that can take it. Whether batches were completed by that (`acks=0`).
    fn send_produce(&mut self, now: Now, out: &mut Outputs) -> bool {
        let mut completed = false;
        for index in 0..self.nodes.len() {
            while self.nodes[index].ready_at() <= now.mono && self.node_ready(now, index, out) {
                if !self.drain(now, index, out) {
                    break;
                }
                completed |= self.config.acks == Acks::None;
            }
        }
        completed
    }

    /// Fills one request for a broker: at most one batch a partition, beginning behind where the last one ended.
    fn drain(&mut self, now: Now, index: usize, out: &mut Outputs) -> bool {
        let mut order = core::mem::take(&mut self.scratch);
        order.clear();
        let node = &self.nodes[index];
        match node.cursor {
            Some(last) => {
                order.extend(node.drainable.range((Excluded(last), Unbounded)));
                order.extend(node.drainable.range(..=last));
            }
            None => order.extend(&node.drainable),
        }
        let channel = node.channel;
        let mut size = 0u32;
        let mut slots: Vec<Slot> = Vec::new();
        let mut partitions: Vec<ProducePartition> = Vec::new();
        for &tp in &order {
            let partition = self.accumulator.partitions.get_mut(tp).expect("a scheduled partition was written to");
            let Some(&slot) = partition.queue.front() else { continue };
            if !may_drain(&self.transactions, partition, slot, &self.accumulator.batches) {
                self.refresh(tp);
                continue;
            }
            let batch = &mut self.accumulator.batches[slot];
            if batch.retry_at() > now.mono {
                continue;
            }
            if !slots.is_empty() && size.saturating_add(batch.size) > self.config.max_request_size as u32 {
                break;
            }
            size = size.saturating_add(batch.size);
            partition.queue.pop_front();
            if partition.queue.is_empty() {
                self.accumulator.queued.remove(&tp);
            }
            batch.queued = false;
            batch.on_wire = true;
            if self.transactions.enabled && !batch.has_sequence() {
                let producer = self.transactions.producer;
                partition.sequences.enter(self.transactions.table, producer);
                if partition.sequences.producer != producer {
                    partition.sequences.restart(producer);
                }
                batch.transactional = self.transactions.is_transactional();
                partition.sequences.assign(&self.domains, slot, batch);
            }
            partition.muted = self.config.max_in_flight == 1;
            partition.usual_records = batch.tokens.len();
            partitions.push(ProducePartition { tp, batch: batch.wire() });
            slots.push(slot);
            self.nodes[index].cursor = Some(tp);
            self.refresh(tp);
        }
        self.scratch = order;
        if slots.is_empty() {
            return false;
        }
        let request = ProduceRequest {
            version: self.produce_version(),
            transactional_id: self.config.transactional_id.clone(),
            acks: self.config.acks,
            timeout_ms: self.config.request_timeout_ms,
            partitions,
        };
        if self.config.acks == Acks::None {
            self.connections.send_without_answer(channel, request, out);
            for slot in slots {
                self.sent_without_answer(slot);
            }
        } else {
            self.connections.send(now, channel, request, Sent::Produce(slots), out);
        }
        true
    }

    fn produce_version(&self) -> i16 {
        match self.config.protocol {
            ProtocolGeneration::Librdkafka => 10,
            ProtocolGeneration::Java4 if self.transactions.is_transactional() && !self.transactions.tv2 => 11,
            ProtocolGeneration::Java4 => 12,
        }
    }

    // ---- Metadata --------------------------------------------------------------------------------------------------

    /// The broker for a request that any broker can take: connected, with the fewest requests in flight; else one that
    /// is being connected to; else the one that failed longest ago. Ties go to the lowest id.
    pub(super) fn any_node(&self, now: Now) -> Option<usize> {
        let indices = || 0..self.nodes.len();
        let usable =
            indices().filter(|i| self.nodes[*i].phase == Phase::Ready && self.has_room(self.nodes[*i].channel));
        if let Some(best) = usable.min_by_key(|i| self.connections.in_flight(self.nodes[*i].channel)) {
            return Some(best);
        }
        let connecting = |i: &usize| matches!(self.nodes[*i].phase, Phase::Connecting | Phase::AskingVersions);
        if let Some(first) = indices().find(connecting) {
            return Some(first);
        }
        let idle = |i: &usize| {
            let node = &self.nodes[*i];
            node.phase == Phase::Idle && self.connections.not_before(node.channel) <= now.mono
        };
        let dead = |i: usize| !self.metadata.brokers.is_empty() && !self.metadata.brokers.contains(&self.nodes[i].id);
        indices().filter(idle).min_by_key(|i| (dead(*i), self.nodes[*i].failed))
    }

    fn refresh_metadata(&mut self, now: Now, out: &mut Outputs) {
        if self.transactions.is_fatal() || self.metadata.next_request_at() > now.mono {
            return;
        }
        let Some(index) = self.any_node(now) else { return };
        if self.node_ready(now, index, out) {
            let request = self.metadata.request(now.mono);
            self.connections.send(now, self.nodes[index].channel, request, Sent::Metadata, out);
        }
    }

    pub(super) fn metadata_response(&mut self, now: Now, response: &MetadataResponse) {
        let mut changed = Vec::new();
        self.metadata.update(now.mono, response, |tp| changed.push(tp));
        for id in &response.brokers {
            self.nodes.index_of(*id);
        }
        if self.config.variant.has(ProducerVariant::MetadataFlapSeqReset) {
            let gone = |tp: TopicPartition| response.topics.iter().any(|t| t.topic == tp.topic && t.error.is_some());
            let producer = self.transactions.producer;
            let partitions = self.accumulator.partitions.iter_mut();
            partitions.filter(|(tp, _)| gone(*tp)).for_each(|(_, partition)| partition.sequences.restart(producer));
        }
        for tp in changed {
            self.leader_changed(tp);
        }
        if !self.accumulator.leaderless.is_empty() {
            self.metadata.request_update();
        }
    }

    pub(super) fn leader_changed(&mut self, tp: TopicPartition) {
        let (leader, epoch) = self.metadata.leader(tp);
        if let Some(partition) = self.accumulator.partitions.get_mut(tp) {
            partition.leader = leader;
            partition.leader_epoch = epoch;
            self.refresh(tp);
        }
    }

    // ---- Closing ---------------------------------------------------------------------------------------------------

    /// Takes the next step of a close. Whether the loop must go round again.
    fn advance_close(&mut self, now: Now, out: &mut Outputs) -> bool {
        let Some(gives_up) = self.closing else { return false };
        let forced = now.mono >= gives_up && gives_up != Instant::NEVER;
        if !forced {
            if self.accumulator.generations.incomplete() > 0 || (self.transactions.enabled && !self.is_quiet()) {
                return false;
            }
            let open = matches!(self.transactions.state, ProducerState::InTransaction | ProducerState::AbortableError);
            if open && self.transactions.is_transactional() {
                self.begin_abort();
                return true;
            }
        }
        self.abort_batches(DeliveryErrorKind::Closed, false);
        while self.accumulator.generations.flushed() {
            self.events.push_back(ProducerEvent::Flushed);
        }
        self.connections.close_all(out);
        self.closed = true;
        self.events.push_back(ProducerEvent::Closed);
        false
    }

    /// Whether no transactional request is queued or under way. The first InitProducerId of an idempotent producer does
    /// not count: nobody waits for it.
    fn is_quiet(&self) -> bool {
        !self.transactions.is_transactional() || self.transactions.is_idle()
    }
}
