//! What the history has told so far: tables that every check reads.

use std::collections::{BTreeMap, VecDeque};

use indexmap::{IndexMap, IndexSet};

use super::appends::Appends;
use super::commit_effect::Awaiting;
use super::decisions::AllDecisions;
use super::failed_commits::FailedCommits;
use super::markers::OpenInLog;

use super::paged::{Bits, Paged};
use super::producer_ids::Owner;
use super::registry::{NONE, Registry, Slot};
use super::sinks::SinkInfo;
use super::two_values::Clash;
use crate::fast::Fast;
use crate::history::event::{Client, ClientKind, End, Guarantee, Isolation, Promise, Topic};
use crate::history::{Identity, Partition};
use crate::report::Kind;

/// Workloads whose senders are remembered.
const SENDERS: usize = 1024;

/// A declared topic.
#[derive(Clone, Debug, Default)]
pub(crate) struct TopicInfo {
    pub(crate) name: String,
    pub(crate) partitions: u32,
    pub(crate) internal: bool,
    pub(crate) may_be_empty: bool,
    /// Number of its first log.
    pub(crate) first_log: u32,
    /// Some client writes it.
    pub(crate) output: bool,
    /// Some send to it is in the history.
    pub(crate) sent: bool,
    /// Records may go from its beginning.
    pub(crate) deletes: bool,
    /// Records may go that a later one has replaced.
    pub(crate) compacted: bool,
    /// After this sequence comes 0.
    pub(crate) max_sequence: i32,
    /// How long a producer must be silent to be forgotten, nanoseconds.
    pub(crate) forgets_after: u64,
}

/// A declared client.
#[derive(Clone, Debug)]
pub(crate) struct ClientInfo {
    pub(crate) name: String,
    pub(crate) kind: ClientKind,
    pub(crate) isolation: Isolation,
    pub(crate) group: Option<u32>,
    /// Number of its transactional id in [`Evidence::scopes`].
    pub(crate) scope: Option<u32>,
    pub(crate) idempotent: bool,
    pub(crate) transaction_version: u8,
    pub(crate) inputs: Vec<u32>,
    pub(crate) outputs: Vec<u32>,
    pub(crate) sinks: Vec<u32>,
    pub(crate) stage: u16,
    pub(crate) outputs_per_input: u16,
    pub(crate) may_skip: bool,
    pub(crate) guarantee: Guarantee,
    /// Number of the session by incarnation.
    sessions: IndexMap<u32, u32, Fast>,
}

/// One send whose fate is not settled, or that is younger than one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Op {
    pub(crate) number: u64,
    pub(crate) slot: Slot,
    /// Its transaction, or [`NONE`].
    pub(crate) txn: u32,
    /// Its place among the transaction's members.
    pub(crate) member: u32,
    /// Invoked when the session was already fenced.
    pub(crate) late: bool,
    pub(crate) done: bool,
}

/// One incarnation of one client.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) client: u32,
    pub(crate) incarnation: u32,
    /// Number of its first send.
    pub(crate) first_op: Option<u64>,
    /// Smallest number that its next send may have.
    pub(crate) next_op: u64,
    /// Sends by increasing number, from the oldest that is not settled.
    pub(crate) ops: VecDeque<Op>,
    /// Transactions whose fate is not settled: ordinal and number in [`Evidence::txns`].
    pub(crate) live: BTreeMap<u64, u32>,
    /// Its latest transaction, or [`NONE`].
    pub(crate) latest: u32,
    /// Plain commits that have not returned, by number and log: group and offset.
    pub(crate) commits: BTreeMap<(u64, u32), (u32, i64)>,
    /// Effects on sinks that were asked for and have not returned.
    pub(crate) applies: BTreeMap<u64, Slot>,
    /// Its producer id and epoch, as far as it was told; -1 while it was not.
    pub(crate) pid: i64,
    pub(crate) epoch: i16,
    /// Since when it can have no effect any more.
    pub(crate) fenced_at: Option<u64>,
}

