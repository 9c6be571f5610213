//! One test a rule; sections are those of the reference.

mod properties;
mod variants;

use super::*;
use crate::batch::{Record, TransactionResult::*};
use crate::error::ErrorCode::{self, *};
use crate::message::AbortedTransaction;

const DAY_MS: i32 = 86_400_000;
const NOW: i64 = 1_000;

fn settings() -> LogSettings {
    LogSettings {
        segment_bytes: 1 << 30,
        producer_id_expiration_ms: DAY_MS,
        domains: Domains::default(),
        variants: BrokerVariants::NONE,
    }
}

/// A batch of `count` records as a client sends it.
fn batch(pid: ProducerId, epoch: ProducerEpoch, sequence: Sequence, count: usize) -> RecordBatch {
    let record = Record { origin: Default::default(), timestamp_ms: NOW, key: None, value: None };
    RecordBatch {
        producer_id: pid,
        producer_epoch: epoch,
        base_sequence: sequence,
        ..RecordBatch::of_records(vec![record; count].into())
    }
}

fn txn(pid: ProducerId, epoch: ProducerEpoch, sequence: Sequence, count: usize) -> RecordBatch {
    RecordBatch { transactional: true, ..batch(pid, epoch, sequence, count) }
}

/// Shorthand for a leader of epoch 0 without verification.
struct Leader(PartitionLog);

impl Leader {
    fn new() -> Leader {
        Leader::with(settings())
    }

    fn with(settings: LogSettings) -> Leader {
        let mut log = PartitionLog::new(settings);
        log.begin_leader_epoch(0);
        Leader(log)
    }

    fn append(&mut self, batch: RecordBatch) -> Result<(Offset, bool), ErrorCode> {
        let done = self.0.append_as_leader(&Arc::new(batch), 0, AppendOrigin::Client, None, false)?;
        Ok((done.base_offset, done.duplicate))
    }

    fn guarded(&mut self, batch: RecordBatch, guard: Option<VerificationGuard>) -> Result<Offset, ErrorCode> {
        let done = self.0.append_as_leader(&Arc::new(batch), 0, AppendOrigin::Client, guard, true)?;
        Ok(done.base_offset)
    }

    fn verify(&mut self, pid: ProducerId, epoch: ProducerEpoch, sequence: Sequence, tv2: bool) -> Verification {
        self.0.start_verification(ProducerIdAndEpoch::new(pid, epoch), sequence, tv2, NOW).expect("epoch is current")
    }

    fn guard(&mut self, pid: ProducerId, epoch: ProducerEpoch, sequence: Sequence, tv2: bool) -> VerificationGuard {
        match self.verify(pid, epoch, sequence, tv2) {
            Verification::Needed(guard) => guard,
            Verification::NotNeeded => panic!("no transaction was open"),
        }
    }

    fn marker(
        &mut self,
        pid: ProducerId,
        epoch: ProducerEpoch,
        result: crate::batch::TransactionResult,
        coordinator: CoordinatorEpoch,
        version: u8,
    ) -> Result<Offset, ErrorCode> {
        let producer = ProducerIdAndEpoch::new(pid, epoch);
        Ok(self
            .0
            .append_marker(
                &EndMarker { producer, result, coordinator_epoch: coordinator, transaction_version: version },
                0,
                NOW,
            )?
            .base_offset)
    }

    fn replicated(&mut self) {
        self.0.set_high_watermark(self.0.log_end_offset(), false);
    }

    fn restarted(self, ending: Ending) -> Leader {
        let settings = self.0.settings;
        Leader(PartitionLog::open(self.0.close(ending), settings, NOW))
    }

    /// Leaves the log unchanged, producer state and verification entries included.
    #[track_caller]
    fn refuses(&mut self, batch: RecordBatch, error: ErrorCode) {
        let before = self.0.clone();
        assert_eq!(self.append(batch), Err(error));
        assert_eq!(self.0, before);
    }
}

// ---- §2.3 ------------------------------------------------------------------------------------------------------------

/// §2.3 step 2: an exact retry of one of the last five batches succeeds with the original offset.
#[test]
fn a_retry_of_a_remembered_batch_gets_its_original_offset() {
    let mut leader = Leader::new();
    for i in 0..6 {
        assert_eq!(leader.append(batch(7, 0, i * 2, 2)), Ok((i64::from(i) * 2, false)));
    }
    let before = leader.0.clone();
    for i in 1..6 {
        assert_eq!(leader.append(batch(7, 0, i * 2, 2)), Ok((i64::from(i) * 2, true)));
    }
    assert_eq!(leader.0, before, "a duplicate appends nothing");
    // §2.3 consequences: older than the window, or only overlapping, is 45, not a duplicate.
    leader.refuses(batch(7, 0, 0, 2), OutOfOrderSequenceNumber);
    leader.refuses(batch(7, 0, 10, 1), OutOfOrderSequenceNumber);
    leader.refuses(batch(7, 0, 11, 2), OutOfOrderSequenceNumber);
}

