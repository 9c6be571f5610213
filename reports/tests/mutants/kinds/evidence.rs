//! What only brokers' logs show: sequences, epochs, producer ids.

use fencepost_reports::Kind;
use fencepost_reports::history::event::*;

use super::Expect::Kinds;
use super::records::{is_quiet, quiet};
use super::{Mutant, Mutation};
use crate::dice::Dice;
use crate::edit::Edit;
use crate::past::{Past, Sent};

pub fn kinds() -> Vec<Mutation> {
    vec![
        Mutation {
            name: "sequence-repeats",
            what: "a batch has the sequence of the one before it",
            expect: Kinds(&[Kind::SequenceBroken]),
            also: &[],
            because: "",
            make: |past, dice| sequence(past, dice, true),
        },
        Mutation {
            name: "sequence-hole",
            what: "a batch's sequence leaves some out",
            expect: Kinds(&[Kind::SequenceBroken]),
            also: &[],
            because: "",
            make: |past, dice| sequence(past, dice, false),
        },
        Mutation {
            name: "batch-stored-twice",
            what: "a log has one batch of an idempotent producer twice, with its sequence",
            expect: Kinds(&[Kind::SequenceBroken]),
            also: &[Kind::Duplicate],
            because: "the records are visible twice",
            make: batch_twice,
        },
        Mutation {
            name: "leader-epoch-goes-back",
            what: "a batch has an older leader epoch than the one before it",
            expect: Kinds(&[Kind::LeaderEpochBack]),
            also: &[],
            because: "",
            make: leader_epoch_back,
        },
        Mutation {
            name: "older-epoch-appends",
            what: "a leader appended a batch of an older producer epoch after one of a newer",
            expect: Kinds(&[Kind::FencedEffect]),
            also: &[
                Kind::SequenceBroken,
                Kind::MissingMarker,
                Kind::ContradictoryDecision,
                Kind::TornTransaction,
                Kind::UncommittedVisible,
            ],
            because: "the batch is then not of the transaction that its marker ends",
            make: older_epoch,
        },
        Mutation {
            name: "fenced-producer-commits",
            what: "a transaction of a producer is committed after it was told that it is fenced",
            expect: Kinds(&[Kind::FencedEffect]),
            also: &[],
            because: "",
            make: |past, dice| fenced(past, dice, true),
        },
        Mutation {
            name: "superseded-producer-commits",
            what: "a transaction of a producer is committed after a newer one has its transactional id's next epoch",
            expect: Kinds(&[Kind::FencedEffect]),
            also: &[],
            because: "",
            make: |past, dice| fenced(past, dice, false),
        },
        Mutation {
            name: "shared-producer-id",
            what: "two idempotent clients have one producer id and epoch",
            expect: Kinds(&[Kind::SharedProducerId]),
            also: &[],
            because: "",
            make: |past, dice| shared(past, dice, false),
        },
        Mutation {
            name: "shared-producer-id-of-transactions",
            what: "two clients with different transactional ids have one producer id and epoch",
            expect: Kinds(&[Kind::SharedProducerId]),
            also: &[],
            because: "",
            make: |past, dice| shared(past, dice, true),
        },
    ]
}

/// Batches of idempotent producers, each with the one before it of the same producer, epoch and partition, and whether it is the
/// last of them.
fn batches(past: &Past) -> Vec<(usize, Appended, Appended, bool)> {
    let mut found = Vec::new();
    for at in past.settled().into_iter().filter(|at| past.is_whole(*at)) {
        let data: Vec<_> = past.appended[&at].iter().filter(|(_, b)| b.pid >= 0 && b.sequence >= 0).copied().collect();
        for (n, (index, batch)) in data.iter().enumerate() {
            let same = |b: &&(usize, Appended)| (b.1.pid, b.1.epoch) == (batch.pid, batch.epoch);
            let Some((_, before)) = data[..n].iter().rfind(same) else { continue };
            found.push((*index, *batch, *before, !data[n + 1..].iter().any(|b| same(&b))));
        }
    }
    found
}

