//! Logs that lose what they may lose, and replicas that agree.

use fencepost_reports::history::event::*;

use super::{Made, plain};
use crate::dice::Dice;
use crate::edit::Edit;
use crate::past::Past;
use crate::values::of_workload;

fn declare_topic(past: &Past, edit: &mut Edit<'_>, topic: u32, change: impl Fn(&mut Topic<'static>)) -> Option<()> {
    let index = past.events.iter().position(|e| matches!(e, Event::Topic(t) if t.id == topic))?;
    let Event::Topic(old) = &past.events[index] else { return None };
    let mut new = old.clone();
    change(&mut new);
    edit.change(index, Event::Topic(new));
    Some(())
}

pub(super) fn compacted(past: &Past, dice: &mut Dice) -> Made {
    let sent = dice.pick(&plain(past))?;
    let (at, _) = sent.place?;
    let finals = &past.finals[&at];
    let mut edit = Edit::new(past);
    declare_topic(past, &mut edit, at.topic, |t| t.compacted = true)?;
    let mut site = format!("{at:?}");
    // The last one is never gone: it is what replaced the others.
    for (index, f) in &finals[..finals.len() - 1] {
        if dice.one_in(3) {
            edit.remove(*index);
            site += &format!(" {}", f.offset);
        }
    }
    Some((edit.done(), site))
}

pub(super) fn deleted(past: &Past, dice: &mut Dice) -> Made {
    let at = dice.pick(&past.settled())?;
    let (_, upto) = dice.pick(past.finals.get(&at)?)?;
    let mut edit = Edit::new(past);
    declare_topic(past, &mut edit, at.topic, |t| t.deletes = true)?;
    let end = edit.end(at);
    edit.set_end(End { start: upto.offset, ..end });
    for (index, f) in &past.finals[&at] {
        if f.offset < upto.offset {
            edit.remove(*index);
        }
    }
    Some((edit.done(), format!("{at:?} {}", upto.offset)))
}

pub(super) fn replicas_agree(past: &Past, dice: &mut Dice) -> Made {
    let logs: Vec<Partition> = past.settled().into_iter().filter(|at| past.is_whole(*at)).collect();
    let at = dice.pick(&logs)?;
    let (_, batch) = dice.pick(&past.appended[&at])?;
    let mut edit = Edit::new(past);
    for replica in 1..=3 {
        let (t, leader_epoch, fingerprint) = (edit.now(), batch.leader_epoch, 42);
        edit.append(Event::Replica(Replica {
            t,
            at: batch.at,
            offset: batch.base,
            replica,
            leader_epoch,
            fingerprint,
        }));
    }
    Some((edit.done(), format!("{:?} {}", batch.at, batch.base)))
}

/// A batch that was never acknowledged is truncated by the next leader.
pub(super) fn truncated(past: &Past, dice: &mut Dice) -> Made {
    let at = dice.pick(&plain(past))?.place?.0;
    let last = past.appended.get(&at)?.last()?.1;
    let mut edit = Edit::new(past);
    let c = edit.declare(Client { name: "hasty".into(), outputs: vec![at.topic], ..Client::default() });
    let (t, i, topic) = (edit.now(), 0, at.topic);
    let first = dice.below(1_000_000) as i64;
    let ids = [first, first + 1].map(|n| Identity::of_workload(3_333, n));
    let values = ids.map(|id| past.has_values.then(|| of_workload(id)));
    edit.append(Event::Started(Started { t, c, i }));
    let send = |op: usize| {
        Event::Send(Send { t, c, i, op: op as u64, topic, partition: None, id: ids[op], n: None, value: values[op] })
    };
    edit.append(send(0));
    let (base, leader_epoch, kind) = (edit.end(at).leo, last.leader_epoch + 1, BatchKind::Data);
    let batch =
        Appended { t, at, base, count: 1, pid: -1, epoch: -1, sequence: -1, leader_epoch: last.leader_epoch, kind };
    edit.append(Event::Appended(batch));
    edit.append(Event::Unknown(SendError { t, c, i, op: 0, error: "NOT_LEADER_OR_FOLLOWER".into() }));
    edit.append(send(1));
    edit.append(Event::Appended(Appended { leader_epoch, ..batch }));
    let offset = edit.store_blind(at, ids[1], values[1], (-1, -1));
    edit.append(Event::Ack(Ack { t, c, i, op: 1, at, offset }));
    edit.give(at, offset, ids[1], values[1]);
    Some((edit.done(), format!("{at:?} {first}")))
}
