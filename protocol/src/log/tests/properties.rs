//! Random histories of one log against an oracle that recomputes everything, each time, from the list of batches
//! (§9.2: L1 to L10, L12, L13).

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::batch::{Payload, Record, TransactionResult};
use crate::error::ErrorCode;
use crate::log::producer_entry::{BatchDescriptor, ProducerEntry};
use crate::log::*;

/// Written only to by `AppendOrigin::Coordinator`: its batches are exempt from L4 and L5.
const COORDINATED: ProducerId = 9;
const WALL_MS: i64 = 1_000;

#[derive(Clone, Copy, Debug)]
enum Sequencing {
    Next,
    Retry(usize),
    Zero,
    Any(Sequence),
}

#[derive(Clone, Debug)]
enum Step {
    Append { pid: ProducerId, bump: i16, sequencing: Sequencing, count: usize, transactional: bool, guarded: bool },
    Verify { pid: ProducerId, bump: i16, sequencing: Sequencing, tv2: bool },
    Marker { pid: ProducerId, bump: i16, commit: bool, coordinator: CoordinatorEpoch, version: u8 },
    HighWatermark { percent: i64, follower: bool },
    Truncate { percent: i64 },
    Restart { ending: u8, percent: i64 },
    LeaderEpoch,
    Flush { percent: i64 },
    Checkpoint,
}

fn sequencing() -> impl Strategy<Value = Sequencing> {
    prop_oneof![
        6 => Just(Sequencing::Next),
        2 => (0usize..8).prop_map(Sequencing::Retry),
        1 => Just(Sequencing::Zero),
        1 => (0i32..8).prop_map(Sequencing::Any),
    ]
}

fn bump() -> impl Strategy<Value = i16> {
    prop_oneof![6 => Just(0i16), 2 => Just(1i16), 1 => Just(-1i16), 1 => Just(2i16)]
}

fn step() -> impl Strategy<Value = Step> {
    let pid = || prop_oneof![4 => 0i64..3, 1 => Just(COORDINATED), 1 => Just(NO_PRODUCER_ID)];
    prop_oneof![
        12 => (pid(), bump(), sequencing(), 1usize..4, any::<bool>(), any::<bool>()).prop_map(
            |(pid, bump, sequencing, count, transactional, guarded)| Step::Append {
                pid, bump, sequencing, count, transactional, guarded
            }
        ),
        2 => (0i64..3, bump(), sequencing(), any::<bool>())
            .prop_map(|(pid, bump, sequencing, tv2)| Step::Verify { pid, bump, sequencing, tv2 }),
        6 => (prop_oneof![4 => 0i64..3, 1 => Just(COORDINATED)], bump(), any::<bool>(), 0i32..4, prop_oneof![Just(0u8), Just(2u8)]).prop_map(
            |(pid, bump, commit, coordinator, version)| Step::Marker { pid, bump, commit, coordinator, version }
        ),
        5 => (0i64..=100, prop::bool::weighted(0.2))
            .prop_map(|(percent, follower)| Step::HighWatermark { percent, follower }),
        1 => (50i64..=100).prop_map(|percent| Step::Truncate { percent }),
        1 => (0u8..3, 0i64..=100).prop_map(|(ending, percent)| Step::Restart { ending, percent }),
        1 => Just(Step::LeaderEpoch),
        1 => (0i64..=100).prop_map(|percent| Step::Flush { percent }),
        1 => Just(Step::Checkpoint),
    ]
}

/// The verification entry by the words of §2.5.
#[derive(Clone, Debug)]
struct Verifying {
    guard: VerificationGuard,
    lowest: Sequence,
    epoch: ProducerEpoch,
    tv2: bool,
}

/// Producer, first offset, and once it ended the marker's offset and whether it aborts.
type Txn = (ProducerId, Offset, Option<(Offset, bool)>);

/// Knows the batches and nothing else that could be derived from them.
struct Oracle {
    domains: Domains,
    batches: Vec<Arc<RecordBatch>>,
    /// Batches before this offset were last seen through a snapshot.
    reloaded_at: Offset,
    verifying: BTreeMap<ProducerId, Verifying>,
    high_watermark: Offset,
    /// Highest high watermark since the last truncation or restart: what counts as replicated (§2.8).
    replicated: Offset,
}

