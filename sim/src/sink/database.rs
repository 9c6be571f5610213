//! A SQL database, as far as consumers use one: tables with or without a unique key, a transaction for each connection,
//! offsets that consumers keep in it, outboxes.
//!
//! A commit is durable before it is answered. A transaction holds the unique keys and the offsets that it has written
//! until it ends, and whoever writes the same waits. It is rolled back when its connection is closed, when it stands idle
//! for too long, and when the database fails.

use core::fmt::Write;
use std::collections::{BTreeMap, BTreeSet};

use fencepost_protocol::ids::{Offset, TopicPartition};
use fencepost_protocol::io::ConnId;
use fencepost_protocol::time::{Instant, Now, Span};
use fencepost_reports::render::counted;

use super::plan::DatabasePlan;
use super::{Answer, Call, Effect, Key, Kind, OffsetUpdate, Replies, Row, Unsent};
use crate::cast::Names;

/// Offsets or transactions that are told of at most.
const LISTED: usize = 24;

/// A table.
#[derive(Clone, Debug, Default)]
struct Table {
    name: String,
    rows: Vec<Effect>,
    keys: BTreeSet<Key>,
    /// Rows of an outbox that are not marked as sent.
    unsent: BTreeMap<u64, Unsent>,
}

/// What a transaction has done and nobody else sees yet.
#[derive(Clone, Debug)]
struct Transaction {
    by: u32,
    rows: Vec<Row>,
    /// Unique keys of the rows, by table.
    keys: BTreeSet<(u16, Key)>,
    offsets: BTreeMap<(u16, TopicPartition), Offset>,
    sent: Vec<(u16, u64)>,
    /// When it is rolled back if nothing more comes.
    idle_until: Instant,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Database {
    pub(super) replies: Replies,
    pub(super) restart_after: Span,
    idle_timeout: Span,
    tables: Vec<Table>,
    /// By consumer (the plan's number) and partition.
    offsets: BTreeMap<(u16, TopicPartition), Offset>,
    transactions: BTreeMap<ConnId, Transaction>,
    /// Connections whose transaction was rolled back because it stood idle, and that have not ended it yet.
    expired: BTreeSet<ConnId>,
    /// Statements that wait for a transaction of another connection, in the order in which they came.
    waiting: Vec<(ConnId, u32, Call)>,
}

impl Database {
    /// An empty one.
    pub fn new(plan: &DatabasePlan) -> Database {
        Database {
            replies: Replies::new(plan.service_time),
            restart_after: plan.restart_after,
            idle_timeout: plan.idle_timeout,
            tables: plan.tables.iter().map(|name| Table { name: name.clone(), ..Table::default() }).collect(),
            offsets: BTreeMap::new(),
            transactions: BTreeMap::new(),
            expired: BTreeSet::new(),
            waiting: Vec::new(),
        }
    }

    /// Committed rows of a table, in the order of their commits.
    pub fn rows(&self, table: u16) -> &[Effect] {
        &self.tables[table as usize].rows
    }

    /// The offsets that consumers keep here: consumer (the plan's number), partition, next offset.
    pub fn offsets(&self) -> impl Iterator<Item = (u16, TopicPartition, Offset)> + '_ {
        self.offsets.iter().map(|((of, tp), offset)| (*of, *tp, *offset))
    }

    /// Where it stands, in words.
    pub(super) fn in_words(&self, names: &Names) -> Vec<String> {
        let mut lines = Vec::new();
        for table in &self.tables {
            let mut line = format!("table {}: {}", table.name, counted(table.rows.len() as u64, "row"));
            if !table.unsent.is_empty() {
                let _ = write!(line, ", {} not marked as sent", table.unsent.len());
            }
            lines.push(line);
        }
        for (of, tp, offset) in self.offsets().take(LISTED) {
            lines.push(format!("offsets of consumer {of}: {} next {offset}", names.partition_name(tp)));
        }
        for transaction in self.transactions.values().take(LISTED) {
            let rows = counted(transaction.rows.len() as u64, "row");
            lines.push(format!("open transaction: {rows}, {} offsets", transaction.offsets.len()));
        }
        if !self.waiting.is_empty() {
            lines.push(format!("{} waiting for a lock", counted(self.waiting.len() as u64, "statement")));
        }
        lines
    }

    pub(super) fn unsent(&self) -> usize {
        self.tables.iter().map(|table| table.unsent.len()).sum()
    }

    pub(super) fn request(&mut self, now: Now, conn: ConnId, by: u32, call: Call) {
        if self.must_wait(conn, &call) {
            self.waiting.push((conn, by, call));
        } else {
            self.execute(now, conn, by, call);
        }
    }

