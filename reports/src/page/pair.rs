//! Two runs side by side: as it was, and what if. Each is a whole page in a frame of its own; the two move together.

use serde_json::json;

use super::{escape, filled, html, in_script};
use crate::story::Story;

const PAGE: &str = include_str!("pair.html");
const STYLE: &str = include_str!("pair.css");
const SCRIPT: &str = include_str!("pair.js");
/// Records whose fate differs that the page lists.
const LISTED: usize = 200;

/// What there is to say about two runs together.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// What is different about the second one, in words.
    pub changes: Vec<String>,
    /// Deviations of the first one that did not occur in the second.
    pub no_longer: Vec<String>,
    /// Where they part; none if not one event differs.
    pub first_difference: Option<FirstDifference>,
    /// Records that came out differently.
    pub fates: Vec<RecordFates>,
    /// How many records came out the same.
    pub same_records: u64,
    /// The command that makes this page again.
    pub command: String,
}

/// Where two runs part.
#[derive(Clone, Debug, Default)]
pub struct FirstDifference {
    /// How many events (deliveries and timers) were the same.
    pub same: u64,
    /// When they part, in nanoseconds of virtual time.
    pub at: u64,
    /// The next event of the first run, in words; none if that was over.
    pub left: Option<String>,
    /// The next event of the second run.
    pub right: Option<String>,
}

/// What became of a record in both runs.
#[derive(Clone, Debug, Default)]
pub struct RecordFates {
    /// Which record.
    pub record: String,
    /// In the first run.
    pub left: String,
    /// In the second one.
    pub right: String,
}

/// The file's text.
pub fn pair(left: &Story, right: &Story, comparison: &Comparison) -> String {
    let title = escape(&format!("{} · what if", left.label));
    let data = json!({ "at": comparison.first_difference.as_ref().map(|d| d.at) });
    filled(PAGE, |name| match name {
        "title" => title.clone(),
        "style" => STYLE.to_string(),
        "script" => SCRIPT.to_string(),
        "data" => in_script(&data),
        "head" => head(left, comparison),
        "facts" => facts(left, right),
        "difference" => difference(comparison),
        "fates" => fates(comparison),
        "command" => escape(&comparison.command),
        "left" => escape(&html(left)),
        "right" => escape(&html(right)),
        other => panic!("the page has no part '{other}'"),
    })
}

fn list(items: &[String]) -> String {
    items.iter().map(|item| format!("<li>{}</li>", escape(item))).collect()
}

fn head(left: &Story, comparison: &Comparison) -> String {
    let mut text = format!("<h1>{}: the same, but</h1><ul>{}</ul>", escape(&left.label), list(&comparison.changes));
    if !comparison.no_longer.is_empty() {
        text += &format!("<p>Without it these no longer apply:</p><ul>{}</ul>", list(&comparison.no_longer));
    }
    text
}

fn facts(left: &Story, right: &Story) -> String {
    let row = |name: &str, of: &dyn Fn(&Story) -> String| {
        format!("<tr><th scope=row>{name}</th><td>{}</td><td>{}</td></tr>", of(left), of(right))
    };
    let verdict = |story: &Story| {
        let verdict = &story.judgement.verdict;
        let kinds: Vec<String> = story.judgement.findings.iter().map(|f| escape(&f.words)).collect();
        format!("<b class=\"{verdict}\">{verdict}</b> {}", kinds.join(", "))
    };
    let time = |story: &Story| format!("{}.{:03} s", story.end / 1_000_000_000, story.end / 1_000_000 % 1000);
    row("verdict", &verdict) + &row("virtual time", &time)
}

fn difference(comparison: &Comparison) -> String {
    let Some(difference) = &comparison.first_difference else { return "<p>Not one event differs.</p>".to_string() };
    let event = |event: &Option<String>| event.as_ref().map_or("the run is over".to_string(), |words| escape(words));
    format!(
        "<p>The first {} events are the same. <button id=\"part\">to the first difference</button></p>\
         <dl><dt>as it was</dt><dd>{}</dd><dt>what if</dt><dd>{}</dd></dl>",
        difference.same,
        event(&difference.left),
        event(&difference.right)
    )
}

fn fates(comparison: &Comparison) -> String {
    if comparison.fates.is_empty() {
        return "<p>Every record came out the same.</p>".to_string();
    }
    let row = |f: &RecordFates| {
        format!("<tr><td>{}</td><td>{}</td><td>{}</td></tr>", escape(&f.record), escape(&f.left), escape(&f.right))
    };
    let rows: String = comparison.fates.iter().take(LISTED).map(row).collect();
    let more = comparison.fates.len().saturating_sub(LISTED);
    let more = if more > 0 { format!("<p>... and {more} more.</p>") } else { String::new() };
    format!(
        "<details><summary>{} came out differently, {} the same</summary><table><tr><th>record</th><th>as it was</th>\
         <th>what if</th></tr>{rows}</table>{more}</details>",
        crate::words::counted(comparison.fates.len() as u64, "record"),
        comparison.same_records
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_runs_say_cannot_leave_its_frame() {
        let hostile = "\"></iframe><script>alert(1)</script>";
        let story = Story { title: hostile.into(), label: hostile.into(), ..Story::default() };
        let event = Some(hostile.to_string());
        let comparison = Comparison {
            changes: vec![hostile.into()],
            no_longer: vec![hostile.into()],
            first_difference: Some(FirstDifference { same: 1, at: 2, left: event.clone(), right: event }),
            fates: vec![RecordFates { record: hostile.into(), left: hostile.into(), right: hostile.into() }],
            same_records: 0,
            command: hostile.into(),
        };
        let page = pair(&story, &story, &comparison);
        assert!(!page.contains("<script>alert"), "markup is escaped");
        assert_eq!(page.matches("</iframe>").count(), 2);
    }
}