impl Oracle {
    fn end(&self) -> Offset {
        self.batches.last().map_or(0, |batch| batch.next_offset())
    }

    fn of(&self, pid: ProducerId) -> impl DoubleEndedIterator<Item = &Arc<RecordBatch>> {
        self.batches.iter().filter(move |batch| batch.producer_id == pid && pid != NO_PRODUCER_ID)
    }

    fn last_sequence(&self, batch: &RecordBatch) -> Sequence {
        if batch.base_sequence == NO_SEQUENCE {
            return NO_SEQUENCE;
        }
        let mut sequence = batch.base_sequence;
        for _ in 0..batch.last_offset_delta {
            sequence = if sequence == self.domains.max_sequence { 0 } else { sequence + 1 };
        }
        sequence
    }

    /// The last batches at the present epoch that may be remembered, oldest first: all that follow the last batch of
    /// another epoch, of those before the reload only one, at most the window.
    fn window(&self, pid: ProducerId) -> Vec<BatchDescriptor> {
        let epoch = self.epoch(pid);
        let mut window: Vec<BatchDescriptor> = Vec::new();
        let mut seen_old = false;
        for batch in self.of(pid).rev().take_while(|batch| Some(batch.producer_epoch) == epoch) {
            let old = batch.base_offset < self.reloaded_at;
            if batch.is_control() || (old && seen_old) {
                continue;
            }
            seen_old |= old;
            window.push(BatchDescriptor {
                last_sequence: self.last_sequence(batch),
                last_offset: batch.last_offset(),
                offset_delta: batch.last_offset_delta,
            });
        }
        window.truncate(self.domains.batch_window as usize);
        window.reverse();
        window
    }

    fn epoch(&self, pid: ProducerId) -> Option<ProducerEpoch> {
        self.of(pid).next_back().map(|batch| batch.producer_epoch)
    }

    /// First offset of the open transaction.
    fn open(&self, pid: ProducerId) -> Option<Offset> {
        open_at(&self.batches, pid)
    }

    fn entry(&self, pid: ProducerId) -> Option<ProducerEntry> {
        let last = self.of(pid).next_back()?;
        let coordinator_epoch = self.of(pid).rev().find_map(|batch| match batch.payload {
            Payload::Marker { coordinator_epoch, .. } => Some(coordinator_epoch),
            _ => None,
        });
        Some(ProducerEntry {
            epoch: last.producer_epoch,
            coordinator_epoch: coordinator_epoch.unwrap_or(-1),
            last_timestamp_ms: last.max_timestamp_ms,
            current_txn_first_offset: self.open(pid),
            batches: self.window(pid).into(),
        })
    }

    /// §2.3, word for word. `Ok(Some(base offset))` for a duplicate.
    fn decide(
        &self,
        batch: &RecordBatch,
        client: bool,
        guard: Option<VerificationGuard>,
    ) -> Result<Option<Offset>, ErrorCode> {
        let pid = batch.producer_id;
        if pid == NO_PRODUCER_ID {
            return Ok(None);
        }
        let window = self.window(pid);
        let stored = self.epoch(pid).unwrap_or(-1);
        if client && stored == batch.producer_epoch {
            let range = (batch.base_sequence, self.last_sequence(batch));
            let at = |d: &BatchDescriptor| self.of(pid).find(|b| b.last_offset() == d.last_offset).expect("in the log");
            if let Some(original) = window.iter().map(at).find(|b| (b.base_sequence, self.last_sequence(b)) == range) {
                return Ok(Some(original.base_offset));
            }
        }
        let open = self.open(pid).is_some();
        let verifying = self.verifying.get(&pid);
        if batch.transactional && !(open && stored == batch.producer_epoch) {
            if stored > batch.producer_epoch {
                return Err(ErrorCode::InvalidProducerEpoch);
            }
            if guard.is_none() || verifying.map(|v| v.guard) != guard {
                return Err(ErrorCode::InvalidTxnState);
            }
        }
        if batch.producer_epoch < stored {
            return Err(ErrorCode::InvalidProducerEpoch);
        }
        if client {
            let sequence = batch.base_sequence;
            let row_a = verifying.is_some_and(|v| v.tv2) && sequence != 0 && window.is_empty();
            let row_b = verifying.is_some_and(|v| sequence > v.lowest);
            let known = self.epoch(pid).is_some();
            let fits = match (batch.producer_epoch == stored, window.last()) {
                (false, _) => sequence == 0 || !known,
                (true, Some(last)) if last.last_sequence == self.domains.max_sequence => sequence == 0,
                (true, Some(last)) => sequence == last.last_sequence + 1,
                (true, None) => sequence == 0,
            };
            if row_a || row_b || !fits {
                return Err(ErrorCode::OutOfOrderSequenceNumber);
            }
        }
        if open && !batch.transactional { Err(ErrorCode::InvalidTxnState) } else { Ok(None) }
    }

