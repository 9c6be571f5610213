//! Near misses: legal histories that look suspicious. None may raise an alarm.

use fencepost_reports::Kind;
use fencepost_reports::history::event::*;

use crate::dice::Dice;
use crate::edit::Edit;
use crate::kinds::jobs::grouped_partitions;
use crate::kinds::records::quiet;
use crate::past::{Past, Sent};
use crate::values::of_workload;

/// A kind of near miss.
pub struct Near {
    pub name: &'static str,
    /// What is found and declared; nothing may be held against the verdict.
    pub allowed: &'static [Kind],
    pub make: fn(&Past, &mut Dice) -> Made,
}

/// The edited history, and what was done to it.
type Made = Option<(Vec<Event<'static>>, String)>;

pub fn all() -> Vec<Near> {
    let near = |name, make| Near { name, allowed: &[], make };
    vec![
        near("unknown-and-stored", unknown_stored),
        near("unknown-and-not-stored", unknown_not_stored),
        near("acknowledged-without-offset", without_offset),
        near("reader-seeks-back", |past, dice| again(past, dice, PositionReason::Seek)),
        near("reader-reset", |past, dice| again(past, dice, PositionReason::Reset)),
        Near { name: "reader-stopped-early", allowed: &[Kind::Unprocessed, Kind::Unowned], make: stopped_early },
        near("another-reader-at-read-committed", |past, dice| another_reader(past, dice, Isolation::ReadCommitted)),
        near("another-reader-at-read-uncommitted", |past, dice| another_reader(past, dice, Isolation::ReadUncommitted)),
        near("compacted", compacted),
        near("deleted-prefix", deleted),
        near("failed-and-sent-again", |past, dice| sent_again(past, dice, true)),
        near("unknown-and-sent-again", |past, dice| sent_again(past, dice, false)),
        near("aborted-and-sent-again", aborted_and_sent_again),
        near("commit-unknown-and-committed", |past, dice| {
            transaction(past, dice, Some(true), true, DecisionCause::Request)
        }),
        near("commit-unknown-and-aborted", |past, dice| {
            transaction(past, dice, Some(true), false, DecisionCause::Timeout)
        }),
        near("transaction-timed-out", |past, dice| transaction(past, dice, None, false, DecisionCause::Timeout)),
        near("aborted-by-the-next-incarnation", |past, dice| transaction(past, dice, None, false, DecisionCause::Init)),
        near("abort-unknown", |past, dice| transaction(past, dice, Some(false), false, DecisionCause::Request)),
        near("zombie-that-did-nothing", zombie),
        near("rebalance", rebalance),
        near("offset-reloaded", reloaded),
        near("offset-committed-again", committed_again),
        Near { name: "duplicate-that-is-allowed", allowed: &[Kind::Duplicate], make: allowed_duplicate },
        Near { name: "loss-that-is-allowed", allowed: &[Kind::Loss], make: allowed_loss },
        near("topic-that-may-be-empty", may_be_empty),
        near("replicas-agree", replicas_agree),
        near("truncated-tail", truncated),
        near("optional-fault-that-stays-out", |past, dice| quiet_fault(past, dice, true)),
        near("drawn-fault-that-stays-out", |past, dice| quiet_fault(past, dice, false)),
        near("effect-that-was-there-already", already),
        near("idempotent-producer-raises-its-epoch", raised),
        near("producer-ends-by-itself", ends),
    ]
}

fn plain(past: &Past) -> Vec<Sent> {
    quiet(past).into_iter().filter(|s| s.n.is_none() && s.id.is_workload()).collect()
}

fn unknown(past: &Past, edit: &mut Edit<'_>, sent: &Sent) -> Option<()> {
    let Event::Ack(ack) = &past.events[sent.outcome?] else { return None };
    let error = "REQUEST_TIMED_OUT".into();
    edit.change(sent.outcome?, Event::Unknown(SendError { t: ack.t, c: ack.c, i: ack.i, op: ack.op, error }));
    Some(())
}

fn unknown_stored(past: &Past, dice: &mut Dice) -> Made {
    let mut edit = Edit::new(past);
    let mut site = String::new();
    for _ in 0..=dice.below(6) {
        let sent = dice.pick(&quiet(past))?;
        unknown(past, &mut edit, &sent)?;
        site += &format!("{:?} ", sent.key);
    }
    keeps_test(past, &edit)?;
    Some((edit.done(), site))
}

/// Some of what a history acknowledges is still acknowledged for every topic.
fn keeps_test(past: &Past, edit: &Edit<'_>) -> Option<()> {
    let left = edit.done();
    let topics = |events: &[Event<'_>]| {
        let of = |e: &Event<'_>| match e {
            Event::Ack(a) => Some(a.at.topic),
            _ => None,
        };
        events.iter().filter_map(of).collect::<std::collections::BTreeSet<u32>>()
    };
    (topics(&left) == topics(&past.events)).then_some(())
}

