//! Producers that are fenced and do nothing, raise their epoch, or end.

use fencepost_reports::history::event::*;

use super::Made;
use crate::dice::Dice;
use crate::edit::Edit;
use crate::past::Past;

pub(super) fn zombie(past: &Past, dice: &mut Dice) -> Made {
    let (_, epoch) = dice.pick(&past.epochs)?;
    let client = &past.clients[&epoch.c];
    let (_, last) = *past.epochs.iter().rfind(|(_, e)| e.c == epoch.c)?;
    let pids = past.epochs.iter().filter(|(_, e)| e.pid == last.pid);
    let newest = pids.map(|(_, e)| e.epoch).max()?;
    let busy = past.txns.iter().any(|(k, t)| k.0 == client.id && t.ended.is_none());
    client.transactional_id.as_ref()?;
    if busy || newest > 32_000 {
        return None;
    }
    let mut edit = Edit::new(past);
    let c = edit.declare(Client {
        name: "usurper".into(),
        transactional_id: client.transactional_id.clone(),
        idempotent: true,
        outputs: client.outputs.clone(),
        ..Client::default()
    });
    let (t, i) = (edit.now(), last.i);
    edit.append(Event::Started(Started { t, c, i: 0 }));
    edit.append(Event::Epoch(Epoch { t, c, i: 0, pid: last.pid, epoch: newest + 2 }));
    edit.append(Event::Told(Told { t, c: client.id, i, call: "Produce".into(), error: "PRODUCER_FENCED".into() }));
    edit.append(Event::Fenced(Fenced { t, c: client.id, i, error: "PRODUCER_FENCED".into() }));
    Some((edit.done(), format!("{}", client.id)))
}

pub(super) fn raised(past: &Past, dice: &mut Dice) -> Made {
    let producers: Vec<u32> =
        past.clients.values().filter(|c| c.idempotent && c.transactional_id.is_none()).map(|c| c.id).collect();
    let c = dice.pick(&producers)?;
    let (_, last) = *past.epochs.iter().rfind(|(_, e)| e.c == c)?;
    let mut edit = Edit::new(past);
    let t = edit.now();
    let by = 1 + dice.below(3) as i16;
    edit.append(Event::Epoch(Epoch { t, epoch: last.epoch + by, ..last }));
    Some((edit.done(), format!("{c} {by}")))
}

pub(super) fn ends(past: &Past, dice: &mut Dice) -> Made {
    let producers: Vec<u32> = past.clients.values().filter(|c| c.kind == ClientKind::Producer).map(|c| c.id).collect();
    let c = dice.pick(&producers)?;
    let i = past.last_incarnation(c);
    if past.events.iter().any(|e| matches!(e, Event::Stopped(s) if (s.c, s.i) == (c, i))) {
        return None;
    }
    let mut edit = Edit::new(past);
    let t = edit.now();
    edit.append(Event::Stopped(Stopped { t, c, i, reason: StopReason::Ended, text: "".into() }));
    Some((edit.done(), format!("{c}")))
}
