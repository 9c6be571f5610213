//! Property: whatever happens, the offsets are those of a naive replay of the log (G1, G4).

use proptest::prelude::*;

use super::*;
use crate::batch::Payload;

#[derive(Clone, Debug)]
enum Step {
    Plain {
        group: u8,
        partition: u32,
    },
    Txn {
        pid: ProducerId,
        group: u8,
        partition: u32,
    },
    Marker {
        pid: ProducerId,
        result: TransactionResult,
    },
    /// The next append is refused by the log.
    Fail,
    Replicate,
    ReplicateOne,
    /// A new coordinator; `lose` of the uncommitted batches never reached it.
    FailOver {
        lose: usize,
    },
    Resign,
    Pass {
        ms: u64,
    },
    Fetch {
        require_stable: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let result = prop_oneof![Just(Commit), Just(Abort)];
    prop_oneof![
        4 => (0..2u8, 0..2u32).prop_map(|(group, partition)| Step::Plain { group, partition }),
        6 => (0..3i64, 0..2u8, 0..2u32).prop_map(|(pid, group, partition)| Step::Txn { pid, group, partition }),
        4 => (0..3i64, result).prop_map(|(pid, result)| Step::Marker { pid, result }),
        1 => Just(Step::Fail),
        2 => Just(Step::Replicate),
        3 => Just(Step::ReplicateOne),
        1 => (0..3usize).prop_map(|lose| Step::FailOver { lose }),
        1 => Just(Step::Resign),
        1 => (0..90_000u64).prop_map(|ms| Step::Pass { ms }),
        2 => any::<bool>().prop_map(|require_stable| Step::Fetch { require_stable }),
    ]
}

type Key = (Name, TopicPartition);
/// Committed, and pending by producer.
type Offsets = (Vec<(Key, Offset)>, Vec<(ProducerId, Key, Offset)>);

/// Every offset record of the log: where it stands, its key, its value (`None`: tombstone), its transaction.
fn records(log: &[RecordBatch]) -> Vec<(Offset, Key, Option<Offset>, Option<ProducerId>)> {
    let mut all = Vec::new();
    for batch in log {
        let Payload::GroupLog(records) = &batch.payload else { continue };
        for (i, record) in records.iter().enumerate() {
            if let GroupLogRecord::Offset { group_id, tp, value } = record {
                let value = value.as_ref().map(|v| v.offset);
                let pid = batch.transactional.then_some(batch.producer_id);
                all.push((batch.base_offset + i as i64, (Name::clone(group_id), *tp), value, pid));
            }
        }
    }
    all
}

/// How the transaction that contains the record at `offset` ended: the first marker of its producer after it.
fn decision(log: &[RecordBatch], pid: ProducerId, offset: Offset) -> Option<TransactionResult> {
    log.iter().filter(|b| b.producer_id == pid && b.base_offset > offset).find_map(|b| match b.payload {
        Payload::Marker { result, .. } => Some(result),
        _ => None,
    })
}

/// Says of every key what is committed and what is pending, from the definition rather than step by step: records before
/// the last tombstone are gone; of the others the committed one with the greatest offset wins.
fn naive(log: &[RecordBatch]) -> Offsets {
    let records = records(log);
    let mut keys: Vec<Key> = records.iter().map(|r| r.1.clone()).collect();
    keys.sort();
    keys.dedup();
    let (mut committed, mut pending) = (Vec::new(), Vec::new());
    for key in keys {
        let own: Vec<_> = records.iter().filter(|r| r.1 == key).collect();
        let dead = own.iter().filter(|r| r.2.is_none()).map(|r| r.0).max().unwrap_or(-1);
        let live: Vec<_> = own.into_iter().filter(|r| r.0 > dead).collect();
        let decided = |r: &&&(Offset, Key, Option<Offset>, Option<ProducerId>)| match r.3 {
            None => true,
            Some(pid) => decision(log, pid, r.0) == Some(Commit),
        };
        if let Some(winner) = live.iter().filter(decided).max_by_key(|r| r.0) {
            committed.push((key.clone(), winner.2.expect("alive")));
        }
        for pid in 0..3 {
            let open = live.iter().filter(|r| r.3 == Some(pid) && decision(log, pid, r.0).is_none());
            if let Some(last) = open.max_by_key(|r| r.0) {
                pending.push((pid, key.clone(), last.2.expect("alive")));
            }
        }
    }
    pending.sort();
    (committed, pending)
}

fn check(rig: &Rig) {
    let (committed, pending) = naive(&rig.log);
    let live: Vec<_> = rig.gc.committed_offsets().into_iter().map(|(g, tp, v)| ((g, tp), v.offset)).collect();
    assert_eq!(live, committed, "committed offsets");
    let live: Vec<_> = rig.gc.pending_offsets().into_iter().map(|(p, g, tp, v)| (p, (g, tp), v.offset)).collect();
    assert_eq!(live, pending, "pending offsets");
}

/// A reader without requireStable sees the log below the high watermark; one with it nothing that is open (G2).
fn check_fetch(rig: &mut Rig, require_stable: bool) {
    let before = rig.log.clone();
    let conn = rig.fetch(require_stable);
    let Some(seen) = rig.fetched(conn) else {
        assert!(require_stable && !rig.in_flight.is_empty(), "only stable readers wait, and only for the log");
        return;
    };
    let hw = rig.high_watermark;
    let stable: Vec<_> = before.into_iter().filter(|b| require_stable || b.base_offset < hw).collect();
    let (committed, pending) = naive(&stable);
    let key = (Name::from(GROUP), P0);
    let value = committed.iter().find(|(k, _)| *k == key).map_or(-1, |(_, v)| *v);
    if require_stable && pending.iter().any(|(_, k, _)| *k == key) {
        assert_eq!(seen, Err(ErrorCode::UnstableOffsetCommit));
    } else {
        assert_eq!(seen, Ok(value));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn offsets_are_those_of_a_replay_of_the_log(steps in prop::collection::vec(step(), 1..60)) {
        let mut rig = Rig::with(|config| {
            config.offsets_retention_minutes = 1;
            config.offsets_retention_check_ms = 20_000;
        });
        rig.replicated = false;
        let mut led = true;
        let mut ms = 0;
        let group = |n: u8| GroupMetadata::only_group(if n == 0 { GROUP } else { "h" }.into());
        let tp = |p| TopicPartition::new(TopicId(2), p);
        for (offset, step) in (1000..).zip(steps) {
            match step {
                Step::Plain { group: g, partition } => { rig.plain(group(g), tp(partition), offset); }
                Step::Txn { pid, group: g, partition } => { rig.txn(pid, group(g), tp(partition), offset); }
                Step::Marker { pid, result } => { rig.marker(pid, result); }
                Step::Fail => rig.fail = Some(ErrorCode::NotEnoughReplicas),
                Step::Replicate => rig.replicate(),
                Step::ReplicateOne => { rig.replicate_one(); }
                Step::FailOver { lose } => {
                    for _ in 0..lose {
                        if rig.log.last().is_some_and(|b| b.base_offset >= rig.high_watermark) {
                            rig.log.pop();
                        }
                    }
                    let high_watermark = rig.high_watermark;
                    rig.fail_over_at(high_watermark);
                    led = true;
                }
                Step::Resign => {
                    rig.resign();
                    rig.in_flight.clear();
                    led = false;
                }
                Step::Pass { ms: more } => {
                    ms += more;
                    rig.at(ms);
                }
                Step::Fetch { require_stable } if led => check_fetch(&mut rig, require_stable),
                Step::Fetch { .. } => {}
            }
            if led {
                check(&rig);
            }
        }
        if led {
            rig.replicate();
            check_fetch(&mut rig, false);
        }
        rig.fail_over();
        check(&rig);
    }
}
