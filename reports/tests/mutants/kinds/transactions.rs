//! Decisions, markers and transactions that stay open.

use fencepost_reports::Kind;
use fencepost_reports::history::event::*;

use super::Expect::Kinds;
use super::records::{is_quiet, quiet_txns};
use super::{Mutant, Mutation};
use crate::dice::Dice;
use crate::edit::Edit;
use crate::past::Past;

pub fn kinds() -> Vec<Mutation> {
    vec![
        Mutation {
            name: "commit-decided-as-abort",
            what: "a coordinator decided to abort a transaction that has commit markers",
            expect: Kinds(&[Kind::ContradictoryDecision]),
            also: &[Kind::AbortedVisible, Kind::MissingMarker],
            because: "its records are visible although it is decided that they are aborted",
            make: |past, dice| decided_otherwise(past, dice, true),
        },
        Mutation {
            name: "abort-decided-as-commit",
            what: "a coordinator decided to commit a transaction that has abort markers",
            expect: Kinds(&[Kind::ContradictoryDecision]),
            also: &[Kind::MissingMarker],
            because: "it has no commit marker",
            make: |past, dice| decided_otherwise(past, dice, false),
        },
        Mutation {
            name: "decided-twice",
            what: "a transaction was decided twice and differently",
            expect: Kinds(&[Kind::ContradictoryDecision]),
            also: &[Kind::AbortedVisible],
            because: "by one of the two its records are aborted",
            make: decided_twice,
        },
        Mutation {
            name: "marker-flipped",
            what: "one partition has the other marker than was decided",
            expect: Kinds(&[Kind::ContradictoryDecision]),
            also: &[Kind::AbortedVisible, Kind::TornTransaction, Kind::MissingMarker],
            because: "in that partition the records end otherwise than the transaction",
            make: marker_flipped,
        },
        Mutation {
            name: "marker-never-written",
            what: "a partition with a transaction's records has no marker of it",
            expect: Kinds(&[Kind::MissingMarker]),
            also: &[Kind::Contradiction, Kind::TornTransaction, Kind::UncommittedVisible, Kind::AbortedVisible],
            because: "by their log its records are open, or ended by the next marker, and visible all the same; and the log has a hole",
            make: marker_never_written,
        },
        Mutation {
            name: "transaction-left-open",
            what: "a producer's last transaction was never ended",
            expect: Kinds(&[Kind::HangingTransaction, Kind::StalledLso]),
            also: &[Kind::HangingTransaction, Kind::StalledLso],
            because: "the format lets both kinds tell it",
            make: left_open,
        },
        Mutation {
            name: "transaction-known-open",
            what: "a broker has a transaction open that should have ended",
            expect: Kinds(&[Kind::HangingTransaction]),
            also: &[],
            because: "",
            make: known_open,
        },
    ]
}

/// A decision with its markers.
type Decision = (usize, Decided, Vec<(usize, Appended)>);

/// Decisions of which markers are in judged partitions, and no other decision has their producer id and epoch.
fn decisions(past: &Past) -> Vec<Decision> {
    let settled = past.settled();
    let mut found = Vec::new();
    for (index, d) in &past.decided {
        let once = past.decided.iter().filter(|(_, o)| (o.pid, o.epoch) == (d.pid, d.epoch)).count() == 1;
        let kind = if d.commit { BatchKind::CommitMarker } else { BatchKind::AbortMarker };
        let is = |b: &&(usize, Appended)| (b.1.pid, b.1.epoch, b.1.kind) == (d.pid, d.epoch, kind);
        let logs = past.appended.iter().filter(|(at, _)| settled.contains(at) && past.is_whole(**at));
        let markers: Vec<_> = logs.flat_map(|(_, log)| log.iter().filter(is)).copied().collect();
        if once && !markers.is_empty() {
            found.push((*index, *d, markers));
        }
    }
    found
}

/// Names of all clients with the transactional id of one of them.
fn namesakes(past: &Past, c: u32) -> Vec<String> {
    let id = &past.clients[&c].transactional_id;
    past.clients
        .values()
        .filter(|o| o.id == c || (id.is_some() && o.transactional_id == *id))
        .map(|o| o.name.to_string())
        .collect()
}

fn decided_otherwise(past: &Past, dice: &mut Dice, commit: bool) -> Option<Mutant> {
    let sites: Vec<_> = decisions(past).into_iter().filter(|(_, d, _)| d.commit == commit).collect();
    let (index, decided, _) = dice.pick(&sites)?;
    let mut edit = Edit::new(past);
    edit.change(index, Event::Decided(Decided { commit: !commit, ..decided }));
    Some(Mutant::new(&edit, format!("{index}")).clients(namesakes(past, decided.c)))
}

