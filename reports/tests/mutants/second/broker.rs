//! What brokers keep: copies, sequences, leaders, the ends of logs, values at offsets.

use fencepost_reports::history::event::*;

use super::annex::{Annex, Entry, State};
use super::{Story, story};
use crate::kinds::Mutant;
use crate::values::fingerprint;

pub fn stories() -> Vec<Story> {
    vec![
        story!(
            "copy-in-another-partition",
            "an idempotent producer's record is in a second partition of its topic too",
            copy_in_another_partition,
            [Duplicate]
        ),
        story!(
            "copy-in-another-topic",
            "a record is in a topic too to which nobody sent it",
            copy_in_another_topic,
            [Duplicate, Phantom],
            [Duplicate, Phantom],
            "the format counts copies by record and senders by topic: it is both"
        ),
        story!(
            "dropped-from-the-middle-of-a-batch",
            "one of a batch's records, acknowledged without offsets, is not there",
            dropped_from_a_batch,
            [Loss]
        ),
        story!(
            "new-epoch-not-from-zero",
            "the first batch under an epoch that an idempotent producer raised has a later sequence than 0",
            new_epoch_not_from_zero,
            [SequenceBroken]
        ),
        story!(
            "sequences-overlap",
            "a batch begins within the sequences of the one before it",
            sequences_overlap,
            [SequenceBroken]
        ),
        story!(
            "hole-after-a-truncation",
            "after a truncation a batch goes on where the truncated one ended",
            hole_after_truncation,
            [SequenceBroken]
        ),
        story!("wrapped-to-one", "after the largest sequence comes 1, not 0", wrapped_to_one, [SequenceBroken]),
        story!(
            "truncated-by-an-older-leader",
            "a leader truncates a log and goes on under an older epoch than what it left",
            truncated_by_an_older_leader,
            [LeaderEpochBack]
        ),
        story!(
            "visible-above-the-stable-offset",
            "a record outside transactions is visible above the last stable offset",
            visible_above_stable,
            [Contradiction],
            [StalledLso, HangingTransaction],
            "the last stable offset is held by an open transaction"
        ),
        story!(
            "record-below-the-start",
            "the final read has a record before the log's beginning",
            below_the_start,
            [Contradiction]
        ),
        story!(
            "final-record-twice",
            "the final read has one offset twice",
            final_twice,
            [Contradiction],
            [Duplicate],
            "the record is then visible twice"
        ),
        story!(
            "read-and-truncated",
            "a reader was given a record, and the final read has nothing at its offset",
            read_and_truncated,
            [TwoValues]
        ),
        story!(
            "two-readers-disagree",
            "two readers were given different records at an offset that is deleted in the end",
            two_readers_disagree,
            [TwoValues]
        ),
        story!(
            "two-readers-disagree-everywhere",
            "two readers were given different records at all offsets of a log that are deleted in the end: each is counted",
            disagree_everywhere,
            [TwoValues]
        ),
        story!(
            "value-of-the-neighbour",
            "a record has the value of the one after it",
            value_of_the_neighbour,
            [WrongValue]
        ),
        story!(
            "value-of-another-attempt",
            "a record has the value of an attempt before the one that was acknowledged there",
            value_of_another_attempt,
            [WrongValue]
        ),
    ]
}

fn copy_in_another_partition(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let topic = a.topic("meters", 2);
    let (here, there) = (Partition::new(topic, 0), Partition::new(topic, 1));
    let c = a.meter("meter", &[topic]);
    let reader = a.reader("reader", Isolation::ReadCommitted, &[topic]);
    for _ in 0..a.some(3) {
        a.put(c, here);
        a.put(c, there);
    }
    let (id, _) = a.put(c, here);
    if broken {
        let who = a.who(c);
        a.append(there, id, State::Visible, (who.pid, who.epoch));
    }
    for _ in 0..a.draw(3) {
        a.put(c, there);
    }
    a.read_all(reader, topic);
    a.found().record(id).once()
}

fn copy_in_another_topic(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (one, other) = (a.topic("meters", 1), a.topic("readings", 1));
    let (here, there) = (Partition::new(one, 0), Partition::new(other, 0));
    let c = a.meter("meter", &[one, other]);
    let reader = a.reader("reader", Isolation::ReadCommitted, &[one, other]);
    for _ in 0..a.some(3) {
        a.put(c, here);
        a.put(c, there);
    }
    let (id, _) = a.put(c, here);
    if broken {
        let who = a.who(c);
        a.append(there, id, State::Visible, (who.pid, who.epoch));
    }
    a.read_all(reader, one);
    a.read_all(reader, other);
    a.found().record(id)
}

