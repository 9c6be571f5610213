//! The steps that a verdict is about.

use fencepost_reports::story::{Finding, Link, Part, Story};

use crate::story::{Happening, Tape};

/// A step that a proof leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The step.
    pub step: usize,
    /// What is wrong, as `duplicate: ...`.
    pub words: String,
}

/// The marks of a story, in the order of steps.
pub fn marks(story: &Story, tape: &Tape) -> Vec<Mark> {
    let mut marks = Vec::new();
    if tape.steps.is_empty() {
        return marks;
    }
    for finding in &story.judgement.findings {
        for proof in &finding.proofs {
            let place = proof.iter().filter_map(|part| step_of(part.link?, story, tape)).max();
            let step = place.unwrap_or_else(|| step_at(tape, story.focus()));
            marks.push(Mark { step, words: words(finding, proof) });
        }
    }
    if story.judgement.verdict == "panicked" {
        marks.push(Mark { step: tape.steps.len() - 1, words: story.judgement.sentence.clone() });
    }
    marks.sort_by_key(|mark| mark.step);
    marks
}

fn words(finding: &Finding, proof: &[Part]) -> String {
    let sentence: String = proof.iter().map(|part| part.text.as_str()).collect();
    let allowed = if finding.allowed { " (allowed)" } else { "" };
    format!("{}{allowed}: {sentence}", finding.kind)
}

/// The step that a part of a sentence leads to.
fn step_of(link: Link, story: &Story, tape: &Tape) -> Option<usize> {
    match link {
        Link::Time(t) => Some(step_at(tape, t)),
        Link::Record(strip, offset) => {
            let strip = &story.strips[strip as usize];
            let batch = &strip.batches[strip.batch_at(offset)?];
            let brought = batch.message.and_then(|message| {
                tape.steps.iter().position(|s| s.what == Happening::Message(message) && s.t <= batch.t)
            });
            Some(brought.unwrap_or_else(|| step_at(tape, batch.t)))
        }
        Link::Lane(_) => None,
    }
}

/// The last step that happened until `t`.
pub fn step_at(tape: &Tape, t: u64) -> usize {
    tape.steps.partition_point(|step| step.t <= t).saturating_sub(1)
}
