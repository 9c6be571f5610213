//! What requests to sinks and their answers contain, for the digest.

use fencepost_kernel::vocabulary::Subject as _;
use fencepost_protocol::content;
use fencepost_protocol::content::{Content, Hash};

use super::{Answer, Call, Key, OffsetUpdate, Request, Response, Row, Unsent};
use crate::schedule::Subject;

content! {
    Request { about, call }
    Row { table, id, key, content }
    OffsetUpdate { tp, expected, next }
    Unsent { row, id, content }
}

impl Content for Response {
    fn add_to(&self, hash: &mut Hash) {
        let Response { kind, answer } = self;
        hash.add(*kind as u64);
        answer.add_to(hash);
    }
}

impl Content for Subject {
    fn add_to(&self, hash: &mut Hash) {
        let (what, number) = self.words();
        hash.add(what);
        hash.add(number);
    }
}

impl Content for Key {
    fn add_to(&self, hash: &mut Hash) {
        match self {
            Key::Place(tp, offset) => {
                hash.add(0);
                tp.add_to(hash);
                offset.add_to(hash);
            }
            Key::Record(id) => {
                hash.add(1);
                id.add_to(hash);
            }
        }
    }
}

impl Content for Call {
    fn add_to(&self, hash: &mut Hash) {
        match self {
            Call::Insert(rows) => {
                hash.add(0);
                rows.add_to(hash);
            }
            Call::SetOffsets { of, updates } => {
                hash.add(1);
                of.add_to(hash);
                updates.add_to(hash);
            }
            Call::MarkSent { table, rows } => {
                hash.add(2);
                table.add_to(hash);
                rows.add_to(hash);
            }
            Call::Commit => hash.add(3),
            Call::Rollback => hash.add(4),
            Call::Offsets { of, partitions } => {
                hash.add(5);
                of.add_to(hash);
                partitions.add_to(hash);
            }
            Call::Unsent { table, limit } => {
                hash.add(6);
                table.add_to(hash);
                limit.add_to(hash);
            }
            Call::Charge { id, key } => {
                hash.add(7);
                id.add_to(hash);
                key.add_to(hash);
            }
        }
    }
}

impl Content for Answer {
    fn add_to(&self, hash: &mut Hash) {
        match self {
            Answer::Inserted(fresh) => {
                hash.add(0);
                fresh.add_to(hash);
            }
            Answer::Changed(rows) => {
                hash.add(1);
                rows.add_to(hash);
            }
            Answer::Done => hash.add(2),
            Answer::NoTransaction => hash.add(3),
            Answer::Offsets(offsets) => {
                hash.add(4);
                offsets.add_to(hash);
            }
            Answer::Unsent(rows) => {
                hash.add(5);
                rows.add_to(hash);
            }
            Answer::Charged { known } => {
                hash.add(6);
                known.add_to(hash);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use fencepost_protocol::batch::{Blob, Origin, Value};
    use fencepost_protocol::content::content_of;
    use fencepost_protocol::ids::{TopicId, TopicPartition};

    use super::*;
    use crate::sink::Kind;

    fn tp(partition: u32) -> TopicPartition {
        TopicPartition::new(TopicId(2), partition)
    }

    fn id(offset: i64) -> Origin {
        Origin { offset, ..Origin::default() }
    }

    /// All pairwise different: what each adds to the one before it is one field.
    fn calls() -> Vec<Call> {
        let row = Row { table: 1, id: id(1), key: None, content: None };
        let key = || Some(Blob::from("a"));
        let value = || Some(Value::from("a"));
        let with_content = |content| Call::Insert(vec![Row { content: Some(content), ..row.clone() }]);
        let with_key = |key| Call::Insert(vec![Row { key: Some(key), ..row.clone() }]);
        let update = OffsetUpdate { tp: tp(0), expected: None, next: 7 };
        let set = |of, update| Call::SetOffsets { of, updates: vec![update] };
        vec![
            Call::Insert(Vec::new()),
            Call::Insert(vec![row.clone()]),
            Call::Insert(vec![row.clone(), row.clone()]),
            Call::Insert(vec![Row { table: 2, ..row.clone() }]),
            Call::Insert(vec![Row { id: id(2), ..row.clone() }]),
            with_key(Key::Place(tp(0), 5)),
            with_key(Key::Place(tp(1), 5)),
            with_key(Key::Place(tp(0), 6)),
            with_key(Key::Record(id(1))),
            with_key(Key::Record(id(2))),
            with_content((None, None)),
            with_content((key(), None)),
            with_content((None, value())),
            with_content((key(), value())),
            set(1, update),
            set(2, update),
            set(1, OffsetUpdate { tp: tp(1), ..update }),
            set(1, OffsetUpdate { expected: Some(0), ..update }),
            set(1, OffsetUpdate { expected: Some(1), ..update }),
            set(1, OffsetUpdate { next: 8, ..update }),
            Call::MarkSent { table: 1, rows: vec![1] },
            Call::MarkSent { table: 2, rows: vec![1] },
            Call::MarkSent { table: 1, rows: vec![2] },
            Call::Commit,
            Call::Rollback,
            Call::Offsets { of: 1, partitions: vec![tp(0)] },
            Call::Offsets { of: 2, partitions: vec![tp(0)] },
            Call::Offsets { of: 1, partitions: vec![tp(1)] },
            Call::Unsent { table: 1, limit: 1 },
            Call::Unsent { table: 2, limit: 1 },
            Call::Unsent { table: 1, limit: 2 },
            Call::Charge { id: id(1), key: None },
            Call::Charge { id: id(2), key: None },
            Call::Charge { id: id(1), key: Some(Key::Record(id(1))) },
        ]
    }

    fn answers() -> Vec<Answer> {
        let unsent = Unsent { row: 1, id: id(1), content: (None, None) };
        vec![
            Answer::Inserted(vec![true]),
            Answer::Inserted(vec![false]),
            Answer::Changed(1),
            Answer::Changed(2),
            Answer::Done,
            Answer::NoTransaction,
            Answer::Offsets(vec![(tp(0), None)]),
            Answer::Offsets(vec![(tp(1), None)]),
            Answer::Offsets(vec![(tp(0), Some(1))]),
            Answer::Offsets(vec![(tp(0), Some(2))]),
            Answer::Unsent(vec![unsent.clone()]),
            Answer::Unsent(vec![Unsent { row: 2, ..unsent.clone() }]),
            Answer::Unsent(vec![Unsent { id: id(2), ..unsent.clone() }]),
            Answer::Unsent(vec![Unsent { content: (Some("a".into()), None), ..unsent.clone() }]),
            Answer::Unsent(vec![Unsent { content: (None, Some("a".into())), ..unsent }]),
            Answer::Charged { known: true },
            Answer::Charged { known: false },
        ]
    }

    #[test]
    fn every_field_of_a_sinks_requests_and_answers_counts() {
        let requests = [Subject::Any, Subject::Row(1), Subject::Row(2)]
            .into_iter()
            .flat_map(|about| calls().into_iter().map(move |call| content_of(&Request { about, call })));
        let responses = [Kind::SqlQuery, Kind::SqlUpdate]
            .into_iter()
            .flat_map(|kind| answers().into_iter().map(move |answer| content_of(&Response { kind, answer })));
        for numbers in [requests.collect::<Vec<u64>>(), responses.collect()] {
            let mut distinct = numbers.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), numbers.len());
        }
    }
}