impl Session {
    /// The send of that number, if its fate is not settled.
    #[inline]
    pub(crate) fn op_index(&self, number: u64) -> Option<usize> {
        let front = self.ops.front()?.number;
        let guess = usize::try_from(number.checked_sub(front)?).ok()?;
        match self.ops.get(guess) {
            Some(op) if op.number == number => Some(guess),
            _ => self.ops.binary_search_by_key(&number, |op| op.number).ok(),
        }
    }

    /// Marks a send as settled and forgets the settled ones at the front.
    #[inline]
    pub(crate) fn settle(&mut self, index: usize) {
        self.ops[index].done = true;
        while self.ops.front().is_some_and(|op| op.done) {
            self.ops.pop_front();
        }
    }
}

/// What became of a transaction, as its client knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Not ended.
    Open,
    /// Its commit was invoked.
    Committing,
    /// Its abort was invoked and its commit never.
    Aborting,
    /// Its commit returned success.
    Committed,
    /// Its abort returned success, or nobody ever asked for its commit.
    Aborted,
    /// Nobody ever asked to end it.
    Abandoned,
    /// Its commit failed for certain.
    CommitFailed,
    /// Its commit was invoked by a fenced producer.
    Fenced,
    /// Its commit may have happened.
    Unknown,
}

impl Fate {
    /// Whether nothing of it may ever be visible.
    pub(crate) fn ends_in_nothing(self) -> bool {
        !matches!(self, Fate::Committed | Fate::Unknown | Fate::Committing)
    }
}

/// A transaction that a client began.
#[derive(Clone, Debug)]
pub(crate) struct Txn {
    pub(crate) session: u32,
    pub(crate) ordinal: u64,
    pub(crate) fate: Fate,
    /// When its end was invoked; later, when it returned.
    pub(crate) at: u64,
    /// Its end was asked for and has not returned: whether it was a commit.
    pub(crate) waits: Option<bool>,
    /// Producer id and epoch that its client had when it began, or -1.
    pub(crate) pid: i64,
    pub(crate) epoch: i16,
    /// Something of it was acknowledged, or offsets are part of it: a coordinator knows of it.
    pub(crate) worked: bool,
    /// Its abort was invoked; it returned success.
    pub(crate) asked_abort: bool,
    pub(crate) told_abort: bool,
    /// Counted in the end: records, and how many are visible, or may yet become so.
    pub(crate) records: u32,
    pub(crate) visible: u32,
    pub(crate) pending: u32,
    /// Until its fate is settled.
    pub(crate) live: Option<Box<Live>>,
}

/// A send within a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) slot: Slot,
    pub(crate) failed: bool,
    pub(crate) unknown: bool,
}

/// What must be known of a transaction until its fate is settled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live {
    pub(crate) members: Vec<Member>,
    /// Group, log, offset.
    pub(crate) offsets: Vec<(u32, u32, i64)>,
    /// How many of both a commit has been asked for.
    pub(crate) asked: (usize, usize),
}

/// What an offset was seen to hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) slot: Slot,
    /// The session that it was acknowledged to, or [`NONE`].
    pub(crate) session: u32,
    /// That session's send, counted from its first.
    pub(crate) op: u32,
    /// The transaction that it was acknowledged in, or [`NONE`].
    pub(crate) txn: u32,
}

impl Entry {
    /// Nothing was seen there.
    pub(crate) const NOTHING: Entry = Entry { slot: NONE, session: NONE, op: 0, txn: NONE };

    /// A record was seen there by somebody who cannot tell who sent it.
    pub(crate) const fn seen(slot: Slot) -> Entry {
        Entry { slot, ..Entry::NOTHING }
    }
}