/// §2.3: inside the log the duplicate check comes before the transaction checks.
#[test]
fn a_retry_is_recognised_even_where_the_guard_is_missing() {
    let mut leader = Leader::new();
    let guard = leader.guard(7, 0, 0, false);
    assert_eq!(leader.guarded(txn(7, 0, 0, 1), Some(guard)), Ok(0));
    leader.marker(7, 0, Commit, 0, 0).unwrap();
    assert_eq!(leader.guarded(txn(7, 0, 0, 1), None), Ok(0));
    assert_eq!(leader.guarded(txn(7, 0, 1, 1), None), Err(InvalidTxnState));
}

/// §2.3 consequences: any change of epoch empties the window, so a retry from the old epoch is 47.
#[test]
fn a_late_retry_of_an_older_epoch_is_fenced() {
    let mut leader = Leader::new();
    leader.append(batch(7, 0, 0, 1)).unwrap();
    leader.append(batch(7, 1, 0, 1)).unwrap();
    leader.refuses(batch(7, 0, 0, 1), InvalidProducerEpoch);
    leader.refuses(txn(7, 0, 0, 1), InvalidProducerEpoch);
}

/// §2.3 row a: with a TV2 entry and no remembered batch only sequence 0 may come.
#[test]
fn row_a_unknown_tv2_producer_begins_at_zero() {
    let mut leader = Leader::new();
    let guard = leader.guard(7, 0, 5, true);
    assert_eq!(leader.guarded(txn(7, 0, 5, 1), Some(guard)), Err(OutOfOrderSequenceNumber));
    assert_eq!(leader.guarded(txn(7, 0, 0, 1), Some(guard)), Ok(0));
    // Below TV2 the same first batch is taken (row d).
    let mut leader = Leader::new();
    let guard = leader.guard(7, 0, 5, false);
    assert_eq!(leader.guarded(txn(7, 0, 5, 1), Some(guard)), Ok(0));
}

/// §2.3 row a also after a bumping marker emptied the window.
#[test]
fn row_a_holds_after_a_marker_emptied_the_window() {
    let mut leader = Leader::new();
    leader.append(txn(7, 0, 0, 1)).unwrap();
    leader.marker(7, 1, Commit, 0, 2).unwrap();
    let guard = leader.guard(7, 2, 3, true);
    assert_eq!(leader.guarded(txn(7, 2, 3, 1), Some(guard)), Err(OutOfOrderSequenceNumber));
    assert_eq!(leader.guarded(txn(7, 2, 0, 1), Some(guard)), Ok(2));
}

/// §2.3 row b, §2.5: a batch behind one that is still being verified is refused instead of leaving a hole.
#[test]
fn row_b_no_batch_overtakes_one_that_is_being_verified() {
    let mut leader = Leader::new();
    let guard = leader.guard(7, 0, 5, false);
    assert_eq!(leader.guard(7, 0, 3, false), guard, "the entry is reused");
    assert_eq!(leader.guarded(txn(7, 0, 5, 1), Some(guard)), Err(OutOfOrderSequenceNumber));
    assert_eq!(leader.guarded(txn(7, 0, 3, 2), Some(guard)), Ok(0));
    // The entry is gone with the append: the next is in sequence.
    assert_eq!(leader.verify(7, 0, 5, false), Verification::NotNeeded);
    assert_eq!(leader.guarded(txn(7, 0, 5, 1), None), Ok(2));
}

/// §2.5: the lowest sequence is per epoch: a higher epoch resets it.
#[test]
fn lowest_sequence_is_reset_by_a_higher_epoch() {
    let mut leader = Leader::new();
    let guard = leader.guard(7, 0, 0, false);
    assert_eq!(leader.guard(7, 1, 4, false), guard);
    assert_eq!(leader.guard(7, 0, 1, false), guard, "a lower epoch changes nothing");
    assert_eq!(leader.guarded(txn(7, 1, 5, 1), Some(guard)), Err(OutOfOrderSequenceNumber));
    assert_eq!(leader.guarded(txn(7, 1, 4, 1), Some(guard)), Ok(0));
}

/// §2.3 rows c and e: a new epoch of a known producer begins at 0.
#[test]
fn rows_c_and_e_a_new_epoch_begins_at_zero() {
    let mut leader = Leader::new();
    leader.append(batch(7, 0, 0, 3)).unwrap();
    leader.refuses(batch(7, 1, 3, 1), OutOfOrderSequenceNumber);
    assert_eq!(leader.append(batch(7, 1, 0, 1)), Ok((3, false)));
}

/// §2.3 row d, §2.4: an unknown producer may begin anywhere.
#[test]
fn row_d_an_unknown_producer_begins_anywhere() {
    assert_eq!(Leader::new().append(batch(7, 3, 41, 1)), Ok((0, false)));
}