fn unknown_not_stored(past: &Past, dice: &mut Dice) -> Made {
    let sent = dice.pick(&plain(past))?;
    if past.sent.iter().filter(|s| s.id == sent.id).count() > 1 {
        return None;
    }
    let mut edit = Edit::new(past);
    edit.blind();
    edit.unstore(&sent);
    unknown(past, &mut edit, &sent)?;
    keeps_test(past, &edit)?;
    Some((edit.done(), format!("{:?}", sent.key)))
}

fn without_offset(past: &Past, dice: &mut Dice) -> Made {
    let c = dice.pick(&past.sent)?.key.0;
    let mut edit = Edit::new(past);
    for (index, event) in past.events.iter().enumerate() {
        if let Event::Ack(ack) = event
            && ack.c == c
        {
            edit.change(index, Event::Ack(Ack { offset: -1, ..*ack }));
        }
    }
    Some((edit.done(), format!("{c}")))
}

/// A reader without a group that reads on from an earlier offset, and says so.
fn again(past: &Past, dice: &mut Dice, reason: PositionReason) -> Made {
    let loner =
        |k: &&(u32, Partition)| past.clients[&k.0].group.is_none() && past.clients[&k.0].kind == ClientKind::Reader;
    let keys: Vec<_> = past.reads.keys().filter(loner).copied().collect();
    let (c, at) = dice.pick(&keys)?;
    let last = past.reads[&(c, at)].last()?.1;
    let finals: Vec<Final> = past.finals.get(&at)?.iter().map(|(_, f)| *f).filter(|f| f.visible).collect();
    let from = if reason == PositionReason::Reset { finals.first()? } else { &dice.pick(&finals)? };
    let mut edit = Edit::new(past);
    let (t, i) = (edit.now(), last.i);
    edit.append(Event::Position(Position { t, c, i, at, position: from.offset, reason }));
    for f in finals.iter().filter(|f| f.offset >= from.offset) {
        edit.append(Event::Read(Read { t, c, i, at, offset: f.offset, id: f.id, value: f.value }));
    }
    Some((edit.done(), format!("{c} {at:?} {}", from.offset)))
}

fn stopped_early(past: &Past, dice: &mut Dice) -> Made {
    let readers: Vec<u32> = past.outputs().iter().flat_map(|t| past.loners(*t)).collect();
    let c = dice.pick(&readers)?;
    let i = past.last_incarnation(c);
    let reads: Vec<usize> = past
        .events
        .iter()
        .enumerate()
        .filter(|(_, e)| matches!(e, Event::Read(r) if r.c == c))
        .map(|(n, _)| n)
        .collect();
    let stop = dice.pick(&reads)?;
    let Event::Read(last) = &past.events[stop] else { return None };
    // In the middle of a transaction it would be torn for it.
    let torn = past.sent.iter().any(|s| s.n.is_some() && s.id == last.id);
    if last.i != i || torn {
        return None;
    }
    let mut edit = Edit::new(past);
    for (index, event) in past.events.iter().enumerate().skip(stop + 1) {
        let its = crate::prepare::actor(event).is_some_and(|who| who == (c, i));
        if its {
            edit.remove(index);
        }
    }
    edit.insert_after(stop, Event::Stopped(Stopped { t: last.t, c, i, reason: StopReason::Ended, text: "".into() }));
    let declared = past.events.iter().rposition(|e| matches!(e, Event::Client(_)))?;
    let allow = vec!["unprocessed".into(), "unowned".into(), "torn-transaction".into()];
    edit.insert_after(declared, Event::Promise(Promise { client: Some(c), allow, ..Promise::default() }));
    Some((edit.done(), format!("{c} {stop}")))
}

