//! A lesson as text for a terminal.

use fencepost_reports::diagram;
use fencepost_reports::lesson::Change;

use super::AtHand;
use super::wrap::{WIDTH, lines, paragraphs, side_by_side};
use crate::lesson::{Answered, Given, Lesson, Reply, Told, builtin};

/// Proofs that are shown of each kind of violation.
const PROOFS: usize = 1;

/// How to read a diagram.
const LEGEND: &str =
    "Time runs down, in seconds. ──> is a request, ╌╌> an answer, ✗ where one was lost, ~~> one that came late.\n\n";

/// The course.
pub fn list(lessons: &[Lesson]) -> String {
    let mut out = String::from("The course: every duplicate is a retry that lost its identity.\n\n");
    let width = lessons.iter().map(|l| l.name.len()).max().unwrap_or(0);
    for (place, lesson) in lessons.iter().enumerate() {
        out += &format!("{:>3}  {:width$}  {}\n", place + 1, lesson.name, lesson.title);
    }
    out += "\nfencepost lesson 1                     gives the first one; --answers answers its questions, too\n";
    out += "fencepost lesson 1 --html lesson.html  writes it as a page\n";
    out
}

/// A line that divides.
pub fn heading(title: &str) -> String {
    format!("\n── {title} {}\n\n", "─".repeat(WIDTH.saturating_sub(title.chars().count() + 4)))
}

/// What the lesson is about, and what will happen.
pub fn opening(hand: &AtHand) -> String {
    let lesson = &hand.given.lesson;
    let number = match hand.place {
        Some(place) => format!("Lesson {} of {}: ", place + 1, builtin::LESSONS.len()),
        None => String::new(),
    };
    let mut out = format!("{number}{}\n\n", lesson.title);
    out += &paragraphs(&lesson.story, "", WIDTH);
    if !lesson.words.is_empty() {
        out += &heading("Words");
        let width = lesson.words.iter().map(|(word, _)| word.chars().count()).max().unwrap_or(0);
        for (word, meaning) in &lesson.words {
            for (n, line) in lines(meaning, WIDTH - width - 4).iter().enumerate() {
                let word = if n == 0 { word.as_str() } else { "" };
                out += &format!("  {word:width$}  {line}\n");
            }
        }
    }
    out += &heading("What will happen");
    out += &paragraphs(&lesson.before, "", WIDTH);
    out
}

/// The run that goes wrong, and the question.
pub fn broken(given: &Given) -> String {
    let mut out = heading(&format!("The run: {}", written(&given.changes, |c| &c.was)));
    out += LEGEND;
    out += &exhibit(&given.broken, &given.lesson.broken.window);
    out += &findings(&given.broken);
    out += &format!("\nagain:  {}\n", given.broken.story.command);
    out += &heading("What would prevent it?");
    out += &paragraphs(&given.lesson.ask, "", WIDTH);
    out
}

/// The run that does not, and the difference.
pub fn fixed(given: &Given) -> String {
    let mut out = heading(&format!("The same, with {}", written(&given.changes, |c| &c.now)));
    out += &differing(&given.changes);
    out.push('\n');
    out += &exhibit(&given.fixed, &given.lesson.fixed.window);
    out += &format!("\nagain:  {}\n", given.fixed.story.command);
    out += &heading("The difference");
    out += &compared(&given.broken, &given.fixed);
    out.push('\n');
    out += &paragraphs(&given.lesson.after, "", WIDTH);
    out += &heading("The thread");
    out += &paragraphs(&given.lesson.thread, "", WIDTH);
    out
}

/// A question.
pub fn question(number: usize, question: &Answered) -> String {
    let text = paragraphs(&question.ask, "   ", WIDTH);
    format!(
        "{}{number}. {}\n   run:  {}\n",
        if number > 1 { "\n" } else { "" },
        text.trim_start(),
        question.reply.command()
    )
}

