//! §6.1.

use super::*;
use crate::consumer::fetch::CompletedFetch;
use TransactionResult::{Abort, Commit};

const A: ProducerId = 100;
const B: ProducerId = 200;

fn aborted(producer_id: ProducerId, first_offset: Offset) -> AbortedTransaction {
    AbortedTransaction { producer_id, first_offset }
}

/// Offsets that come out, and the position afterwards.
fn read(
    isolation: IsolationLevel,
    from: Offset,
    batches: Vec<RecordBatch>,
    aborted: Vec<AbortedTransaction>,
) -> (Vec<Offset>, Offset) {
    let batches = batches.into_iter().map(Arc::new).collect();
    let mut fetch = CompletedFetch::new(tp(0), LEADER, isolation, from, batches, aborted);
    let mut offsets = Vec::new();
    while let Some(records) = fetch.take(2) {
        offsets.extend(records.iter().map(|(offset, _)| offset));
    }
    assert!(fetch.is_drained());
    (offsets, fetch.next_offset)
}

fn read_committed(from: Offset, batches: Vec<RecordBatch>, aborted: Vec<AbortedTransaction>) -> (Vec<Offset>, Offset) {
    read(IsolationLevel::ReadCommitted, from, batches, aborted)
}

/// A: 0-1 aborted at 6, 7-8 committed at 9. B: 2-3 committed at 5. Plain: 4.
fn interleaved() -> Vec<RecordBatch> {
    vec![
        txn(0, 2, A),
        txn(2, 2, B),
        data(4, 1),
        marker(5, B, Commit),
        marker(6, A, Abort),
        txn(7, 2, A),
        marker(9, A, Commit),
    ]
}

#[test]
fn aborted_records_are_skipped_by_producer_not_by_range() {
    assert_eq!(read_committed(0, interleaved(), vec![aborted(A, 0)]), (vec![2, 3, 4, 7, 8], 10));
}

#[test]
fn read_uncommitted_sees_aborted_records_but_no_markers() {
    let all = read(IsolationLevel::ReadUncommitted, 0, interleaved(), vec![]);
    assert_eq!(all, (vec![0, 1, 2, 3, 4, 7, 8], 10));
}

#[test]
fn a_transaction_that_began_before_the_fetch_is_filtered() {
    // The fetch starts at 3; the aborted transaction began at 0 and its marker is at 4.
    let batches = vec![txn(3, 1, A), marker(4, A, Abort), txn(5, 1, A), marker(6, A, Commit)];
    assert_eq!(read_committed(3, batches, vec![aborted(A, 0)]), (vec![5], 7));
}

#[test]
fn the_list_may_name_transactions_that_come_later_or_not_at_all() {
    let batches = vec![txn(0, 1, A), marker(1, A, Commit), txn(2, 1, A), marker(3, A, Abort)];
    assert_eq!(read_committed(0, batches, vec![aborted(B, 50), aborted(A, 2)]), (vec![0], 4));
}

#[test]
fn the_list_is_ordered_by_first_offset_whatever_its_order_of_markers() {
    // B's transaction began first and was aborted last: the list names A first.
    let batches = vec![txn(0, 1, B), txn(1, 1, A), marker(2, A, Abort), txn(3, 1, B), marker(4, B, Abort), data(5, 1)];
    assert_eq!(read_committed(0, batches, vec![aborted(A, 1), aborted(B, 0)]), (vec![5], 6));
}

#[test]
fn plain_records_of_an_aborting_producer_are_delivered() {
    let plain = RecordBatch { transactional: false, ..txn(1, 1, A) };
    assert_eq!(read_committed(0, vec![txn(0, 1, A), plain, marker(2, A, Abort)], vec![aborted(A, 0)]), (vec![1], 3));
}

#[test]
fn a_fetch_in_the_middle_of_a_batch_drops_what_is_before_it() {
    assert_eq!(read_committed(2, vec![data(0, 4), data(4, 1)], vec![]), (vec![2, 3, 4], 5));
}

#[test]
fn the_position_passes_an_empty_batch() {
    let compacted = RecordBatch { payload: crate::batch::Payload::Empty, ..txn(1, 3, A) };
    assert_eq!(read_committed(0, vec![data(0, 1), compacted], vec![]), (vec![0], 4));
}

/// A step of a random log.
#[derive(Clone, Copy, Debug)]
enum Op {
    /// A transactional batch of a producer.
    Data(ProducerId, usize),
    Plain(usize),
    End(ProducerId, TransactionResult),
}

fn op() -> impl proptest::strategy::Strategy<Value = Op> {
    use proptest::prelude::*;
    prop_oneof![
        4 => (0..3i64, 1..4usize).prop_map(|(pid, count)| Op::Data(pid, count)),
        1 => (1..3usize).prop_map(Op::Plain),
        2 => (0..3i64, any::<bool>()).prop_map(|(pid, commit)| Op::End(pid, if commit { Commit } else { Abort })),
    ]
}

proptest::proptest! {
    /// §6.1, last sentence: from wherever the fetch starts, with the broker's list for that start (§2.9).
    #[test]
    fn a_reader_gets_exactly_the_committed_records_from_any_offset(ops in proptest::collection::vec(op(), 1..40), from in 0..60i64) {
        let mut log = Vec::new();
        let (mut open, mut next) = (std::collections::BTreeMap::<ProducerId, Vec<Offset>>::new(), 0);
        let (mut visible, mut index) = (Vec::new(), Vec::new());
        // Every transaction is ended at the close, so that the whole log is below the last stable offset.
        for op in ops.into_iter().chain((0..3).map(|pid| Op::End(pid, Abort))) {
            match op {
                Op::Data(pid, count) => {
                    log.push(txn(next, count, pid));
                    open.entry(pid).or_default().extend(next..next + count as i64);
                    next += count as i64;
                }
                Op::Plain(count) => {
                    log.push(data(next, count));
                    visible.extend(next..next + count as i64);
                    next += count as i64;
                }
                Op::End(pid, result) => {
                    let records = open.remove(&pid).unwrap_or_default();
                    match (result, records.first()) {
                        (Abort, Some(first)) => index.push((aborted(pid, *first), next)),
                        (Commit, _) => visible.extend(records),
                        (Abort, None) => {}
                    }
                    log.push(marker(next, pid, result));
                    next += 1;
                }
            }
        }
        let from = from.min(next);
        visible.retain(|offset| *offset >= from);
        visible.sort_unstable();
        let list = index.into_iter().filter(|(_, marker)| *marker >= from).map(|(txn, _)| txn).collect();
        let batches = log.into_iter().filter(|batch| batch.last_offset() >= from).collect();
        proptest::prop_assert_eq!(read_committed(from, batches, list), (visible, next));
    }
}
