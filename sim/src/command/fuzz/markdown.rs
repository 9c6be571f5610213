//! The summary for people: Markdown, as a job of CI shows it.

use fencepost_reports::render::{counted, thousands};

use super::report::Report;

const NEVER_SHOWN: usize = 20;

pub fn render(report: &Report) -> String {
    let mark = if report.exit_code() == 0 { "✅" } else { "❌" };
    let mut text = format!("## {mark} fencepost fuzz: {}\n\n{}\n\n", one_line(&report.verdict()), report.asked());
    text += "| scenario | runs | failures | vacuous | deliveries | points reached |\n|---|---:|---:|---:|---:|---:|\n";
    for t in &report.results.scenarios {
        text += &format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            cell(&t.name),
            thousands(t.runs),
            thousands(t.failures),
            thousands(t.vacuous),
            thousands(t.deliveries),
            thousands(t.coverage.len() as u64)
        );
    }
    for bug in &report.bugs {
        let Some(first) = bug.first.first() else { continue };
        let runs = counted(bug.count, "run");
        text += &format!(
            "\n### {} ({}), {runs}, first {} seed {}\n\n",
            bug.kind,
            bug.severity.name(),
            first.scenario,
            first.seed
        );
        let shown = bug.first.iter().find(|f| f.shrunk.is_some()).unwrap_or(first);
        let sentence = shown.shrunk.as_ref().map_or(&shown.sentence, |s| &s.sentence);
        for line in sentence.lines() {
            text += &format!("> {line}\n");
        }
        if let Some(shrunk) = &shown.shrunk {
            text += &format!(
                "\nThe script that brings it about ({}, {} deliveries):\n\n",
                counted(shrunk.deviations, "deviation"),
                thousands(shrunk.deliveries)
            );
            for (number, words) in shrunk.words.iter().enumerate() {
                text += &format!("{}. {words}\n", number + 1);
            }
            if !shrunk.settings.is_empty() {
                let list: Vec<String> = shrunk.settings.iter().map(|s| format!("`{s}`")).collect();
                text += &format!("\nwith {}\n", list.join(", "));
            }
        }
        text += "\n```\n";
        if let Some(replay) = report.replay(shown) {
            text += &format!("{replay}\n");
        }
        text += &format!("{}\n```\n", report.again(first));
    }
    let vacuous = report.vacuous();
    if !vacuous.is_empty() {
        text += "\n### Runs that put too little to the test\n\n";
        vacuous.iter().for_each(|line| text += &format!("- {line}\n"));
    }
    if !report.strays.is_empty() {
        text += "\n### Found by parts that did not come to their end\n\n";
        for stray in &report.strays {
            text += &format!("- {stray}\n");
        }
    }
    if !report.unmet.is_empty() {
        text += "\n### Goals that were not reached\n\n";
        for (scenario, goal) in &report.unmet {
            text += &format!("- {scenario}: `{goal}`\n");
        }
    }
    text += &format!("\n<details><summary>coverage: {}</summary>\n\n", report.covered());
    for line in report.never.iter().take(NEVER_SHOWN) {
        text += &format!("- {line}\n");
    }
    if report.never.len() > NEVER_SHOWN {
        text += &format!("- and {} more\n", report.never.len() - NEVER_SHOWN);
    }
    text += &format!("\n</details>\n\ndigest `{}`\n", report.digest());
    text
}

fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_string()
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
