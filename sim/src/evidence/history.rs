//! The world's side of the history: numbers for names, and protocol values as events.

use std::collections::BTreeMap;

use fencepost_protocol::ids::{Name, Offset, ProducerId, TopicId, TopicPartition};
use fencepost_protocol::time::Instant;
use fencepost_reports::history::event as h;

use super::askers::{Askers, Invoker};
use super::values::partition;
use crate::cast::member_name;
use crate::plan::{Plan, Promise};

/// A client that is there from the beginning, and the name of its consumer group.
pub type Declared = (h::Client<'static>, Option<String>);

/// A change of a committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetMove {
    /// Group.
    pub group: Name,
    /// Input partition.
    pub tp: TopicPartition,
    /// The new value; -1 for deleted.
    pub offset: Offset,
    /// The commit marker that brought it about.
    pub marker: Option<(ProducerId, i16)>,
}

/// Writes events to a sink.
pub struct History<'a> {
    sink: &'a mut dyn h::Sink,
    /// Time of the event in hand.
    pub now: Instant,
    groups: Vec<String>,
    clients: Vec<String>,
    transactional: Vec<(String, u32)>,
    topics: Vec<String>,
    /// Who asks for what, outside transactions.
    pub(super) askers: Askers,
    /// Committed offset of each group, and the highest that it ever was.
    committed: BTreeMap<(u32, h::Partition), (i64, i64)>,
    /// How often one of the highest rose.
    pub commits_advanced: u64,
    /// How often a committed offset took a value.
    pub commits_moved: u64,
    faults: u32,
    /// Clients of which no incarnation runs.
    over: Vec<bool>,
    /// What each client met.
    met: Vec<Met>,
}

/// What a client met last.
#[derive(Clone, Debug, Default)]
struct Met {
    /// Errors that it was told and that are no part of the ordinary course, and those that are.
    told: [Option<Told>; 2],
    /// When its transaction timed out last.
    timed_out: Option<Instant>,
}

/// Errors that clients are told when all is well: they look for a coordinator or a leader, and join.
const ROUTINE: [&str; 13] = [
    "MEMBER_ID_REQUIRED",
    "REBALANCE_IN_PROGRESS",
    "COORDINATOR_LOAD_IN_PROGRESS",
    "COORDINATOR_NOT_AVAILABLE",
    "NOT_COORDINATOR",
    "NOT_LEADER_OR_FOLLOWER",
    "LEADER_NOT_AVAILABLE",
    "FENCED_LEADER_EPOCH",
    "UNKNOWN_LEADER_EPOCH",
    "OFFSET_NOT_AVAILABLE",
    "CONCURRENT_TRANSACTIONS",
    "FETCH_SESSION_ID_NOT_FOUND",
    "INVALID_FETCH_SESSION_EPOCH",
];

/// An error that a client was told, or that a call of it ended with.
#[derive(Clone, Debug)]
pub struct Told {
    /// When.
    pub at: Instant,
    /// In answer to what.
    pub call: &'static str,
    /// Its name.
    pub error: String,
    /// Whether it is told where all is well, too.
    pub routine: bool,
    /// A broker or sink answered with it; else it is what the application's call came to.
    pub answered: bool,
}

