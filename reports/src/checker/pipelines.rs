//! Pipelines: every input below the committed offset has exactly its outputs, and none above it has any (E8).

use indexmap::IndexMap;

use super::consumers::Consumers;
use super::evidence::Evidence;
use super::findings::Findings;
use super::registry::{DERIVED, EXPECTED, PENDING, Slot};
use crate::fast::Fast;
use crate::history::event::{ClientKind, Guarantee};
use crate::history::{Identity, Partition};
use crate::report::Kind;

/// All members of one group that run one stage.
#[derive(Clone, Debug)]
pub(crate) struct Pipeline {
    pub(crate) group: u32,
    pub(crate) stage: u16,
    pub(crate) inputs: Vec<u32>,
    pub(crate) outputs: Vec<u32>,
    pub(crate) outputs_per_input: u16,
    /// What was never sent is not missed.
    pub(crate) may_skip: bool,
    /// Outputs and offsets are promised to move together.
    pub(crate) transactional: bool,
}

/// The pipelines that the clients form.
pub(crate) fn gather(ev: &Evidence) -> Vec<Pipeline> {
    let mut pipelines: IndexMap<(u32, u16), Pipeline, Fast> = IndexMap::default();
    for client in ev.clients.iter().flatten() {
        let Some(group) = client.group.filter(|_| client.kind == ClientKind::Pipeline) else { continue };
        if client.outputs.is_empty() {
            continue;
        }
        match pipelines.get_mut(&(group, client.stage)) {
            Some(known) => {
                known.inputs.extend(&client.inputs);
                known.inputs.sort_unstable();
                known.inputs.dedup();
                known.may_skip |= client.may_skip;
            }
            None => {
                let pipeline = Pipeline {
                    group,
                    stage: client.stage,
                    inputs: client.inputs.clone(),
                    outputs: client.outputs.clone(),
                    outputs_per_input: client.outputs_per_input,
                    may_skip: client.may_skip,
                    transactional: client.guarantee == Guarantee::ExactlyOnce,
                };
                pipelines.insert((group, client.stage), pipeline);
            }
        }
    }
    pipelines.into_values().collect()
}

/// Marks the outputs that must be there, and reports those that must not.
pub(crate) fn close(ev: &mut Evidence, findings: &mut Findings, consumers: &Consumers, pipelines: &[Pipeline]) {
    // While a transaction hangs, its outputs and offsets become visible one after the other.
    let stuck = findings.has(|kind| kind.class() == crate::report::Class::Liveness);
    for pipeline in pipelines {
        for input in pipeline.inputs.clone() {
            for partition in 0..ev.topics[input as usize].partitions {
                account(ev, findings, consumers, pipeline, Partition::new(input, partition), stuck);
            }
        }
    }
}

fn account(
    ev: &mut Evidence,
    findings: &mut Findings,
    consumers: &Consumers,
    pipeline: &Pipeline,
    input: Partition,
    stuck: bool,
) {
    let log = ev.log(input);
    let Some(end) = ev.logs[log as usize].end else { return };
    let state = ev.groups[pipeline.group as usize].logs.get(&log);
    let known = state.is_none_or(|state| state.moved.is_some() || !state.uncertain);
    let committed = state.and_then(|state| state.committed()).unwrap_or(0);
    let began = consumers.began(pipeline.group, log).unwrap_or(0);
    let may_lack = |offset: i64| pipeline.may_skip || consumers.skips(pipeline.group, log, offset);
    let read: Vec<i64> = ev.logs[log as usize].present.iter().collect();
    for offset in read {
        let visible = ev.logs[log as usize].visible.get(offset);
        if !visible && offset >= end.lso {
            continue;
        }
        for index in 0..pipeline.outputs_per_input {
            let id = Identity::of_input(input, offset, pipeline.stage, index);
            let output = find(ev, pipeline, id);
            let there = output.filter(|slot| ev.records.cell(*slot).copies > 0);
            match (visible, there) {
                // What the group never took is not owed by its commits: it is unprocessed.
                (true, _) if offset < began && output.is_none() => {}
                (true, _) if offset < committed && may_lack(offset) && output.is_none() => {}
                (true, _) if offset < committed => {
                    let usual = pipeline.outputs[usize::from(index) % pipeline.outputs.len()];
                    let slot = output.unwrap_or_else(|| ev.records.slot(id, usual));
                    ev.records.cell_mut(slot).flags |= EXPECTED;
                }
                (true, Some(slot)) if pipeline.transactional && known && !stuck => {
                    ahead(ev, findings, pipeline, slot, log, offset, committed);
                }
                // It is reported where it stands, once for each copy.
                (false, Some(slot)) => ev.records.cell_mut(slot).flags |= DERIVED,
                _ => {}
            }
        }
    }
}

/// The output, in whichever topic it is: a visible one if there is any, else a pending one, else any that was sent.
pub(crate) fn find(ev: &Evidence, pipeline: &Pipeline, id: Identity) -> Option<Slot> {
    let rank = |slot: &Slot| {
        let cell = ev.records.cell(*slot);
        (cell.copies > 0, cell.is(PENDING))
    };
    pipeline.outputs.iter().filter_map(|topic| ev.records.find(id, *topic)).max_by_key(rank)
}

fn ahead(
    ev: &Evidence,
    findings: &mut Findings,
    pipeline: &Pipeline,
    slot: Slot,
    log: u32,
    offset: i64,
    committed: i64,
) {
    let (_, topic) = ev.records.identity(slot);
    let kind = ev.blame(Kind::OutputsWithoutOffsets, ev.session_of_txn(ev.records.cell(slot).txn));
    findings.add(&ev.promises, kind, Some(topic), 1, || {
        let sentence = format!(
            "{} is visible in {}, but the offset of group {} in {} is {committed}",
            ev.slot_name(slot),
            ev.topic_name(topic),
            ev.groups[pipeline.group as usize].name,
            ev.partition_name(log)
        );
        ev.proof(slot, &[(log, offset)], sentence)
    });
}
