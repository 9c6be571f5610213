//! Readers that go back, stop early, or come later.

use fencepost_reports::history::event::*;

use super::Made;
use crate::dice::Dice;
use crate::edit::Edit;
use crate::past::Past;

/// A reader without a group that reads on from an earlier offset, and says so.
pub(super) fn again(past: &Past, dice: &mut Dice, reason: PositionReason) -> Made {
    let loner =
        |k: &&(u32, Partition)| past.clients[&k.0].group.is_none() && past.clients[&k.0].kind == ClientKind::Reader;
    let keys: Vec<_> = past.reads.keys().filter(loner).copied().collect();
    let (c, at) = dice.pick(&keys)?;
    let last = past.reads[&(c, at)].last()?.1;
    let finals: Vec<Final> = past.finals.get(&at)?.iter().map(|(_, f)| *f).filter(|f| f.visible).collect();
    let from = if reason == PositionReason::Reset { finals.first()? } else { &dice.pick(&finals)? };
    let mut edit = Edit::new(past);
    let (t, i) = (edit.now(), last.i);
    edit.append(Event::Position(Position { t, c, i, at, position: from.offset, reason }));
    for f in finals.iter().filter(|f| f.offset >= from.offset) {
        edit.append(Event::Read(Read { t, c, i, at, offset: f.offset, id: f.id, value: f.value }));
    }
    Some((edit.done(), format!("{c} {at:?} {}", from.offset)))
}

pub(super) fn stopped_early(past: &Past, dice: &mut Dice) -> Made {
    let readers: Vec<u32> = past.outputs().iter().flat_map(|t| past.loners(*t)).collect();
    let c = dice.pick(&readers)?;
    let i = past.last_incarnation(c);
    let reads: Vec<usize> = past
        .events
        .iter()
        .enumerate()
        .filter(|(_, e)| matches!(e, Event::Read(r) if r.c == c))
        .map(|(n, _)| n)
        .collect();
    let stop = dice.pick(&reads)?;
    let Event::Read(last) = &past.events[stop] else { return None };
    // In the middle of a transaction it would be torn for it.
    let torn = past.sent.iter().any(|s| s.n.is_some() && s.id == last.id);
    if last.i != i || torn {
        return None;
    }
    let mut edit = Edit::new(past);
    for (index, event) in past.events.iter().enumerate().skip(stop + 1) {
        let its = crate::prepare::actor(event).is_some_and(|who| who == (c, i));
        if its {
            edit.remove(index);
        }
    }
    edit.insert_after(stop, Event::Stopped(Stopped { t: last.t, c, i, reason: StopReason::Ended, text: "".into() }));
    let declared = past.events.iter().rposition(|e| matches!(e, Event::Client(_)))?;
    let allow = vec!["unprocessed".into(), "unowned".into(), "torn-transaction".into()];
    edit.insert_after(declared, Event::Promise(Promise { client: Some(c), allow, ..Promise::default() }));
    Some((edit.done(), format!("{c} {stop}")))
}

pub(super) fn another_reader(past: &Past, dice: &mut Dice, isolation: Isolation) -> Made {
    let topic = dice.pick(&past.outputs())?;
    let mut edit = Edit::new(past);
    let (name, inputs) = ("onlooker".into(), vec![topic]);
    let c = edit.declare(Client { name, kind: ClientKind::Reader, isolation, inputs, ..Client::default() });
    let (t, i) = (edit.now(), 0);
    edit.append(Event::Started(Started { t, c, i }));
    for (at, _) in past.ends.iter().filter(|(at, _)| at.topic == topic) {
        edit.append(Event::Assigned(Assignment { t, c, i, at: *at, generation: None }));
        let start = past.ends[at].1.start;
        let reason = PositionReason::Reset;
        edit.append(Event::Position(Position { t, c, i, at: *at, position: start, reason }));
        for (_, f) in past.finals.get(at).into_iter().flatten().filter(|(_, f)| f.visible) {
            edit.append(Event::Read(Read { t, c, i, at: *at, offset: f.offset, id: f.id, value: f.value }));
        }
    }
    // It may see more than what is visible only where nothing was aborted.
    let aborted = past.finals.iter().any(|(at, f)| at.topic == topic && f.iter().any(|(_, f)| !f.visible));
    (isolation == Isolation::ReadCommitted || !aborted).then(|| (edit.done(), format!("{topic}")))
}
