//! What a guarantee costs: one workload under every guarantee, with nothing going wrong.
//!
//! Two runs of each: *saturated*, where the producer sends as fast as its window lets it, gives the throughput and the
//! number of requests; *paced*, where a record is sent each millisecond, gives the time from `send()` until a reader is
//! given the record. Both are measured in virtual time, so the figures follow from the protocol and from the latencies and
//! service times that the scenario states, not from the machine that runs it.

mod meter;
mod plot;
mod table;

use std::sync::Arc;

use meter::Meter;
pub use plot::svg;
pub use table::{markdown, text};

use crate::plan::Plan;
use crate::run::{Course, Run, run};
use crate::world::{Keep, Traced};

/// Records that the paced run sends, one each millisecond.
const PACED: &str = "shop.records=5000";
/// The pace.
const PACE: &str = "shop.interval=1ms";

/// Settings of the paced run.
pub const PACED_SETTINGS: [&str; 2] = [PACED, PACE];

/// How long records took to reach a reader, in nanoseconds of virtual time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Latency {
    /// Half of the records took no longer.
    pub p50_ns: u64,
    /// 99 of 100 took no longer.
    pub p99_ns: u64,
}

/// What one guarantee costs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    /// The scenario.
    pub scenario: String,
    /// Its case.
    pub case: Option<String>,
    /// What is guaranteed, in a few words.
    pub title: String,
    /// Records of the saturated run.
    pub records: u64,
    /// Records that were stored and readable in a second of virtual time, without the first tenth of them.
    pub per_second: u64,
    /// Throughput in thousandths of that of the first row of the same scenario.
    pub relative_permille: u64,
    /// Requests of clients to write and commit, and of coordinators to end transactions, for 1,000 records.
    pub writing_per_1000: u64,
    /// Fetch requests of replicas, for 1,000 records.
    pub replicating_per_1000: u64,
    /// Latency of the paced run for a reader at read_uncommitted.
    pub uncommitted: Latency,
    /// For a reader at read_committed.
    pub committed: Latency,
}

/// Measures the two runs of a guarantee. `relative_permille` is left at 1,000.
///
/// # Errors
/// A run went wrong: its verdict.
///
/// # Panics
/// As the machines do.
pub fn measure(
    (scenario, case, title): (&str, Option<&str>, &str),
    seed: u64,
    saturated: &Arc<Plan>,
    paced: &Arc<Plan>,
) -> Result<Row, String> {
    let label = || case.map_or_else(|| scenario.to_string(), |case| format!("{scenario} --case {case}"));
    let metered = |plan: &Arc<Plan>| {
        let meter = Meter::default();
        let mut tracer = |traced: &Traced<'_>| meter.trace(traced);
        let keep = Keep { trace: true, ..Keep::default() };
        let run: Run = run(plan, Course::Seed(seed), keep, Some(&mut meter.sink()), Some(&mut tracer));
        match run.report.verdict.name() {
            "clean" => Ok(meter.finish()),
            other => Err(format!("{} was to be clean, but it is {other}", label())),
        }
    };
    let (full, slow) = (metered(saturated)?, metered(paced)?);
    let records = full.read.len() as u64;
    let (steady, elapsed_ns) = full.steady();
    let rate = |count: u64, of: u64, unit: u64| (u128::from(count) * u128::from(unit) / u128::from(of.max(1))) as u64;
    Ok(Row {
        scenario: scenario.to_string(),
        case: case.map(str::to_string),
        title: title.to_string(),
        records,
        per_second: rate(steady, elapsed_ns, 1_000_000_000),
        relative_permille: 1000,
        writing_per_1000: rate(full.writing, records, 1000),
        replicating_per_1000: rate(full.replicating, records, 1000),
        uncommitted: slow.latency_uncommitted(),
        committed: slow.latency_committed(),
    })
}

/// Fills in each row's throughput relative to the first row of its scenario.
pub fn relate(rows: &mut [Row]) {
    let firsts: Vec<(String, u64)> = rows.iter().map(|r| (r.scenario.clone(), r.per_second)).collect();
    for row in rows {
        let first = firsts.iter().find(|(scenario, _)| *scenario == row.scenario).map_or(0, |(_, rate)| *rate);
        row.relative_permille = row.per_second * 1000 / first.max(1);
    }
}

#[cfg(test)]
mod tests;
