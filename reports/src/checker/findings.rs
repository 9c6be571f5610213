//! What was found, counted by kind, with the first few proofs.

use std::collections::BTreeMap;

use super::evidence::Promises;
use crate::report::{Kind, Proof, Violation};

/// Proofs that are kept of each kind.
const PROOFS: usize = 5;

#[derive(Clone, Debug, Default)]
struct Found {
    count: u64,
    proofs: Vec<Proof>,
}

impl Found {
    fn add(&mut self, count: u64, proof: impl FnOnce() -> Proof) {
        self.count += count;
        if self.proofs.len() < PROOFS {
            self.proofs.push(proof());
        }
    }
}

/// Everything found so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    violations: BTreeMap<Kind, Found>,
    allowed: BTreeMap<Kind, Found>,
    notes: Vec<String>,
    notes_dropped: u64,
}

impl Findings {
    /// Records `count` cases of `kind`, about `topic` if it is about one; `proof` is made only if it will be shown.
    pub(crate) fn add(
        &mut self,
        promises: &Promises,
        kind: Kind,
        topic: Option<u32>,
        count: u64,
        proof: impl FnOnce() -> Proof,
    ) {
        let table = if promises.allow(topic, kind) { &mut self.allowed } else { &mut self.violations };
        table.entry(kind).or_default().add(count, proof);
    }

    /// The same for what is about a sink.
    pub(crate) fn add_of_sink(
        &mut self,
        promises: &Promises,
        kind: Kind,
        sink: u32,
        count: u64,
        proof: impl FnOnce() -> Proof,
    ) {
        let table = if promises.allow_of_sink(sink, kind) { &mut self.allowed } else { &mut self.violations };
        table.entry(kind).or_default().add(count, proof);
    }

    /// The same for what is about records that a reader was given, or was not.
    pub(crate) fn add_of_reader(
        &mut self,
        promises: &Promises,
        kind: Kind,
        client: u32,
        topic: Option<u32>,
        count: u64,
        proof: impl FnOnce() -> Proof,
    ) {
        let allowed = promises.allow_of_reader(client, topic, kind);
        let table = if allowed { &mut self.allowed } else { &mut self.violations };
        table.entry(kind).or_default().add(count, proof);
    }

    /// Records something about the history itself.
    pub(crate) fn note(&mut self, note: impl FnOnce() -> String) {
        if self.notes.len() < PROOFS { self.notes.push(note()) } else { self.notes_dropped += 1 }
    }

    pub(crate) fn has(&self, wanted: impl Fn(Kind) -> bool) -> bool {
        self.violations.keys().any(|kind| wanted(*kind))
    }

    pub(crate) fn into_lists(self) -> (Vec<Violation>, Vec<Violation>, Vec<String>) {
        let list = |table: BTreeMap<Kind, Found>| {
            let violation = |(kind, found): (Kind, Found)| {
                let mut proofs = found.proofs.into_iter();
                let proof = proofs.next().expect("the first case has a proof");
                Violation { kind, count: found.count, proof, further: proofs.collect() }
            };
            table.into_iter().map(violation).collect()
        };
        let mut notes = self.notes;
        if self.notes_dropped > 0 {
            notes.push(format!("... and {} more notes", self.notes_dropped));
        }
        (list(self.violations), list(self.allowed), notes)
    }
}
