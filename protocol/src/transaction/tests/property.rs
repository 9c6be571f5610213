//! Random requests, failures and failovers keep the invariants of §9.4: C1, C3, C4, C5, C7, C8, C10, and V2 once the
//! faults stop.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::metadata::may_follow;
use super::*;
use TransactionState::*;

const NAMES: [&str; 2] = ["t", "u"];

/// What the world does next. Numbers choose among what is there, modulo its count.
#[derive(Clone, Debug)]
enum Step {
    Init {
        id: usize,
        given: usize,
    },
    Add {
        id: usize,
        known: usize,
        partition: u32,
    },
    End {
        id: usize,
        known: usize,
        result: TransactionResult,
    },
    Commit,
    /// The oldest write fails with the error of this index; `lasts` says whether the log keeps it.
    Fail {
        error: usize,
        lasts: bool,
    },
    Markers {
        error: usize,
    },
    /// A connection for markers dies.
    Disconnect {
        node: i32,
    },
    /// Another leader, or none.
    Leader {
        partition: u32,
        leader: Option<i32>,
    },
    Advance {
        ms: u64,
    },
    /// A new coordinator, after which this many of the uncommitted writes turn out to be in the log.
    FailOver {
        lasting: usize,
    },
    /// The same process is elected again.
    ReElect {
        lasting: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0..NAMES.len();
    let result = prop_oneof![Just(COMMIT), Just(ABORT)];
    prop_oneof![
        3 => (id.clone(), 0usize..4).prop_map(|(id, given)| Step::Init { id, given }),
        6 => (id.clone(), 0usize..6, 0u32..3).prop_map(|(id, known, partition)| Step::Add { id, known, partition }),
        6 => (id, 0usize..6, result).prop_map(|(id, known, result)| Step::End { id, known, result }),
        14 => Just(Step::Commit),
        2 => (0usize..3, any::<bool>()).prop_map(|(error, lasts)| Step::Fail { error, lasts }),
        10 => (0usize..10).prop_map(|error| Step::Markers { error }),
        1 => (1i32..3).prop_map(|node| Step::Disconnect { node }),
        1 => (0u32..3, prop::option::of(1i32..3)).prop_map(|(partition, leader)| Step::Leader { partition, leader }),
        2 => prop_oneof![Just(20u64), Just(100), Just(10_000), Just(70_000)].prop_map(|ms| Step::Advance { ms }),
        1 => (0usize..4).prop_map(|lasting| Step::FailOver { lasting }),
        1 => (0usize..4).prop_map(|lasting| Step::ReElect { lasting }),
    ]
}

struct World {
    h: Harness,
    v2: bool,
    domains: Domains,
    /// Pairs that clients were given, oldest first.
    given: [Vec<ProducerIdAndEpoch>; 2],
    /// Last value in the log that was not the remainder of a failed write (C1).
    last: BTreeMap<Name, TransactionMetadataValue>,
    /// Producer ids and their owners (C1).
    owners: BTreeMap<ProducerId, Name>,
    /// The write that a request waits for (C3).
    waits: BTreeMap<ConnId, (usize, Ticket)>,
    committed: BTreeSet<Ticket>,
}

impl World {
    fn new(tv: u8, max_epoch: ProducerEpoch) -> World {
        let domains = Domains { max_epoch, ..Domains::default() };
        World {
            h: Harness::with(tv, domains, &[]),
            v2: tv == 2,
            domains,
            given: [Vec::new(), Vec::new()],
            last: BTreeMap::new(),
            owners: BTreeMap::new(),
            waits: BTreeMap::new(),
            committed: BTreeSet::new(),
        }
    }

    /// One of the latest pairs of the id.
    fn known(&self, id: usize, back: usize) -> Option<ProducerIdAndEpoch> {
        let given = &self.given[id];
        // Mostly the newest.
        given.iter().rev().nth(back.saturating_sub(3)).copied()
    }

    fn ask(&mut self, id: usize, request: impl Into<Request>) {
        let before = self.h.uncommitted.len();
        let conn = self.h.ask(request);
        if self.h.uncommitted.len() > before {
            assert!(!self.h.answers.contains_key(&conn), "C3: an answer before the record is committed");
            let ticket = self.h.uncommitted.back().expect("a write").ticket;
            self.waits.insert(conn, (id, ticket));
        } else {
            let answer = self.h.answers.get(&conn).expect("a request without a record is answered at once").clone();
            self.answered(id, &answer);
        }
    }

