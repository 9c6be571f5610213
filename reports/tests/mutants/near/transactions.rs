//! Transactions that end otherwise than their clients know.

use fencepost_reports::history::event::*;

use super::{Made, plain};
use crate::dice::Dice;
use crate::edit::Edit;
use crate::past::Past;
use crate::values::of_workload;

/// A whole transaction of a client of its own, with the broker's side of it. `asked`: what its client asked for and never
/// heard the outcome of.
pub(super) fn transaction(
    past: &Past,
    dice: &mut Dice,
    asked: Option<bool>,
    committed: bool,
    cause: DecisionCause,
) -> Made {
    let at = dice.pick(&plain(past))?.place?.0;
    // Who reads uncommitted records would have to be given them, which is another story.
    let uncommitted = |c: &u32| past.clients[c].isolation == Isolation::ReadUncommitted;
    if !committed && past.loners(at.topic).iter().any(uncommitted) {
        return None;
    }
    let mut edit = Edit::new(past);
    let c = edit.declare(Client {
        name: "banker".into(),
        transactional_id: Some("banker".into()),
        idempotent: true,
        outputs: vec![at.topic],
        ..Client::default()
    });
    let (t, n, pid, topic) = (edit.now(), 1, 700_000, at.topic);
    edit.append(Event::Started(Started { t, c, i: 0 }));
    edit.append(Event::Epoch(Epoch { t, c, i: 0, pid, epoch: 0 }));
    edit.append(Event::Begin(Begin { t, c, i: 0, n }));
    let many = 1 + dice.below(3) as u64;
    let first = dice.below(1_000_000) as i64;
    let mut given = Vec::new();
    for op in 0..many {
        let id = Identity::of_workload(4_444, first + op as i64);
        let value = past.has_values.then(|| of_workload(id));
        edit.append(Event::Send(Send { t, c, i: 0, op, topic, partition: None, id, n: Some(n), value }));
        let offset = edit
            .store_of(at, Stored { id, value, who: (pid, 0, op as i32), kind: BatchKind::TxnData, visible: committed });
        edit.append(Event::Ack(Ack { t, c, i: 0, op, at, offset }));
        given.push((offset, id, value));
    }
    if let Some(commit) = asked {
        edit.append(Event::Ending(Ending { t, c, i: 0, n, commit }));
        let (outcome, error) = (Outcome::Unknown, "REQUEST_TIMED_OUT".into());
        edit.append(Event::Ended(Ended { t, c, i: 0, n, commit, outcome, error }));
    } else {
        edit.append(Event::Stopped(Stopped { t, c, i: 0, reason: StopReason::Killed, text: "".into() }));
    }
    if cause == DecisionCause::Init {
        edit.append(Event::Started(Started { t, c, i: 1 }));
        edit.append(Event::Epoch(Epoch { t, c, i: 1, pid, epoch: 2 }));
    }
    if !past.appended.is_empty() {
        edit.append(Event::Decided(Decided { t, c, pid, epoch: 1, commit: committed, cause }));
    }
    edit.mark(at, (pid, 1), committed);
    if committed {
        given.into_iter().for_each(|(offset, id, value)| edit.give(at, offset, id, value));
    }
    Some((edit.done(), format!("{at:?} {first}")))
}

/// What is stored, by whom.
pub struct Stored {
    pub id: Identity,
    pub value: Option<u64>,
    pub who: (i64, i16, i32),
    pub kind: BatchKind,
    pub visible: bool,
}