fn sequence(past: &Past, dice: &mut Dice, repeats: bool) -> Option<Mutant> {
    // The last of its producer's: the next ones do not follow on it.
    let sites: Vec<_> = batches(past).into_iter().filter(|b| b.3).collect();
    let (index, batch, before, _) = dice.pick(&sites)?;
    let sequence = if repeats { before.sequence } else { batch.sequence + 1 + dice.below(5) as i32 };
    let mut edit = Edit::new(past);
    edit.change(index, Event::Appended(Appended { sequence, ..batch }));
    let mutant = Mutant::new(&edit, format!("{index} {sequence}")).partition(past, batch.at);
    Some(mutant.offset(batch.base).once())
}

fn batch_twice(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let last = |at: &Partition| {
        let log = &past.appended[at];
        let data: Vec<_> =
            log.iter().filter(|(_, b)| b.kind == BatchKind::Data && b.sequence >= 0 && b.count <= 8).collect();
        data.into_iter().map(|b| b.1).collect::<Vec<_>>()
    };
    let logs = past.settled().into_iter().filter(|at| past.is_whole(*at) && is_quiet(past, at.topic));
    let all: Vec<Appended> = logs.flat_map(|at| last(&at)).collect();
    let batch = dice.pick(&all)?;
    // A newer epoch of the same producer would make it a fenced one.
    if past.appended[&batch.at].iter().any(|(_, b)| b.pid == batch.pid && b.epoch > batch.epoch) {
        return None;
    }
    let mut edit = Edit::new(past);
    let mut first = None;
    for n in 0..i64::from(batch.count) {
        let (_, line) = past.final_at(batch.at, batch.base + n)?;
        let who = (batch.pid, batch.epoch, batch.sequence + n as i32);
        let offset = edit.store_as(batch.at, line.id, line.value, who);
        edit.give(batch.at, offset, line.id, line.value);
        first.get_or_insert(offset);
    }
    let mutant = Mutant::new(&edit, format!("{:?} {}", batch.at, batch.base)).partition(past, batch.at);
    Some(mutant.offset(first?))
}

fn leader_epoch_back(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let logs: Vec<Partition> = past.settled().into_iter().filter(|at| past.is_whole(*at)).collect();
    let log = &past.appended[&dice.pick(&logs)?];
    if log.len() < 2 {
        return None;
    }
    let n = dice.below(log.len() - 1);
    let ((index, batch), (_, next)) = (log[n], log[n + 1]);
    if next.leader_epoch != batch.leader_epoch {
        return None;
    }
    let replicas = |e: &Event<'_>| matches!(e, Event::Replica(r) if r.at == batch.at);
    if past.events.iter().any(replicas) {
        return None; // they say the leader epoch as well
    }
    let mut edit = Edit::new(past);
    let leader_epoch = batch.leader_epoch + 1 + dice.below(3) as i32;
    edit.change(index, Event::Appended(Appended { leader_epoch, ..batch }));
    // All that follow are older than this one, until there is a leader of as new an epoch.
    let older = log[n + 1..].iter().filter(|(_, b)| b.leader_epoch < leader_epoch).count() as u64;
    let mutant = Mutant::new(&edit, format!("{index} {leader_epoch}")).partition(past, batch.at);
    Some(mutant.offset(next.base).times(older))
}

fn older_epoch(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let sites: Vec<_> = batches(past).into_iter().filter(|b| b.1.epoch > 0).collect();
    let (index, batch, _, _) = dice.pick(&sites)?;
    let epoch = batch.epoch - 1;
    let mut edit = Edit::new(past);
    edit.change(index, Event::Appended(Appended { epoch, ..batch }));
    for n in 0..i64::from(batch.count) {
        if let Some((line, f)) = past.final_at(batch.at, batch.base + n) {
            edit.change(line, Event::Final(Final { epoch, ..f }));
        }
    }
    Some(Mutant::new(&edit, format!("{index}")).partition(past, batch.at).offset(batch.base))
}