    /// Whether another transaction holds what the statement is about to write.
    fn must_wait(&self, conn: ConnId, call: &Call) -> bool {
        let mut others = self.transactions.iter().filter(|(c, _)| **c != conn).map(|(_, t)| t);
        match call {
            Call::Insert(rows) => {
                let held = |t: &Transaction| rows.iter().any(|r| r.key.is_some_and(|k| t.keys.contains(&(r.table, k))));
                others.any(held)
            }
            Call::SetOffsets { of, updates } => {
                others.any(|t| updates.iter().any(|u| t.offsets.contains_key(&(*of, u.tp))))
            }
            _ => false,
        }
    }

    fn transaction(&mut self, now: Now, conn: ConnId, by: u32) -> &mut Transaction {
        let idle_until = now.mono + self.idle_timeout;
        let transaction = self.transactions.entry(conn).or_insert_with(|| Transaction {
            by,
            rows: Vec::new(),
            keys: BTreeSet::new(),
            offsets: BTreeMap::new(),
            sent: Vec::new(),
            idle_until,
        });
        transaction.idle_until = idle_until;
        transaction
    }

    fn execute(&mut self, now: Now, conn: ConnId, by: u32, call: Call) {
        let kind = call.kind();
        let ends = matches!(kind, Kind::SqlCommit | Kind::SqlRollback);
        // Once its client has been told, what it sends begins anew.
        if self.expired.remove(&conn) {
            return self.replies.reply(now, conn, kind, Answer::NoTransaction);
        }
        let answer = match call {
            Call::Insert(rows) => Answer::Inserted(self.insert(now, conn, by, rows)),
            Call::SetOffsets { of, updates } => Answer::Changed(self.set_offsets(now, conn, by, of, &updates)),
            Call::MarkSent { table, rows } => {
                let count = rows.len() as u32;
                self.transaction(now, conn, by).sent.extend(rows.into_iter().map(|row| (table, row)));
                Answer::Changed(count)
            }
            Call::Commit => self.commit(now, conn),
            Call::Rollback => self.roll_back(conn),
            Call::Offsets { of, partitions } => {
                Answer::Offsets(partitions.iter().map(|tp| (*tp, self.offsets.get(&(of, *tp)).copied())).collect())
            }
            Call::Unsent { table, limit } => {
                let rows = self.tables[table as usize].unsent.values();
                Answer::Unsent(rows.take(limit as usize).cloned().collect())
            }
            Call::Charge { .. } => panic!("the plan sends no charges to a database"),
        };
        self.replies.reply(now, conn, kind, answer);
        if ends {
            self.let_others_go_on(now);
        }
    }

    fn insert(&mut self, now: Now, conn: ConnId, by: u32, rows: Vec<Row>) -> Vec<bool> {
        // A statement that inserts nothing begins a transaction all the same.
        self.transaction(now, conn, by);
        let Database { tables, transactions, .. } = self;
        let transaction = transactions.get_mut(&conn).expect("it was just begun");
        let mut insert = |row: Row| {
            let fresh = row.key.is_none_or(|key| {
                !tables[row.table as usize].keys.contains(&key) && transaction.keys.insert((row.table, key))
            });
            if fresh {
                transaction.rows.push(row);
            }
            fresh
        };
        rows.into_iter().map(&mut insert).collect()
    }

    fn set_offsets(&mut self, now: Now, conn: ConnId, by: u32, of: u16, updates: &[OffsetUpdate]) -> u32 {
        let own = self.transactions.get(&conn);
        let current = |tp| own.and_then(|t| t.offsets.get(&(of, tp))).or_else(|| self.offsets.get(&(of, tp))).copied();
        let changed = updates.iter().filter(|u| current(u.tp) == u.expected).count();
        let transaction = self.transaction(now, conn, by);
        if changed == updates.len() {
            transaction.offsets.extend(updates.iter().map(|u| ((of, u.tp), u.next)));
        }
        changed as u32
    }

    fn commit(&mut self, now: Now, conn: ConnId) -> Answer {
        let Some(transaction) = self.transactions.remove(&conn) else { return Answer::NoTransaction };
        for row in transaction.rows {
            let table = &mut self.tables[row.table as usize];
            let number = table.rows.len() as u64;
            table.rows.push(Effect { id: row.id, at: now.mono, by: transaction.by });
            table.keys.extend(row.key);
            if let Some(content) = row.content {
                table.unsent.insert(number, Unsent { row: number, id: row.id, content });
            }
        }
        self.offsets.extend(transaction.offsets);
        for (table, row) in transaction.sent {
            self.tables[table as usize].unsent.remove(&row);
        }
        Answer::Done
    }

