//! White box: offset commits that have not taken effect (E3, G1).

use std::collections::BTreeMap;

use crate::history::event::MoveCause;

/// Which commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Committer {
    /// A plain one: session and number.
    Plain(u32, u64),
    /// A transaction's: its number.
    Transaction(u32),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// Plain moves of the offset before it.
    pub(crate) plain: u64,
    /// Its place among everything that was asked for there.
    place: u64,
    /// When it was answered with success.
    pub(crate) told: Option<u64>,
    /// Another transaction had an offset there before this one was answered.
    pub(crate) met: bool,
}

/// Commits of one partition's offset that have not taken effect.
#[derive(Clone, Debug, Default)]
pub(crate) struct Awaiting {
    pub(crate) asked: BTreeMap<(i64, Committer), Asked>,
    places: u64,
    pub(crate) plain: u64,
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