/// §2.3 row f, §2.1: the next sequence is the successor, from the largest to 0; one batch may straddle the wrap.
#[test]
fn row_f_sequences_wrap_to_zero() {
    let mut leader = Leader::new();
    leader.append(batch(7, 0, 2147483637, 21)).unwrap();
    leader.refuses(batch(7, 0, 9, 1), OutOfOrderSequenceNumber);
    assert_eq!(leader.append(batch(7, 0, 10, 1)), Ok((21, false)));
    assert_eq!(leader.append(batch(7, 0, 2147483637, 21)), Ok((0, true)));
    let small = Domains { max_sequence: 3, ..Domains::default() };
    let mut leader = Leader::with(LogSettings { domains: small, ..settings() });
    leader.append(batch(7, 0, 2, 2)).unwrap();
    leader.refuses(batch(7, 0, 1, 1), OutOfOrderSequenceNumber);
    assert_eq!(leader.append(batch(7, 0, 0, 1)), Ok((2, false)));
}

/// §2.3 row g: after a marker made the entry, the same epoch begins at 0.
#[test]
fn row_g_the_epoch_of_a_marker_begins_at_zero() {
    let mut leader = Leader::new();
    leader.marker(7, 4, Abort, 0, 0).unwrap();
    leader.refuses(batch(7, 4, 1, 1), OutOfOrderSequenceNumber);
    assert_eq!(leader.append(batch(7, 4, 0, 1)), Ok((1, false)));
}

/// §2.3 step 6, L7: no non-transactional batch inside a transaction of its producer.
#[test]
fn an_ordinary_batch_inside_a_transaction_is_refused() {
    let mut leader = Leader::new();
    leader.append(txn(7, 0, 0, 1)).unwrap();
    leader.refuses(batch(7, 0, 1, 1), InvalidTxnState);
    leader.refuses(batch(7, 0, 2, 1), OutOfOrderSequenceNumber); // step 5 comes first
    assert_eq!(leader.append(batch(8, 0, 0, 1)), Ok((1, false)));
}

/// §2.2: coordinators' data batches: no duplicate or sequence check, but epoch and guard are checked.
#[test]
fn offset_batches_are_checked_for_epoch_and_guard_only() {
    let mut leader = Leader::new();
    let append = |leader: &mut Leader, batch, guard| {
        leader.0.append_as_leader(&Arc::new(batch), 0, AppendOrigin::Coordinator, guard, true)
    };
    assert_eq!(append(&mut leader, txn(7, 1, 0, 1), None), Err(InvalidTxnState));
    let guard = leader.guard(7, 1, NO_SEQUENCE, true);
    assert!(append(&mut leader, txn(7, 1, 0, 1), Some(guard)).is_ok());
    let again = append(&mut leader, txn(7, 1, 0, 1), None).unwrap();
    assert_eq!((again.base_offset, again.duplicate), (1, false));
    assert_eq!(append(&mut leader, txn(7, 0, 0, 1), None), Err(InvalidProducerEpoch));
}

/// §2.3 consequences (inference): a verified higher epoch with sequence 0 joins the transaction that is still open.
#[test]
fn a_higher_epoch_joins_an_open_transaction() {
    let mut leader = Leader::new();
    leader.append(txn(7, 0, 0, 1)).unwrap();
    leader.append(txn(7, 1, 0, 1)).unwrap();
    assert_eq!(leader.0.open_transactions().collect::<Vec<_>>(), [(7, 0)]);
}

/// §1.6: a batch that no segment could hold is 18, a control batch from outside 87.
#[test]
fn oversized_and_control_batches_are_refused() {
    let mut leader = Leader::with(LogSettings { segment_bytes: 100, ..settings() });
    leader.refuses(batch(7, 0, 0, 2), RecordListTooLarge);
    leader.refuses(RecordBatch::marker(7, 0, Abort, 0, NOW), InvalidRecord);
}

// ---- §2.5 ------------------------------------------------------------------------------------------------------------

/// §2.5: the transaction must be opened with the stored guard; 0 never verifies.
#[test]
fn a_transaction_opens_only_with_the_stored_guard() {
    let mut leader = Leader::new();
    assert_eq!(leader.guarded(txn(7, 0, 0, 1), None), Err(InvalidTxnState));
    let guard = leader.guard(7, 0, 0, false);
    let stranger = leader.guard(8, 0, 0, false);
    assert_ne!(guard, stranger, "guards are unique");
    assert_eq!(leader.guarded(txn(7, 0, 0, 1), Some(stranger)), Err(InvalidTxnState));
    assert_eq!(leader.guarded(txn(7, 0, 0, 1), Some(VerificationGuard(0))), Err(InvalidTxnState));
    assert_eq!(leader.guarded(txn(7, 0, 0, 1), Some(guard)), Ok(0));
}