    fn roll_back(&mut self, conn: ConnId) -> Answer {
        self.transactions.remove(&conn).map_or(Answer::NoTransaction, |_| Answer::Done)
    }

    /// A transaction has ended: statements that waited for it are executed, as far as no other one holds them up.
    fn let_others_go_on(&mut self, now: Now) {
        for (conn, by, call) in std::mem::take(&mut self.waiting) {
            self.request(now, conn, by, call);
        }
    }

    pub(super) fn closed(&mut self, now: Now, conn: ConnId) {
        self.replies.forget(conn);
        self.waiting.retain(|(c, ..)| *c != conn);
        self.expired.remove(&conn);
        if self.transactions.remove(&conn).is_some() {
            self.let_others_go_on(now);
        }
    }

    pub(super) fn next_deadline(&self) -> Instant {
        let idle = self.transactions.iter().filter(|(conn, _)| !self.waits(**conn)).map(|(_, t)| t.idle_until);
        idle.min().unwrap_or(Instant::NEVER).min(self.replies.next_deadline())
    }

    /// Whether a statement of that connection waits: then its transaction does not stand idle.
    fn waits(&self, conn: ConnId) -> bool {
        self.waiting.iter().any(|(c, ..)| *c == conn)
    }

    pub(super) fn wake(&mut self, now: Now) {
        let idle =
            |(conn, t): (&ConnId, &Transaction)| (t.idle_until <= now.mono && !self.waits(*conn)).then_some(*conn);
        let idle: Vec<ConnId> = self.transactions.iter().filter_map(idle).collect();
        for conn in &idle {
            self.transactions.remove(conn);
            self.expired.insert(*conn);
        }
        if !idle.is_empty() {
            self.let_others_go_on(now);
        }
    }

    pub(super) fn crash(&mut self) {
        self.transactions.clear();
        self.expired.clear();
        self.waiting.clear();
        self.replies = Replies::new(self.replies.service_time);
    }
}

#[cfg(test)]
mod tests {
    use fencepost_protocol::batch::Origin;
    use fencepost_protocol::ids::TopicId;

    use super::*;

    const A: ConnId = ConnId(1);
    const B: ConnId = ConnId(2);
    const TP: TopicPartition = TopicPartition { topic: TopicId(2), partition: 0 };

    fn database() -> Database {
        Database::new(&DatabasePlan {
            name: "db".into(),
            service_time: Span::ZERO,
            restart_after: Span::ZERO,
            idle_timeout: Span::from_secs(60),
            tables: vec!["rows".into()],
        })
    }

    fn row(n: i64, unique: bool) -> Row {
        let id = Origin { offset: n, ..Origin::default() };
        Row { table: 0, id, key: unique.then_some(Key::Record(id)), content: None }
    }

    /// What is answered at once to a request at `ms`.
    fn ask(db: &mut Database, ms: u64, conn: ConnId, call: Call) -> Vec<(ConnId, Answer)> {
        db.request(Now::at_ms(ms), conn, 0, call);
        answers(db, ms)
    }

    fn answers(db: &mut Database, ms: u64) -> Vec<(ConnId, Answer)> {
        db.replies.take(Now::at_ms(ms)).into_iter().map(|(conn, response)| (conn, response.answer)).collect()
    }

    fn inserted(fresh: &[bool]) -> Answer {
        Answer::Inserted(fresh.to_vec())
    }

    fn rows(db: &Database) -> Vec<i64> {
        db.rows(0).iter().map(|row| row.id.offset).collect()
    }

    #[test]
    fn rows_are_there_when_their_transaction_commits() {
        let mut db = database();
        assert_eq!(
            ask(&mut db, 0, A, Call::Insert(vec![row(1, false), row(1, false)])),
            [(A, inserted(&[true, true]))]
        );
        assert!(rows(&db).is_empty());
        assert_eq!(ask(&mut db, 1, A, Call::Commit), [(A, Answer::Done)]);
        assert_eq!(rows(&db), [1, 1]);
        assert_eq!(ask(&mut db, 2, A, Call::Commit), [(A, Answer::NoTransaction)]);
    }

    #[test]
    fn on_conflict_nothing_is_done() {
        let mut db = database();
        ask(&mut db, 0, A, Call::Insert(vec![row(1, true)]));
        ask(&mut db, 0, A, Call::Commit);
        let again = Call::Insert(vec![row(1, true), row(2, true), row(2, true)]);
        assert_eq!(ask(&mut db, 1, A, again), [(A, inserted(&[false, true, false]))]);
        ask(&mut db, 1, A, Call::Commit);
        assert_eq!(rows(&db), [1, 2]);
    }