fn decided_twice(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let (index, decided, _) = dice.pick(&decisions(past))?;
    // Below version 2 one epoch has many transactions: it may be the next one's.
    if past.clients[&decided.c].transaction_version < 2 {
        return None;
    }
    let mut edit = Edit::new(past);
    edit.insert_after(index, Event::Decided(Decided { commit: !decided.commit, ..decided }));
    Some(Mutant::new(&edit, format!("{index}")).clients(namesakes(past, decided.c)).once())
}

fn marker_flipped(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let (_, decided, markers) = dice.pick(&decisions(past))?;
    let (index, marker) = dice.pick(&markers)?;
    let kind = if decided.commit { BatchKind::AbortMarker } else { BatchKind::CommitMarker };
    let mut edit = Edit::new(past);
    edit.change(index, Event::Appended(Appended { kind, ..marker }));
    Some(Mutant::new(&edit, format!("{index}")).partition(past, marker.at).offset(marker.base))
}

fn marker_never_written(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let mut sites = Vec::new();
    for (_, _, markers) in decisions(past) {
        for (index, marker) in &markers {
            let before = past.appended[&marker.at].iter().rfind(|(at, b)| at < index && b.pid == marker.pid);
            let again = markers.iter().filter(|(_, m)| m.at == marker.at).count() > 1;
            if before.is_some_and(|(_, b)| b.kind == BatchKind::TxnData) && !again {
                sites.push((*index, *marker));
            }
        }
    }
    let (index, marker) = dice.pick(&sites)?;
    let mut edit = Edit::new(past);
    edit.remove(index);
    Some(Mutant::new(&edit, format!("{index}")).partition(past, marker.at).once())
}

fn left_open(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let mut sites = Vec::new();
    'txn: for records in quiet_txns(past) {
        let mut firsts = std::collections::BTreeMap::new();
        for sent in &records {
            let Some((at, offset)) = sent.place else { continue 'txn };
            let first = firsts.entry(at).or_insert(offset);
            *first = offset.min(*first);
        }
        for (at, first) in &firsts {
            let after: Vec<_> = past.finals[at].iter().filter(|(_, f)| f.offset >= *first).collect();
            let last = after.last().map_or(0, |(_, f)| f.offset);
            let own = after.iter().all(|(_, f)| records.iter().any(|s| s.id == f.id));
            if !own || !past.is_quiet_end(*at, last) || !is_quiet(past, at.topic) {
                continue 'txn;
            }
        }
        sites.push((records, firsts));
    }
    let (records, firsts) = dice.pick(&sites)?;
    let key = (records[0].key.0, records[0].key.1, records[0].n?);
    let txn = &past.txns[&key];
    let mut edit = Edit::new(past);
    // What became of it at the coordinator is unknown: whoever decided it would have written markers.
    edit.blind().remove(txn.ending?).remove(txn.ended?);
    for (index, event) in past.events.iter().enumerate() {
        // Nor was it told a new epoch by an end that was not.
        if matches!(event, Event::Epoch(e) if (e.c, e.i) == (key.0, key.1) && index > txn.begin) {
            edit.remove(index);
        }
    }
    for sent in &records {
        let (at, offset) = sent.place?;
        let (index, line) = past.final_at(at, offset)?;
        edit.unread(at, offset).change(index, Event::Final(Final { visible: false, ..line }));
    }
    for (at, first) in &firsts {
        let end = edit.end(*at);
        edit.set_end(End { lso: *first, hw: end.hw - 1, leo: end.leo - 1, ..end });
    }
    Some(Mutant::new(&edit, format!("{key:?}")))
}

fn known_open(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let (_, epoch) = dice.pick(&past.epochs)?;
    past.clients[&epoch.c].transactional_id.as_ref()?;
    let mut edit = Edit::new(past);
    let t = past.events.iter().filter_map(Event::time).max()?;
    let culprit = "its coordinator never swept it".into();
    let (pid, len) = (epoch.pid, past.events.len());
    let open = OpenTransaction { t, c: Some(epoch.c), pid, epoch: epoch.epoch, since: Some(epoch.t), culprit };
    edit.insert_before(len, Event::OpenTransaction(open));
    let site = format!("{} {} {}", epoch.c, pid, epoch.epoch);
    Some(Mutant::new(&edit, site).client(past.client_name(epoch.c)).once())
}
