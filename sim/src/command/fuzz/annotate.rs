//! Annotations where GitHub runs the job: one line a bug, and the summary on the job's page.

use std::fs::OpenOptions;
use std::io::Write;

use fencepost_reports::render::counted;

use super::report::Report;
use super::shard::variable;

/// Does nothing elsewhere, nor for a part of a campaign: whoever merges the parts says everything once.
pub fn annotate(report: &Report, summary: &str, json: bool) {
    let is_part = report.results.of_shards > 1 && report.results.shards.len() == 1;
    if variable("GITHUB_ACTIONS").as_deref() != Some("true") || is_part {
        return;
    }
    for line in lines(report) {
        // Commands are read from both streams; --json leaves standard output to its document.
        if json {
            super::super::output::say(&line);
        } else {
            super::super::output::print(&format!("{line}\n"));
        }
    }
    if let Some(path) = variable("GITHUB_STEP_SUMMARY") {
        let file = OpenOptions::new().create(true).append(true).open(path);
        // A page that cannot be written is no reason to fail the job.
        let _ = file.and_then(|mut file| file.write_all(summary.as_bytes()));
    }
}

fn lines(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for bug in &report.bugs {
        let Some(first) = bug.first.first() else { continue };
        let shown = bug.first.iter().find(|f| f.shrunk.is_some()).unwrap_or(first);
        let sentence = shown.shrunk.as_ref().map_or(&shown.sentence, |s| &s.sentence);
        let mut text = format!("{sentence}\nfound in {}", counted(bug.count, "run"));
        text.extend(report.replay(shown).map(|replay| format!("\n{replay}")));
        let title = format!("{} in {} (seed {})", bug.kind, first.scenario, first.seed);
        lines.push(format!("::error title={}::{}", property(&title), data(&text)));
    }
    if let Some(what) = &report.results.nondeterminism {
        lines.push(format!("::error title=nondeterminism::{}", data(what)));
    }
    for tally in report.vacuous_scenarios() {
        lines.push(format!("::error title=vacuous::{}", data(&Report::vacuous_of(tally))));
    }
    for (scenario, goal) in &report.unmet {
        lines.push(format!("::notice title={}::never reached: {}", property(scenario), data(goal)));
    }
    lines
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_command_is_escaped() {
        assert_eq!(data("50%\nof a"), "50%25%0Aof a");
        assert_eq!(property("a: b, c"), "a%3A b%2C c");
    }
}