fn another_reader(past: &Past, dice: &mut Dice, isolation: Isolation) -> Made {
    let topic = dice.pick(&past.outputs())?;
    let mut edit = Edit::new(past);
    let (name, inputs) = ("onlooker".into(), vec![topic]);
    let c = edit.declare(Client { name, kind: ClientKind::Reader, isolation, inputs, ..Client::default() });
    let (t, i) = (edit.now(), 0);
    edit.append(Event::Started(Started { t, c, i }));
    for (at, _) in past.ends.iter().filter(|(at, _)| at.topic == topic) {
        edit.append(Event::Assigned(Assignment { t, c, i, at: *at, generation: None }));
        let start = past.ends[at].1.start;
        let reason = PositionReason::Reset;
        edit.append(Event::Position(Position { t, c, i, at: *at, position: start, reason }));
        for (_, f) in past.finals.get(at).into_iter().flatten().filter(|(_, f)| f.visible) {
            edit.append(Event::Read(Read { t, c, i, at: *at, offset: f.offset, id: f.id, value: f.value }));
        }
    }
    // It may see more than what is visible only where nothing was aborted.
    let aborted = past.finals.iter().any(|(at, f)| at.topic == topic && f.iter().any(|(_, f)| !f.visible));
    (isolation == Isolation::ReadCommitted || !aborted).then(|| (edit.done(), format!("{topic}")))
}

fn declare_topic(past: &Past, edit: &mut Edit<'_>, topic: u32, change: impl Fn(&mut Topic<'static>)) -> Option<()> {
    let index = past.events.iter().position(|e| matches!(e, Event::Topic(t) if t.id == topic))?;
    let Event::Topic(old) = &past.events[index] else { return None };
    let mut new = old.clone();
    change(&mut new);
    edit.change(index, Event::Topic(new));
    Some(())
}

fn compacted(past: &Past, dice: &mut Dice) -> Made {
    let sent = dice.pick(&plain(past))?;
    let (at, _) = sent.place?;
    let finals = &past.finals[&at];
    let mut edit = Edit::new(past);
    declare_topic(past, &mut edit, at.topic, |t| t.compacted = true)?;
    let mut site = format!("{at:?}");
    // The last one is never gone: it is what replaced the others.
    for (index, f) in &finals[..finals.len() - 1] {
        if dice.one_in(3) {
            edit.remove(*index);
            site += &format!(" {}", f.offset);
        }
    }
    Some((edit.done(), site))
}

fn deleted(past: &Past, dice: &mut Dice) -> Made {
    let at = dice.pick(&past.settled())?;
    let (_, upto) = dice.pick(past.finals.get(&at)?)?;
    let mut edit = Edit::new(past);
    declare_topic(past, &mut edit, at.topic, |t| t.deletes = true)?;
    let end = edit.end(at);
    edit.set_end(End { start: upto.offset, ..end });
    for (index, f) in &past.finals[&at] {
        if f.offset < upto.offset {
            edit.remove(*index);
        }
    }
    Some((edit.done(), format!("{at:?} {}", upto.offset)))
}

/// A record that fails, or is of unknown outcome and not stored, and is sent again.
fn sent_again(past: &Past, dice: &mut Dice, failed: bool) -> Made {
    let at = dice.pick(&plain(past))?.place?.0;
    let mut edit = Edit::new(past);
    let c = edit.declare(Client { name: "stubborn".into(), outputs: vec![at.topic], ..Client::default() });
    let (t, i, id, topic) = (edit.now(), 0, Identity::of_workload(5_555, dice.below(1_000_000) as i64), at.topic);
    let value = past.has_values.then(|| of_workload(id));
    edit.append(Event::Started(Started { t, c, i }));
    let tries = 1 + dice.below(4) as u64;
    for op in 0..tries {
        edit.append(Event::Send(Send { t, c, i, op, topic, partition: None, id, n: None, value }));
        let error = SendError { t, c, i, op, error: "NOT_ENOUGH_REPLICAS".into() };
        edit.append(if failed { Event::Fail(error) } else { Event::Unknown(error) });
    }
    edit.append(Event::Send(Send { t, c, i, op: tries, topic, partition: None, id, n: None, value }));
    let offset = edit.store(at, id, value);
    edit.append(Event::Ack(Ack { t, c, i, op: tries, at, offset }));
    edit.give(at, offset, id, value);
    Some((edit.done(), format!("{at:?} {id:?}")))
}

