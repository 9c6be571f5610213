//! From the parts of a scenario's text to a plan, checked as Kafka checks.

use std::collections::BTreeMap;

use fencepost_protocol::config::{ConsumerConfig, ProducerConfig};
use fencepost_protocol::time::Span;

use super::chaos::{chaos, promises};
use super::checks::{check_names, check_size};
use super::deviation::read_faults;
use super::disabled::{left_out, left_out_here, with_the_disabled};
use super::document::Document;
use super::draft::{Draft, ReadFile, needs};
use super::fields::Fields;
use super::problem::Complaint;
use super::sinks;
use super::table;
use super::together;
use super::topics::{cluster, network, topics};
use super::written::{self, WrittenFault};
use crate::cast::Names;
use crate::nearest::choices;
use crate::plan::{ClientPlan, EndPlan, Plan};
use crate::schedule::Fault;

type Result<T> = core::result::Result<T, Complaint>;

/// Deliveries that a run may take where the scenario does not say.
const DELIVERY_BUDGET: u64 = 20_000_000;
/// No run takes longer than a week, unless the scenario says so.
const LIMIT: Span = Span::from_secs(7 * 24 * 3_600);

/// A plan and the lines of users' files that it holds.
pub struct Assembled {
    /// The plan.
    pub plan: Plan,
    /// By path, as much of the text as is used.
    pub files: BTreeMap<String, String>,
}

/// Makes the plan of `case` (none: the base).
pub fn assemble(name: &str, document: &Document, case: Option<&str>, read: ReadFile<'_>) -> Result<Assembled> {
    let cluster = cluster(&document.cluster)?;
    let mut topics = topics(&document.topics, &cluster)?;
    let left_out = left_out(document)?;
    for topic in &mut topics {
        topic.may_be_empty |= left_out.contains(&topic.name);
    }
    let table::End { faults_until, bound, limit, delivery_budget } = table::End::read(&document.end)?;
    let end = EndPlan {
        faults_until: faults_until.unwrap_or(Span::from_secs(20)),
        bound: Span::ZERO,
        limit: limit.unwrap_or(LIMIT),
        delivery_budget: delivery_budget.unwrap_or(DELIVERY_BUDGET),
    };
    let plan = Plan { topics, name: name.to_string(), ..Plan::empty(cluster, network(&document.network)?, end) };
    let mut draft = Draft { plan, read, files: BTreeMap::new() };
    sinks::read(document, &mut draft.plan)?;
    document.clients.assemble(&mut draft)?;
    let Draft { mut plan, files, .. } = draft;
    let table::Top { title, about, seed: _, seeds: _, sometimes: _ } = table::Top::read(&document.top)?;
    plan.title = title.ok_or_else(|| needs(&document.top, "title"))?;
    plan.about = about.unwrap_or_default().trim().to_string();
    plan.chaos = chaos(&document.chaos, !(document.databases.is_empty() && document.payments.is_empty()))?;
    plan.promises = promises(&document.promise, &plan)?;
    plan.end.bound = bound.unwrap_or_else(|| usual_bound(&plan));
    check_size(document, &plan)?;
    check_names(document)?;
    together::check(document, &plan)?;
    let names = plan.names();
    plan.faults = faults(document, case, &plan, &names)?;
    Ok(Assembled { plan, files })
}

/// The faults of `case`; those of other cases are checked all the same.
fn faults(document: &Document, case: Option<&str>, plan: &Plan, names: &Names) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    for fields in &document.faults {
        let cases = fields.texts("cases")?;
        if let Some(cases) = &cases {
            if cases.is_empty() {
                let message =
                    "'cases' names no case, so that this fault would never be: leave the key out for all cases";
                return Err(fields.complain("cases", message));
            }
            check_cases(document, fields, cases)?;
        }
        if cases.is_none_or(|cases| cases.iter().any(|c| c == case.unwrap_or(super::BASE))) {
            let own = read_faults(fields, names).map_err(|wrong| left_out_here(document, case, wrong))?;
            faults.extend(own.into_iter().map(|fault| WrittenFault { fields, fault }));
        } else {
            // Whom it hits may not be there in this one.
            read_faults(fields, &with_the_disabled(names, document)?)?;
        }
    }
    written::check(plan, names, &faults)?;
    Ok(faults.into_iter().map(|written| written.fault).collect())
}

fn check_cases(document: &Document, fields: &Fields, cases: &[String]) -> Result<()> {
    let mut known = vec![super::BASE.to_string()];
    for case in &document.cases {
        known.extend(case.text("name")?);
    }
    match cases.iter().find(|c| !known.contains(c)) {
        None => Ok(()),
        Some(c) => {
            let all = choices(c, "cases", known.iter().map(String::as_str));
            Err(fields.complain("cases", format!("there is no case '{c}'{all}")))
        }
    }
}

/// The largest of delivery timeout, transaction timeout with its sweep, and session with poll interval, plus 60 s.
/// Streams' delivery timeout of 24 days does not count.
fn usual_bound(plan: &Plan) -> Span {
    let sweep = i64::from(plan.cluster.config.transaction_sweep_ms);
    let of_producer = |config: &ProducerConfig| {
        let delivery = if config.delivery_timeout_ms == i32::MAX { 0 } else { i64::from(config.delivery_timeout_ms) };
        let transaction =
            config.transactional_id.as_ref().map_or(0, |_| i64::from(config.transaction_timeout_ms) + sweep);
        delivery.max(transaction)
    };
    let of_consumer = |config: &ConsumerConfig| {
        config
            .group_id
            .as_ref()
            .map_or(0, |_| i64::from(config.session_timeout_ms) + i64::from(config.max_poll_interval_ms))
    };
    let own = |plan: &dyn ClientPlan| {
        let producer = plan.producer().map_or(0, of_producer);
        producer.max(plan.consumer().map_or(0, of_consumer))
    };
    let largest = plan.client_plans().into_iter().map(|(_, plan)| own(plan)).max().unwrap_or(0);
    Span::from_millis(largest) + Span::from_secs(60)
}
