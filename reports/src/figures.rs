//! Figures of one run: how often what happened, and how long it took, in total and for each node.
//!
//! [`Counting`] takes them from a history. What a history does not tell (retries, what brokers absorbed, moves of leaders)
//! is added by whoever ran the system, with [`Figures::node`].

use core::fmt::Write;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::history::event as h;
use crate::terminal::{one_line, wrapped};
use crate::words::thousands;

/// What is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Transactions that were committed.
    pub committed: u64,
    /// Transactions that were aborted, by whomever.
    pub aborted: u64,
    /// Median of the times from the call of commitTransaction to its return, in nanoseconds of virtual time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_p50_ns: Option<u64>,
    /// The same, 99th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_p99_ns: Option<u64>,
    /// Largest distance of a last stable offset from its high watermark, in offsets.
    pub largest_lso_lag: u64,
    /// Producers that learned that they are fenced.
    pub fenced: u64,
    /// Batches that were sent again.
    pub retries: u64,
    /// Records that a broker recognised as stored already, and did not store again.
    pub absorbed: u64,
    /// Generations of groups in which partitions were assigned.
    pub rebalances: u64,
    /// Records that a group (or a reader without one) was given although it had been given them, or later ones, before.
    pub replayed: u64,
    /// Leaderships of application partitions that moved.
    pub leader_moves: u64,
    /// Leaderships of coordinators' partitions that moved.
    pub coordinator_moves: u64,
}

/// The figures of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFigures {
    /// Name.
    pub name: String,
    /// Its figures.
    #[serde(flatten)]
    pub tally: Tally,
}

/// The figures of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Of the whole system.
    pub total: Tally,
    /// Of each node that has any.
    pub nodes: Vec<NodeFigures>,
}

/// Counts while a history is written.
#[derive(Clone, Debug, Default)]
pub struct Counting {
    clients: BTreeMap<u32, Client>,
    generations: BTreeSet<(u32, i32)>,
    /// Next offset of each group (or client, counted from the top) and partition.
    positions: Vec<((u32, h::Partition), i64)>,
    last_position: usize,
    index: BTreeMap<(u32, h::Partition), usize>,
    decisions: bool,
}

#[derive(Clone, Debug, Default)]
struct Client {
    name: String,
    group: Option<u32>,
    tally: Tally,
    decided: (u64, u64),
    committing: BTreeMap<(u32, u64), u64>,
    took: Vec<u64>,
    generations: BTreeSet<i32>,
}

impl Counting {
    /// Nothing counted yet.
    pub fn new() -> Counting {
        Counting::default()
    }

    fn client(&mut self, c: u32) -> &mut Client {
        self.clients.entry(c).or_default()
    }

    fn read(&mut self, c: u32, at: h::Partition, offset: i64) {
        let group = self.clients.get(&c).and_then(|client| client.group).unwrap_or(u32::MAX - c);
        let key = (group, at);
        if self.positions.get(self.last_position).is_none_or(|(k, _)| *k != key) {
            let next = self.positions.len();
            self.last_position = *self.index.entry(key).or_insert(next);
            if self.last_position == next {
                self.positions.push((key, 0));
            }
        }
        let next = &mut self.positions[self.last_position].1;
        let again = offset < *next;
        *next = (*next).max(offset.saturating_add(1));
        if again {
            self.client(c).tally.replayed += 1;
        }
    }

    /// The figures.
    pub fn finish(self) -> Figures {
        let mut figures = Figures::default();
        let mut took = Vec::new();
        for (_, client) in self.clients {
            let Client { name, mut tally, decided, took: own, generations, .. } = client;
            if self.decisions {
                (tally.committed, tally.aborted) = decided;
            }
            tally.rebalances = generations.len() as u64;
            took.extend(&own);
            set_times(&mut tally, own);
            figures.total.add(&tally);
            figures.nodes.push(NodeFigures { name, tally });
        }
        figures.total.rebalances = self.generations.len() as u64;
        set_times(&mut figures.total, took);
        figures
    }
}

fn set_times(tally: &mut Tally, mut took: Vec<u64>) {
    took.sort_unstable();
    // The smallest value that so many percent of all do not exceed.
    let at = |percent: usize| took.get((took.len() * percent).div_ceil(100).max(1) - 1).copied();
    (tally.commit_p50_ns, tally.commit_p99_ns) = (at(50), at(99));
}