/// Aborted records, sent again outside: an invisible copy and a visible one.
fn aborted_and_sent_again(past: &Past, dice: &mut Dice) -> Made {
    let quiet =
        |s: &Sent| s.found.is_some() && s.place.is_some_and(|(at, _)| crate::kinds::records::is_quiet(past, at.topic));
    let all: Vec<Sent> = past.aborted().iter().flat_map(|(_, t)| past.records(t)).filter(quiet).collect();
    let sent = dice.pick(&all)?;
    let at = sent.place?.0;
    let mut edit = Edit::new(past);
    let c = edit.declare(Client { name: "stubborn".into(), outputs: vec![at.topic], ..Client::default() });
    let (t, i, id, topic) = (edit.now(), 0, sent.id, at.topic);
    let value = past.has_values.then(|| of_workload(id));
    edit.append(Event::Started(Started { t, c, i }));
    edit.append(Event::Send(Send { t, c, i, op: 0, topic, partition: None, id, n: None, value }));
    let offset = edit.store(at, id, value);
    edit.append(Event::Ack(Ack { t, c, i, op: 0, at, offset }));
    edit.give(at, offset, id, value);
    Some((edit.done(), format!("{id:?}")))
}

/// A whole transaction of a client of its own, with the broker's side of it. `asked`: what its client asked for and never
/// heard the outcome of.
fn transaction(past: &Past, dice: &mut Dice, asked: Option<bool>, committed: bool, cause: DecisionCause) -> Made {
    let at = dice.pick(&plain(past))?.place?.0;
    // Who reads uncommitted records would have to be given them, which is another story.
    let uncommitted = |c: &u32| past.clients[c].isolation == Isolation::ReadUncommitted;
    if !committed && past.loners(at.topic).iter().any(uncommitted) {
        return None;
    }
    let mut edit = Edit::new(past);
    let c = edit.declare(Client {
        name: "banker".into(),
        transactional_id: Some("banker".into()),
        idempotent: true,
        outputs: vec![at.topic],
        ..Client::default()
    });
    let (t, n, pid, topic) = (edit.now(), 1, 700_000, at.topic);
    edit.append(Event::Started(Started { t, c, i: 0 }));
    edit.append(Event::Epoch(Epoch { t, c, i: 0, pid, epoch: 0 }));
    edit.append(Event::Begin(Begin { t, c, i: 0, n }));
    let many = 1 + dice.below(3) as u64;
    let first = dice.below(1_000_000) as i64;
    let mut given = Vec::new();
    for op in 0..many {
        let id = Identity::of_workload(4_444, first + op as i64);
        let value = past.has_values.then(|| of_workload(id));
        edit.append(Event::Send(Send { t, c, i: 0, op, topic, partition: None, id, n: Some(n), value }));
        let offset = edit
            .store_of(at, Stored { id, value, who: (pid, 0, op as i32), kind: BatchKind::TxnData, visible: committed });
        edit.append(Event::Ack(Ack { t, c, i: 0, op, at, offset }));
        given.push((offset, id, value));
    }
    if let Some(commit) = asked {
        edit.append(Event::Ending(Ending { t, c, i: 0, n, commit }));
        let (outcome, error) = (Outcome::Unknown, "REQUEST_TIMED_OUT".into());
        edit.append(Event::Ended(Ended { t, c, i: 0, n, commit, outcome, error }));
    } else {
        edit.append(Event::Stopped(Stopped { t, c, i: 0, reason: StopReason::Killed, text: "".into() }));
    }
    if cause == DecisionCause::Init {
        edit.append(Event::Started(Started { t, c, i: 1 }));
        edit.append(Event::Epoch(Epoch { t, c, i: 1, pid, epoch: 2 }));
    }
    if !past.appended.is_empty() {
        edit.append(Event::Decided(Decided { t, c, pid, epoch: 1, commit: committed, cause }));
    }
    edit.mark(at, (pid, 1), committed);
    if committed {
        given.into_iter().for_each(|(offset, id, value)| edit.give(at, offset, id, value));
    }
    Some((edit.done(), format!("{at:?} {first}")))
}

/// What is stored, by whom.
pub struct Stored {
    pub id: Identity,
    pub value: Option<u64>,
    pub who: (i64, i16, i32),
    pub kind: BatchKind,
    pub visible: bool,
}