/// §2.5 ABA protection: verified, aborted, verified anew: the first guard is stale.
#[test]
fn a_guard_does_not_outlive_an_abort() {
    let mut leader = Leader::new();
    let stale = leader.guard(7, 0, 0, false);
    leader.marker(7, 0, Abort, 0, 0).unwrap();
    let fresh = leader.guard(7, 0, 0, false);
    assert_ne!(stale, fresh);
    assert_eq!(leader.guarded(txn(7, 0, 0, 1), Some(stale)), Err(InvalidTxnState));
    assert_eq!(leader.guarded(txn(7, 0, 0, 1), Some(fresh)), Ok(1));
}

/// §2.5: a marker leaves the TV2 entry of its own epoch, which belongs to the next transaction.
#[test]
fn a_tv2_marker_spares_the_entry_of_the_next_transaction() {
    let mut leader = Leader::new();
    leader.append(txn(7, 0, 0, 1)).unwrap();
    let next = leader.guard(7, 1, 0, true);
    leader.marker(7, 1, Commit, 0, 2).unwrap();
    assert_eq!(leader.guarded(txn(7, 1, 0, 1), Some(next)), Ok(2));
    let other = leader.guard(7, 2, 0, true);
    leader.marker(7, 3, Abort, 0, 2).unwrap();
    assert_eq!(leader.guarded(txn(7, 3, 0, 1), Some(other)), Err(InvalidTxnState), "another epoch's entry goes");
}

/// §2.5: a request of an epoch older than the stored one is 47 at once.
#[test]
fn verification_refuses_an_old_epoch() {
    let mut leader = Leader::new();
    leader.append(batch(7, 2, 0, 1)).unwrap();
    let before = leader.0.clone();
    let old = ProducerIdAndEpoch::new(7, 1);
    assert_eq!(leader.0.start_verification(old, 0, true, NOW), Err(InvalidProducerEpoch));
    assert_eq!(leader.0, before);
}

// ---- §2.7 ------------------------------------------------------------------------------------------------------------

/// §2.7: below version 2 a marker of the data's epoch ends the transaction and leaves the window.
#[test]
fn a_tv1_marker_keeps_the_sequences() {
    let mut leader = Leader::new();
    leader.append(txn(7, 3, 0, 2)).unwrap();
    assert_eq!(leader.marker(7, 2, Commit, 0, 0), Err(InvalidProducerEpoch));
    assert_eq!(leader.marker(7, 3, Commit, 0, 0), Ok(2));
    assert_eq!(leader.append(txn(7, 3, 2, 1)), Ok((3, false)));
}

/// §2.7: with version 2 the marker must be above the data's epoch while a transaction is open.
#[test]
fn a_tv2_marker_must_be_above_the_epoch_of_the_data() {
    let mut leader = Leader::new();
    leader.append(txn(7, 3, 0, 1)).unwrap();
    let before = leader.0.clone();
    assert_eq!(leader.marker(7, 3, Commit, 0, 2), Err(InvalidProducerEpoch));
    assert_eq!(leader.0, before);
    assert_eq!(leader.marker(7, 4, Commit, 0, 2), Ok(1));
    // KAFKA-19999: the retry of a marker whose answer was lost is written again.
    assert_eq!(leader.marker(7, 4, Commit, 0, 2), Ok(2));
    assert_eq!(leader.marker(7, 3, Commit, 0, 2), Err(InvalidProducerEpoch));
}

/// §2.7: at the largest epoch the coordinator cannot bump; an equal epoch is accepted though a transaction is open.
#[test]
fn a_tv2_marker_at_the_largest_epoch_may_be_equal() {
    let domains = Domains { max_epoch: 4, ..Domains::default() };
    let mut leader = Leader::with(LogSettings { domains, ..settings() });
    leader.append(txn(7, 4, 0, 1)).unwrap();
    assert_eq!(leader.marker(7, 4, Abort, 0, 2), Ok(1));
    assert_eq!(leader.0.open_transactions().count(), 0);
}

/// §2.7, L13: a marker of a past coordinator is 52, even where nothing is open.
#[test]
fn a_marker_of_a_past_coordinator_is_fenced() {
    let mut leader = Leader::new();
    assert_eq!(leader.marker(7, 0, Abort, 5, 0), Ok(0));
    assert_eq!(leader.marker(7, 0, Abort, 4, 0), Err(TransactionCoordinatorFenced));
    assert_eq!(leader.marker(7, 0, Abort, 5, 0), Ok(1));
    assert_eq!(leader.marker(7, 0, Abort, 6, 0), Ok(2));
}

/// §2.7: a marker that ends nothing is appended, and is in no index.
#[test]
fn an_empty_abort_leaves_no_index_entry() {
    let mut leader = Leader::new();
    leader.marker(7, 5, Abort, 0, 2).unwrap();
    assert_eq!(leader.0.log_end_offset(), 1);
    assert_eq!(leader.0.aborted_index().count(), 0);
    leader.refuses(batch(7, 4, 0, 1), InvalidProducerEpoch); // its epoch counts from now on
}