/// One partition.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) at: Partition,
    pub(crate) entries: Paged<Entry>,
    /// In the final read.
    pub(crate) present: Bits,
    /// In the final read under read_committed.
    pub(crate) visible: Bits,
    /// Closed by an abort marker (white box).
    pub(crate) log_aborted: Bits,
    /// Counted as leaked.
    pub(crate) leaked: Bits,
    /// Given to a read_committed reader too early.
    pub(crate) early: Bits,
    pub(crate) end: Option<End>,
    /// From which offset of the final read on which producer id and epoch wrote.
    pub(crate) writers: Vec<(i64, i64, i16)>,
    /// White box: open transactions, and the log's end.
    pub(crate) open: OpenInLog,
    /// White box: what its end demands of the next batch.
    pub(crate) order: Appends,
    /// Offsets that were seen to hold two values, and the first of them.
    pub(crate) two: Bits,
    /// White box: first offsets of batches that differ between replicas.
    pub(crate) differ: Bits,
    pub(crate) clashes: Vec<Clash>,
    /// White box: hash and replica of each batch seen.
    pub(crate) fingerprints: Paged<(u64, i32)>,
}

/// A group's offsets of one partition.
#[derive(Clone, Debug)]
pub(crate) struct GroupLog {
    /// Every offset that a client asked to commit.
    pub(crate) asked: Bits,
    /// The same by client, to accuse none that did not ask.
    pub(crate) askers: IndexMap<u32, Bits, Fast>,
    /// White box: commits that have not taken effect.
    pub(crate) awaiting: Awaiting,
    /// White box: plain commits that may have failed and taken effect.
    pub(crate) failed: FailedCommits,
    /// White box: the committed offset.
    pub(crate) moved: Option<i64>,
    /// The largest that a client was told is committed.
    pub(crate) told: Option<i64>,
    /// A commit of unknown outcome was asked for.
    pub(crate) uncertain: bool,
    /// The largest offset that is known to have been committed at any time.
    pub(crate) reached: i64,
    /// Lowest position that a member went back to since the offset last moved.
    pub(crate) floor: i64,
    /// Lowest position that a member ever started from.
    pub(crate) start: i64,
}

impl GroupLog {
    /// A client asks for an offset to be committed.
    pub(crate) fn ask(&mut self, client: u32, next: i64) {
        self.asked.set(next);
        self.askers.entry(client).or_default().set(next);
    }

    /// The committed offset as far as it is known.
    pub(crate) fn committed(&self) -> Option<i64> {
        self.moved.or(self.told)
    }
}

/// A consumer group.
#[derive(Clone, Debug, Default)]
pub(crate) struct GroupInfo {
    pub(crate) name: String,
    pub(crate) logs: IndexMap<u32, GroupLog, Fast>,
    /// Largest generation that a member was told of.
    pub(crate) generation: i32,
    /// White box: the history tells where its offsets moved.
    pub(crate) moves: bool,
    /// Commits that were answered before any such event, as far as they are kept.
    pub(crate) unmoved: u32,
}

impl GroupInfo {
    pub(crate) fn log(&mut self, log: u32) -> &mut GroupLog {
        self.logs.entry(log).or_insert_with(|| GroupLog {
            asked: Bits::default(),
            askers: IndexMap::default(),
            awaiting: Awaiting::default(),
            failed: FailedCommits::default(),
            moved: None,
            told: None,
            uncertain: false,
            reached: 0,
            floor: i64::MAX,
            start: i64::MAX,
        })
    }
}

/// A transactional id.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    /// The session that initialised last.
    pub(crate) latest: u32,
    /// Its producer id and epoch.
    pub(crate) pid: i64,
    pub(crate) epoch: i16,
    /// Every producer id that it had.
    pub(crate) pids: IndexSet<i64, Fast>,
    /// Those of the session that initialised last: they are fenced when another one does.
    pub(crate) current: Vec<i64>,
    /// Commits, aborts: asked for by clients, decided on request (white box).
    pub(crate) asked: [u64; 2],
    pub(crate) decided: [u64; 2],
    /// When more was decided on request than clients had asked for.
    pub(crate) late: Option<u64>,
}