    /// §2.7, word for word.
    fn decide_marker(&self, pid: ProducerId, epoch: i16, coordinator: i32, version: u8) -> Result<(), ErrorCode> {
        let Some(entry) = self.entry(pid) else { return Ok(()) };
        let accepted = if version < 2 {
            epoch >= entry.epoch
        } else {
            let open = entry.current_txn_first_offset.is_some();
            epoch > entry.epoch || (epoch == entry.epoch && (!open || epoch == self.domains.max_epoch))
        };
        if !accepted {
            Err(ErrorCode::InvalidProducerEpoch)
        } else if entry.coordinator_epoch > coordinator {
            Err(ErrorCode::TransactionCoordinatorFenced)
        } else {
            Ok(())
        }
    }

    fn appended(&mut self, batch: Arc<RecordBatch>) {
        if batch.transactional && batch.producer_id != NO_PRODUCER_ID {
            let next = |v: &Verifying| batch.is_control() && v.tv2 && v.epoch == batch.producer_epoch;
            if !self.verifying.get(&batch.producer_id).is_some_and(next) {
                self.verifying.remove(&batch.producer_id);
            }
        }
        self.batches.push(batch);
    }

    /// All transactions, in the order of their first offsets.
    fn transactions(&self) -> Vec<Txn> {
        let mut all: Vec<Txn> = Vec::new();
        for batch in self.batches.iter().filter(|b| b.transactional && b.producer_id != NO_PRODUCER_ID) {
            let open = all.iter_mut().find(|(pid, _, marker)| *pid == batch.producer_id && marker.is_none());
            match (&batch.payload, open) {
                (Payload::Marker { result, .. }, Some(open)) => {
                    open.2 = Some((batch.base_offset, *result == TransactionResult::Abort));
                }
                (Payload::Marker { .. }, None) | (_, Some(_)) => {}
                (_, None) => all.push((batch.producer_id, batch.base_offset, None)),
            }
        }
        all
    }

    /// L9. Snapshots do not hold unreplicated transactions (§2.4): after a reload those whose marker came through the
    /// snapshot no longer hold the LSO back.
    fn last_stable_offset(&self) -> Offset {
        let unstable = |marker: Option<(Offset, bool)>| {
            marker.is_none_or(|(offset, _)| offset >= self.replicated.max(self.reloaded_at))
        };
        let firsts =
            self.transactions().into_iter().filter(|(.., marker)| unstable(*marker)).map(|(_, first, _)| first);
        firsts.min().map_or(self.high_watermark, |first| first.min(self.high_watermark))
    }

    /// L8: (pid, first, marker, lso) of the aborted, in marker order.
    fn aborted(&self) -> Vec<AbortedIndexEntry> {
        let all = self.transactions();
        let mut aborted = Vec::new();
        for &(producer_id, first_offset, marker) in &all {
            let Some((marker_offset, true)) = marker else { continue };
            let open_then = |&(pid, first, end): &Txn| {
                pid != producer_id && first < marker_offset && end.is_none_or(|(end, _)| end > marker_offset)
            };
            let others = all.iter().filter(|txn| open_then(txn)).map(|(_, first, _)| *first);
            let last_stable_offset = others.min().unwrap_or(marker_offset + 1);
            aborted.push(AbortedIndexEntry { producer_id, first_offset, marker_offset, last_stable_offset });
        }
        aborted.sort_by_key(|entry| entry.marker_offset);
        aborted
    }
}

