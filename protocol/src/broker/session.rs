//! Fetch sessions (KIP-227): what each reader wants, and which of its partitions have news.
//!
//! A fetch looks only at the session's *dirty* partitions. A partition that has nothing to say is clean and is *watched*:
//! the session is on the partition's list of watchers, and the next append, high-watermark move or leader change puts
//! it back among the dirty ones. So an idle partition costs nothing.

use std::collections::{BTreeMap, VecDeque};

use super::Broker;
use super::timer::Timer;
use crate::ids::*;
use crate::io::*;
use crate::message::*;
use crate::time::{Instant, Span};

/// A session that was not used for this long may be evicted for a new one (Kafka's constant).
const MIN_EVICTION: Span = Span::from_secs(120);

/// One partition of a session.
#[derive(Clone, Debug)]
pub(super) struct SessionPartition {
    pub position: FetchPartition,
    /// High watermark that the reader was last told; -1: none.
    pub sent_high_watermark: Offset,
    /// Log start offset that the reader was last told; -1: none.
    pub sent_log_start: Offset,
    /// On the session's list of partitions to look at.
    pub dirty: bool,
    /// On the partition's list of watchers.
    pub watching: bool,
}

/// A fetch that waits for bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct ParkedFetch {
    pub conn: ConnId,
    pub deadline: Instant,
    pub min_bytes: i32,
    pub max_bytes: i32,
}

/// A session; also stands for a single fetch without one.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// Epoch of the next incremental fetch.
    pub epoch: i32,
    /// The session outlives the fetch that opened it.
    pub lasting: bool,
    /// Every partition goes into the next answer.
    pub full: bool,
    /// The follower, if it is one.
    pub replica: Option<NodeId>,
    /// The follower's fetch carries an old broker epoch: everything is answered with 6 (§7.2).
    pub stale_replica: bool,
    pub isolation: IsolationLevel,
    pub partitions: PartitionMap<SessionPartition>,
    /// Partitions to look at, in the order in which they get their turn.
    pub dirty: VecDeque<TopicPartition>,
    pub parked: Option<ParkedFetch>,
    /// On the list of parked fetches to look at before the input at hand is done.
    pub to_check: bool,
    pub last_used: Instant,
}

impl Session {
    /// Puts a partition of the session among those to look at.
    pub fn mark(&mut self, tp: TopicPartition) {
        if let Some(entry) = self.partitions.get_mut(tp)
            && !entry.dirty
        {
            entry.dirty = true;
            self.dirty.push_back(tp);
        }
    }

    /// Adds a partition, or moves its position.
    fn put(&mut self, position: FetchPartition) {
        let entry = self.partitions.get_or_insert_with(position.tp, || SessionPartition {
            position,
            sent_high_watermark: -1,
            sent_log_start: -1,
            dirty: false,
            watching: false,
        });
        entry.position = position;
        self.mark(position.tp);
    }
}

/// All sessions, by id. Ids are never used twice, not even by another run of the broker: Kafka draws them at random, here
/// each run has a range of its own, so that a reader's old session is not mistaken for somebody else's new one.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    last: u32,
    lasting: u32,
    by_id: BTreeMap<u32, Session>,
    /// Parked fetches that something happened to.
    pub to_check: Vec<u32>,
}

impl Sessions {
    pub fn new(incarnation: u64) -> Sessions {
        let last = (incarnation as u32).wrapping_mul(1 << 16);
        Sessions { last, lasting: 0, by_id: BTreeMap::new(), to_check: Vec::new() }
    }

    pub fn get_mut(&mut self, id: u32) -> Option<&mut Session> {
        self.by_id.get_mut(&id)
    }

    /// Something happened to a watched partition.
    pub fn news(&mut self, id: u32, tp: TopicPartition) {
        let Some(session) = self.by_id.get_mut(&id) else { return };
        let Some(entry) = session.partitions.get_mut(tp) else { return };
        entry.watching = false;
        session.mark(tp);
        if session.parked.is_some() && !session.to_check {
            session.to_check = true;
            self.to_check.push(id);
        }
    }
}

impl Broker {
    /// Tells the sessions that watch `tp` that there is something new; `followers_only` for a mere append.
    pub(super) fn notify(&mut self, tp: TopicPartition, followers_only: bool) {
        let Some(partition) = self.partitions.get_mut(tp) else { return };
        let sessions = &mut self.sessions;
        partition.watchers.retain(|watch| {
            let concerned = watch.follower || !followers_only;
            if concerned {
                sessions.news(watch.session, tp);
            }
            !concerned
        });
    }

