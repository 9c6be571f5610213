//! Offsets that somebody keeps of a log do not lie beyond all that was ever in it.
//!
//! A log that lost its end (which is told as loss) may be shorter than what was committed before: what was seen at such an
//! offset, by whomever, was there.

use super::batches::Batches;
use super::evidence::Evidence;
use super::findings::Findings;
use super::registry::NONE;
use super::state::ClientInfo;
use crate::report::{Kind, Proof};

/// The log's end in the final read, if the offset of the next record to read is beyond it and nothing was ever seen there.
fn beyond(ev: &Evidence, batches: &Batches, log: u32, next: i64) -> Option<i64> {
    let info = &ev.logs[log as usize];
    let end = info.end?;
    let seen = next > 0 && info.entries.get(next - 1).slot != NONE || batches.reached(log) >= next;
    (next > end.leo && !seen).then_some(end.leo)
}

pub(crate) fn close(ev: &Evidence, findings: &mut Findings, batches: &Batches) {
    for (number, group) in ev.groups.iter().enumerate() {
        for (log, state) in &group.logs {
            // Whoever does not read by them may keep any number there: a bookmark of a relay, for instance.
            let topic = ev.logs[*log as usize].at.topic;
            let reads = |client: &ClientInfo| client.group == Some(number as u32) && client.inputs.contains(&topic);
            if !ev.clients.iter().flatten().any(reads) {
                continue;
            }
            let known = if group.moves { state.moved } else { state.told };
            let Some((next, end)) = known.and_then(|next| Some((next, beyond(ev, batches, *log, next)?))) else {
                continue;
            };
            findings.add(&ev.promises, Kind::Contradiction, Some(topic), 1, || {
                let name = ev.partition_name(*log);
                let sentence = format!(
                    "group {} has committed offset {next} of {name}, but {name} ends at {end} and nothing was ever seen beyond \
                     that",
                    group.name
                );
                Proof { times: Vec::new(), ..ev.proof_at(*log, &[next], sentence) }
            });
        }
    }
    for (number, info) in ev.sinks.iter().enumerate() {
        let Some(info) = info else { continue };
        for (log, next) in &info.offsets {
            let Some(end) = beyond(ev, batches, *log, *next) else { continue };
            findings.add_of_sink(&ev.promises, Kind::Contradiction, number as u32, 1, || {
                let name = ev.partition_name(*log);
                let sentence = format!(
                    "{} keeps offset {next} of {name}, but {name} ends at {end} and nothing was ever seen beyond that",
                    info.name
                );
                let sink = Some(info.name.clone());
                Proof { times: Vec::new(), sink, ..ev.proof_at(*log, &[*next], sentence) }
            });
        }
    }
}