fn open_at(batches: &[Arc<RecordBatch>], pid: ProducerId) -> Option<Offset> {
    let mut open = None;
    for batch in batches.iter().filter(|batch| batch.producer_id == pid && batch.transactional) {
        open = if batch.is_control() { None } else { open.or(Some(batch.base_offset)) };
    }
    open
}

struct Run {
    log: PartitionLog,
    oracle: Oracle,
    leader_epoch: LeaderEpoch,
}

impl Run {
    fn new(settings: LogSettings) -> Run {
        let mut log = PartitionLog::new(settings);
        log.begin_leader_epoch(0);
        let oracle = Oracle {
            domains: settings.domains,
            batches: Vec::new(),
            reloaded_at: 0,
            verifying: BTreeMap::new(),
            high_watermark: 0,
            replicated: 0,
        };
        Run { log, oracle, leader_epoch: 0 }
    }

    fn epoch(&self, pid: ProducerId, bump: i16) -> ProducerEpoch {
        (self.oracle.epoch(pid).unwrap_or(0) + bump).clamp(0, self.oracle.domains.max_epoch)
    }

    fn sequence(&self, pid: ProducerId, sequencing: Sequencing) -> (Sequence, Option<usize>) {
        let domains = &self.oracle.domains;
        let data: Vec<_> = self.oracle.of(pid).filter(|batch| !batch.is_control()).collect();
        match sequencing {
            Sequencing::Next => {
                let last = self.oracle.window(pid).last().map_or(-1, |d| d.last_sequence);
                (if last == domains.max_sequence { 0 } else { last + 1 }, None)
            }
            Sequencing::Retry(back) => data
                .iter()
                .rev()
                .nth(back)
                .map_or((0, None), |batch| (batch.base_sequence, Some(batch.last_offset_delta as usize + 1))),
            Sequencing::Zero => (0, None),
            Sequencing::Any(sequence) => (sequence.min(domains.max_sequence), None),
        }
    }

    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Append { pid, bump, sequencing, count, transactional, guarded } => {
                self.append(pid, bump, sequencing, count, transactional, guarded)?;
            }
            Step::Verify { pid, bump, sequencing, tv2 } => {
                let producer = ProducerIdAndEpoch::new(pid, self.epoch(pid, bump));
                let (sequence, _) = self.sequence(pid, sequencing);
                self.verify(producer, sequence, tv2)?;
            }
            Step::Marker { pid, bump, commit, coordinator, version } => {
                let result = if commit { TransactionResult::Commit } else { TransactionResult::Abort };
                let producer = ProducerIdAndEpoch::new(pid, self.epoch(pid, bump));
                let expected = self.oracle.decide_marker(pid, producer.epoch, coordinator, version);
                let before = self.log.clone();
                let epoch = self.leader_epoch;
                let wall_ms = WALL_MS + self.oracle.end();
                let got = self.log.append_marker(
                    &EndMarker { producer, result, coordinator_epoch: coordinator, transaction_version: version },
                    epoch,
                    wall_ms,
                );
                prop_assert_eq!(got.map(|_| ()), expected);
                match got {
                    Ok(_) => self.mirror_append(),
                    Err(_) => prop_assert_eq!(&self.log, &before),
                }
            }
            Step::HighWatermark { percent, follower } => {
                let to = self.boundary(percent);
                self.log.set_high_watermark(to, follower);
                let oracle = &mut self.oracle;
                oracle.high_watermark = if follower { to } else { to.max(oracle.high_watermark) };
                oracle.replicated = oracle.replicated.max(oracle.high_watermark);
            }
            Step::Truncate { percent } => self.truncate(percent),
            Step::Restart { ending, percent } => self.restart(ending, percent),
            Step::LeaderEpoch => {
                self.leader_epoch += 1;
                self.log.begin_leader_epoch(self.leader_epoch);
            }
            Step::Flush { percent } => self.log.flush(self.boundary(percent)),
            Step::Checkpoint => {
                self.log.checkpoint_high_watermark();
                self.log.checkpoint_recovery_point();
            }
        }
        self.check()
    }

    fn append(
        &mut self,
        pid: ProducerId,
        bump: i16,
        sequencing: Sequencing,
        count: usize,
        transactional: bool,
        guarded: bool,
    ) -> Result<(), TestCaseError> {
        let anonymous = pid == NO_PRODUCER_ID;
        let client = pid != COORDINATED;
        let producer = ProducerIdAndEpoch::new(pid, self.epoch(pid, bump));
        let (sequence, retried) = if client { self.sequence(pid, sequencing) } else { (0, None) };
        let timestamp_ms = WALL_MS + self.oracle.end();
        let record = Record { origin: Default::default(), timestamp_ms, key: None, value: None };
        let batch = RecordBatch {
            transactional: transactional && !anonymous,
            producer_id: pid,
            producer_epoch: if anonymous { NO_PRODUCER_EPOCH } else { producer.epoch },
            base_sequence: if anonymous { NO_SEQUENCE } else { sequence },
            ..RecordBatch::of_records(vec![record; retried.unwrap_or(count)].into())
        };
        let mut guard = None;
        if batch.transactional && guarded {
            guard = self.verify(producer, sequence, count == 2)?;
        }
        let expected = self.oracle.decide(&batch, client, guard);
        let before = self.log.clone();
        let origin = if client { AppendOrigin::Client } else { AppendOrigin::Coordinator };
        let got = self.log.append_as_leader(&Arc::new(batch), self.leader_epoch, origin, guard, true);
        // L12: a duplicate is answered with the offsets of a batch that is in the log.
        prop_assert_eq!(got.map(|done| done.duplicate.then_some(done.base_offset)), expected);
        match got {
            Ok(done) if !done.duplicate => self.mirror_append(),
            _ => prop_assert_eq!(&self.log, &before),
        }
        Ok(())
    }

    /// What was just appended has the next offset; the oracle takes it as it is.
    fn mirror_append(&mut self) {
        let batch = self.log.batches().last().expect("a batch was appended");
        assert_eq!(batch.base_offset, self.oracle.end());
        self.oracle.appended(Arc::clone(batch));
    }

    fn verify(
        &mut self,
        producer: ProducerIdAndEpoch,
        sequence: Sequence,
        tv2: bool,
    ) -> Result<Option<VerificationGuard>, TestCaseError> {
        let got = self.log.start_verification(producer, sequence, tv2, WALL_MS);
        let stored = self.oracle.epoch(producer.id).unwrap_or(-1);
        if stored > producer.epoch {
            prop_assert_eq!(got, Err(ErrorCode::InvalidProducerEpoch));
            return Ok(None);
        }
        if stored == producer.epoch && self.oracle.open(producer.id).is_some() {
            prop_assert_eq!(got, Ok(Verification::NotNeeded));
            return Ok(None);
        }
        let Ok(Verification::Needed(guard)) = got else { return Err(TestCaseError::fail(format!("{got:?}"))) };
        let fresh = Verifying { guard, lowest: sequence, epoch: producer.epoch, tv2 };
        prop_assert!(self.oracle.verifying.iter().all(|(pid, v)| *pid == producer.id || v.guard != guard));
        let entry = self.oracle.verifying.entry(producer.id).or_insert(fresh);
        prop_assert_eq!(entry.guard, guard);
        if producer.epoch > entry.epoch {
            (entry.epoch, entry.lowest) = (producer.epoch, sequence);
        } else if producer.epoch == entry.epoch {
            entry.lowest = entry.lowest.min(sequence);
        }
        Ok(Some(guard))
    }

    /// A batch boundary at or below `percent` of the log.
    fn boundary(&self, percent: i64) -> Offset {
        let target = self.oracle.end() * percent / 100;
        self.oracle
            .batches
            .iter()
            .map(|b| b.base_offset)
            .take_while(|base| *base <= target)
            .last()
            .unwrap_or(0)
            .max(if percent == 100 { self.oracle.end() } else { 0 })
    }

    fn truncate(&mut self, percent: i64) {
        let to = self.oracle.end() * percent / 100; // may lie inside a batch
        if to >= self.oracle.end() {
            self.log.truncate_to(to, WALL_MS);
            return;
        }
        let snapshots: Vec<Offset> = self.log.producers.snapshots.keys().copied().collect();
        self.oracle.batches.retain(|batch| batch.last_offset() < to);
        let end = self.oracle.end();
        self.log.truncate_to(to, WALL_MS);
        self.oracle.reloaded_at = snapshots.into_iter().filter(|at| *at <= end).max().unwrap_or(0);
        self.oracle.high_watermark = self.oracle.high_watermark.min(end);
        self.oracle.replicated = self.oracle.high_watermark;
        // Verification entries go where transactional batches are replayed.
        let replayed: Vec<_> =
            self.oracle.batches.iter().filter(|b| b.base_offset >= self.oracle.reloaded_at).cloned().collect();
        for batch in replayed.iter().filter(|batch| batch.transactional) {
            let next = |v: &Verifying| batch.is_control() && v.tv2 && v.epoch == batch.producer_epoch;
            if !self.oracle.verifying.get(&batch.producer_id).is_some_and(next) {
                self.oracle.verifying.remove(&batch.producer_id);
            }
        }
    }

    fn restart(&mut self, ending: u8, percent: i64) {
        let flushed = self.log.flushed_offset();
        let keep_until = self.oracle.end() * percent / 100;
        let checkpointed = self.log.checkpoints.high_watermark;
        let (ending, high_watermark) = match ending {
            0 => (Ending::Clean, self.oracle.high_watermark),
            1 => (Ending::Crash, checkpointed),
            _ => {
                self.oracle.batches.retain(|batch| batch.last_offset() < keep_until.max(flushed));
                (Ending::PowerLoss { keep_until }, checkpointed)
            }
        };
        let settings = self.log.settings;
        let log = core::mem::replace(&mut self.log, PartitionLog::new(settings));
        self.log = PartitionLog::open(log.close(ending), settings, WALL_MS);
        self.oracle.reloaded_at = self.oracle.end();
        self.oracle.verifying.clear();
        self.oracle.high_watermark = high_watermark.min(self.oracle.end());
        self.oracle.replicated = self.oracle.high_watermark;
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let (log, oracle) = (&self.log, &self.oracle);
        prop_assert!(log.batches().eq(oracle.batches.iter()));
        prop_assert_eq!(log.log_end_offset(), oracle.end());
        prop_assert_eq!(log.high_watermark(), oracle.high_watermark);
        // L10, and L3, L7, L13 through the entries' definition.
        for pid in [0, 1, 2, COORDINATED] {
            prop_assert_eq!(log.producers.entries.get(&pid).cloned(), oracle.entry(pid), "producer {}", pid);
        }
        prop_assert_eq!(log.replay_difference(), None);
        // L9, L2.
        prop_assert_eq!(log.last_stable_offset(), oracle.last_stable_offset());
        prop_assert!(log.last_stable_offset() <= log.high_watermark());
        // L8.
        let aborted = oracle.aborted();
        prop_assert!(log.aborted_index().eq(aborted.iter()), "{:?} is not {:?}", log.aborted, aborted);
        prop_assert!(aborted.iter().all(|entry| entry.last_stable_offset <= entry.marker_offset + 1));
        // §2.9 for every possible read.
        let bounds: Vec<Offset> = oracle.batches.iter().map(|b| b.base_offset).chain([oracle.end()]).collect();
        let named =
            |e: &AbortedIndexEntry| AbortedTransaction { producer_id: e.producer_id, first_offset: e.first_offset };
        for (i, &from) in bounds.iter().enumerate() {
            for &upper in &bounds[i..] {
                let needed = aborted.iter().filter(|e| e.marker_offset >= from && e.first_offset < upper).map(named);
                prop_assert!(log.aborted_transactions(from, upper).into_iter().eq(needed));
            }
        }
        let sizes: u64 = oracle.batches.iter().map(|batch| u64::from(batch.size)).sum();
        prop_assert_eq!(log.size_bytes(), sizes);
        prop_assert_eq!(log.bytes_between(0, oracle.end(), u64::MAX), sizes);
        self.check_batches()
    }

    /// The invariants that speak of the list of batches alone.
    fn check_batches(&self) -> Result<(), TestCaseError> {
        let batches = &self.oracle.batches;
        for (a, b) in batches.iter().zip(batches.iter().skip(1)) {
            prop_assert!(b.base_offset == a.next_offset() && b.leader_epoch >= a.leader_epoch, "L1");
        }
        for epoch in 0..=self.leader_epoch {
            // §7.4 against the batches: where a known epoch ends.
            let Some(last) = batches.iter().rfind(|batch| batch.leader_epoch == epoch) else { continue };
            let end = EpochEndOffset { epoch, end_offset: last.next_offset() };
            prop_assert_eq!(self.log.end_offset_for_epoch(epoch), end);
        }
        for pid in [0, 1, 2, COORDINATED] {
            let mine: Vec<_> = self.oracle.of(pid).collect();
            let mut coordinator = -1;
            let mut open: Option<ProducerEpoch> = None;
            for (i, batch) in mine.iter().enumerate() {
                let before = i.checked_sub(1).map(|i| mine[i]);
                prop_assert!(before.is_none_or(|b| b.producer_epoch <= batch.producer_epoch), "L3");
                if let Payload::Marker { coordinator_epoch, .. } = batch.payload {
                    prop_assert!(coordinator_epoch >= coordinator, "L13");
                    coordinator = coordinator_epoch;
                    prop_assert!(open.is_none_or(|epoch| batch.producer_epoch >= epoch), "L6");
                    open = None;
                    continue;
                }
                prop_assert!(open.is_none() || batch.transactional, "L7");
                open = if batch.transactional { Some(batch.producer_epoch) } else { open };
                if pid == COORDINATED {
                    continue;
                }
                let same_epoch = |b: &&&Arc<RecordBatch>| !b.is_control() && b.producer_epoch == batch.producer_epoch;
                match mine[..i].iter().rfind(same_epoch) {
                    Some(last) => {
                        let next = self.oracle.domains.add(self.oracle.last_sequence(last), 1);
                        prop_assert_eq!(batch.base_sequence, next, "L4");
                    }
                    None => prop_assert!(batch.base_sequence == 0 || before.is_none(), "L4"),
                }
            }
        }
        Ok(())
    }
}

