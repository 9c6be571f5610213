//! `check`: a history judged, whatever wrote it.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use fencepost_reports::checker::Checker;
use fencepost_reports::history;
use fencepost_reports::render::thousands;

use super::output::{document, print};
use super::run::{Stopwatch, judged};
use super::{Outcome, Refusal};

/// `fencepost check`.
pub fn check(path: &Path, json: bool) -> Outcome {
    let name = path.display();
    let file = File::open(path).map_err(|e| Refusal(format!("cannot read {name}: {e}")))?;
    let watch = Stopwatch::start();
    let mut checker = Checker::new();
    let header = history::read(BufReader::with_capacity(1 << 20, file), &mut checker)
        .map_err(|e| Refusal(format!("{name}: {e}")))?;
    let report = checker.finish();
    let wall_ms = watch.ms();
    if json {
        let mut value = judged(&report);
        value["history"] = name.to_string().into();
        value["writer"] = header.writer.into();
        value["scenario"] = header.scenario.into();
        value["seed"] = header.seed.into();
        value["events"] = report.events.into();
        value["wall_ms"] = wall_ms.into();
        document(&value);
    } else {
        let mut text = format!("{name}: a history of {}\n\n{}", header.writer, report.render_text());
        text += &format!("\n{} events in {} ms\n", thousands(report.events), thousands(wall_ms));
        print(&text);
    }
    Ok(report.verdict.exit_code())
}
