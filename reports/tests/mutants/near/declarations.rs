//! What a history declares: promises, topics that may be empty, faults that may stay out.

use fencepost_reports::history::event::*;

use super::{Made, plain};
use crate::dice::Dice;
use crate::edit::Edit;
use crate::past::Past;

fn promise(past: &Past, edit: &mut Edit<'_>, topic: u32, guarantee: Guarantee) -> Option<()> {
    if past.promises.iter().any(|p| p.topic == Some(topic)) {
        return None;
    }
    let declared = past.events.iter().rposition(|e| matches!(e, Event::Client(_)))?;
    edit.insert_after(declared, Event::Promise(Promise { topic: Some(topic), guarantee, ..Promise::default() }));
    Some(())
}

pub(super) fn allowed_duplicate(past: &Past, dice: &mut Dice) -> Made {
    let sent = dice.pick(&plain(past))?;
    let (at, offset) = sent.place?;
    let value = past.final_at(at, offset)?.1.value;
    let mut edit = Edit::new(past);
    promise(past, &mut edit, at.topic, Guarantee::AtLeastOnce)?;
    let copy = edit.store(at, sent.id, value);
    edit.give(at, copy, sent.id, value);
    Some((edit.done(), format!("{:?}", sent.id)))
}

pub(super) fn allowed_loss(past: &Past, dice: &mut Dice) -> Made {
    let sent = dice.pick(&plain(past))?;
    let mut edit = Edit::new(past);
    promise(past, &mut edit, sent.place?.0.topic, Guarantee::AtMostOnce)?;
    edit.unstore(&sent);
    Some((edit.done(), format!("{:?}", sent.id)))
}

pub(super) fn may_be_empty(past: &Past, dice: &mut Dice) -> Made {
    let id = past.topics.keys().max()? + 1;
    let last = past.events.iter().rposition(|e| matches!(e, Event::Topic(_)))?;
    let name = format!("spare-{}", dice.below(1_000_000));
    let mut edit = Edit::new(past);
    let topic = Topic { id, name: name.clone().into(), partitions: 1, may_be_empty: true, ..Topic::default() };
    edit.insert_after(last, Event::Topic(topic));
    let t = edit.now();
    edit.append(Event::End(End { t, at: Partition::new(id, 0), start: 0, lso: 0, hw: 0, leo: 0 }));
    Some((edit.done(), name))
}

pub(super) fn quiet_fault(past: &Past, dice: &mut Dice, optional: bool) -> Made {
    let of = |e: &Event<'_>| if let Event::Fault(f) = e { f.id + 1 } else { 0 };
    let id = past.events.iter().map(of).max().unwrap_or(0);
    let last = past.events.iter().rposition(|e| matches!(e, Event::Client(_)))?;
    let words = format!("broker-{} crashes", dice.below(1_000_000));
    let mut edit = Edit::new(past);
    edit.insert_after(
        last,
        Event::Fault(Fault { id, words: words.clone().into(), optional, drawn: !optional, ..Fault::default() }),
    );
    Some((edit.done(), words))
}
