//! Answers that are untrue, or missing.

use fencepost_reports::Kind;
use fencepost_reports::history::event::*;

use super::Expect::Kinds;
use super::records::quiet_txns;
use super::{Mutant, Mutation};
use crate::dice::Dice;
use crate::edit::Edit;
use crate::past::{Past, Sent};

pub fn kinds() -> Vec<Mutation> {
    vec![
        Mutation {
            name: "send-failed-falsely",
            what: "a send failed for certain, and its record is there",
            expect: Kinds(&[Kind::FalseFailure]),
            also: &[],
            because: "",
            make: send_failed_falsely,
        },
        Mutation {
            name: "commit-failed-falsely",
            what: "a transaction's commit failed for certain, and its records are visible",
            expect: Kinds(&[Kind::FalseFailure]),
            also: &[Kind::ContradictoryDecision],
            because: "where the decision is in the history it is another than the client was told",
            make: commit_failed_falsely,
        },
        Mutation {
            name: "offsets-failed-falsely",
            what: "an offset commit failed for certain, and the offset moved by it",
            expect: Kinds(&[Kind::FalseFailure]),
            also: &[Kind::CommittedOffsetMoved],
            because: "an offset that moved by a commit that did not happen moved where nobody asked",
            make: offsets_failed_falsely,
        },
        Mutation {
            name: "send-unanswered",
            what: "a send has no outcome",
            expect: Kinds(&[Kind::Unanswered]),
            also: &[],
            because: "",
            make: send_unanswered,
        },
        Mutation {
            name: "commit-unanswered",
            what: "a transaction's commit has no outcome",
            expect: Kinds(&[Kind::Unanswered]),
            also: &[],
            because: "",
            make: |past, dice| end_unanswered(past, dice, true),
        },
        Mutation {
            name: "abort-unanswered",
            what: "a transaction's abort has no outcome",
            expect: Kinds(&[Kind::Unanswered]),
            also: &[],
            because: "",
            make: |past, dice| end_unanswered(past, dice, false),
        },
        Mutation {
            name: "offset-commit-unanswered",
            what: "an offset commit has no outcome",
            expect: Kinds(&[Kind::Unanswered]),
            also: &[],
            because: "",
            make: offset_commit_unanswered,
        },
        Mutation {
            name: "abort-answered-as-commit",
            what: "a client was told that its transaction is committed, and it is aborted",
            expect: Kinds(&[Kind::Loss]),
            also: &[Kind::ContradictoryDecision],
            because: "where the decision is in the history it is another than the client was told",
            make: abort_answered_as_commit,
        },
    ]
}

fn send_failed_falsely(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let plain: Vec<Sent> = past
        .acked()
        .filter(|s| s.n.is_none() && past.copies(s.id) == 1 && past.is_strict(s.place.expect("acked").0.topic))
        .copied()
        .collect();
    let sent = dice.pick(&plain)?;
    let Event::Ack(ack) = &past.events[sent.outcome?] else { return None };
    // Sent again by another incarnation, it may be that one's.
    if past.sent.iter().filter(|s| s.id == sent.id).count() > 1 {
        return None;
    }
    let mut edit = Edit::new(past);
    let error = "RECORD_LIST_TOO_LARGE".into();
    edit.change(sent.outcome?, Event::Fail(SendError { t: ack.t, c: ack.c, i: ack.i, op: ack.op, error }));
    Some(Mutant::new(&edit, format!("{:?}", sent.key)).record(sent.id).once())
}

fn commit_failed_falsely(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let records = dice.pick(&quiet_txns(past))?;
    let key = (records[0].key.0, records[0].key.1, records[0].n?);
    let index = past.txns[&key].ended?;
    let Event::Ended(ended) = &past.events[index] else { return None };
    let mut edit = Edit::new(past);
    let failed = Ended { outcome: Outcome::Fail, error: "INVALID_TXN_STATE".into(), ..ended.clone() };
    edit.change(index, Event::Ended(failed));
    Some(Mutant::new(&edit, format!("{key:?}")).client(past.client_name(key.0)))
}