fn fenced(past: &Past, dice: &mut Dice, told: bool) -> Option<Mutant> {
    let of = |s: &&Sent| s.n.is_some() && s.id.is_workload();
    let places: Vec<Sent> = quiet(past).iter().filter(of).copied().collect();
    let (at, _) = dice.pick(&places)?.place?;
    let writers: Vec<u32> =
        places.iter().filter(|s| s.place.is_some_and(|p| p.0.topic == at.topic)).map(|s| s.key.0).collect();
    let c = dice.pick(&writers)?;
    let client = &past.clients[&c];
    let (_, epoch) = *past.epochs.iter().rfind(|(_, e)| e.c == c)?;
    let i = epoch.i;
    let next = |of: &dyn Fn(&Sent) -> Option<u64>| {
        past.sent.iter().filter(|s| (s.key.0, s.key.1) == (c, i)).filter_map(of).max().map_or(1, |n| n + 1)
    };
    let (op, n) = (next(&|s| Some(s.key.2)), past.txns.keys().filter(|k| (k.0, k.1) == (c, i)).map(|k| k.2).max()? + 1);
    // Nobody has a newer one already.
    let newest = past.epochs.iter().filter(|(_, e)| e.pid == epoch.pid).map(|(_, e)| e.epoch).max()?;
    if epoch.epoch > 32_000 || epoch.epoch != newest {
        return None;
    }
    let mut edit = Edit::new(past);
    edit.blind();
    // A producer that has sent all that it had to ends; this one goes on.
    let stopped = |e: &Event<'_>| matches!(e, Event::Stopped(s) if (s.c, s.i) == (c, i));
    past.events.iter().enumerate().filter(|(_, e)| stopped(e)).for_each(|(index, _)| {
        edit.remove(index);
    });
    let usurper = edit.declare(Client {
        name: "usurper".into(),
        transactional_id: client.transactional_id.clone(),
        idempotent: true,
        outputs: client.outputs.clone(),
        ..Client::default()
    });
    let t = edit.now();
    edit.append(Event::Started(Started { t, c: usurper, i: 0 }));
    edit.append(Event::Epoch(Epoch { t, c: usurper, i: 0, pid: epoch.pid, epoch: epoch.epoch + 1 }));
    if told {
        edit.append(Event::Fenced(Fenced { t, c, i, error: "PRODUCER_FENCED".into() }));
    }
    let id = Identity::of_workload(6_666, dice.below(1_000_000) as i64);
    let value = past.has_values.then(|| crate::values::of_workload(id));
    edit.append(Event::Begin(Begin { t, c, i, n }));
    let partition = Some(at.partition);
    edit.append(Event::Send(Send { t, c, i, op, topic: at.topic, partition, id, n: Some(n), value }));
    let offset = edit.end(at).leo;
    edit.append(Event::Ack(Ack { t, c, i, op, at, offset }));
    edit.append(Event::Ending(Ending { t, c, i, n, commit: true }));
    edit.append(Event::Ended(Ended { t, c, i, n, commit: true, outcome: Outcome::Ok, error: "".into() }));
    let stored = edit.store_blind(at, id, value, (epoch.pid, epoch.epoch));
    edit.give(at, stored, id, value);
    let mutant = Mutant::new(&edit, format!("{c} {id:?}")).record(id).client(client.name.to_string());
    Some(mutant.offset(offset))
}

fn shared(past: &Past, dice: &mut Dice, transactional: bool) -> Option<Mutant> {
    let last = |c: u32| past.epochs.iter().rfind(|(_, e)| e.c == c).map(|(_, e)| *e);
    let fits = |c: &&Client<'_>| c.transactional_id.is_some() == transactional && last(c.id).is_some();
    let clients: Vec<&Client<'_>> = past.clients.values().filter(fits).collect();
    let (a, b) = (dice.pick(&clients)?, dice.pick(&clients)?);
    let (mine, other) = (last(a.id)?, last(b.id)?);
    if a.id == b.id || (transactional && a.transactional_id == b.transactional_id) {
        return None;
    }
    let mut edit = Edit::new(past);
    let t = edit.now();
    edit.append(Event::Epoch(Epoch { t, pid: other.pid, epoch: other.epoch, ..mine }));
    let names = vec![a.name.to_string(), b.name.to_string()];
    Some(Mutant::new(&edit, format!("{} {}", a.id, b.id)).clients(names).once())
}