/// A batch of so many records, acknowledged without offsets; their identities, and where it begins.
fn batch(a: &mut Annex<'_>, c: u32, at: Partition, count: u32) -> (Vec<Identity>, i64) {
    let (mut ids, mut ops) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let id = a.fresh();
        ids.push(id);
        ops.push(a.send(c, at.topic, id, None));
    }
    let who = a.who(c);
    let sequence = *a.sequence(who.pid, who.epoch, at);
    *a.sequence(who.pid, who.epoch, at) += count as i32;
    let base = a.batch(at, count, (who.pid, who.epoch, sequence), BatchKind::Data);
    for (offset, id) in (base..).zip(&ids) {
        let (value, pid, epoch, state) = (a.value(*id), who.pid, who.epoch, State::Visible);
        a.store(at, offset, Entry { id: *id, value, pid, epoch, state });
    }
    for op in ops {
        a.ack(c, op, at, -1);
    }
    (ids, base)
}

fn dropped_from_a_batch(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.meters();
    batch(a, c, at, 2);
    let (ids, base) = batch(a, c, at, 4);
    batch(a, c, at, 1);
    let which = a.draw(4);
    if broken {
        let offset = base + which as i64;
        a.logs.get_mut(&at).expect("it is there").entries.remove(&offset);
    }
    a.found().record(ids[which]).once()
}

fn new_epoch_not_from_zero(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.meters();
    let before = a.some(4);
    for _ in 0..before {
        a.put(c, at);
    }
    let id = a.fresh();
    let op = a.send(c, at.topic, id, None);
    a.unknown(c, op);
    a.epoch(c, 1);
    let who = a.who(c);
    if broken {
        // As if the epoch were still the old one.
        *a.sequence(who.pid, 1, at) = before as i32;
    }
    let (_, offset) = a.put(c, at);
    a.put(c, at);
    a.found_in(at).offset(offset).once()
}

fn sequences_overlap(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.meters();
    let count = 2 + a.draw(3) as u32;
    batch(a, c, at, count);
    let by = a.some(count as usize - 1) as i32;
    let who = a.who(c);
    if broken {
        *a.sequence(who.pid, who.epoch, at) -= by;
    }
    let (_, base) = batch(a, c, at, count);
    a.found().offset(base)
}

fn hole_after_truncation(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.meters();
    for _ in 0..a.some(3) {
        a.put(c, at);
    }
    let who = a.who(c);
    let lost = a.some(3) as u32;
    let sequence = *a.sequence(who.pid, who.epoch, at);
    let mut ops = Vec::new();
    for _ in 0..lost {
        let id = a.fresh();
        ops.push(a.send(c, at.topic, id, None));
    }
    let base = a.batch(at, lost, (who.pid, who.epoch, sequence), BatchKind::Data);
    for op in ops {
        a.unknown(c, op);
    }
    // Another leader has never had that batch.
    a.lead(at, base);
    if broken {
        *a.sequence(who.pid, who.epoch, at) += lost as i32;
    }
    a.put(c, at);
    a.put(c, at);
    a.found().offset(base).once()
}

fn wrapped_to_one(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let max_sequence = 2 + a.draw(5) as i32;
    let topic = a.topic_as(Topic { name: "meters".into(), partitions: 1, max_sequence, ..Topic::default() });
    let at = Partition::new(topic, 0);
    let c = a.meter("meter", &[topic]);
    for _ in 0..=max_sequence {
        a.put(c, at);
    }
    let who = a.who(c);
    *a.sequence(who.pid, who.epoch, at) = i32::from(broken);
    let (_, offset) = a.put(c, at);
    a.put(c, at);
    a.found().offset(offset)
}

fn truncated_by_an_older_leader(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    let set = |a: &mut Annex<'_>, epoch| a.logs.get_mut(&at).expect("it is there").leader_epoch = epoch;
    set(a, 4);
    a.put(c, at);
    let newer = 5 + a.draw(3) as i32;
    set(a, newer);
    a.put(c, at);
    let id = a.fresh();
    let op = a.send(c, at.topic, id, None);
    let base = a.batch(at, 1, (-1, -1, -1), BatchKind::Data);
    a.unknown(c, op);
    a.logs.get_mut(&at).expect("it is there").leo = base;
    set(a, if broken { 4 } else { 9 });
    a.put(c, at);
    a.found_in(at).offset(base).once()
}

fn visible_above_stable(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    for _ in 0..a.some(4) {
        a.put(c, at);
    }
    let (_, offset) = a.put(c, at);
    if broken {
        a.logs.get_mut(&at).expect("it is there").lso = Some(offset);
    }
    a.found_in(at).offset(offset)
}

fn below_the_start(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let topic = a.topic_as(Topic { name: "meters".into(), partitions: 1, deletes: true, ..Topic::default() });
    let at = Partition::new(topic, 0);
    let c = a.producer("till", &[topic]);
    for _ in 0..1 + a.some(4) {
        a.put(c, at);
    }
    let start = a.put(c, at).1;
    let offset = a.draw(start as usize) as i64;
    a.logs.get_mut(&at).expect("it is there").start = start;
    let Entry { id, value, pid, epoch, .. } = *a.entry(at, offset);
    if broken {
        // After the others: a broker that was asked a second time.
        a.tell_last(Event::Final(Final { at, offset, id, pid, epoch, visible: true, value }));
    }
    a.found().offset(offset)
}

