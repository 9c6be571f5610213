//! What was found, counted by kind, with the first few proofs.

use std::collections::{BTreeMap, BTreeSet};

use super::state::Promises;
use crate::report::{Kind, Proof, Violation};

/// Proofs that are shown of each kind.
const PROOFS: usize = 5;
/// Proofs that are made of each kind about one topic, sink or reader, to choose from.
const MADE: u32 = 20;

/// Topic, sink and first client that a proof names.
type Names = (Option<String>, Option<String>, Option<String>);

/// What a finding is about, as far as it is known before its proof is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    Topic(Option<u32>),
    Sink(u32),
    Reader(u32, Option<u32>),
}

#[derive(Clone, Debug, Default)]
struct Found {
    count: u64,
    made: BTreeMap<About, u32>,
    proofs: Vec<(About, Proof)>,
}

impl Found {
    fn add(&mut self, count: u64, about: About, proof: impl FnOnce() -> Proof) {
        self.count += count;
        let made = self.made.entry(about).or_default();
        if *made < MADE {
            *made += 1;
            self.proofs.push((about, proof()));
        }
    }

    /// The proofs to show. Each tells something that those before it do not: a second one about the same topic and client
    /// comes after all first ones, and what is Kafka's own after what is the user's.
    fn chosen(self, internal: &BTreeSet<u32>) -> Vec<Proof> {
        let mut seen: BTreeMap<Names, u32> = BTreeMap::new();
        let rank = |(about, proof): (About, Proof)| {
            let client = proof.clients.first().map(|(name, _)| name.clone());
            let before = seen.entry((proof.topic.clone(), proof.sink.clone(), client)).or_default();
            *before += 1;
            let of_kafka = match about {
                About::Topic(Some(topic)) | About::Reader(_, Some(topic)) => internal.contains(&topic),
                _ => false,
            };
            ((*before, of_kafka), proof)
        };
        let mut ranked: Vec<((u32, bool), Proof)> = self.proofs.into_iter().map(rank).collect();
        ranked.sort_by_key(|(rank, _)| *rank); // stable: else in the order in which they were found
        ranked.into_iter().take(PROOFS).map(|(_, proof)| proof).collect()
    }
}

/// Everything found so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    violations: BTreeMap<Kind, Found>,
    allowed: BTreeMap<Kind, Found>,
    /// Topics of Kafka's own.
    internal: BTreeSet<u32>,
    notes: Vec<String>,
    notes_dropped: u64,
}

impl Findings {
    /// A topic is Kafka's own: what is found there is told last.
    pub(crate) fn is_internal(&mut self, topic: u32) {
        self.internal.insert(topic);
    }

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
        table.entry(kind).or_default().add(count, About::Topic(topic), proof);
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
        table.entry(kind).or_default().add(count, About::Sink(sink), proof);
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
        table.entry(kind).or_default().add(count, About::Reader(client, topic), proof);
    }

    /// Records something about the history itself.
    pub(crate) fn note(&mut self, note: impl FnOnce() -> String) {
        if self.notes.len() < PROOFS { self.notes.push(note()) } else { self.notes_dropped += 1 }
    }

    pub(crate) fn has(&self, wanted: impl Fn(Kind) -> bool) -> bool {
        self.violations.keys().any(|kind| wanted(*kind))
    }

    pub(crate) fn into_lists(self) -> (Vec<Violation>, Vec<Violation>, Vec<String>) {
        let internal = self.internal;
        let list = |table: BTreeMap<Kind, Found>| {
            let violation = |(kind, found): (Kind, Found)| {
                let count = found.count;
                let mut proofs = found.chosen(&internal).into_iter();
                let proof = proofs.next().expect("the first case has a proof");
                Violation { kind, count, proof, further: proofs.collect() }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(topic: &str, client: &str, n: u32) -> Proof {
        Proof {
            sentence: format!("{topic} {client} {n}"),
            topic: Some(topic.to_owned()),
            clients: vec![(client.to_owned(), 0)],
            ..Proof::default()
        }
    }

    fn shown(findings: Findings) -> Vec<String> {
        let (violations, _, _) = findings.into_lists();
        let violation = violations.into_iter().next().expect("one kind was found");
        core::iter::once(violation.proof).chain(violation.further).map(|proof| proof.sentence).collect()
    }

    #[test]
    fn what_is_kafkas_own_is_told_after_what_is_the_users_and_everything_once_before_anything_twice() {
        let (promises, mut findings) = (Promises::default(), Findings::default());
        findings.is_internal(0);
        for n in 0..50 {
            findings.add(&promises, Kind::StalledLso, Some(0), 1, || proof("__transaction_state", "", n));
        }
        for (topic, name) in [(2, "orders"), (3, "invoices")] {
            for n in 0..3 {
                findings.add(&promises, Kind::StalledLso, Some(topic), 1, || proof(name, "", n));
            }
        }
        let expected = ["orders  0", "invoices  0", "__transaction_state  0", "orders  1", "invoices  1"];
        assert_eq!(shown(findings), expected);
    }

    #[test]
    fn each_client_has_its_first_proof_before_another_has_its_second() {
        let (promises, mut findings) = (Promises::default(), Findings::default());
        for (client, count) in [("shop", 7), ("till", 1), ("bank", 1)] {
            for n in 0..count {
                findings.add(&promises, Kind::Loss, Some(2), 1, || proof("orders", client, n));
            }
        }
        let expected = ["orders shop 0", "orders till 0", "orders bank 0", "orders shop 1", "orders shop 2"];
        assert_eq!(shown(findings), expected);
    }
}
