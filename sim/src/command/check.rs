//! `check`: a history judged, whatever wrote it.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use fencepost_reports::checker::Checker;
use fencepost_reports::figures::{Counting, Figures};
use fencepost_reports::history;
use fencepost_reports::render::thousands;
use fencepost_reports::terminal::one_line;

use serde_json::Value;

use super::output::{document, print};
use super::run::{Stopwatch, judged};
use super::{Outcome, Refusal};

/// `fencepost check`.
pub fn check(path: &Path, json: bool) -> Outcome {
    let name = path.display();
    let file = File::open(path).map_err(|e| Refusal(format!("cannot read {name}: {e}")))?;
    let watch = Stopwatch::start();
    let mut sink = (Checker::new(), Counting::new());
    let header = history::read(BufReader::with_capacity(1 << 20, file), &mut sink)
        .map_err(|e| Refusal(format!("{name}: {}", one_line(&e.to_string()))))?;
    let (checker, counting) = sink;
    let report = checker.finish();
    let figures = counting.finish().without_idle_nodes();
    let wall_ms = watch.ms();
    if json {
        let mut value = judged(&report);
        value["history"] = name.to_string().into();
        value["writer"] = header.writer.into();
        value["scenario"] = header.scenario.into();
        value["seed"] = header.seed.into();
        value["events"] = report.events.into();
        value["wall_ms"] = wall_ms.into();
        value["figures"] = told(&figures);
        document(&value);
    } else {
        let mut text = format!(
            "{}: a history of {}\n\n{}",
            one_line(&name.to_string()),
            one_line(&header.writer),
            report.render_text()
        );
        text += &format!("\n{} events in {} ms\n", thousands(report.events), thousands(wall_ms));
        text += &figures.words();
        print(&text);
    }
    Ok(report.verdict.exit_code())
}

/// Figures that no history tells: a zero would say more than is known.
const UNTOLD: [&str; 5] = ["retries", "absorbed", "largest_lso_lag", "leader_moves", "coordinator_moves"];

/// The figures that a history tells.
fn told(figures: &Figures) -> Value {
    let mut value = serde_json::to_value(figures).expect("figures serialize");
    let without = |tally: &mut Value| {
        let tally = tally.as_object_mut().expect("a tally is an object");
        tally.retain(|key, _| !UNTOLD.contains(&key.as_str()));
    };
    without(&mut value["total"]);
    value["nodes"].as_array_mut().expect("nodes are a list").iter_mut().for_each(without);
    value
}