// ---- §2.8, §2.9 ------------------------------------------------------------------------------------------------------

/// §2.8: a decided transaction holds the LSO back until its marker is below the high watermark.
#[test]
fn the_lso_waits_for_the_marker_to_be_replicated() {
    let mut leader = Leader::new();
    leader.append(batch(1, 0, 0, 2)).unwrap();
    leader.append(txn(7, 0, 0, 2)).unwrap();
    leader.append(batch(1, 0, 2, 1)).unwrap();
    assert!(leader.0.set_high_watermark(2, false));
    assert_eq!(leader.0.last_stable_offset(), 2);
    assert!(leader.0.set_high_watermark(5, false));
    assert_eq!(leader.0.last_stable_offset(), 2, "later records, too, are hidden");
    leader.marker(7, 0, Commit, 0, 0).unwrap();
    assert_eq!(leader.0.last_stable_offset(), 2);
    assert!(!leader.0.set_high_watermark(5, false));
    assert!(leader.0.set_high_watermark(6, false));
    assert_eq!(leader.0.last_stable_offset(), 6);
}

/// §7.2, §7.3: a leader's high watermark never goes down, a follower's may; none passes the log end.
#[test]
fn only_a_follower_lowers_its_high_watermark() {
    let mut leader = Leader::new();
    leader.append(batch(1, 0, 0, 4)).unwrap();
    assert!(leader.0.set_high_watermark(9, false));
    assert_eq!(leader.0.high_watermark(), 4);
    assert!(!leader.0.set_high_watermark(2, false));
    assert!(leader.0.set_high_watermark(2, true));
    assert_eq!(leader.0.high_watermark(), 2);
}

/// §2.8, §2.9: the stored lso is the first offset of the oldest other open transaction, else the offset after the marker.
#[test]
fn the_aborted_index_answers_reads_by_definition() {
    let mut leader = Leader::new();
    leader.append(txn(1, 0, 0, 1)).unwrap(); // 0
    leader.append(txn(2, 0, 0, 1)).unwrap(); // 1
    leader.marker(2, 0, Abort, 0, 0).unwrap(); // 2: producer 1 is open since 0
    leader.append(txn(2, 0, 1, 1)).unwrap(); // 3
    leader.marker(1, 0, Abort, 0, 0).unwrap(); // 4: producer 2 is open since 3
    leader.marker(2, 0, Commit, 0, 0).unwrap(); // 5: no entry
    leader.append(txn(1, 0, 1, 1)).unwrap(); // 6
    leader.marker(1, 0, Abort, 0, 0).unwrap(); // 7
    let entries: Vec<_> = leader
        .0
        .aborted_index()
        .map(|e| (e.producer_id, e.first_offset, e.marker_offset, e.last_stable_offset))
        .collect();
    assert_eq!(entries, [(2, 1, 2, 0), (1, 0, 4, 3), (1, 6, 7, 8)]);
    let read = |from, upper| -> Vec<_> {
        let named = |a: AbortedTransaction| (a.producer_id, a.first_offset);
        leader.0.aborted_transactions(from, upper).into_iter().map(named).collect()
    };
    assert_eq!(read(0, 1), [(1, 0)], "the walk goes on past an entry whose lso is below the upper bound");
    assert_eq!(read(0, 8), [(2, 1), (1, 0), (1, 6)]);
    assert_eq!(read(3, 6), [(1, 0)], "a transaction that began before the read");
    assert_eq!(read(5, 8), [(1, 6)]);
    assert_eq!(read(5, 6), []);
}

// ---- §2.4 ------------------------------------------------------------------------------------------------------------

/// §2.4: an idle producer expires by its record time; one with an open transaction never; verification entries do.
#[test]
fn idle_producers_expire_unless_their_transaction_is_open() {
    let mut leader = Leader::new();
    leader.append(batch(1, 0, 0, 1)).unwrap();
    leader.append(txn(2, 0, 0, 1)).unwrap();
    let guard = leader.guard(3, 0, 0, false);
    leader.0.expire_producers(NOW + i64::from(DAY_MS) - 1);
    assert_eq!(leader.0.active_producers().len(), 2);
    assert_eq!(leader.guard(3, 0, 0, false), guard);
    leader.0.expire_producers(NOW + i64::from(DAY_MS));
    assert_eq!(leader.0.active_producers().iter().map(|p| p.producer.id).collect::<Vec<_>>(), [2]);
    assert_ne!(leader.guard(3, 0, 0, false), guard);
    assert_eq!(leader.0.replay_difference(), None);
    assert_eq!(leader.append(batch(1, 0, 0, 1)), Ok((2, false)), "the retry of an expired producer is a duplicate");
}