fn settings(segment_bytes: u32, domains: Domains) -> LogSettings {
    let variants = BrokerVariants::NONE;
    LogSettings { segment_bytes, producer_id_expiration_ms: 86_400_000, domains, variants }
}

fn run(settings: LogSettings, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut run = Run::new(settings);
    for step in steps {
        run.take(step)?;
    }
    // R1: a follower that is sent the log has the same state, but for how long its memory of batches is.
    let mut follower = PartitionLog::new(settings);
    for batch in run.log.batches() {
        follower.append_as_follower(batch);
    }
    prop_assert_eq!(follower.replay_difference(), None);
    prop_assert_eq!(follower.active_producers(), run.log.active_producers());
    prop_assert_eq!(&follower.aborted, &run.log.aborted);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Kafka's domains, segments of a few batches.
    #[test]
    fn the_log_agrees_with_a_recomputation(steps in prop::collection::vec(step(), 1..60)) {
        let domains = Domains::default();
        run(settings(600, domains), &steps)?;
    }

    /// Tiny domains, so that sequences wrap, epochs run out and the window is short.
    #[test]
    fn the_log_agrees_with_a_recomputation_in_small_domains(steps in prop::collection::vec(step(), 1..60)) {
        let domains = Domains { max_sequence: 7, max_epoch: 3, batch_window: 2 };
        run(settings(1 << 30, domains), &steps)?;
    }
}
