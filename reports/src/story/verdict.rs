//! The verdict as sentences whose names lead to where they are in the story.

use serde::{Deserialize, Serialize};

use super::Story;
use crate::happened::Happened;
use crate::report::{Proof, Report, SinkAccount, TopicAccount, Violation};

/// Where a name leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// To a record: strip and offset.
    Record(u32, i64),
    /// To a node.
    Lane(u32),
    /// To a time.
    Time(u64),
}

/// A piece of a sentence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The text.
    pub text: String,
    /// Where it leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
}

/// Everything of one kind that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What is wrong.
    pub kind: String,
    /// How many cases.
    pub count: u64,
    /// The two in words: `10 duplicates`.
    #[serde(default)]
    pub words: String,
    /// The promise allows it.
    pub allowed: bool,
    /// Sentences, in pieces.
    pub proofs: Vec<Vec<Part>>,
}

/// The verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// In one word.
    pub verdict: String,
    /// As a sentence.
    pub sentence: String,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Each output topic.
    pub topics: Vec<TopicAccount>,
    /// Each sink.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sinks: Vec<SinkAccount>,
    /// What was promised and not put to the test.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untested: Vec<String>,
    /// What happened, whatever the verdict.
    #[serde(default)]
    pub happened: Happened,
    /// What its reader should know although it is not held against the verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What could not be judged.
    pub notes: Vec<String>,
}

impl Story {
    /// Takes in a report; lanes and strips must be there already.
    pub fn judge(&mut self, report: &Report) {
        let finding = |violation: &Violation, allowed: bool| Finding {
            kind: violation.kind.name().to_string(),
            count: violation.count,
            words: violation.kind.counted(violation.count),
            allowed,
            proofs: core::iter::once(&violation.proof)
                .chain(&violation.further)
                .map(|Proof { sentence, .. }| self.linked(sentence))
                .collect(),
        };
        let wrong = report.violations.iter().map(|v| finding(v, false));
        let findings = wrong.chain(report.allowed.iter().map(|v| finding(v, true))).collect();
        self.judgement = Judgement {
            verdict: report.verdict.name().to_string(),
            sentence: report.sentence().trim_start_matches("verdict: ").to_string(),
            findings,
            topics: report.topics.clone(),
            sinks: report.sinks.clone(),
            untested: report.untested.clone(),
            happened: Happened::of(&report.account),
            warnings: report.warnings.clone(),
            notes: report.notes.clone(),
        };
    }

    /// Cuts a sentence into pieces: names of nodes, places such as `orders-0@17` and times become links.
    pub fn linked(&self, sentence: &str) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = sentence;
        let mut inside_a_word = false;
        while let Some(next) = rest.chars().next() {
            let found = if inside_a_word { None } else { self.link_at(rest) };
            if let Some((length, link)) = found {
                if !plain.is_empty() {
                    parts.push(Part { text: core::mem::take(&mut plain), link: None });
                }
                parts.push(Part { text: rest[..length].to_string(), link: Some(link) });
                rest = &rest[length..];
                inside_a_word = true;
            } else {
                plain.push(next);
                rest = &rest[next.len_utf8()..];
                inside_a_word = is_word(next);
            }
        }
        if !plain.is_empty() {
            parts.push(Part { text: plain, link: None });
        }
        parts
    }

    fn link_at(&self, text: &str) -> Option<(usize, Link)> {
        let mut best: Option<(usize, Link)> = None;
        let mut keep = |length: usize, link: Link| {
            if best.is_none_or(|(l, _)| l < length) {
                best = Some((length, link));
            }
        };
        for (n, strip) in self.strips.iter().enumerate() {
            if let Some(after) = text.strip_prefix(&strip.name).and_then(|t| t.strip_prefix('@')) {
                let digits = after.bytes().take_while(u8::is_ascii_digit).count();
                if let Ok(offset) = after[..digits].parse() {
                    keep(strip.name.len() + 1 + digits, Link::Record(n as u32, offset));
                }
            }
        }
        for (n, lane) in self.lanes.iter().enumerate() {
            let ends = |after: &str| !after.chars().next().is_some_and(is_word);
            if text.strip_prefix(&lane.name).is_some_and(ends) {
                keep(lane.name.len(), Link::Lane(n as u32));
            }
        }
        if let Some((length, t)) = time_at(text) {
            keep(length, Link::Time(t));
        }
        best
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "-_@.".contains(c)
}

/// `1.250 s`, with three to nine decimals.
fn time_at(text: &str) -> Option<(usize, u64)> {
    let whole = text.bytes().take_while(u8::is_ascii_digit).count();
    let after = text[whole..].strip_prefix('.')?;
    let decimals = after.bytes().take_while(u8::is_ascii_digit).count();
    if whole == 0 || !(3..=9).contains(&decimals) || !after[decimals..].starts_with(" s") {
        return None;
    }
    let seconds: u64 = text[..whole].parse().ok()?;
    let fraction: u64 = after[..decimals].parse().ok()?;
    let nanos = fraction * 10u64.pow(9 - decimals as u32);
    Some((whole + 1 + decimals + 2, seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::{Lane, Strip};

    #[test]
    fn places_nodes_and_times_become_links_and_nothing_else_does() {
        let lane = |name: &str| Lane { name: name.into(), ..Lane::default() };
        let strip = |name: &str| Strip { name: name.into(), ..Strip::default() };
        let story = Story {
            lanes: vec![lane("bank"), lane("bank-1")],
            strips: vec![strip("out-0"), strip("out-01")],
            ..Story::default()
        };
        let sentence = "bank-1 wrote out-0@17, out-01@3 of mybank at 1.250 s, not 1.250 or banks (0.000001 s)";
        let parts = story.linked(sentence);
        let links: Vec<_> = parts.iter().filter_map(|p| p.link.map(|l| (p.text.as_str(), l))).collect();
        let expected = [
            ("bank-1", Link::Lane(1)),
            ("out-0@17", Link::Record(0, 17)),
            ("out-01@3", Link::Record(1, 3)),
            ("1.250 s", Link::Time(1_250_000_000)),
            ("0.000001 s", Link::Time(1_000)),
        ];
        assert_eq!(links, expected);
        assert_eq!(parts.iter().map(|p| p.text.as_str()).collect::<String>(), sentence);
    }
}