/// What a reader did in one partition.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    pub(crate) client: u32,
    pub(crate) incarnation: u32,
    pub(crate) log: u32,
    /// Where it started reading without interruption.
    pub(crate) start: i64,
    /// Offset after the last one read.
    pub(crate) next: i64,
    pub(crate) active: bool,
    /// Of a reader without a group: where it reads on unless a `position` says otherwise is known.
    pub(crate) known: bool,
    /// That is where its incarnation before was.
    pub(crate) resumes: bool,
    /// Time of the last record given.
    pub(crate) last: u64,
    pub(crate) read: Bits,
    /// What it went through before: start and end of each stretch.
    pub(crate) stretches: Vec<(i64, i64)>,
}

/// What is promised.
#[derive(Clone, Debug, Default)]
pub(crate) struct Promises {
    default: Option<(Guarantee, Vec<Kind>)>,
    topics: IndexMap<u32, (Guarantee, Vec<Kind>), Fast>,
    sinks: IndexMap<u32, (Guarantee, Vec<Kind>), Fast>,
    readers: IndexMap<u32, (Guarantee, Vec<Kind>), Fast>,
}

impl Promises {
    /// Whether a finding is not held against the verdict. What is about no topic is judged by the general promise.
    pub(crate) fn allow(&self, topic: Option<u32>, kind: Kind) -> bool {
        self.allowed_by(topic.and_then(|topic| self.topics.get(&topic)), kind)
    }

    /// The same for what is about a sink.
    pub(crate) fn allow_of_sink(&self, sink: u32, kind: Kind) -> bool {
        self.allowed_by(self.sinks.get(&sink), kind)
    }

    /// The same for what is about records that a reader was given, or was not: the reader's own promise allows more.
    pub(crate) fn allow_of_reader(&self, client: u32, topic: Option<u32>, kind: Kind) -> bool {
        let own = self.readers.get(&client);
        own.is_some() && self.allowed_by(own, kind) || self.allow(topic, kind)
    }

    /// Whether a promise is about this very topic.
    pub(crate) fn names_topic(&self, topic: u32) -> bool {
        self.topics.contains_key(&topic)
    }

    fn allowed_by(&self, own: Option<&(Guarantee, Vec<Kind>)>, kind: Kind) -> bool {
        let Some((guarantee, allow)) = own.or(self.default.as_ref()) else { return false };
        allow.contains(&kind)
            || match guarantee {
                Guarantee::ExactlyOnce => false,
                Guarantee::AtLeastOnce => matches!(kind, Kind::Duplicate | Kind::RowTwice | Kind::ChargeTwice),
                Guarantee::AtMostOnce => matches!(
                    kind,
                    Kind::Loss | Kind::LostProcessing | Kind::ReaderSkipped | Kind::RowNever | Kind::ChargeNever
                ),
            }
    }
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) now: u64,
    pub(crate) topics: Vec<TopicInfo>,
    pub(crate) clients: Vec<Option<ClientInfo>>,
    /// The client that first sent records of a workload, by the workload's number; [`NONE`] while there is none.
    pub(crate) senders: Vec<u32>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) txns: Vec<Txn>,
    pub(crate) records: Registry,
    /// Rows and charges, by identity of the record and sink.
    pub(crate) effects: Registry,
    pub(crate) sinks: Vec<Option<SinkInfo>>,
    #[expect(
        clippy::vec_box,
        reason = "they are many and large, most are never met, and one stretch of them is made anew by every run"
    )]
    pub(crate) logs: Vec<Box<Log>>,
    pub(crate) groups: Vec<GroupInfo>,
    pub(crate) scopes: Vec<Scope>,
    scope_index: BTreeMap<String, u32>,
    pub(crate) cursors: Vec<Cursor>,
    /// Cursor by client, incarnation and log.
    cursor_index: IndexMap<(u32, u32, u32), u32, Fast>,
    /// The latest cursor of each reader without a group, by client and log: its next incarnation reads on from there.
    alone: IndexMap<(u32, u32), u32, Fast>,
    last_cursor: usize,
    pub(crate) promises: Promises,
    /// By producer id: epochs below this one are fenced.
    pub(crate) fences: IndexMap<i64, i32, Fast>,
    /// The session that a producer id was last given to.
    pub(crate) pids: IndexMap<i64, u32, Fast>,
    /// By producer id and first epoch: the last epoch, session and time of each stretch of epochs that one session had.
    pub(crate) owners: BTreeMap<(i64, i16), Owner>,
    /// Producer ids that were reported as shared.
    pub(crate) shared: IndexSet<i64, Fast>,
    /// White box: what coordinators decided, by producer id.
    pub(crate) decisions: AllDecisions,
    /// Whether the history tells decisions after their markers; not known until a marker shows it.
    pub(crate) decides_last: Option<bool>,
    /// Session and number of sends that were acknowledged without an offset.
    pub(crate) unplaced: IndexMap<Slot, (u32, u32), Fast>,
}