fn zombie(past: &Past, dice: &mut Dice) -> Made {
    let (_, epoch) = dice.pick(&past.epochs)?;
    let client = &past.clients[&epoch.c];
    let (_, last) = *past.epochs.iter().rfind(|(_, e)| e.c == epoch.c)?;
    let pids = past.epochs.iter().filter(|(_, e)| e.pid == last.pid);
    let newest = pids.map(|(_, e)| e.epoch).max()?;
    let busy = past.txns.iter().any(|(k, t)| k.0 == client.id && t.ended.is_none());
    client.transactional_id.as_ref()?;
    if busy || newest > 32_000 {
        return None;
    }
    let mut edit = Edit::new(past);
    let c = edit.declare(Client {
        name: "usurper".into(),
        transactional_id: client.transactional_id.clone(),
        idempotent: true,
        outputs: client.outputs.clone(),
        ..Client::default()
    });
    let (t, i) = (edit.now(), last.i);
    edit.append(Event::Started(Started { t, c, i: 0 }));
    edit.append(Event::Epoch(Epoch { t, c, i: 0, pid: last.pid, epoch: newest + 2 }));
    edit.append(Event::Told(Told { t, c: client.id, i, call: "Produce".into(), error: "PRODUCER_FENCED".into() }));
    edit.append(Event::Fenced(Fenced { t, c: client.id, i, error: "PRODUCER_FENCED".into() }));
    Some((edit.done(), format!("{}", client.id)))
}

/// Who owns a partition of a group in the end.
pub fn owner(past: &Past, at: Partition) -> Option<Assignment> {
    let mut owner = None;
    for event in &past.events {
        match event {
            Event::Assigned(e) if e.at == at && past.clients[&e.c].group.is_some() => owner = Some(*e),
            Event::Revoked(e) if e.at == at && owner.is_some_and(|o| (o.c, o.i) == (e.c, e.i)) => owner = None,
            Event::Stopped(e) if owner.is_some_and(|o| (o.c, o.i) == (e.c, e.i)) => owner = None,
            _ => {}
        }
    }
    owner
}

fn rebalance(past: &Past, dice: &mut Dice) -> Made {
    // With its offsets in the group: one that is kept in a sink would be sought.
    let at = dice.pick(&grouped_partitions(past, |c| c.sinks.is_empty()))?;
    let old = owner(past, at)?;
    let group = past.clients[&old.c].group?;
    let latest = past
        .assigned
        .iter()
        .filter(|(_, a)| past.clients[&a.c].group == Some(group))
        .filter_map(|(_, a)| a.generation)
        .max()?;
    let members: Vec<u32> = past.clients.values().filter(|c| c.group == Some(group)).map(|c| c.id).collect();
    let c = dice.pick(&members)?;
    let i = past.last_incarnation(c);
    let position = past.moved.get(&(group, at))?.last()?.1.offset;
    let stopped = past.events.iter().any(|e| matches!(e, Event::Stopped(s) if (s.c, s.i) == (c, i)));
    // The other partitions of the group move on to the new generation with their owners.
    let others: Vec<Assignment> =
        past.ends.keys().filter(|p| p.topic == at.topic && **p != at).filter_map(|p| owner(past, *p)).collect();
    if position < 0 || stopped {
        return None;
    }
    let mut edit = Edit::new(past);
    let (t, generation) = (edit.now(), Some(latest + 1));
    for given in &others {
        edit.append(Event::Revoked(Assignment { t, ..*given }));
    }
    edit.append(Event::Revoked(Assignment { t, ..old }));
    for (at, c, i) in others.iter().map(|o| (o.at, o.c, o.i)).chain([(at, c, i)]) {
        edit.append(Event::Assigned(Assignment { t, c, i, at, generation }));
        let position = past.moved.get(&(group, at))?.last()?.1.offset;
        edit.append(Event::Position(Position { t, c, i, at, position, reason: PositionReason::Committed }));
    }
    Some((edit.done(), format!("{at:?} {c}")))
}

fn reloaded(past: &Past, dice: &mut Dice) -> Made {
    let all: Vec<OffsetMoved> =
        past.moved.values().filter_map(|m| m.last()).map(|m| m.1).filter(|m| m.offset >= 0).collect();
    let m = dice.pick(&all)?;
    let mut edit = Edit::new(past);
    let t = edit.now();
    let times = 1 + dice.below(3);
    for _ in 0..times {
        edit.append(Event::OffsetMoved(OffsetMoved { t, cause: MoveCause::Reload, ..m }));
    }
    Some((edit.done(), format!("{} {:?} {times}", m.group, m.at)))
}