    #[test]
    fn whoever_writes_the_same_key_waits_for_the_end_of_the_other_transaction() {
        let mut db = database();
        ask(&mut db, 0, A, Call::Insert(vec![row(1, true)]));
        assert_eq!(ask(&mut db, 1, B, Call::Insert(vec![row(1, true)])), []);
        assert_eq!(ask(&mut db, 2, A, Call::Commit), [(A, Answer::Done), (B, inserted(&[false]))]);

        ask(&mut db, 3, A, Call::Insert(vec![row(2, true)]));
        assert_eq!(ask(&mut db, 4, B, Call::Insert(vec![row(2, true)])), []);
        db.closed(Now::at_ms(5), A);
        assert_eq!(answers(&mut db, 5), [(B, inserted(&[true]))], "rolled back with its connection");
        ask(&mut db, 6, B, Call::Commit);
        assert_eq!(rows(&db), [1, 2]);
    }

    #[test]
    fn offsets_move_from_what_is_expected_or_not_at_all() {
        let mut db = database();
        let set = |expected, next| Call::SetOffsets { of: 0, updates: vec![OffsetUpdate { tp: TP, expected, next }] };
        assert_eq!(ask(&mut db, 0, A, set(None, 5)), [(A, Answer::Changed(1))]);
        assert_eq!(ask(&mut db, 0, B, set(None, 7)), [], "it waits");
        assert_eq!(ask(&mut db, 1, A, Call::Commit), [(A, Answer::Done), (B, Answer::Changed(0))]);
        ask(&mut db, 2, B, Call::Rollback);
        let get = |of| Call::Offsets { of, partitions: vec![TP] };
        assert_eq!(ask(&mut db, 3, B, get(0)), [(B, Answer::Offsets(vec![(TP, Some(5))]))]);
        assert_eq!(ask(&mut db, 3, B, get(1)), [(B, Answer::Offsets(vec![(TP, None)]))], "another consumer's");
    }

    #[test]
    fn what_is_open_when_the_database_fails_is_rolled_back_and_what_is_committed_stays() {
        let mut db = database();
        ask(&mut db, 0, A, Call::Insert(vec![row(1, false)]));
        ask(&mut db, 0, A, Call::Commit);
        ask(&mut db, 1, A, Call::Insert(vec![row(2, false)]));
        db.crash();
        assert_eq!(ask(&mut db, 2, A, Call::Commit), [(A, Answer::NoTransaction)]);
        assert_eq!(rows(&db), [1]);
    }

    #[test]
    fn a_transaction_that_stands_idle_is_rolled_back() {
        let mut db = database();
        ask(&mut db, 0, A, Call::Insert(vec![row(1, true)]));
        ask(&mut db, 0, B, Call::Insert(vec![row(1, true)]));
        assert_eq!(db.next_deadline(), Now::at_ms(60_000).mono);
        db.wake(Now::at_ms(60_000));
        assert_eq!(answers(&mut db, 60_000), [(B, inserted(&[true]))]);
        // Nothing of it can be committed any more, nor what its client adds to it unaware.
        assert_eq!(ask(&mut db, 60_001, A, Call::Insert(vec![row(2, true)])), [(A, Answer::NoTransaction)]);
        // It has been told, and begins anew without a word.
        assert_eq!(ask(&mut db, 60_002, A, Call::Insert(vec![row(3, true)])), [(A, inserted(&[true]))]);
        assert_eq!(ask(&mut db, 60_003, A, Call::Commit), [(A, Answer::Done)]);
        assert_eq!(rows(&db), [3]);
    }

    #[test]
    fn rows_of_an_outbox_are_given_until_they_are_marked() {
        let mut db = database();
        let content = Some((None, None));
        let out = |n| Row { content: content.clone(), ..row(n, true) };
        ask(&mut db, 0, A, Call::Insert(vec![out(1), out(2)]));
        ask(&mut db, 0, A, Call::Commit);
        let unsent = |db: &mut Database| match &ask(db, 1, B, Call::Unsent { table: 0, limit: 10 })[..] {
            [(B, Answer::Unsent(rows))] => rows.iter().map(|r| r.row).collect::<Vec<u64>>(),
            other => panic!("rows: {other:?}"),
        };
        assert_eq!(unsent(&mut db), [0, 1]);
        ask(&mut db, 2, B, Call::MarkSent { table: 0, rows: vec![0] });
        assert_eq!(unsent(&mut db), [0, 1], "not committed");
        ask(&mut db, 3, B, Call::Commit);
        assert_eq!(unsent(&mut db), [1]);
    }
}