/// §2.4 truncation: state is that of the log before the offset; the window survives where batches are replayed.
#[test]
fn truncation_takes_back_producer_state() {
    let mut leader = Leader::new();
    leader.append(txn(7, 0, 0, 1)).unwrap();
    leader.append(txn(7, 0, 1, 1)).unwrap();
    let before = leader.0.clone();
    leader.marker(7, 1, Abort, 3, 2).unwrap();
    leader.append(batch(8, 0, 0, 1)).unwrap();
    leader.0.truncate_to(2, NOW);
    assert_eq!(leader.0.active_producers(), before.active_producers());
    assert_eq!(leader.0.producers.entries, before.producers.entries);
    assert_eq!(leader.0.aborted_index().count(), 0);
    assert_eq!(leader.0.open_transactions().collect::<Vec<_>>(), [(7, 0)]);
    // The next truncation starts from the snapshot written at 2, which has only the last batch.
    leader.append(txn(7, 0, 2, 1)).unwrap();
    leader.append(txn(7, 0, 3, 1)).unwrap();
    leader.0.truncate_to(3, NOW);
    assert_eq!(leader.append(txn(7, 0, 2, 1)), Ok((2, true)));
    assert_eq!(leader.append(txn(7, 0, 1, 1)), Ok((1, true)));
    leader.refuses(txn(7, 0, 0, 1), OutOfOrderSequenceNumber);
}

/// §2.4: an offset inside a batch removes the whole batch.
#[test]
fn truncation_cuts_at_batch_boundaries() {
    let mut leader = Leader::new();
    leader.append(batch(7, 0, 0, 3)).unwrap();
    leader.append(batch(7, 0, 3, 3)).unwrap();
    leader.0.truncate_to(4, NOW);
    assert_eq!((leader.0.log_end_offset(), leader.0.batch_count()), (3, 1));
    assert_eq!(leader.append(batch(7, 0, 3, 3)), Ok((3, false)));
}

/// §2.4: verification entries survive truncation, except where transactional batches of the producer are replayed.
#[test]
fn verification_entries_survive_truncation() {
    let mut leader = Leader::new();
    leader.append(txn(7, 0, 0, 1)).unwrap();
    leader.append(batch(1, 0, 0, 1)).unwrap();
    let kept = leader.guard(8, 0, 0, false);
    let dropped = leader.guard(7, 1, 0, false);
    leader.0.truncate_to(1, NOW);
    assert_eq!(leader.guard(8, 0, 0, false), kept);
    assert_ne!(leader.guard(7, 1, 0, false), dropped);
}

/// §2.4: below the first segment everything goes, as with a full truncation.
#[test]
fn full_truncation_forgets_everything() {
    let mut leader = Leader::new();
    leader.append(txn(7, 0, 0, 2)).unwrap();
    leader.0.truncate_fully_and_start_at(10);
    assert_eq!((leader.0.log_start_offset(), leader.0.log_end_offset(), leader.0.high_watermark()), (10, 10, 10));
    assert_eq!(leader.0.last_stable_offset(), 10);
    assert!(leader.0.active_producers().is_empty() && leader.0.is_empty() && leader.0.latest_epoch().is_none());
    leader.append(batch(7, 0, 4, 1)).unwrap();
    leader.0.truncate_to(5, NOW);
    assert_eq!((leader.0.log_start_offset(), leader.0.log_end_offset()), (5, 5));
    assert!(leader.0.active_producers().is_empty());
}

/// §2.4: when the log start passes all data of a producer its entry stays in memory, and is lost at the next restart.
#[test]
fn retention_leaves_producers_in_memory() {
    let mut leader = Leader::with(LogSettings { segment_bytes: 130, ..settings() });
    leader.append(batch(7, 0, 0, 1)).unwrap();
    leader.append(batch(8, 0, 0, 1)).unwrap();
    leader.append(batch(8, 0, 1, 1)).unwrap();
    leader.0.advance_log_start(2);
    assert_eq!(leader.0.log_start_offset(), 0, "not beyond the high watermark");
    leader.replicated();
    leader.0.advance_log_start(2);
    assert_eq!((leader.0.log_start_offset(), leader.0.batch_count(), leader.0.size_bytes()), (2, 1, 91));
    assert_eq!(leader.0.active_producers().len(), 2);
    leader.0.checkpoint_recovery_point();
    leader.0.truncate_to(2, NOW);
    assert_eq!(leader.0.active_producers().len(), 0);
}

/// §2.4 restart, clean: the snapshot at the log end holds only the last batch of each producer.
#[test]
fn a_clean_restart_remembers_one_batch() {
    let mut leader = Leader::new();
    leader.append(batch(7, 0, 0, 1)).unwrap();
    leader.append(batch(7, 0, 1, 1)).unwrap();
    leader.replicated();
    let mut leader = leader.restarted(Ending::Clean);
    assert_eq!((leader.0.high_watermark(), leader.0.flushed_offset()), (2, 2));
    assert_eq!(leader.append(batch(7, 0, 1, 1)), Ok((1, true)));
    leader.refuses(batch(7, 0, 0, 1), OutOfOrderSequenceNumber);
    assert_eq!(leader.append(batch(7, 0, 2, 1)), Ok((2, false)));
}

