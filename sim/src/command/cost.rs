//! `cost`: what each guarantee costs.

use std::path::Path;
use std::sync::Arc;

use fencepost_protocol::time::Span;
use serde_json::json;

use super::output::{Troubles, WholeFile, document, print};
use super::{Outcome, Refusal, interrupt, parallel, source};
use crate::cost::{self, PACED_SETTINGS, Row};
use crate::plan::Plan;
use crate::scenario::{Choice, Scenario};

/// What is measured, the plain way first.
const SCENARIOS: [(&str, &str, &str); 2] = [
    ("bench/cost", "acks=all, without idempotence", "one producer, one topic"),
    ("bench/cost-pipeline", "at_least_once", "a pipeline from one topic to another"),
];

/// One thing to measure.
struct Job {
    scenario: &'static str,
    case: Option<String>,
    title: String,
    seed: u64,
    saturated: Arc<Plan>,
    paced: Arc<Plan>,
}

/// `fencepost cost`.
pub fn cost(sets: &[String], svg: Option<&Path>, markdown: Option<&Path>, json: bool) -> Outcome {
    interrupt::end_cleanly();
    let svg = svg.map(WholeFile::create).transpose()?;
    let markdown = markdown.map(WholeFile::create).transpose()?;
    let mut jobs = Vec::new();
    let mut models = Vec::new();
    for (name, plain, what) in SCENARIOS {
        let load = |case: Option<String>, further: &[&str]| {
            let mut sets = sets.to_vec();
            sets.extend(further.iter().map(ToString::to_string));
            source::load(&source::find(name)?, Choice { case, sets })
        };
        let base = load(None, &[])?;
        models.push((name.to_string(), format!("{what}; {}", model(&base.plan))));
        let cases = base.cases.iter().map(|(case, title)| (Some(case.clone()), title.clone()));
        for (case, title) in std::iter::once((None, plain.to_string())).chain(cases) {
            let saturated = load(case.clone(), &[])?;
            let paced = load(case.clone(), &PACED_SETTINGS)?;
            let Scenario { seed, plan, .. } = saturated;
            jobs.push(Job { scenario: name, case, title, seed, saturated: plan, paced: paced.plan });
        }
    }
    let measured = parallel::map(
        &jobs,
        parallel::jobs(None)?,
        |job| {
            let what = (job.scenario, job.case.as_deref(), job.title.as_str());
            cost::measure(what, job.seed, &job.saturated, &job.paced)
        },
        || {},
    );
    let mut rows: Vec<Row> = measured.into_iter().collect::<Result<_, String>>().map_err(Refusal)?;
    cost::relate(&mut rows);
    let mut troubles = Troubles::default();
    if let Some(file) = svg {
        troubles.note(file.finish_with(&cost::svg(&rows)));
    }
    if let Some(file) = markdown {
        troubles.note(file.finish_with(&cost::markdown(&rows, &models)));
    }
    if json {
        let models: std::collections::BTreeMap<_, _> = models.into_iter().collect();
        let mut value = json!({ "models": models, "rows": rows });
        troubles.tell(&mut value);
        document(&value);
    } else {
        print(&cost::text(&rows, &models));
    }
    Ok(troubles.exit_code(super::OK))
}

/// What the figures rest on.
fn model(plan: &Plan) -> String {
    let network = &plan.network;
    let records: u64 = plan.producers.iter().map(|p| p.source.len()).sum();
    let span = |s: Span| format!("{} µs", fencepost_reports::render::thousands(s.0 / 1000));
    format!(
        "{} records; one way {} between client and broker, {} between brokers; {} of processor time for each message sent and {} \
         for each KiB",
        fencepost_reports::render::thousands(records),
        span(network.client_latency),
        span(network.broker_latency),
        span(network.service_per_message),
        span(network.service_per_kib)
    )
}