fn committed_again(past: &Past, dice: &mut Dice) -> Made {
    let (_, commit, _) = dice.pick(&past.commits)?;
    let last = past.moved.get(&(commit.group, commit.at))?.last()?.1;
    let MoveCause::Commit { c, i, generation } = last.cause else { return None };
    if (c, i) != (commit.c, commit.i) || owner(past, commit.at).is_none_or(|o| (o.c, o.i) != (c, i)) {
        return None;
    }
    let op = past.commits.iter().filter(|(_, o, _)| (o.c, o.i) == (c, i)).map(|(_, o, _)| o.op).max()? + 1;
    let mut edit = Edit::new(past);
    let t = edit.now();
    edit.append(Event::Commit(Commit { t, c, i, op, group: commit.group, at: commit.at, next: last.offset }));
    edit.append(Event::OffsetMoved(OffsetMoved { t, cause: MoveCause::Commit { c, i, generation }, ..last }));
    let (outcome, error) = (if dice.one_in(2) { Outcome::Ok } else { Outcome::Unknown }, Text::from(""));
    edit.append(Event::CommitResult(CommitResult { t, c, i, op, outcome, error }));
    Some((edit.done(), format!("{c} {op} {outcome:?}")))
}

fn promise(past: &Past, edit: &mut Edit<'_>, topic: u32, guarantee: Guarantee) -> Option<()> {
    if past.promises.iter().any(|p| p.topic == Some(topic)) {
        return None;
    }
    let declared = past.events.iter().rposition(|e| matches!(e, Event::Client(_)))?;
    edit.insert_after(declared, Event::Promise(Promise { topic: Some(topic), guarantee, ..Promise::default() }));
    Some(())
}

fn allowed_duplicate(past: &Past, dice: &mut Dice) -> Made {
    let sent = dice.pick(&plain(past))?;
    let (at, offset) = sent.place?;
    let value = past.final_at(at, offset)?.1.value;
    let mut edit = Edit::new(past);
    promise(past, &mut edit, at.topic, Guarantee::AtLeastOnce)?;
    let copy = edit.store(at, sent.id, value);
    edit.give(at, copy, sent.id, value);
    Some((edit.done(), format!("{:?}", sent.id)))
}

fn allowed_loss(past: &Past, dice: &mut Dice) -> Made {
    let sent = dice.pick(&plain(past))?;
    let mut edit = Edit::new(past);
    promise(past, &mut edit, sent.place?.0.topic, Guarantee::AtMostOnce)?;
    edit.unstore(&sent);
    Some((edit.done(), format!("{:?}", sent.id)))
}

fn may_be_empty(past: &Past, dice: &mut Dice) -> Made {
    let id = past.topics.keys().max()? + 1;
    let last = past.events.iter().rposition(|e| matches!(e, Event::Topic(_)))?;
    let name = format!("spare-{}", dice.below(1_000_000));
    let mut edit = Edit::new(past);
    let topic = Topic { id, name: name.clone().into(), partitions: 1, may_be_empty: true, ..Topic::default() };
    edit.insert_after(last, Event::Topic(topic));
    let t = edit.now();
    edit.append(Event::End(End { t, at: Partition::new(id, 0), start: 0, lso: 0, hw: 0, leo: 0 }));
    Some((edit.done(), name))
}

fn replicas_agree(past: &Past, dice: &mut Dice) -> Made {
    let logs: Vec<Partition> = past.settled().into_iter().filter(|at| past.is_whole(*at)).collect();
    let at = dice.pick(&logs)?;
    let (_, batch) = dice.pick(&past.appended[&at])?;
    let mut edit = Edit::new(past);
    for replica in 1..=3 {
        let (t, leader_epoch, fingerprint) = (edit.now(), batch.leader_epoch, 42);
        edit.append(Event::Replica(Replica {
            t,
            at: batch.at,
            offset: batch.base,
            replica,
            leader_epoch,
            fingerprint,
        }));
    }
    Some((edit.done(), format!("{:?} {}", batch.at, batch.base)))
}

