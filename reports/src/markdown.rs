//! A story for a pull request: the verdict with its proof, and a Mermaid sequence diagram.

use core::fmt::Write;

use crate::diagram::message_words;
use crate::happened::Happened;
use crate::report::Verdict;
use crate::story::{Fate, Moment, Story, moments, seconds};
use crate::words::thousands;

/// Messages that are shown at most.
const MESSAGES: usize = 30;
/// Rows of errors that are shown at most.
const ERRORS: usize = 20;

/// The Markdown.
pub fn text(story: &Story) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "### {}: {}\n", story.label, story.title);
    let _ = writeln!(out, "**{}**\n", story.judgement.sentence);
    for finding in &story.judgement.findings {
        let remark = if finding.allowed { " (allowed by the promise)" } else { "" };
        let _ = writeln!(out, "- **{}**{remark}", finding.words);
        for proof in finding.proofs.iter().take(2) {
            let sentence: String = proof.iter().map(|part| part.text.as_str()).collect();
            let _ = writeln!(out, "  - {sentence}");
        }
    }
    if !story.judgement.findings.is_empty() {
        out.push('\n');
    }
    mermaid(&mut out, story);
    let judgement = &story.judgement;
    if !judgement.topics.is_empty() || !judgement.sinks.is_empty() {
        out.push_str("\n| topic | input | visible | duplicates | lost | leaked |\n|---|--:|--:|--:|--:|--:|\n");
        for t in &story.judgement.topics {
            let [input, visible, duplicates, lost, leaked] =
                [t.input, t.visible, t.duplicates, t.lost, t.leaked].map(thousands);
            let _ = writeln!(out, "| {} | {input} | {visible} | {duplicates} | {lost} | {leaked} |", t.name);
        }
        for s in &judgement.sinks {
            let [input, visible, duplicates, lost, leaked] =
                [s.input, s.visible, s.duplicates, s.lost, s.leaked].map(thousands);
            let _ = writeln!(out, "| {} | {input} | {visible} | {duplicates} | {lost} | {leaked} |", s.title());
        }
    }
    remarks(&mut out, story);
    happened(&mut out, &judgement.happened);
    if !story.script.is_empty() {
        out.push_str("\nWhat deviated:\n\n");
        for words in story.script.iter().take(20) {
            let _ = writeln!(out, "- {words}");
        }
        if story.script.len() > 20 {
            let _ = writeln!(out, "- and {} more", story.script.len() - 20);
        }
    }
    let figures = story.figures.total.words();
    if !figures.is_empty() {
        let _ = writeln!(out, "\nFigures: {figures}.");
    }
    for (n, (node, words)) in story.figures.by_node().into_iter().enumerate() {
        let _ = writeln!(out, "{}- {node}: {words}", if n == 0 { "\n" } else { "" });
    }
    let _ = writeln!(out, "\nAgain: `{}`", story.command);
    out
}

/// What its reader should know although it is not held against the verdict.
fn remarks(out: &mut String, story: &Story) {
    let judgement = &story.judgement;
    // A vacuous verdict has said it already.
    let untested = if judgement.verdict == Verdict::Vacuous.name() { &[][..] } else { &judgement.untested };
    let untested = untested.iter().map(|sentence| ("Not put to the test", sentence));
    let warnings = judgement.warnings.iter().map(|sentence| ("Warning", sentence));
    for (n, (head, sentence)) in untested.chain(warnings).enumerate() {
        let _ = writeln!(out, "{}- **{head}:** {sentence}", if n == 0 { "\n" } else { "" });
    }
}

/// The account, folded: who reads a pull request wants the verdict first.
fn happened(out: &mut String, happened: &Happened) {
    let unusual = || happened.reasons.iter().filter(|reason| !reason.usual);
    let nothing = happened.records.is_empty() && happened.faults.is_empty() && happened.errors.is_empty();
    if nothing && happened.drawn.is_empty() && unusual().next().is_none() {
        return;
    }
    out.push_str("\n<details><summary>What happened</summary>\n\n");
    if !happened.records.is_empty() {
        let _ = writeln!(out, "- {}", happened.records);
    }
    for fault in &happened.faults {
        let _ = writeln!(out, "- {}: {}", fault.words, fault.fate);
    }
    if !happened.drawn.is_empty() {
        let _ = writeln!(out, "- {}", happened.drawn);
    }
    for reason in unusual() {
        let _ = writeln!(out, "- {}", reason.words);
    }
    if !happened.errors.is_empty() {
        out.push_str("\n| error | call | client | times | first |\n|---|---|---|--:|--:|\n");
        for e in happened.errors.iter().take(ERRORS) {
            let (times, first) = (thousands(e.count), seconds(e.first));
            let _ = writeln!(out, "| {} | {} | {} | {times} | {first} |", e.error, e.call, e.client);
        }
        if happened.errors.len() > ERRORS {
            let _ = writeln!(out, "\n... and {} more", happened.errors.len() - ERRORS);
        }
    }
    out.push_str("\n</details>\n");
}