    /// C5: what clients are given.
    fn answered(&mut self, id: usize, answer: &Response) {
        let pair = match answer {
            Response::InitProducerId(InitProducerIdResponse { result: Ok(pair) }) => *pair,
            Response::EndTxn(EndTxnResponse { error: None, producer }) if producer.is_some() => *producer,
            _ => return,
        };
        assert!(pair.epoch <= self.domains.exhausted_epoch(), "C5: {pair:?} is given to a client");
        self.given[id].push(pair);
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Init { id, given } => {
                let producer = match given {
                    0 | 1 => Some(ProducerIdAndEpoch::NONE),
                    back => self.known(id, back + 1),
                };
                let Some(producer) = producer else { return };
                let transactional_id = Some(NAMES[id].into());
                let request =
                    InitProducerIdRequest { version: 5, transactional_id, transaction_timeout_ms: 60_000, producer };
                self.ask(id, request);
            }
            Step::Add { id, known, partition } => {
                let Some(producer) = self.known(id, known) else { return };
                let mut request = add_request(if self.v2 { 4 } else { 3 }, producer, false, &[data(partition)]);
                request.transactions[0].transactional_id = NAMES[id].into();
                self.ask(id, request);
            }
            Step::End { id, known, result } => {
                let Some(producer) = self.known(id, known) else { return };
                let version = if self.v2 { 5 } else { 4 };
                self.ask(id, EndTxnRequest { version, transactional_id: NAMES[id].into(), producer, result });
            }
            Step::Commit => {
                if !self.h.uncommitted.is_empty() {
                    self.settle(Ok(()), true);
                }
            }
            Step::Fail { error, lasts } => {
                if !self.h.uncommitted.is_empty() {
                    let errors = [ErrorCode::NotEnoughReplicas, ErrorCode::RequestTimedOut, ErrorCode::MessageTooLarge];
                    // Only what times out can last; a Complete record is never too large for the log.
                    let error = if lasts { ErrorCode::RequestTimedOut } else { errors[error] };
                    let small = error != ErrorCode::MessageTooLarge || !self.oldest_completes();
                    self.settle(Err(if small { error } else { ErrorCode::NotEnoughReplicas }), lasts);
                }
            }
            Step::Markers { error } => {
                if !self.h.sent.is_empty() {
                    use ErrorCode::*;
                    let errors = [NotLeaderOrFollower, UnknownTopicOrPartition, NotEnoughReplicas, RequestTimedOut];
                    self.h.answer_markers(errors.get(error).copied());
                }
            }
            Step::Disconnect { node } => {
                let channel = Channel { to: NodeId(node), purpose: Purpose::TxnMarkers };
                // The requests may have been handled or not; nobody will say.
                self.h.sent.retain(|s| s.to != NodeId(node));
                self.h.run(|c, turn| c.net(turn, NetInput::Disconnected(channel)));
            }
            Step::Leader { partition, leader } => self.h.set_leader(data(partition), leader.map(NodeId)),
            Step::Advance { ms } => {
                let open: BTreeSet<Name> = self.in_state(|v| v.state == Ongoing);
                let before: BTreeSet<Ticket> = self.h.uncommitted.iter().map(|a| a.ticket).collect();
                self.h.advance(ms);
                for append in self.h.uncommitted.iter().filter(|a| !before.contains(&a.ticket)) {
                    let (name, value) = record(append);
                    let completes = matches!(value.state, CompleteCommit | CompleteAbort);
                    assert!(completes || open.contains(&name), "C10: {name} was not open");
                }
            }
            Step::FailOver { lasting } => {
                self.keep(lasting);
                self.h.fail_over();
                self.waits.clear();
                self.committed.clear();
                self.resumed();
            }
            Step::ReElect { lasting } => {
                self.keep(lasting);
                let epoch = self.h.epoch + 1;
                self.h.elect(epoch);
                self.h.load();
                self.resumed();
            }
        }
    }

    fn in_state(&self, f: impl Fn(&TransactionMetadataValue) -> bool) -> BTreeSet<Name> {
        let all = self.h.coordinator.transactions();
        all.into_iter().filter(|(_, value)| f(value)).map(|(name, _)| name).collect()
    }

    fn oldest_completes(&self) -> bool {
        matches!(record(&self.h.uncommitted[0]).1.state, CompleteCommit | CompleteAbort)
    }

    fn settle(&mut self, outcome: Committed, lasts: bool) {
        let ticket = self.h.uncommitted[0].ticket;
        let (name, value) = record(&self.h.uncommitted[0]);
        if outcome.is_ok() {
            self.committed.insert(ticket);
            self.logged(name, value);
        } else if lasts {
            let batch = batch_of(&self.h.uncommitted[0]);
            self.h.log.push(batch);
        }
        self.h.settle_first(outcome);
        let done: Vec<_> = self.waits.iter().filter(|(_, (_, t))| *t == ticket).map(|(c, (id, _))| (*c, *id)).collect();
        for (conn, id) in done {
            self.waits.remove(&conn);
            let answer = self.h.answers.get(&conn).expect("a settled request is answered").clone();
            self.answered(id, &answer);
        }
    }