impl<'a> History<'a> {
    /// Writes the preamble.
    pub fn new(plan: &Plan, clients: Vec<Declared>, sink: &'a mut dyn h::Sink) -> History<'a> {
        let mut topics = vec!["__transaction_state".to_string(), "__consumer_offsets".to_string()];
        topics.extend(plan.topics.iter().map(|t| t.name.clone()));
        let mut history = History {
            sink,
            now: Instant::ZERO,
            groups: Vec::new(),
            clients: Vec::new(),
            transactional: Vec::new(),
            topics,
            askers: Askers::default(),
            committed: BTreeMap::new(),
            commits_advanced: 0,
            commits_moved: 0,
            faults: 0,
            over: Vec::new(),
            met: Vec::new(),
        };
        let internal = [plan.cluster.config.transaction_partitions, plan.cluster.config.offsets_partitions];
        let partitions = internal.into_iter().chain(plan.topics.iter().map(|t| t.partitions));
        for (id, partitions) in partitions.enumerate() {
            let name = history.topics[id].clone().into();
            let config = &plan.cluster.config;
            let numbered = TopicId(id as u32);
            let may_be_empty =
                numbered.application_index().and_then(|n| plan.topics.get(n)).is_some_and(|t| t.may_be_empty);
            let topic = h::Topic {
                id: numbered.0,
                name,
                partitions,
                internal: numbered.is_internal(),
                may_be_empty,
                max_sequence: plan.cluster.domains.max_sequence,
                forgets_after: config.producer_id_expiration_ms as u64 * 1_000_000,
                ..h::Topic::default()
            };
            history.write(&h::Event::Topic(topic));
        }
        for (id, account) in plan.accounts().into_iter().enumerate() {
            let topic = |name: &String| history.topics.iter().position(|t| t == name).map(|t| t as u32);
            let announced_in = account.topic.as_ref().and_then(topic);
            let kind = if account.table.is_some() { h::SinkKind::Rows } else { h::SinkKind::Charges };
            let sink = h::ExternalSink { id: id as u32, name: account.name.into(), kind, announced_in };
            history.write(&h::Event::Sink(sink));
        }
        clients.iter().filter_map(|(_, group)| group.as_ref()).for_each(|group| {
            history.declare_group(group);
        });
        for (mut client, group) in clients {
            client.group = group.map(|group| history.group_number(&group));
            history.declare_client(client);
        }
        for (topic, promise) in &plan.promises {
            if *promise == Promise::ReadUncommitted {
                history.promise_of_a_reader(plan, topic);
                continue;
            }
            let sink = plan.accounts().iter().position(|a| a.name == *topic).map(|s| s as u32);
            let topic = history.topics.iter().position(|t| t == topic).map(|t| t as u32);
            let guarantee = match promise {
                Promise::ExactlyOnce | Promise::Idempotent | Promise::ReadUncommitted => h::Guarantee::ExactlyOnce,
                Promise::AtLeastOnce => h::Guarantee::AtLeastOnce,
                Promise::AtMostOnce => h::Guarantee::AtMostOnce,
            };
            let allow = match promise {
                Promise::Idempotent => vec!["epoch-bump-duplicate".into()],
                _ => Vec::new(),
            };
            history.write(&h::Event::Promise(h::Promise { topic, sink, client: None, guarantee, allow }));
        }
        history
    }

    /// A reader, all members of it, may be given what was aborted or not committed yet.
    fn promise_of_a_reader(&mut self, plan: &Plan, name: &str) {
        let Some(reader) = plan.readers.iter().find(|r| r.name == name) else { return };
        for member in 1..=reader.members {
            let client = self.client_number(&member_name(name, member, reader.members));
            let allow = vec!["aborted-visible".into(), "uncommitted-visible".into()];
            self.write(&h::Event::Promise(h::Promise { client: Some(client), allow, ..h::Promise::default() }));
        }
    }

    /// Writes an event.
    #[inline]
    pub fn write(&mut self, event: &h::Event<'_>) {
        self.sink.event(event);
        match event {
            h::Event::Fail(e) | h::Event::Unknown(e) if !e.error.is_empty() => {
                self.remember(e.c, "send()", &e.error, false);
            }
            h::Event::Ended(e) if !e.error.is_empty() => {
                let call = if e.commit { "commitTransaction()" } else { "abortTransaction()" };
                self.remember(e.c, call, &e.error, false);
            }
            h::Event::CommitResult(e) if !e.error.is_empty() => {
                self.remember(e.c, "a commit of offsets", &e.error, false);
            }
            h::Event::Applied(e) if !e.error.is_empty() => self.remember(e.c, "a call of a sink", &e.error, false),
            _ => {}
        }
    }

    /// Declares a group if it is not known yet; its number.
    pub fn declare_group(&mut self, name: &str) -> u32 {
        if let Some(known) = self.groups.iter().position(|g| g == name) {
            return known as u32;
        }
        let id = self.groups.len() as u32;
        self.groups.push(name.to_string());
        self.write(&h::Event::Group(h::Group { id, name: name.to_string().into() }));
        id
    }

    /// Declares a client that comes into being during the run; its number, which is filled in here.
    pub fn declare_client(&mut self, mut client: h::Client<'static>) -> u32 {
        client.id = self.clients.len() as u32;
        let id = client.id;
        self.clients.push(client.name.to_string());
        if let Some(t) = &client.transactional_id {
            self.transactional.push((t.to_string(), id));
        }
        self.write(&h::Event::Client(Box::new(client)));
        id
    }

    /// Number of a client.
    pub fn client_number(&self, name: &str) -> u32 {
        self.clients.iter().position(|c| c == name).expect("clients are declared in the preamble") as u32
    }

    /// Number of the client of that name which was declared last.
    pub fn find_client(&self, name: &str) -> Option<u32> {
        self.clients.iter().rposition(|c| c == name).map(|c| c as u32)
    }

    /// Number of a group.
    pub fn group_number(&self, name: &str) -> u32 {
        self.groups.iter().position(|g| g == name).expect("groups are declared in the preamble") as u32
    }

    /// A client that has this transactional id.
    pub fn client_of_transactional_id(&self, id: &str) -> Option<u32> {
        self.transactional.iter().find(|(t, _)| t == id).map(|(_, c)| *c)
    }

    /// `orders-0`.
    pub fn partition_name(&self, tp: TopicPartition) -> String {
        format!("{}-{}", self.topics[tp.topic.0 as usize], tp.partition)
    }

    /// Declares a fault; its number.
    pub fn declare_fault(&mut self, mut fault: h::Fault<'_>) -> u32 {
        fault.id = self.faults;
        self.faults += 1;
        self.write(&h::Event::Fault(fault.clone()));
        fault.id
    }

    // ---- processes -------------------------------------------------------------------------------------------------

    fn set_over(&mut self, c: u32, over: bool) -> bool {
        let c = c as usize;
        self.over.resize(self.over.len().max(c + 1), true);
        std::mem::replace(&mut self.over[c], over)
    }

    /// An incarnation of a client begins to run: with its process, or with another producer in the same process.
    pub(super) fn started(&mut self, t: Instant, c: u32, i: u32) {
        self.set_over(c, false);
        self.write(&h::Event::Started(h::Started { t: t.0, c, i }));
    }

    /// A client has ended by itself.
    pub(super) fn ended(&mut self, t: Instant, c: u32, i: u32, text: &str) {
        self.stopped(t, c, i, h::StopReason::Ended, text);
    }

    /// A client's process was killed.
    pub fn killed(&mut self, t: Instant, c: u32, i: u32) {
        self.stopped(t, c, i, h::StopReason::Killed, "");
    }

    fn stopped(&mut self, t: Instant, c: u32, i: u32, reason: h::StopReason, text: &str) {
        if !self.set_over(c, true) {
            self.write(&h::Event::Stopped(h::Stopped { t: t.0, c, i, reason, text: text.into() }));
        }
    }

    /// A broker or sink answers a client's request with an error.
    pub fn told(&mut self, c: u32, i: u32, call: &'static str, error: &'static str) {
        self.remember(c, call, error, true);
        let t = self.now.0;
        self.write(&h::Event::Told(h::Told { t, c, i, call: call.into(), error: error.into() }));
    }

    fn met(&mut self, c: u32) -> &mut Met {
        let index = c as usize;
        if self.met.len() <= index {
            self.met.resize_with(index + 1, Met::default);
        }
        &mut self.met[index]
    }

    #[cold]
    fn remember(&mut self, c: u32, call: &'static str, error: &str, answered: bool) {
        let (at, routine) = (self.now, ROUTINE.contains(&error));
        let told = Told { at, call, error: error.to_string(), routine, answered };
        self.met(c).told[usize::from(routine)] = Some(told);
    }

    /// The errors that a client was told last, the exceptional one first.
    pub fn last_told(&self, c: u32) -> impl Iterator<Item = &Told> {
        self.met.get(c as usize).into_iter().flat_map(|met| met.told.iter().flatten())
    }

    /// A transaction of a client with that transactional id timed out.
    pub fn timed_out(&mut self, c: u32) {
        let now = self.now;
        self.met(c).timed_out = Some(now);
    }

    /// When a transaction of the client timed out last.
    pub fn last_timed_out(&self, c: u32) -> Option<Instant> {
        self.met.get(c as usize)?.timed_out
    }

    // ---- committed offsets -----------------------------------------------------------------------------------------

    /// The committed offset of a group, if it has one.
    pub fn committed_offset(&self, group: &str, tp: TopicPartition) -> Option<i64> {
        let group = self.groups.iter().position(|g| g == group)? as u32;
        self.committed.get(&(group, partition(tp))).map(|(now, _)| *now).filter(|now| *now >= 0)
    }

    /// A committed offset has changed, durably.
    pub fn offset_moved(&mut self, t: u64, m: &OffsetMove) {
        let Some(group) = self.groups.iter().position(|g| *g == *m.group) else { return };
        let (group, at) = (group as u32, partition(m.tp));
        let cause = match m.marker {
            Some((pid, epoch)) => h::MoveCause::Marker { pid, epoch },
            // The model's coordinators delete an offset for its age alone.
            None if m.offset < 0 => h::MoveCause::Expired,
            None => match self.askers.of(group, at, m.offset) {
                Some(Invoker { c, i, generation }) => h::MoveCause::Commit { c, i, generation },
                None => h::MoveCause::Unknown,
            },
        };
        let (now, highest) = self.committed.entry((group, at)).or_insert((-1, 0));
        *now = m.offset;
        self.commits_moved += 1;
        if m.offset > *highest {
            *highest = m.offset;
            self.commits_advanced += 1;
        }
        self.write(&h::Event::OffsetMoved(h::OffsetMoved { t, group, at, offset: m.offset, cause }));
    }
}