fn mermaid(out: &mut String, story: &Story) {
    let moments = moments(story, MESSAGES);
    let mut used = vec![false; story.lanes.len()];
    for moment in &moments {
        if let Moment::Message(n) = moment {
            used[story.messages[*n].from as usize] = true;
            used[story.messages[*n].to as usize] = true;
        }
    }
    let Some(first) = used.iter().position(|u| *u) else { return };
    let last = used.iter().rposition(|u| *u).unwrap_or(first);
    out.push_str("```mermaid\nsequenceDiagram\n");
    for (n, lane) in story.lanes.iter().enumerate().filter(|(n, _)| used[*n]) {
        let _ = writeln!(out, "    participant n{n} as {}", safe(&lane.name));
    }
    for moment in moments {
        match moment {
            Moment::Message(n) => {
                let m = &story.messages[n];
                let arrow = match (m.fate, m.answer) {
                    (Fate::Lost | Fate::Underway, false) => "-x",
                    (Fate::Lost | Fate::Underway, true) => "--x",
                    (_, false) => "->>",
                    (_, true) => "-->>",
                };
                let words = safe(&message_words(story, n));
                let _ = writeln!(out, "    n{}{arrow}n{}: {} {words}", m.from, m.to, brief(m.sent));
            }
            Moment::Omitted(n) => {
                let messages = if n == 1 { "message" } else { "messages" };
                let _ = writeln!(out, "    Note over n{first},n{last}: {n} more {messages}");
            }
            Moment::Band(n) => {
                let band = &story.bands[n];
                let lane = band.lanes.iter().find(|lane| used[**lane as usize]);
                let over = lane.map_or_else(|| format!("n{first},n{last}"), |lane| format!("n{lane}"));
                let _ = writeln!(out, "    Note over {over}: {} {}", brief(band.from), safe(&band.words));
            }
            Moment::Fence(n) => {
                let fence = &story.fences[n];
                if used[fence.lane as usize] {
                    let _ = writeln!(out, "    Note over n{}: fenced, {}", fence.lane, safe(&fence.error));
                }
            }
        }
    }
    out.push_str("```\n");
}

/// A time to the microsecond: drawn times have nanoseconds.
fn brief(t: u64) -> String {
    seconds(t / 1_000 * 1_000)
}

/// Mermaid ends a statement at a semicolon and takes `#` for an entity.
fn safe(text: &str) -> String {
    text.replace(';', ",").replace('#', "no. ").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::{Judgement, Lane, Message, Purpose};

    #[test]
    fn what_happened_is_told_below_the_verdict_and_folded() {
        let judgement = Judgement {
            verdict: "violated".into(),
            sentence: "violated: 1 record lost".into(),
            untested: vec!["nobody reads audit".into()],
            happened: Happened::of(&crate::happened::tests::eventful()),
            warnings: vec!["client audit never ran".into()],
            ..Judgement::default()
        };
        let text = text(&Story { judgement, ..Story::default() });
        let lines = [
            "- **Not put to the test:** nobody reads audit",
            "- **Warning:** client audit never ran",
            "<details><summary>What happened</summary>",
            "- shop is down, after the 3rd EndTxn was handled: never: 1 of 3 EndTxn seen",
            "- shop: 1 transaction aborted (open for longer than transaction.timeout.ms, so its coordinator ended it), at 65.000 s",
            "| NOT_ENOUGH_REPLICAS | send() | shop | 760 | 2.100 s |",
            "</details>",
        ];
        let places: Vec<usize> =
            lines.iter().map(|line| text.find(line).unwrap_or_else(|| panic!("{line}: {text}"))).collect();
        assert!(places.is_sorted(), "{text}");
        assert!(!text.contains("at its own request"), "what is usual is not told");
    }

    #[test]
    fn where_nothing_is_known_to_have_happened_nothing_is_said_of_it() {
        assert!(!text(&Story::default()).contains("What happened"));
    }

    #[test]
    fn a_lost_answer_is_a_crossed_arrow() {
        let lane = |name: &str| Lane { name: name.into(), ..Lane::default() };
        let message = |from, to, answer, fate| {
            let (kind, purpose, label) = ("Produce".to_string(), Purpose::Produce, "a; b #1".to_string());
            Message { from, to, kind, label, answer, purpose, fate, ..Message::default() }
        };
        let story = Story {
            lanes: vec![lane("till"), lane("idle"), lane("broker-1")],
            messages: vec![message(0, 2, false, Fate::Delivered), message(2, 0, true, Fate::Lost)],
            ..Story::default()
        };
        let mut out = String::new();
        mermaid(&mut out, &story);
        let expected = "\
```mermaid
sequenceDiagram
    participant n0 as till
    participant n2 as broker-1
    n0->>n2: 0.000 s Produce a, b no. 1
    n2--xn0: 0.000 s Produce answer a, b no. 1 [lost]
```
";
        assert_eq!(out, expected);
    }
}
