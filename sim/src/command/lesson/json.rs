//! A lesson as JSON.

use fencepost_reports::diagram;
use serde_json::{Value, json};

use super::AtHand;
use crate::lesson::{Lesson, Reply, Told};

/// The course.
pub fn list(lessons: &[Lesson]) -> Value {
    let lessons: Vec<Value> = lessons
        .iter()
        .enumerate()
        .map(|(place, l)| json!({ "number": place + 1, "name": l.name, "title": l.title, "scenario": l.scenario }))
        .collect();
    json!({ "lessons": lessons })
}

/// A lesson with its runs.
pub fn lesson(hand: &AtHand) -> Value {
    let given = &hand.given;
    let lesson = &given.lesson;
    let words: serde_json::Map<String, Value> =
        lesson.words.iter().map(|(word, meaning)| (word.clone(), meaning.as_str().into())).collect();
    let questions: Vec<Value> = given
        .questions
        .iter()
        .map(|q| {
            let mut value = json!({ "ask": line(&q.ask), "command": q.reply.command(), "answer": line(&q.answer) });
            match &q.reply {
                Reply::Run(told) => value["run"] = run(told),
                Reply::Refused(_, message) => value["refused"] = message.as_str().into(),
            }
            value
        })
        .collect();
    let mut broken = run(&given.broken);
    broken["diagram"] = diagram::narrow(&given.broken.story, &lesson.broken.window).into();
    let mut fixed = run(&given.fixed);
    fixed["diagram"] = diagram::narrow(&given.fixed.story, &lesson.fixed.window).into();
    json!({
        "number": hand.place.map(|place| place + 1),
        "name": lesson.name,
        "title": lesson.title,
        "story": lesson.story.trim(),
        "words": words,
        "before": lesson.before.trim(),
        "broken": broken,
        "ask": line(&lesson.ask),
        "changes": given.changes,
        "fixed": fixed,
        "after": lesson.after.trim(),
        "thread": line(&lesson.thread),
        "questions": questions,
        "differences": given.differences,
    })
}

fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn run(told: &Told) -> Value {
    let mut value = super::super::run::judged(&told.run.report);
    value["command"] = told.story.command.as_str().into();
    value["sentence"] = told.story.judgement.sentence.as_str().into();
    value["digest"] = told.story.digest.as_str().into();
    value["virtual_ms"] = (told.run.outcome.finished_at.0 / 1_000_000).into();
    value["figures"] = serde_json::to_value(&told.run.figures.total).expect("figures serialize");
    value
}
