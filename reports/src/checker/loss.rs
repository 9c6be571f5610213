//! Loss: what was acknowledged or committed and is not readable (E3, E8).

use indexmap::IndexMap;

use super::evidence::Evidence;
use super::findings::Findings;
use super::pipelines::Pipeline;
use super::registry::*;
use crate::fast::Fast;
use crate::report::{Kind, TopicAccount};

/// Judges every record, and counts what should be there by topic.
pub(crate) fn close(ev: &Evidence, findings: &mut Findings, pipelines: &[Pipeline], accounts: &mut [TopicAccount]) {
    let complete: Vec<bool> = (0..ev.topics.len() as u32).map(|topic| ev.read_to_the_end(topic)).collect();
    let mut lost: Vec<Slot> = Vec::new();
    for (slot, topic, cell) in ev.records.cells() {
        let account = &mut accounts[topic as usize];
        let there = cell.copies > 0;
        // What was computed from an aborted record should not be there, whoever committed it.
        if !cell.is(DERIVED) && (cell.is(FIRM | EXPECTED) || there && cell.is(MAYBE)) {
            account.input += 1;
        }
        let missing = !there && cell.is(FIRM | EXPECTED) && !cell.is(PENDING | GONE);
        if missing && complete[topic as usize] {
            account.lost += 1;
            lost.push(slot);
        }
    }
    in_order(ev, &mut lost);
    for slot in lost {
        report(ev, findings, pipelines, slot, ev.records.identity(slot).1, ev.records.cell(slot));
    }
}

/// Sorts records by where they were acknowledged; those that were acknowledged nowhere by what they are.
fn in_order(ev: &Evidence, lost: &mut [Slot]) {
    if lost.len() < 2 {
        return;
    }
    let mut places: IndexMap<Slot, (u32, i64), Fast> = lost.iter().map(|slot| (*slot, (u32::MAX, 0))).collect();
    for (log, info) in ev.logs.iter().enumerate() {
        for (first, page) in info.entries.pages() {
            for (n, entry) in page.iter().enumerate().filter(|(_, entry)| entry.session != NONE) {
                if let Some(place) = places.get_mut(&entry.slot) {
                    *place = (*place).min((log as u32, first + n as i64));
                }
            }
        }
    }
    lost.sort_by_key(|slot| {
        let (id, topic) = ev.records.identity(*slot);
        (topic, places[slot], id.source, id.partition, id.offset, id.stage, id.index)
    });
}

fn report(ev: &Evidence, findings: &mut Findings, pipelines: &[Pipeline], slot: Slot, topic: u32, cell: Cell) {
    if !cell.is(FIRM) {
        return unprocessed(ev, findings, pipelines, slot, topic);
    }
    let kind = ev.blame(Kind::Loss, ev.session_of_txn(cell.txn));
    findings.add(&ev.promises, kind, Some(topic), 1, || {
        let place = ev.acknowledged_at(slot);
        let told = match (place, cell.txn) {
            (Some((log, offset)), NONE) => format!("was acknowledged at {}", ev.place(log, offset)),
            (None, NONE) => "was acknowledged".to_owned(),
            (Some((log, offset)), txn) => {
                format!("was acknowledged at {} in {}", ev.place(log, offset), ev.txn_name(txn))
            }
            (None, txn) => format!("was sent in {}", ev.txn_name(txn)),
        };
        let below = place.filter(|(log, offset)| ev.logs[*log as usize].end.is_some_and(|end| *offset < end.start));
        let sentence = match below {
            Some((log, _)) => format!(
                "{} {told}, but {} begins at {} now, and nothing says that records of {} may be deleted",
                ev.slot_name(slot),
                ev.partition_name(log),
                ev.logs[log as usize].end.map_or(0, |end| end.start),
                ev.topic_name(topic)
            ),
            None => format!("{} {told}, but {}", ev.slot_name(slot), ev.not_visible(slot).0),
        };
        ev.proof(slot, place.as_slice(), sentence)
    });
}

/// The input's offset is committed, the output is not there.
fn unprocessed(ev: &Evidence, findings: &mut Findings, pipelines: &[Pipeline], slot: Slot, topic: u32) {
    let (id, _) = ev.records.identity(slot);
    let pipeline = pipelines.iter().find(|p| p.stage == id.stage && p.inputs.contains(&id.source));
    let pipeline = pipeline.expect("only a pipeline expects outputs");
    let kind = if pipeline.transactional { Kind::OffsetsWithoutOutputs } else { Kind::LostProcessing };
    let kind = ev.blame(kind, ev.session_of_txn(ev.records.cell(slot).txn));
    findings.add(&ev.promises, kind, Some(topic), 1, || {
        let input = ev.topics[id.source as usize].first_log + id.partition;
        let group = &ev.groups[pipeline.group as usize];
        let committed = group.logs.get(&input).and_then(|log| log.committed()).unwrap_or(0);
        let sentence = format!(
            "group {} committed offset {committed} of {}, but {} {}",
            group.name,
            ev.partition_name(input),
            ev.slot_name(slot),
            ev.not_visible(slot).0
        );
        ev.proof(slot, &[(input, id.offset)], sentence)
    });
}