/// §2.4: expired producers of a snapshot are skipped when it is loaded, unless their transaction is open.
#[test]
fn a_restart_skips_expired_producers() {
    let mut leader = Leader::new();
    leader.append(batch(1, 0, 0, 1)).unwrap();
    leader.append(txn(2, 0, 0, 1)).unwrap();
    let disk = leader.0.close(Ending::Clean);
    let log = PartitionLog::open(disk, settings(), NOW + i64::from(DAY_MS));
    assert_eq!(log.active_producers().iter().map(|p| p.producer.id).collect::<Vec<_>>(), [2]);
    assert_eq!(log.open_transactions().collect::<Vec<_>>(), [(2, 1)]);
    assert_eq!(log.replay_difference(), None);
}

/// §2.4: snapshots do not hold ended transactions: after a restart one whose marker is above the high watermark no longer
/// holds the LSO back. (Its outcome is decided, and an abort is in the index.)
#[test]
fn a_restart_forgets_unreplicated_transactions() {
    let mut leader = Leader::new();
    leader.append(txn(7, 0, 0, 2)).unwrap();
    leader.append(txn(8, 0, 0, 1)).unwrap();
    leader.0.set_high_watermark(3, false);
    leader.marker(7, 0, Abort, 0, 0).unwrap();
    assert_eq!(leader.0.last_stable_offset(), 0);
    let leader = leader.restarted(Ending::Clean);
    assert_eq!((leader.0.high_watermark(), leader.0.last_stable_offset()), (3, 2));
    assert_eq!(leader.0.aborted_transactions(0, 2).len(), 1);
}

/// §2.4, §7.7 restart, unclean: nothing of the page cache is lost; the high watermark is the checkpointed one, and the
/// recovery scan ends with a snapshot at the log end.
#[test]
fn a_crash_keeps_the_page_cache() {
    let mut leader = Leader::with(LogSettings { segment_bytes: 200, ..settings() });
    leader.append(txn(7, 0, 0, 1)).unwrap();
    leader.marker(7, 0, Abort, 3, 0).unwrap();
    leader.replicated();
    leader.0.checkpoint_high_watermark();
    leader.append(txn(7, 0, 1, 1)).unwrap();
    leader.append(txn(8, 0, 0, 1)).unwrap();
    leader.marker(8, 0, Abort, 3, 0).unwrap();
    leader.replicated();
    let before = leader.0.clone();
    let mut leader = leader.restarted(Ending::Crash);
    assert_eq!((leader.0.log_end_offset(), leader.0.high_watermark()), (5, 2));
    assert_eq!(leader.0.last_stable_offset(), 2);
    assert_eq!(leader.0.active_producers(), before.active_producers());
    assert_eq!(leader.0.aborted, before.aborted);
    assert_eq!(leader.0.epochs, before.epochs);
    assert!(leader.0.set_high_watermark(5, false));
    assert_eq!(leader.0.last_stable_offset(), 2, "producer 7 is still open");
    assert_eq!(leader.append(txn(7, 0, 1, 1)), Ok((2, true)));
    leader.refuses(txn(7, 0, 0, 1), OutOfOrderSequenceNumber);
}

/// §7.7: power loss takes a suffix of what was not flushed, at a batch boundary, and what spoke of it.
#[test]
fn power_loss_keeps_a_prefix() {
    let mut leader = Leader::new();
    for i in 0..4 {
        leader.append(batch(7, 0, i * 2, 2)).unwrap();
    }
    leader.replicated();
    leader.0.checkpoint_high_watermark();
    leader.0.flush(4);
    let ends = |keep_until| {
        let disk = leader.0.clone().close(Ending::PowerLoss { keep_until });
        let log = PartitionLog::open(disk, settings(), NOW);
        assert_eq!(log.replay_difference(), None);
        (log.log_end_offset(), log.high_watermark(), log.active_producers()[0].last_sequence)
    };
    assert_eq!(ends(0), (4, 4, 3), "what was flushed stays");
    assert_eq!(ends(5), (4, 4, 3), "half a batch is no batch");
    assert_eq!(ends(6), (6, 6, 5));
    assert_eq!(ends(100), (8, 8, 7));
}

/// §2.4: a segment roll flushes what lies before and leaves a snapshot at its base.
#[test]
fn a_roll_flushes_and_leaves_a_snapshot() {
    let mut leader = Leader::with(LogSettings { segment_bytes: 200, ..settings() });
    for i in 0..3 {
        leader.append(batch(7, 0, i, 1)).unwrap();
    }
    assert_eq!(leader.0.flushed_offset(), 2);
    assert_eq!(leader.0.producers.snapshots.keys().copied().collect::<Vec<_>>(), [2]);
    let mut leader = leader.restarted(Ending::PowerLoss { keep_until: 0 });
    assert_eq!(leader.append(batch(7, 0, 1, 1)), Ok((1, true)));
}