    /// Finds or opens the session of a fetch and brings its partitions up to date.
    pub(super) fn session_of(
        &mut self,
        request: &FetchRequest,
        out: &mut Outputs,
    ) -> Result<u32, crate::error::ErrorCode> {
        use crate::error::ErrorCode;
        let full = request.session_epoch <= 0;
        let id = if full {
            if request.session_id != 0 {
                self.close_session(request.session_id, out);
            }
            let lasting = request.session_epoch == 0 && self.has_session_slot(out);
            self.open_session(request, lasting)
        } else {
            let session = self.sessions.by_id.get_mut(&request.session_id).filter(|s| s.lasting);
            let session = session.filter(|s| s.replica == request.replica.map(|(id, _)| id));
            let session = session.ok_or(ErrorCode::FetchSessionIdNotFound)?;
            if session.epoch != request.session_epoch {
                return Err(ErrorCode::InvalidFetchSessionEpoch);
            }
            session.epoch = if session.epoch == i32::MAX { 1 } else { session.epoch + 1 };
            request.session_id
        };
        if self.sessions.by_id.get(&id).is_some_and(|s| s.parked.is_some()) {
            self.answer_fetch(id, out); // the reader gave up on it: its connection is gone
        }
        for tp in &request.forgotten {
            self.forget(id, *tp);
        }
        let session = self.sessions.by_id.get_mut(&id).expect("a session that was just found");
        session.isolation = request.isolation;
        session.last_used = self.now.mono;
        for position in &request.partitions {
            session.put(*position);
        }
        Ok(id)
    }

    fn open_session(&mut self, request: &FetchRequest, lasting: bool) -> u32 {
        self.sessions.last += 1;
        self.sessions.lasting += u32::from(lasting);
        let session = Session {
            epoch: 1,
            lasting,
            full: true,
            replica: request.replica.map(|(id, _)| id),
            stale_replica: false,
            isolation: request.isolation,
            partitions: PartitionMap::new(),
            dirty: VecDeque::new(),
            parked: None,
            to_check: false,
            last_used: self.now.mono,
        };
        self.sessions.by_id.insert(self.sessions.last, session);
        self.sessions.last
    }

    /// Whether a lasting session may be opened; evicts the one that was unused for longest if that is allowed.
    fn has_session_slot(&mut self, out: &mut Outputs) -> bool {
        if self.sessions.lasting < self.config.max_incremental_fetch_sessions {
            return true;
        }
        let now = self.now.mono;
        let idle = |s: &Session| s.lasting && s.parked.is_none() && now.since(s.last_used) > MIN_EVICTION;
        let oldest = self.sessions.by_id.iter().filter(|(_, s)| idle(s)).min_by_key(|(id, s)| (s.last_used, **id));
        let Some(oldest) = oldest.map(|(id, _)| *id) else { return false };
        self.close_session(oldest, out);
        true
    }

    /// A partition leaves a session.
    fn forget(&mut self, id: u32, tp: TopicPartition) {
        let Some(session) = self.sessions.by_id.get_mut(&id) else { return };
        let Some(entry) = session.partitions.remove(tp) else { return };
        if entry.dirty {
            session.dirty.retain(|other| *other != tp);
        }
        let Some(partition) = self.partitions.get_mut(tp) else { return };
        if entry.watching {
            partition.watchers.retain(|watch| watch.session != id);
        }
        if let Some(node) = session.replica {
            let at = self.follower_fetches.get(&node).copied().unwrap_or(Instant::ZERO);
            let end = partition.log.log_end_offset();
            if let Some(replica) = partition.leader_mut().and_then(|l| l.follower(node)) {
                replica.was_idle(end, at);
                replica.in_session = false;
            }
        }
    }

    /// Ends a session; a fetch that is parked in it is answered with what there is.
    pub(super) fn close_session(&mut self, id: u32, out: &mut Outputs) {
        let Some(session) = self.sessions.by_id.get(&id) else { return };
        if session.parked.is_some() {
            self.answer_fetch(id, out);
        }
        let Some(session) = self.sessions.by_id.get(&id) else { return };
        let partitions: Vec<TopicPartition> = session.partitions.keys().collect();
        for tp in partitions {
            self.forget(id, tp);
        }
        if self.sessions.by_id.remove(&id).is_some_and(|s| s.lasting) {
            self.sessions.lasting -= 1;
        }
    }

    /// The parked fetch of a session, whose timer ends here.
    pub(super) fn unpark(&mut self, id: u32) -> Option<ParkedFetch> {
        let parked = self.sessions.by_id.get_mut(&id)?.parked.take()?;
        self.timers.clear(parked.deadline, Timer::ParkedFetch(id));
        Some(parked)
    }
}