    /// C1: what enters the log of an id, by the coordinator that has it.
    fn logged(&mut self, name: Name, value: TransactionMetadataValue) {
        for id in [value.producer.id, value.next_producer_id] {
            if id != NO_PRODUCER_ID {
                let owner = self.owners.entry(id).or_insert_with(|| name.clone());
                assert_eq!(*owner, name, "C1: producer id {id} belongs to one id for ever");
            }
        }
        if let Some(last) = self.last.get(&name) {
            assert!(may_follow(value.state, last.state), "C1: {:?} after {:?}", value.state, last.state);
            if last.producer.id == value.producer.id {
                assert!(last.producer.epoch <= value.producer.epoch, "C1: the epoch fell");
            }
        }
        assert!(value.producer.epoch <= self.domains.max_epoch, "C5");
        self.last.insert(name, value);
    }

    /// The first uncommitted writes are in the log of the next leader; the others are truncated and fail.
    fn keep(&mut self, lasting: usize) {
        let mut index = 0;
        while !self.h.uncommitted.is_empty() {
            self.settle(Err(ErrorCode::NotLeaderOrFollower), index < lasting);
            index += 1;
        }
    }

    /// C8: exactly the prepared transactions are resumed. What the log says counts from here on.
    fn resumed(&mut self) {
        self.last = self.h.coordinator.transactions().into_iter().collect();
        let prepared = self.in_state(|v| matches!(v.state, PrepareCommit | PrepareAbort));
        let pending =
            |led: &Led| led.ids.iter().filter(|(_, id)| id.pending.is_some()).map(|(n, _)| n.clone()).collect();
        let pending: BTreeSet<Name> =
            self.h.coordinator.partitions.iter().flatten().flat_map(|l| -> Vec<Name> { pending(l) }).collect();
        assert_eq!(pending, prepared, "C8");
    }

    /// C3, C4, C5: markers on their way are those of decisions below the high watermark. C7: one write for each id.
    fn check(&self) {
        for marker in self.h.sent.iter().flat_map(|s| &s.markers) {
            assert!(marker.producer.epoch <= self.domains.max_epoch, "C5: {marker:?}");
            if marker.coordinator_epoch < self.h.epoch {
                continue;
            }
            let owner = self.owners.get(&marker.producer.id).expect("a marker's producer is in the log");
            let last = self.last.get(owner).expect("its id has a record");
            assert_eq!(last.producer, marker.producer, "C4: the decision is the last record");
            let decided = if marker.result == COMMIT { PrepareCommit } else { PrepareAbort };
            assert_eq!(last.state, decided, "C3, C4: only what the committed record decided");
        }
        let mut names: Vec<Name> = self.h.uncommitted.iter().map(|append| record(append).0).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "C7: two transitions of one id");
    }

    /// V2: without faults every decided transaction completes.
    fn heal(&mut self) {
        for (partition, leader) in (0..).zip(LEADERS) {
            self.h.set_leader(data(partition), Some(leader));
        }
        for _ in 0..20 {
            while !self.h.uncommitted.is_empty() || !self.h.sent.is_empty() {
                if !self.h.uncommitted.is_empty() {
                    self.settle(Ok(()), true);
                } else {
                    self.h.answer_markers(None);
                }
                self.check();
            }
            self.h.advance(100);
        }
        assert_eq!(self.in_state(|v| matches!(v.state, PrepareCommit | PrepareAbort)), BTreeSet::new(), "V2");
        let pending = self.h.coordinator.partitions.iter().flatten().flat_map(|l| l.ids.values());
        assert!(pending.clone().all(|id| id.pending.is_none()), "nothing stays pending");
    }
}

fn batch_of(append: &CoordinatorAppend) -> RecordBatch {
    let Entry::Batch(batch, _) = &append.entry else { panic!("a batch") };
    RecordBatch::clone(batch)
}

fn record(append: &CoordinatorAppend) -> (Name, TransactionMetadataValue) {
    let Payload::TransactionLog(records) = batch_of(append).payload else { panic!("a transaction log batch") };
    let value = records[0].value.as_ref().expect("nothing expires in these runs");
    (records[0].transactional_id.clone(), TransactionMetadataValue::clone(value))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_coordinator_invariants_hold(
        tv in 1u8..3,
        max_epoch in 3i16..7,
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut world = World::new(tv, max_epoch);
        for step in &steps {
            world.apply(step);
            world.check();
        }
        world.heal();
    }
}