/// A batch that was never acknowledged is truncated by the next leader.
fn truncated(past: &Past, dice: &mut Dice) -> Made {
    let at = dice.pick(&plain(past))?.place?.0;
    let last = past.appended.get(&at)?.last()?.1;
    let mut edit = Edit::new(past);
    let c = edit.declare(Client { name: "hasty".into(), outputs: vec![at.topic], ..Client::default() });
    let (t, i, topic) = (edit.now(), 0, at.topic);
    let first = dice.below(1_000_000) as i64;
    let ids = [first, first + 1].map(|n| Identity::of_workload(3_333, n));
    let values = ids.map(|id| past.has_values.then(|| of_workload(id)));
    edit.append(Event::Started(Started { t, c, i }));
    let send = |op: usize| {
        Event::Send(Send { t, c, i, op: op as u64, topic, partition: None, id: ids[op], n: None, value: values[op] })
    };
    edit.append(send(0));
    let (base, leader_epoch, kind) = (edit.end(at).leo, last.leader_epoch + 1, BatchKind::Data);
    let batch =
        Appended { t, at, base, count: 1, pid: -1, epoch: -1, sequence: -1, leader_epoch: last.leader_epoch, kind };
    edit.append(Event::Appended(batch));
    edit.append(Event::Unknown(SendError { t, c, i, op: 0, error: "NOT_LEADER_OR_FOLLOWER".into() }));
    edit.append(send(1));
    edit.append(Event::Appended(Appended { leader_epoch, ..batch }));
    let offset = edit.store_blind(at, ids[1], values[1], (-1, -1));
    edit.append(Event::Ack(Ack { t, c, i, op: 1, at, offset }));
    edit.give(at, offset, ids[1], values[1]);
    Some((edit.done(), format!("{at:?} {first}")))
}

fn quiet_fault(past: &Past, dice: &mut Dice, optional: bool) -> Made {
    let of = |e: &Event<'_>| if let Event::Fault(f) = e { f.id + 1 } else { 0 };
    let id = past.events.iter().map(of).max().unwrap_or(0);
    let last = past.events.iter().rposition(|e| matches!(e, Event::Client(_)))?;
    let words = format!("broker-{} crashes", dice.below(1_000_000));
    let mut edit = Edit::new(past);
    edit.insert_after(
        last,
        Event::Fault(Fault { id, words: words.clone().into(), optional, drawn: !optional, ..Fault::default() }),
    );
    Some((edit.done(), words))
}

fn already(past: &Past, dice: &mut Dice) -> Made {
    let done: Vec<Apply> =
        past.applies.iter().filter(|(_, _, r)| r.is_some_and(|(_, o)| o == Outcome::Ok)).map(|(_, a, _)| *a).collect();
    let apply = dice.pick(&done)?;
    let (c, i) = (apply.c, apply.i);
    let stopped = past.events.iter().any(|e| matches!(e, Event::Stopped(s) if (s.c, s.i) == (c, i)));
    let there = past.rows.get(&apply.sink)?.iter().any(|(_, r)| r.id == apply.id);
    if stopped || !there {
        return None;
    }
    let op = past.applies.iter().filter(|(_, a, _)| (a.c, a.i) == (c, i)).map(|(_, a, _)| a.op).max()? + 1;
    let mut edit = Edit::new(past);
    let t = edit.now();
    edit.append(Event::Apply(Apply { t, op, ..apply }));
    edit.append(Event::Applied(Applied { t, c, i, op, outcome: Outcome::Ok, already: true, error: "".into() }));
    Some((edit.done(), format!("{:?}", apply.id)))
}

fn raised(past: &Past, dice: &mut Dice) -> Made {
    let producers: Vec<u32> =
        past.clients.values().filter(|c| c.idempotent && c.transactional_id.is_none()).map(|c| c.id).collect();
    let c = dice.pick(&producers)?;
    let (_, last) = *past.epochs.iter().rfind(|(_, e)| e.c == c)?;
    let mut edit = Edit::new(past);
    let t = edit.now();
    let by = 1 + dice.below(3) as i16;
    edit.append(Event::Epoch(Epoch { t, epoch: last.epoch + by, ..last }));
    Some((edit.done(), format!("{c} {by}")))
}

fn ends(past: &Past, dice: &mut Dice) -> Made {
    let producers: Vec<u32> = past.clients.values().filter(|c| c.kind == ClientKind::Producer).map(|c| c.id).collect();
    let c = dice.pick(&producers)?;
    let i = past.last_incarnation(c);
    if past.events.iter().any(|e| matches!(e, Event::Stopped(s) if (s.c, s.i) == (c, i))) {
        return None;
    }
    let mut edit = Edit::new(past);
    let t = edit.now();
    edit.append(Event::Stopped(Stopped { t, c, i, reason: StopReason::Ended, text: "".into() }));
    Some((edit.done(), format!("{c}")))
}