fn final_twice(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    for _ in 0..a.draw(4) {
        a.put(c, at);
    }
    let (id, offset) = a.put(c, at);
    let value = a.value(id);
    if broken {
        a.tell_last(Event::Final(Final { at, offset, id, pid: -1, epoch: -1, visible: true, value }));
    }
    a.found().offset(offset)
}

fn read_and_truncated(a: &mut Annex<'_>, broken: bool) -> Mutant {
    a.white = false;
    let (at, c) = a.till(1);
    let reader = a.reader("reader", Isolation::ReadCommitted, &[at.topic]);
    for _ in 0..a.some(3) {
        a.put(c, at);
    }
    let id = a.fresh();
    let op = a.send(c, at.topic, id, None);
    let offset = a.append(at, id, State::Visible, (-1, -1));
    a.unknown(c, op);
    a.read_all(reader, at.topic);
    if broken {
        a.logs.get_mut(&at).expect("it is there").entries.remove(&offset);
    }
    for _ in 0..a.some(3) {
        let (_, offset) = a.put(c, at);
        a.read(reader, at, offset);
    }
    a.found().offset(offset).once()
}

fn two_readers_disagree(a: &mut Annex<'_>, broken: bool) -> Mutant {
    a.white = false;
    let topic = a.topic_as(Topic { name: "meters".into(), partitions: 1, deletes: true, ..Topic::default() });
    let at = Partition::new(topic, 0);
    let c = a.producer("till", &[topic]);
    let one = a.reader("reader", Isolation::ReadCommitted, &[topic]);
    let other = a.reader("witness", Isolation::ReadCommitted, &[topic]);
    let other_id = a.fresh();
    let op = a.send(c, topic, other_id, None);
    a.unknown(c, op);
    for _ in 0..a.draw(3) {
        a.put(c, at);
    }
    let (_, offset) = a.put(c, at);
    a.put(c, at);
    a.read_all(one, topic);
    if broken {
        let value = a.value(other_id);
        let entry = a.entry(at, offset);
        (entry.id, entry.value) = (other_id, value);
    }
    a.read_all(other, topic);
    a.logs.get_mut(&at).expect("it is there").start = offset + 1;
    a.found().offset(offset).once()
}

fn disagree_everywhere(a: &mut Annex<'_>, broken: bool) -> Mutant {
    a.white = false;
    let topic = a.topic_as(Topic { name: "meters".into(), partitions: 1, deletes: true, ..Topic::default() });
    let at = Partition::new(topic, 0);
    let c = a.producer("till", &[topic]);
    let one = a.reader("reader", Isolation::ReadCommitted, &[topic]);
    let other = a.reader("witness", Isolation::ReadCommitted, &[topic]);
    let many = 7 + a.draw(6);
    let puts = a.puts(c, at, many);
    a.read_all(one, topic);
    for (_, offset) in &puts {
        let id = a.fresh();
        let op = a.send(c, topic, id, None);
        a.unknown(c, op);
        if broken {
            let value = a.value(id);
            let entry = a.entry(at, *offset);
            (entry.id, entry.value) = (id, value);
        }
    }
    a.read_all(other, topic);
    a.logs.get_mut(&at).expect("it is there").start = many as i64;
    a.put(c, at);
    let last = many as i64;
    a.read(one, at, last);
    a.read(other, at, last);
    a.found_in(at).times(many as u64)
}

fn value_of_the_neighbour(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.meters();
    let mut sent = Vec::new();
    for _ in 0..2 + a.draw(4) {
        let id = a.fresh();
        let value = Some(fingerprint(format!("{id:?}").as_bytes()));
        let op = a.send_value(c, at.topic, id, None, value);
        let who = a.who(c);
        let offset = a.append_value(at, id, value, State::Visible, (who.pid, who.epoch));
        a.ack(c, op, at, offset);
        sent.push((id, offset, value));
    }
    let which = a.draw(sent.len() - 1);
    if broken {
        a.entry(at, sent[which].1).value = sent[which + 1].2;
    }
    a.found().record(sent[which].0).once()
}

fn value_of_another_attempt(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    for _ in 0..a.draw(3) {
        a.put(c, at);
    }
    let id = a.fresh();
    let attempt = |n: usize| Some(fingerprint(format!("attempt {n}").as_bytes()));
    let failed = a.some(3);
    for n in 0..failed {
        let op = a.send_value(c, at.topic, id, None, attempt(n));
        a.fail(c, op, "NOT_ENOUGH_REPLICAS");
    }
    let op = a.send_value(c, at.topic, id, None, attempt(failed));
    let there = if broken { a.draw(failed) } else { failed };
    let offset = a.append_value(at, id, attempt(there), State::Visible, (-1, -1));
    a.ack(c, op, at, offset);
    a.found().record(id).offset(offset).once()
}
