//! Offsets that consumers keep in a sink, with the rows: a row is there if and only if the offset is past its record. Rows
//! that are missing below it are counted as such; here are those that are there above it.

use super::evidence::Evidence;
use super::findings::Findings;
use super::paged::Bits;
use super::state::SinkInfo;
use crate::report::{Kind, Proof};

pub(crate) fn close(ev: &Evidence, findings: &mut Findings, number: u32, info: &SinkInfo) {
    if !info.read || info.offsets.is_empty() {
        return;
    }
    // Its effect, if it is there, of a record that is visible.
    let effect = |log: u32, offset: i64| {
        let (id, _) = ev.records.identity(ev.logs[log as usize].entries.get(offset).slot);
        ev.effects.find(id, number).filter(|slot| ev.effects.cell(*slot).copies > 0)
    };
    let mut below = Bits::default();
    for (log, next) in &info.offsets {
        for offset in ev.logs[*log as usize].visible.iter().take_while(|offset| offset < next) {
            if let Some(slot) = effect(*log, offset) {
                below.set(i64::from(slot));
            }
        }
    }
    for (log, next) in &info.offsets {
        let topic = ev.logs[*log as usize].at.topic;
        let first = ev.logs[*log as usize].visible.iter().filter(|offset| offset >= next).find_map(|offset| {
            let slot = effect(*log, offset).filter(|slot| !below.get(i64::from(*slot)))?;
            Some((offset, slot))
        });
        // One offset is one case, however many rows it is behind of.
        let Some((offset, slot)) = first else { continue };
        findings.add_of_sink(&ev.promises, Kind::SinkOffsetBehind, number, 1, || {
            let sentence = format!(
                "{} keeps offset {next} of {}, but {} ({}) is there already",
                info.name,
                ev.partition_name(*log),
                ev.effect_name(info, slot),
                ev.place(*log, offset)
            );
            Proof {
                sentence,
                record: Some(ev.effects.identity(slot).0),
                topic: Some(ev.topic_name(topic).to_owned()),
                sink: Some(info.name.clone()),
                offsets: vec![(ev.logs[*log as usize].at.partition, offset)],
                ..Proof::default()
            }
        });
    }
}
