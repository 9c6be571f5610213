//! White box: an offset commit that was answered with success takes effect (E3, G1): the committed offset takes that value,
//! if the history tells where the group's offsets move at all.
//!
//! A plain commit is a record of its own and always moves the offset. A transaction's offset takes effect at its marker, and
//! not if somebody else's commit was written after it (§4.2).

use std::collections::BTreeMap;

use super::evidence::Evidence;
use super::findings::Findings;
use super::registry::NONE;
use crate::history::event::MoveCause;
use crate::report::{Kind, Proof};

/// Commits that are kept before the first event that tells of a group's offsets.
const KEPT: u32 = 64;

/// Which commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Committer {
    /// A plain one: session and number.
    Plain(u32, u64),
    /// A transaction's: its number.
    Transaction(u32),
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    /// Plain moves of the offset before it.
    plain: u64,
    /// Its place among everything that was asked for there.
    place: u64,
    /// When it was answered with success.
    told: Option<u64>,
    /// Another transaction had an offset there before this one was answered.
    met: bool,
}

/// Commits of one partition's offset that have not taken effect.
#[derive(Clone, Debug, Default)]
pub(crate) struct Awaiting {
    asked: BTreeMap<(i64, Committer), Asked>,
    places: u64,
    plain: u64,
    /// The last session that put an offset into a transaction and its last place, and the same for the last other one.
    last: Option<(u32, u64)>,
    other: Option<(u32, u64)>,
}

impl Awaiting {
    fn add(&mut self, next: i64, by: Committer) {
        self.places += 1;
        self.asked.insert((next, by), Asked { plain: self.plain, place: self.places, told: None, met: false });
    }

    /// A plain commit of `next` was invoked; `now`: what is committed.
    pub(crate) fn plain(&mut self, next: i64, now: Option<i64>, session: u32, op: u64) {
        if now != Some(next) {
            self.add(next, Committer::Plain(session, op));
        }
    }

    /// An offset became part of a transaction.
    pub(crate) fn transaction(&mut self, next: i64, now: Option<i64>, session: u32, txn: u32) {
        self.places += 1;
        match self.last {
            Some((known, _)) if known == session => {}
            last => self.other = last,
        }
        self.last = Some((session, self.places));
        if now != Some(next) {
            self.add(next, Committer::Transaction(txn));
        }
    }

    /// The offset took a value.
    pub(crate) fn moved(&mut self, to: i64, cause: MoveCause) {
        if matches!(cause, MoveCause::Tombstone | MoveCause::Expired) {
            // What is under way goes with it (§4.2).
            return self.asked.clear();
        }
        if !matches!(cause, MoveCause::Marker { .. }) {
            self.plain += 1;
        }
        while let Some(entry) = self.asked.range((to, Committer::Plain(0, 0))..).next().map(|(key, _)| *key) {
            if entry.0 != to {
                break;
            }
            self.asked.remove(&entry);
        }
    }

    /// The commit did not happen, or may not have.
    pub(crate) fn forget(&mut self, next: i64, by: Committer) {
        self.asked.remove(&(next, by));
    }

    /// The commit was answered with success; `session`: whose it is. Whether it has yet to take effect.
    pub(crate) fn told(&mut self, next: i64, by: Committer, session: u32, now: u64) -> bool {
        let rival = match (self.last, self.other) {
            (Some((last, place)), _) if last != session => Some(place),
            (_, other) => other.map(|(_, place)| place),
        };
        let Some(asked) = self.asked.get_mut(&(next, by)) else { return false };
        asked.told = Some(now);
        asked.met = rival.is_some_and(|place| place > asked.place);
        true
    }
}

/// A group's commit was answered with success.
pub(crate) fn told(ev: &mut Evidence, group: u32, log: u32, next: i64, by: Committer, session: u32) {
    let now = ev.now;
    let group = &mut ev.groups[group as usize];
    let (moves, kept) = (group.moves, group.unmoved);
    let awaiting = &mut group.log(log).awaiting;
    if !awaiting.told(next, by, session, now) || moves {
        return;
    }
    if kept < KEPT {
        group.unmoved += 1;
    } else {
        awaiting.forget(next, by);
    }
}

/// In the end: what was answered and never took effect. While a transaction hangs, the last one of its producer may yet.
pub(crate) fn close(ev: &Evidence, findings: &mut Findings) {
    let hangs = findings.has(|kind| matches!(kind, Kind::HangingTransaction | Kind::StuckRun));
    for group in ev.groups.iter().filter(|group| group.moves) {
        for (log, state) in &group.logs {
            for ((next, by), asked) in &state.awaiting.asked {
                let Some(told) = asked.told else { continue };
                let (session, txn) = match *by {
                    Committer::Plain(session, _) => (session, NONE),
                    Committer::Transaction(txn) => (ev.txns[txn as usize].session, txn),
                };
                if txn != NONE {
                    let last = ev.sessions[session as usize].latest == txn;
                    if asked.met || state.awaiting.plain > asked.plain || hangs && last {
                        continue;
                    }
                }
                let topic = ev.logs[*log as usize].at.topic;
                findings.add(&ev.promises, Kind::CommitWithoutEffect, Some(topic), 1, || {
                    let who = match txn {
                        NONE => format!("a commit of {}", ev.session_name(session)),
                        txn => ev.txn_name(txn),
                    };
                    let sentence = format!(
                        "offset {next} of {} was committed in group {} by {who}, which was told so, but the group's offset never \
                         was {next} after that",
                        ev.partition_name(*log),
                        group.name
                    );
                    let mut proof = Proof { clients: vec![ev.session_id(session)], ..ev.proof_at(*log, &[*next], sentence) };
                    proof.times = vec![told];
                    proof.transaction = (txn != NONE).then(|| ev.txns[txn as usize].ordinal);
                    proof
                });
            }
        }
    }
}