impl Evidence {
    pub(crate) fn declare_topic(&mut self, topic: &Topic<'_>) {
        let Topic { id, partitions, internal, may_be_empty, deletes, compacted, .. } = *topic;
        let first_log = self.logs.len() as u32;
        let id_index = id as usize;
        if self.topics.len() <= id_index {
            self.topics.resize_with(id_index + 1, TopicInfo::default);
        }
        self.topics[id_index] = TopicInfo {
            name: topic.name.to_string(),
            partitions,
            internal,
            may_be_empty,
            deletes,
            compacted,
            first_log,
            output: false,
            sent: false,
            max_sequence: topic.max_sequence,
            forgets_after: topic.forgets_after,
        };
        let fresh = |partition| Log {
            at: Partition::new(id, partition),
            entries: Paged::new(Entry::NOTHING),
            present: Bits::default(),
            visible: Bits::default(),
            log_aborted: Bits::default(),
            leaked: Bits::default(),
            early: Bits::default(),
            end: None,
            writers: Vec::new(),
            open: OpenInLog::default(),
            order: Appends::default(),
            two: Bits::default(),
            differ: Bits::default(),
            clashes: Vec::new(),
            fingerprints: Paged::new((0, i32::MIN)),
        };
        self.logs.extend((0..partitions).map(|partition| Box::new(fresh(partition))));
    }

    /// Remembers who sends a workload's records, for proofs.
    #[inline]
    pub(crate) fn note_sender(&mut self, id: Identity, client: u32) {
        let workload = (id.source & !Identity::WORKLOAD) as usize;
        if !id.is_workload() || workload >= SENDERS || self.senders.get(workload).is_some_and(|known| *known != NONE) {
            return;
        }
        if self.senders.len() <= workload {
            self.senders.resize(workload + 1, NONE);
        }
        self.senders[workload] = client;
    }

    pub(crate) fn declare_group(&mut self, id: u32, name: &str) {
        if self.groups.len() <= id as usize {
            self.groups.resize_with(id as usize + 1, GroupInfo::default);
        }
        self.groups[id as usize].name = name.to_owned();
        self.groups[id as usize].generation = i32::MIN;
    }