// ---- §7.2 to §7.4 ----------------------------------------------------------------------------------------------------

/// §7.4: latest epoch, known and unknown older ones, newer ones, and those before the first.
#[test]
fn the_epoch_cache_answers_where_an_epoch_ends() {
    let mut log = PartitionLog::new(settings());
    assert_eq!(log.end_offset_for_epoch(0), EpochEndOffset::UNDEFINED);
    let mut append = |epoch, offset| {
        log.append_as_follower(&Arc::new(RecordBatch {
            base_offset: offset,
            leader_epoch: epoch,
            ..batch(-1, -1, -1, 2)
        }));
    };
    append(2, 0);
    append(2, 2);
    append(5, 4);
    let answer = |log: &PartitionLog, epoch| {
        let end = log.end_offset_for_epoch(epoch);
        (end.epoch, end.end_offset)
    };
    assert_eq!(log.latest_epoch(), Some(5));
    assert_eq!(answer(&log, 5), (5, 6));
    assert_eq!(answer(&log, 2), (2, 4));
    assert_eq!(answer(&log, 4), (2, 4));
    assert_eq!(answer(&log, 1), (1, 0));
    assert_eq!(answer(&log, 6), (NO_LEADER_EPOCH, -1));
    assert_eq!(answer(&log, NO_LEADER_EPOCH), (NO_LEADER_EPOCH, -1));
    // §7.2: an epoch without records is dropped by the next one, and by a truncation that removes nothing.
    log.begin_leader_epoch(7);
    assert_eq!((answer(&log, 7), answer(&log, 5)), ((7, 6), (5, 6)));
    log.truncate_to(6, NOW);
    assert_eq!(log.latest_epoch(), Some(5));
    log.begin_leader_epoch(7);
    log.begin_leader_epoch(8);
    assert_eq!((answer(&log, 7), answer(&log, 8)), ((5, 6), (8, 6)));
    log.truncate_to(3, NOW);
    assert_eq!(log.latest_epoch(), Some(2));
}

/// §2.2: followers take a marker or batch whatever its epoch; state is overwritten, and the batch shared.
#[test]
fn a_follower_takes_what_it_is_sent() {
    let mut leader = Leader::new();
    leader.append(txn(7, 3, 5, 2)).unwrap();
    leader.marker(7, 4, Abort, 2, 2).unwrap();
    leader.append(txn(7, 4, 0, 1)).unwrap();
    let mut follower = PartitionLog::new(settings());
    for batch in leader.0.batches() {
        follower.append_as_follower(batch);
    }
    assert!(leader.0.batches().zip(follower.batches()).all(|(a, b)| Arc::ptr_eq(a, b)));
    assert_eq!(follower.producers.entries, leader.0.producers.entries);
    assert_eq!(follower.aborted, leader.0.aborted);
    let late = RecordBatch { base_offset: 4, ..txn(7, 2, 9, 1) };
    follower.append_as_follower(&Arc::new(late));
    assert_eq!(follower.active_producers()[0].producer.epoch, 2);
}

// ---- Reading ---------------------------------------------------------------------------------------------------------

/// Reads give whole batches: the one that contains the offset first, at least one, none that reaches the upper bound.
#[test]
fn reads_give_whole_batches() {
    let mut leader = Leader::new();
    for i in 0..4 {
        leader.append(batch(7, 0, i * 2, 2)).unwrap();
    }
    let bases = |from, upper, max| -> Vec<_> {
        leader.0.read(from, upper, max).batches.iter().map(|b| b.base_offset).collect()
    };
    assert_eq!(bases(1, 8, 1), [0]);
    assert_eq!(bases(2, 8, 242), [2, 4]);
    assert_eq!(bases(2, 8, 241), [2]);
    assert_eq!(bases(2, 7, 1000), [2, 4]);
    assert_eq!(bases(8, 8, 1000), []);
    assert_eq!(leader.0.bytes_between(2, 6, 10_000), 242);
    assert_eq!(leader.0.bytes_between(0, 8, 1), 121);
    assert_eq!(leader.0.size_bytes(), 484);
}

/// ListOffsets by time: the first record at or after it.
#[test]
fn an_offset_is_found_by_its_time() {
    let mut leader = Leader::new();
    let at = |times: &[i64]| {
        let record = |t: &i64| Record { origin: Default::default(), timestamp_ms: *t, key: None, value: None };
        RecordBatch::of_records(times.iter().map(record).collect())
    };
    leader.append(at(&[10, 20])).unwrap();
    leader.append(at(&[15, 40, 30])).unwrap();
    assert_eq!(leader.0.offset_for_timestamp(5), Some((0, 0)));
    assert_eq!(leader.0.offset_for_timestamp(11), Some((1, 0)));
    assert_eq!(leader.0.offset_for_timestamp(25), Some((3, 0)));
    assert_eq!(leader.0.offset_for_timestamp(41), None);
}
