//! What no client is wrong about by itself: pipelines that read what they write by a detour, or that take each other's place.

use std::collections::BTreeMap;

use super::disabled::enabled;
use super::document::Document;
use super::fields::Fields;
use super::problem::Complaint;
use crate::plan::{PipelinePlan, Plan};

type Result<T> = core::result::Result<T, Complaint>;

/// Complains about the first pipeline that does not go with another.
pub fn check(document: &Document, plan: &Plan) -> Result<()> {
    let mut written: BTreeMap<String, &Fields> = BTreeMap::new();
    for fields in enabled(&document.clients.pipelines)?.into_iter().chain(enabled(&document.clients.connectors)?) {
        written.insert(fields.needed_text("name")?, fields);
    }
    let place = |pipeline: &PipelinePlan| written.get(&pipeline.name).copied();
    for (index, pipeline) in plan.pipelines.iter().enumerate() {
        let Some(fields) = place(pipeline) else { continue };
        if let Some(way) = way_back(&plan.pipelines, pipeline) {
            let message = format!("the pipelines would never end: what is written comes back by way of {way}");
            return Err(fields.complain("output", message));
        }
        for other in &plan.pipelines[..index] {
            check_two(fields, pipeline, other)?;
        }
    }
    Ok(())
}

fn shared_input<'p>(one: &'p PipelinePlan, other: &PipelinePlan) -> Option<&'p String> {
    one.inputs.iter().find(|input| other.inputs.contains(input))
}

/// Whether a record is the same whichever of the two has processed it.
fn are_members_of_one(one: &PipelinePlan, other: &PipelinePlan) -> bool {
    let what = |p: &PipelinePlan| {
        let mut inputs = p.inputs.clone();
        inputs.sort();
        (inputs, p.output.clone(), p.stage, p.outputs_per_input, p.function.name().to_string())
    };
    let call = |p: &PipelinePlan| p.call.as_ref().map(|call| (call.to.clone(), call.doing));
    what(one) == what(other) && call(one) == call(other)
}

fn check_two(fields: &Fields, one: &PipelinePlan, other: &PipelinePlan) -> Result<()> {
    let Some(input) = shared_input(one, other) else { return Ok(()) };
    let (name, group) = (&other.name, one.consumer.group_id.as_deref().unwrap_or_default());
    if one.consumer.group_id == other.consumer.group_id {
        if are_members_of_one(one, other) {
            return Ok(());
        }
        let message = format!(
            "'{name}' reads '{input}' with group.id '{group}', too: a partition goes to one of the two only, so that neither \
             processes all of it; give each a group.id of its own. Two that are written alike (input, output, stage, outputs.per.input, \
             function, call) may share a group, as its members"
        );
        return Err(fields.complain(&key_of_the_group(fields), message));
    }
    if one.output.is_some() && other.output.is_some() && one.stage == other.stage {
        let message = format!(
            "'{name}' reads '{input}' with stage {}, too: what the two write could not be told apart; give one of them another 'stage'",
            one.stage
        );
        return Err(fields.complain("stage", message));
    }
    Ok(())
}

fn key_of_the_group(fields: &Fields) -> String {
    let key = if fields.has("group.id") { "group.id" } else { "consumer.group.id" };
    key.to_string()
}

/// The names of the pipelines by which what one writes comes back to it, if it does.
fn way_back(pipelines: &[PipelinePlan], from: &PipelinePlan) -> Option<String> {
    let mut ways: Vec<Vec<&PipelinePlan>> = vec![vec![from]];
    let mut seen: Vec<&str> = Vec::new();
    while let Some(way) = ways.pop() {
        let output = way.last().and_then(|p| p.output.as_deref());
        let Some(output) = output.filter(|output| !seen.contains(output)) else { continue };
        if from.inputs.iter().any(|input| input == output) {
            let names = way.iter().chain([&from]).map(|p| format!("'{}'", p.name));
            return Some(names.collect::<Vec<_>>().join(", "));
        }
        seen.push(output);
        for next in pipelines.iter().filter(|p| p.inputs.iter().any(|input| input == output)) {
            ways.push(way.iter().copied().chain([next]).collect());
        }
    }
    None
}