impl h::Sink for Counting {
    fn event(&mut self, event: &h::Event<'_>) {
        match event {
            h::Event::Client(e) => {
                let client = self.client(e.id);
                client.name = e.name.to_string();
                client.group = e.group;
            }
            h::Event::Ending(e) if e.commit => {
                self.client(e.c).committing.insert((e.i, e.n), e.t);
            }
            h::Event::Ended(e) => {
                let client = self.client(e.c);
                let began = client.committing.remove(&(e.i, e.n));
                if e.outcome == h::Outcome::Ok {
                    *(if e.commit { &mut client.tally.committed } else { &mut client.tally.aborted }) += 1;
                    client.took.extend(began.filter(|_| e.commit).map(|began| e.t - began));
                }
            }
            h::Event::Decided(e) => {
                self.decisions = true;
                let (committed, aborted) = &mut self.client(e.c).decided;
                *(if e.commit { committed } else { aborted }) += 1;
            }
            h::Event::Fenced(e) => self.client(e.c).tally.fenced += 1,
            h::Event::Assigned(e) => {
                let Some(generation) = e.generation.filter(|g| *g >= 0) else { return };
                let client = self.client(e.c);
                client.generations.insert(generation);
                if let Some(group) = client.group {
                    self.generations.insert((group, generation));
                }
            }
            h::Event::Read(e) => self.read(e.c, e.at, e.offset),
            _ => {}
        }
    }
}

impl Tally {
    /// Adds what can be added; the largest lag is the larger one.
    fn add(&mut self, other: &Tally) {
        self.committed += other.committed;
        self.aborted += other.aborted;
        self.largest_lso_lag = self.largest_lso_lag.max(other.largest_lso_lag);
        self.fenced += other.fenced;
        self.retries += other.retries;
        self.absorbed += other.absorbed;
        self.replayed += other.replayed;
        self.leader_moves += other.leader_moves;
        self.coordinator_moves += other.coordinator_moves;
    }

    /// What is counted, by name; times are not.
    pub const fn counts(&self) -> [(&'static str, u64); 10] {
        [
            ("committed", self.committed),
            ("aborted", self.aborted),
            ("largest_lso_lag", self.largest_lso_lag),
            ("fenced", self.fenced),
            ("retries", self.retries),
            ("absorbed", self.absorbed),
            ("rebalances", self.rebalances),
            ("replayed", self.replayed),
            ("leader_moves", self.leader_moves),
            ("coordinator_moves", self.coordinator_moves),
        ]
    }

    /// In words, only what is not zero; empty if everything is.
    pub fn words(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        let mut count = |n: u64, one: &str, many: &str| {
            if n > 0 {
                parts.push(format!("{} {}", thousands(n), if n == 1 { one } else { many }));
            }
        };
        count(self.committed, "transaction committed", "transactions committed");
        let aborted =
            if self.committed > 0 { ("aborted", "aborted") } else { ("transaction aborted", "transactions aborted") };
        count(self.aborted, aborted.0, aborted.1);
        count(self.fenced, "producer fenced", "producers fenced");
        count(self.retries, "batch sent again", "batches sent again");
        count(self.absorbed, "duplicate record absorbed by a broker", "duplicate records absorbed by brokers");
        count(self.rebalances, "rebalance", "rebalances");
        count(self.replayed, "record read again", "records read again");
        count(self.leader_moves, "leadership moved", "leaderships moved");
        count(self.coordinator_moves, "coordinator partition moved", "coordinator partitions moved");
        if self.largest_lso_lag > 0 {
            parts.push(format!("last stable offset up to {} behind", thousands(self.largest_lso_lag)));
        }
        let mut text = parts.join(", ");
        if let (Some(p50), Some(p99)) = (self.commit_p50_ns, self.commit_p99_ns) {
            let _ = write!(text, "; a commit took {} (p50), {} (p99)", milliseconds(p50), milliseconds(p99));
        }
        text.trim_start_matches("; ").to_string()
    }
}

/// `12.5 ms`.
pub fn milliseconds(ns: u64) -> String {
    let (whole, micros) = (ns / 1_000_000, ns % 1_000_000 / 1_000);
    let digits = format!("{micros:03}");
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() { format!("{} ms", thousands(whole)) } else { format!("{}.{digits} ms", thousands(whole)) }
}

impl Figures {
    /// Adds figures of the node of that name.
    pub fn node(&mut self, name: &str, tally: &Tally) {
        self.total.add(tally);
        match self.nodes.iter_mut().find(|node| node.name == name) {
            Some(node) => node.tally.add(tally),
            None => self.nodes.push(NodeFigures { name: name.to_string(), tally: tally.clone() }),
        }
    }

    /// In words by node; empty where less than two nodes have anything to tell, which is then the total.
    pub fn by_node(&self) -> Vec<(&str, String)> {
        let words = self.nodes.iter().map(|node| (node.name.as_str(), node.tally.words()));
        let told: Vec<(&str, String)> = words.filter(|(_, words)| !words.is_empty()).collect();
        if told.len() < 2 { Vec::new() } else { told }
    }

