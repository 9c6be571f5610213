//! What the history has told so far: tables that every check reads.

use std::collections::{BTreeMap, VecDeque};

use indexmap::{IndexMap, IndexSet};

use super::paged::Bits;
use super::registry::{NONE, Registry, Slot};
use super::state::{
    AllDecisions, ClientInfo, Cursor, Fate, GroupInfo, Log, Owner, Promises, Scope, Session, SinkInfo, TopicInfo, Txn,
};
use crate::fast::Fast;
use crate::history::{Identity, Partition};
use crate::report::Kind;

/// Workloads whose senders are remembered.
const SENDERS: usize = 1024;

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
    /// Their numbers by name.
    pub(super) scope_index: BTreeMap<String, u32>,
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