    pub(crate) fn declare_client(&mut self, client: &Client<'_>) {
        let scope = client.transactional_id.as_ref().map(|id| {
            if let Some(known) = self.scope_index.get(&**id) {
                return *known;
            }
            let scope = self.scopes.len() as u32;
            self.scope_index.insert(id.to_string(), scope);
            self.scopes.push(Scope {
                latest: NONE,
                pid: -1,
                epoch: -1,
                pids: IndexSet::default(),
                current: Vec::new(),
                asked: [0; 2],
                decided: [0; 2],
                late: None,
            });
            scope
        });
        for output in &client.outputs {
            self.topics[*output as usize].output = true;
        }
        if self.clients.len() <= client.id as usize {
            self.clients.resize(client.id as usize + 1, None);
        }
        self.clients[client.id as usize] = Some(ClientInfo {
            name: client.name.to_string(),
            kind: client.kind,
            isolation: client.isolation,
            group: client.group,
            scope,
            idempotent: client.idempotent,
            transaction_version: client.transaction_version,
            inputs: client.inputs.clone(),
            outputs: client.outputs.clone(),
            sinks: client.sinks.clone(),
            stage: client.stage,
            outputs_per_input: client.outputs_per_input,
            may_skip: client.may_skip,
            guarantee: client.guarantee,
            sessions: IndexMap::default(),
        });
    }

    /// Takes a promise; names of kinds that do not exist are returned.
    pub(crate) fn declare_promise(&mut self, promise: &Promise<'_>) -> Vec<String> {
        let (mut allow, mut unknown) = (Vec::new(), Vec::new());
        for name in &promise.allow {
            match Kind::from_name(name) {
                Some(kind) => allow.push(kind),
                None => unknown.push(name.to_string()),
            }
        }
        let promised = (promise.guarantee, allow);
        match (promise.topic, promise.sink, promise.client) {
            (Some(topic), ..) => {
                self.promises.topics.insert(topic, promised);
            }
            (None, Some(sink), _) => {
                self.promises.sinks.insert(sink, promised);
            }
            (None, None, Some(client)) => {
                self.promises.readers.insert(client, promised);
            }
            (None, None, None) => self.promises.default = Some(promised),
        }
        unknown
    }

    #[inline]
    pub(crate) fn client(&self, client: u32) -> &ClientInfo {
        self.clients[client as usize].as_ref().expect("clients are declared before they act")
    }

    /// Number of the log of a partition.
    #[inline]
    pub(crate) fn log(&self, at: Partition) -> u32 {
        self.topics[at.topic as usize].first_log + at.partition
    }

    /// The session of a client's incarnation, which is made if there is none.
    #[inline]
    pub(crate) fn session(&mut self, client: u32, incarnation: u32) -> u32 {
        let info = self.clients[client as usize].as_mut().expect("clients are declared before they act");
        // Mostly they come in order, and the place in the map is the incarnation.
        match info.sessions.get_index(incarnation as usize) {
            Some((number, session)) if *number == incarnation => return *session,
            _ => {}
        }
        match info.sessions.get(&incarnation) {
            Some(session) => *session,
            None => {
                let session = self.sessions.len() as u32;
                info.sessions.insert(incarnation, session);
                self.sessions.push(Session {
                    client,
                    incarnation,
                    first_op: None,
                    next_op: 0,
                    ops: VecDeque::new(),
                    live: BTreeMap::new(),
                    latest: NONE,
                    commits: BTreeMap::new(),
                    applies: BTreeMap::new(),
                    pid: -1,
                    epoch: -1,
                    fenced_at: None,
                });
                session
            }
        }
    }

    /// The session of an incarnation that did something.
    pub(crate) fn known_session(&self, client: u32, incarnation: u32) -> Option<u32> {
        self.client(client).sessions.get(&incarnation).copied()
    }

    /// The client of a session.
    pub(crate) fn client_of(&self, session: u32) -> &ClientInfo {
        self.client(self.sessions[session as usize].client)
    }

    /// The live transaction of that ordinal, which is made if it is not known.
    pub(crate) fn txn(&mut self, session: u32, ordinal: u64) -> u32 {
        let live = &mut self.sessions[session as usize];
        if let Some(txn) = live.live.get(&ordinal) {
            return *txn;
        }
        let (pid, epoch) = (live.pid, live.epoch);
        let txn = self.txns.len() as u32;
        live.latest = txn;
        live.live.insert(ordinal, txn);
        self.txns.push(Txn {
            session,
            ordinal,
            fate: Fate::Open,
            at: self.now,
            waits: None,
            pid,
            epoch,
            worked: false,
            asked_abort: false,
            told_abort: false,
            records: 0,
            visible: 0,
            pending: 0,
            live: Some(Box::default()),
        });
        txn
    }

