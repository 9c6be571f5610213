//! What calls are answered: nothing for certain, no offset, a failure that is tried again, an effect that was there.

use fencepost_reports::history::event::*;

use super::{Made, plain};
use crate::dice::Dice;
use crate::edit::Edit;
use crate::kinds::records::quiet;
use crate::past::{Past, Sent};
use crate::values::of_workload;

pub(super) fn unknown(past: &Past, edit: &mut Edit<'_>, sent: &Sent) -> Option<()> {
    let Event::Ack(ack) = &past.events[sent.outcome?] else { return None };
    let error = "REQUEST_TIMED_OUT".into();
    edit.change(sent.outcome?, Event::Unknown(SendError { t: ack.t, c: ack.c, i: ack.i, op: ack.op, error }));
    Some(())
}

pub(super) fn unknown_stored(past: &Past, dice: &mut Dice) -> Made {
    let mut edit = Edit::new(past);
    let mut site = String::new();
    for _ in 0..=dice.below(6) {
        let sent = dice.pick(&quiet(past))?;
        unknown(past, &mut edit, &sent)?;
        site += &format!("{:?} ", sent.key);
    }
    keeps_test(past, &edit)?;
    Some((edit.done(), site))
}

/// Some of what a history acknowledges is still acknowledged for every topic.
fn keeps_test(past: &Past, edit: &Edit<'_>) -> Option<()> {
    let left = edit.done();
    let topics = |events: &[Event<'_>]| {
        let of = |e: &Event<'_>| match e {
            Event::Ack(a) => Some(a.at.topic),
            _ => None,
        };
        events.iter().filter_map(of).collect::<std::collections::BTreeSet<u32>>()
    };
    (topics(&left) == topics(&past.events)).then_some(())
}

pub(super) fn unknown_not_stored(past: &Past, dice: &mut Dice) -> Made {
    let sent = dice.pick(&plain(past))?;
    if past.sent.iter().filter(|s| s.id == sent.id).count() > 1 {
        return None;
    }
    let mut edit = Edit::new(past);
    edit.blind();
    edit.unstore(&sent);
    unknown(past, &mut edit, &sent)?;
    keeps_test(past, &edit)?;
    Some((edit.done(), format!("{:?}", sent.key)))
}

pub(super) fn without_offset(past: &Past, dice: &mut Dice) -> Made {
    let c = dice.pick(&past.sent)?.key.0;
    let mut edit = Edit::new(past);
    for (index, event) in past.events.iter().enumerate() {
        if let Event::Ack(ack) = event
            && ack.c == c
        {
            edit.change(index, Event::Ack(Ack { offset: -1, ..*ack }));
        }
    }
    Some((edit.done(), format!("{c}")))
}

/// A record that fails, or is of unknown outcome and not stored, and is sent again.
pub(super) fn sent_again(past: &Past, dice: &mut Dice, failed: bool) -> Made {
    let at = dice.pick(&plain(past))?.place?.0;
    let mut edit = Edit::new(past);
    let c = edit.declare(Client { name: "stubborn".into(), outputs: vec![at.topic], ..Client::default() });
    let (t, i, id, topic) = (edit.now(), 0, Identity::of_workload(5_555, dice.below(1_000_000) as i64), at.topic);
    let value = past.has_values.then(|| of_workload(id));
    edit.append(Event::Started(Started { t, c, i }));
    let tries = 1 + dice.below(4) as u64;
    for op in 0..tries {
        edit.append(Event::Send(Send { t, c, i, op, topic, partition: None, id, n: None, value }));
        let error = SendError { t, c, i, op, error: "NOT_ENOUGH_REPLICAS".into() };
        edit.append(if failed { Event::Fail(error) } else { Event::Unknown(error) });
    }
    edit.append(Event::Send(Send { t, c, i, op: tries, topic, partition: None, id, n: None, value }));
    let offset = edit.store(at, id, value);
    edit.append(Event::Ack(Ack { t, c, i, op: tries, at, offset }));
    edit.give(at, offset, id, value);
    Some((edit.done(), format!("{at:?} {id:?}")))
}

/// Aborted records, sent again outside: an invisible copy and a visible one.
pub(super) fn aborted_and_sent_again(past: &Past, dice: &mut Dice) -> Made {
    let quiet =
        |s: &Sent| s.found.is_some() && s.place.is_some_and(|(at, _)| crate::kinds::records::is_quiet(past, at.topic));
    let all: Vec<Sent> = past.aborted().iter().flat_map(|(_, t)| past.records(t)).filter(quiet).collect();
    let sent = dice.pick(&all)?;
    let at = sent.place?.0;
    let mut edit = Edit::new(past);
    let c = edit.declare(Client { name: "stubborn".into(), outputs: vec![at.topic], ..Client::default() });
    let (t, i, id, topic) = (edit.now(), 0, sent.id, at.topic);
    let value = past.has_values.then(|| of_workload(id));
    edit.append(Event::Started(Started { t, c, i }));
    edit.append(Event::Send(Send { t, c, i, op: 0, topic, partition: None, id, n: None, value }));
    let offset = edit.store(at, id, value);
    edit.append(Event::Ack(Ack { t, c, i, op: 0, at, offset }));
    edit.give(at, offset, id, value);
    Some((edit.done(), format!("{id:?}")))
}

pub(super) fn already(past: &Past, dice: &mut Dice) -> Made {
    let done: Vec<Apply> =
        past.applies.iter().filter(|(_, _, r)| r.is_some_and(|(_, o)| o == Outcome::Ok)).map(|(_, a, _)| *a).collect();
    let apply = dice.pick(&done)?;
    let (c, i) = (apply.c, apply.i);
    let stopped = past.events.iter().any(|e| matches!(e, Event::Stopped(s) if (s.c, s.i) == (c, i)));
    let there = past.rows.get(&apply.sink)?.iter().any(|(_, r)| r.id == apply.id);
    if stopped || !there {
        return None;
    }
    let op = past.applies.iter().filter(|(_, a, _)| (a.c, a.i) == (c, i)).map(|(_, a, _)| a.op).max()? + 1;
    let mut edit = Edit::new(past);
    let t = edit.now();
    edit.append(Event::Apply(Apply { t, op, ..apply }));
    edit.append(Event::Applied(Applied { t, c, i, op, outcome: Outcome::Ok, already: true, error: "".into() }));
    Some((edit.done(), format!("{:?}", apply.id)))
}