/// Its answer.
pub fn answer(question: &Answered) -> String {
    let mut out = String::from("\n");
    match &question.reply {
        Reply::Run(told) => {
            out += &paragraphs(&told.run.report.sentence(), "   ", WIDTH);
            for line in told.run.report.table().lines() {
                out += &format!("   {line}\n");
            }
            let figures = told.run.figures.total.words();
            if !figures.is_empty() {
                out += &paragraphs(&figures, "   ", WIDTH);
            }
        }
        Reply::Refused(_, message) => out += &paragraphs(&format!("refused: {message}"), "   ", WIDTH),
    }
    out.push('\n');
    out += &paragraphs(&question.answer, "   ", WIDTH);
    out
}

/// Where to go on.
pub fn closing(hand: &AtHand, answered: bool) -> String {
    let mut out = String::new();
    let name = hand.place.map_or_else(|| hand.given.lesson.name.clone(), |place| (place + 1).to_string());
    if !answered {
        out += &format!("\nThe answers are runs: type them, or 'fencepost lesson {name} --answers'.\n");
    }
    let next = hand.place.map(|place| place + 1).filter(|place| *place < builtin::LESSONS.len());
    if let Some(lesson) = next.and_then(|place| builtin::load(place).ok()) {
        let number = next.map_or(0, |place| place + 1);
        out += &format!("\nnext:   fencepost lesson {number}  # {}\n", lesson.title);
    }
    out
}

/// Diagram and verdict.
fn exhibit(told: &Told, window: &fencepost_reports::story::Window) -> String {
    let sentence = paragraphs(&told.run.report.sentence(), "", WIDTH);
    format!("{}\n{sentence}", diagram::narrow(&told.story, window))
}

fn findings(told: &Told) -> String {
    let mut out = format!("\n{}", told.run.report.table());
    for violation in &told.run.report.violations {
        out += &format!("\n{}:\n", violation.kind.counted(violation.count));
        for proof in std::iter::once(&violation.proof).chain(&violation.further).take(PROOFS) {
            let text = paragraphs(&proof.sentence, "    ", WIDTH);
            out += &format!("  - {}", text.trim_start());
        }
    }
    out
}

/// The lines that somebody wrote, as `key=value`.
pub fn written<'c>(changes: &'c [Change], value: impl Fn(&'c Change) -> &'c String) -> String {
    let written = changes.iter().filter(|c| c.written);
    written.map(|c| format!("{}={}", c.key, value(c).trim_matches('"'))).collect::<Vec<_>>().join(", ")
}

/// The lines of configuration that differ.
fn differing(changes: &[Change]) -> String {
    let mut out = String::new();
    for written in [true, false] {
        let mut section = "";
        for change in changes.iter().filter(|c| c.written == written) {
            if !written && section.is_empty() {
                out += "which brings with it\n";
            }
            if change.section != section {
                out += &format!("  {}\n", change.section);
                section = &change.section;
            }
            out += &format!("  - {} = {}\n  + {} = {}\n", change.key, change.was, change.key, change.now);
        }
    }
    out
}

/// One side of the comparison; the sentence takes `lines` lines.
fn side(name: &str, told: &Told, sentence: &[String], height: usize, width: usize) -> Vec<String> {
    let mut out = vec![name.to_string(), String::new()];
    out.extend_from_slice(sentence);
    out.resize(2 + height + 1, String::new());
    out.extend(told.run.report.table().lines().map(str::to_string));
    let figures = told.run.figures.total.words();
    if !figures.is_empty() {
        out.push(String::new());
        out.extend(lines(&figures, width));
    }
    out
}

/// Both runs, their verdicts and tables side by side.
fn compared(broken: &Told, fixed: &Told) -> String {
    let widest = |told: &Told| told.run.report.table().lines().map(|line| line.chars().count()).max().unwrap_or(0);
    let width = widest(broken).max(widest(fixed)).max(44);
    let sentences = [broken, fixed].map(|told| lines(&told.run.report.sentence(), width));
    let height = sentences.iter().map(Vec::len).max().unwrap_or(0);
    let left = side("broken", broken, &sentences[0], height, width);
    side_by_side(&left, &side("mended", fixed, &sentences[1], height, width), "   │   ")
}