    /// A reader's cursor in a log, which is made if there is none.
    #[inline]
    pub(crate) fn cursor(&mut self, client: u32, incarnation: u32, log: u32) -> &mut Cursor {
        let same = |c: &Cursor| c.client == client && c.incarnation == incarnation && c.log == log;
        if !self.cursors.get(self.last_cursor).is_some_and(same) {
            let fresh = self.cursors.len() as u32;
            let index = *self.cursor_index.entry((client, incarnation, log)).or_insert(fresh);
            if index == fresh {
                let grouped = self.client(client).group.is_some();
                let before = if grouped { None } else { self.alone.insert((client, log), fresh) };
                let before = before.map(|index| &self.cursors[index as usize]).filter(|cursor| cursor.known);
                let (next, last) = before.map_or((0, 0), |cursor| (cursor.next, cursor.last));
                let known = before.is_some();
                self.cursors.push(Cursor {
                    client,
                    incarnation,
                    log,
                    start: next,
                    next,
                    active: false,
                    known,
                    resumes: known,
                    last,
                    read: Bits::default(),
                    stretches: Vec::new(),
                });
            }
            self.last_cursor = index as usize;
        }
        &mut self.cursors[self.last_cursor]
    }

    /// Whether every partition of a topic was read in the end.
    pub(crate) fn read_to_the_end(&self, topic: u32) -> bool {
        let info = &self.topics[topic as usize];
        let logs = info.first_log as usize..(info.first_log + info.partitions) as usize;
        self.logs[logs].iter().all(|log| log.end.is_some())
    }

    /// Whether a producer began a transaction after the one at `epoch`, as far as its client told.
    pub(crate) fn went_on(&self, pid: i64, epoch: i16) -> bool {
        let session = self.pids.get(&pid).map(|session| &self.sessions[*session as usize]);
        let Some(txn) = session.filter(|session| session.latest != NONE) else { return false };
        let txn = &self.txns[txn.latest as usize];
        txn.pid == pid && txn.epoch > epoch && txn.worked
    }

    /// Whether a session's client has a transactional id and speaks transaction version 2, in which every transaction has
    /// an epoch of its own.
    pub(crate) fn is_version_2(&self, session: u32) -> bool {
        let client = self.client_of(session);
        client.scope.is_some() && client.transaction_version >= 2
    }

    /// When a late request that its client's version does not fence decided a transaction in a session's place.
    pub(crate) fn hit_by_late_request(&self, session: u32) -> Option<u64> {
        if session == NONE {
            return None;
        }
        let client = self.client_of(session);
        if client.transaction_version >= 2 {
            return None;
        }
        self.scopes[client.scope? as usize].late
    }

    /// `kind`, or [`Kind::LateRequest`] if a late request that its client's version does not fence may be the cause.
    pub(crate) fn blame(&self, kind: Kind, session: u32) -> Kind {
        if self.hit_by_late_request(session).is_some() { Kind::LateRequest } else { kind }
    }

    /// The session of the transaction that a cell belongs to, or [`NONE`].
    pub(crate) fn session_of_txn(&self, txn: u32) -> u32 {
        if txn == NONE { NONE } else { self.txns[txn as usize].session }
    }

    /// Producer id and epoch that wrote an offset of the final read; -1 where they are not known.
    pub(crate) fn writer_of(&self, log: u32, offset: i64) -> (i64, i16) {
        let writers = &self.logs[log as usize].writers;
        match writers.partition_point(|(first, ..)| *first <= offset).checked_sub(1) {
            Some(n) => (writers[n].1, writers[n].2),
            None => (-1, -1),
        }
    }
}