    /// In words, a line for the total and below it one for each node; empty if there is nothing to tell.
    pub fn words(&self) -> String {
        let mut text = self.total.words();
        if text.is_empty() {
            return text;
        }
        let total = core::mem::take(&mut text);
        wrapped(&mut text, &total, "", "  ");
        let nodes: Vec<_> = self.by_node().into_iter().map(|(name, words)| (one_line(name), words)).collect();
        let width = nodes.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, words) in nodes {
            wrapped(&mut text, &words, &format!("  {name:width$}  "), &" ".repeat(width + 6));
        }
        text
    }

    /// Without nodes that have nothing to tell.
    pub fn without_idle_nodes(mut self) -> Figures {
        self.nodes.retain(|node| node.tally != Tally::default());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Identity, Sink};

    fn client(id: u32, name: &str, group: Option<u32>) -> h::Event<'static> {
        h::Event::Client(Box::new(h::Client { id, name: name.to_string().into(), group, ..h::Client::default() }))
    }

    fn ended(t: u64, n: u64, commit: bool) -> [h::Event<'static>; 2] {
        let outcome = h::Outcome::Ok;
        [
            h::Event::Ending(h::Ending { t: t - n * 1_000_000, c: 0, i: 0, n, commit }),
            h::Event::Ended(h::Ended { t, c: 0, i: 0, n, commit, outcome, error: "".into() }),
        ]
    }

    fn read(c: u32, offset: i64) -> h::Event<'static> {
        let at = h::Partition::new(2, 0);
        h::Event::Read(h::Read { t: 0, c, i: 0, at, offset, id: Identity::of_workload(0, offset), value: None })
    }

    fn count(events: impl IntoIterator<Item = h::Event<'static>>) -> Figures {
        let mut counting = Counting::new();
        events.into_iter().for_each(|event| counting.event(&event));
        counting.finish()
    }

    #[test]
    fn commits_are_timed_from_call_to_return_and_aborts_are_not() {
        let mut events = vec![client(0, "bank", None)];
        for n in 1..=100 {
            events.extend(ended(1_000_000_000, n, true));
        }
        events.extend(ended(2_000_000_000, 500, false));
        let total = count(events).total;
        assert_eq!((total.committed, total.aborted), (100, 1));
        assert_eq!((total.commit_p50_ns, total.commit_p99_ns), (Some(50_000_000), Some(99_000_000)));
        assert_eq!(total.words(), "100 transactions committed, 1 aborted; a commit took 50 ms (p50), 99 ms (p99)");
    }

    #[test]
    fn words_tell_of_each_node_where_several_have_something_to_tell() {
        let bank = Tally { aborted: 2, ..Tally::default() };
        let mut figures = Figures::default();
        figures.node("bank", &bank);
        assert_eq!(figures.words(), "2 transactions aborted\n");
        figures.node("broker-1", &Tally { largest_lso_lag: 1_200, ..Tally::default() });
        figures.node("idle", &Tally::default());
        let expected = "\
2 transactions aborted, last stable offset up to 1,200 behind
  bank      2 transactions aborted
  broker-1  last stable offset up to 1,200 behind
";
        assert_eq!(figures.words(), expected);
        assert_eq!(Figures::default().words(), "");
    }

    #[test]
    fn a_decision_of_the_coordinator_counts_where_it_is_known() {
        let decided = |commit| {
            let cause = h::DecisionCause::Timeout;
            h::Event::Decided(h::Decided { t: 1, c: 0, pid: 5, epoch: 0, commit, cause })
        };
        let figures = count([client(0, "bank", None), decided(false), decided(true), decided(false)]);
        assert_eq!((figures.total.committed, figures.total.aborted), (1, 2));
    }

    #[test]
    fn what_another_member_of_the_group_has_read_is_replayed_and_what_another_group_has_read_is_not() {
        let clients = [client(0, "a", Some(0)), client(1, "b", Some(0)), client(2, "other", None)];
        let reads = [read(0, 0), read(0, 1), read(0, 2), read(1, 1), read(1, 2), read(1, 3), read(2, 0), read(2, 1)];
        let figures = count(clients.into_iter().chain(reads));
        assert_eq!(figures.total.replayed, 2);
        assert_eq!(figures.nodes[1].tally.replayed, 2);
    }

    #[test]
    fn a_generation_is_one_rebalance_however_many_members_and_partitions_it_has() {
        let assigned = |c, p, generation| {
            let at = h::Partition::new(2, p);
            h::Event::Assigned(h::Assignment { t: 0, c, i: 0, at, generation: Some(generation) })
        };
        let clients = [client(0, "a", Some(0)), client(1, "b", Some(0))];
        let events = [assigned(0, 0, 1), assigned(0, 1, 1), assigned(0, 0, 2), assigned(1, 1, 2)];
        let figures = count(clients.into_iter().chain(events));
        assert_eq!(figures.total.rebalances, 2);
        assert_eq!(figures.nodes.iter().map(|n| n.tally.rebalances).collect::<Vec<_>>(), [2, 1]);
    }
}