fn offsets_failed_falsely(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let moved = |c: &Commit, from: usize, to: usize| {
        let by =
            |m: &OffsetMoved| m.offset == c.next && matches!(m.cause, MoveCause::Commit { c: by, .. } if by == c.c);
        past.moved.get(&(c.group, c.at)).is_some_and(|all| all.iter().any(|(at, m)| from < *at && *at < to && by(m)))
    };
    let once = |c: &Commit| past.commits.iter().filter(|o| o.1.at == c.at && o.1.next == c.next).count() == 1;
    let sites: Vec<_> = past
        .commits
        .iter()
        .filter_map(|(at, c, result)| result.map(|(to, outcome)| (*at, *c, to, outcome)))
        .filter(|(at, c, to, outcome)| *outcome == Outcome::Ok && moved(c, *at, *to + 40) && once(c))
        .collect();
    let (_, commit, index, _) = dice.pick(&sites)?;
    let Event::CommitResult(result) = &past.events[index] else { return None };
    let mut edit = Edit::new(past);
    let failed = CommitResult { outcome: Outcome::Fail, error: "INVALID_COMMIT_OFFSET_SIZE".into(), ..result.clone() };
    edit.change(index, Event::CommitResult(failed));
    Some(Mutant::new(&edit, format!("{index}")).client(past.client_name(commit.c)))
}

fn send_unanswered(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let plain: Vec<Sent> = past.acked().copied().collect();
    let sent = dice.pick(&plain)?;
    let mut edit = Edit::new(past);
    edit.remove(sent.outcome?);
    let name = past.client_name(sent.key.0);
    Some(Mutant::new(&edit, format!("{:?}", sent.key)).record(sent.id).client(name).once())
}

fn end_unanswered(past: &Past, dice: &mut Dice, commit: bool) -> Option<Mutant> {
    let fits = past.txns.iter().filter(|(_, t)| t.ok && t.commit == commit && t.ending.is_some());
    let sites: Vec<_> = fits.map(|(k, t)| (*k, t.ended)).collect();
    let (key, ended) = dice.pick(&sites)?;
    let mut edit = Edit::new(past);
    edit.remove(ended?);
    Some(Mutant::new(&edit, format!("{key:?}")).client(past.client_name(key.0)).once())
}

fn offset_commit_unanswered(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let sites: Vec<_> = past.commits.iter().filter_map(|(_, c, r)| r.map(|(index, _)| (*c, index))).collect();
    let (commit, index) = dice.pick(&sites)?;
    let mut edit = Edit::new(past);
    edit.remove(index);
    Some(Mutant::new(&edit, format!("{index}")).client(past.client_name(commit.c)))
}

/// Below transaction version 2 a late request may have ended it: an exception that has a name.
fn speaks_2(past: &Past, c: u32) -> bool {
    past.clients[&c].transaction_version >= 2
}

fn abort_answered_as_commit(past: &Past, dice: &mut Dice) -> Option<Mutant> {
    let acked = |s: &Sent| s.found.is_some() && past.is_strict(s.place.expect("acked").0.topic);
    let whole = |t: &crate::past::Txn| t.sends.iter().all(|s| acked(&past.sent[*s])) && t.offsets.is_empty();
    let aborted: Vec<_> = past.aborted().into_iter().filter(|(k, t)| whole(t) && speaks_2(past, k.0)).collect();
    let (key, txn) = dice.pick(&aborted)?;
    let (Event::Ending(ending), Event::Ended(ended)) = (&past.events[txn.ending?], &past.events[txn.ended?]) else {
        return None;
    };
    let mut edit = Edit::new(past);
    edit.change(txn.ending?, Event::Ending(Ending { commit: true, ..*ending }));
    edit.change(txn.ended?, Event::Ended(Ended { commit: true, ..ended.clone() }));
    let ids: Vec<_> = past.records(&txn).iter().map(|s| s.id).collect();
    let n = ids.len() as u64;
    Some(Mutant::new(&edit, format!("{key:?}")).records(ids).times(n))
}
