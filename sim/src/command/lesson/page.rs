//! A lesson as a page, and the course as a folder of pages.

use std::path::Path;

use fencepost_reports::lesson::{Card, Entry, Exhibit, Sheet, html as sheet_html, index};

use super::super::Refusal;
use super::super::output::WholeFile;
use crate::capsule::PROGRAM;
use crate::lesson::{Given, Reply, builtin};

/// What the whole course says.
const THREAD: &str = "Each lesson runs something that goes wrong, asks what would prevent it, and runs it again with the line of \
configuration that does. The thread: every duplicate is a retry that lost its identity.";

/// The lessons of the course; with links where their pages stand beside each other.
pub fn course(here: Option<usize>, linked: bool) -> Result<Vec<Entry>, Refusal> {
    let mut entries = Vec::new();
    if here.is_none() && !linked {
        return Ok(entries);
    }
    for place in 0..builtin::LESSONS.len() {
        let title = builtin::load(place)?.title;
        entries.push(Entry { title, link: linked.then(|| file_name(place)), here: here == Some(place) });
    }
    Ok(entries)
}

fn file_name(place: usize) -> String {
    format!("{:02}-{}.html", place + 1, builtin::LESSONS[place].0)
}

/// The page of a lesson.
pub fn html(given: &Given, course: Vec<Entry>) -> String {
    let lesson = &given.lesson;
    let questions = given.questions.iter().map(|q| Card {
        ask: &q.ask,
        command: q.reply.command(),
        answer: &q.answer,
        outcome: match &q.reply {
            Reply::Run(told) => Ok(&told.story),
            Reply::Refused(_, message) => Err(message.as_str()),
        },
    });
    sheet_html(&Sheet {
        title: &lesson.title,
        story: &lesson.story,
        words: &lesson.words,
        before: &lesson.before,
        ask: &lesson.ask,
        after: &lesson.after,
        thread: &lesson.thread,
        broken: Exhibit { story: &given.broken.story, window: &lesson.broken.window },
        fixed: Exhibit { story: &given.fixed.story, window: &lesson.fixed.window },
        changes: &given.changes,
        questions: questions.collect(),
        course,
        program: PROGRAM,
    })
}

/// Writes all lessons into a folder, with a page that leads to them. Returns the exit code, and the files.
pub fn folder(folder: &Path, wrong: &mut Vec<String>) -> Result<Vec<String>, Refusal> {
    std::fs::create_dir_all(folder).map_err(|e| Refusal(format!("cannot write {}: {e}", folder.display())))?;
    let mut files = vec!["index.html".to_string()];
    for place in 0..builtin::LESSONS.len() {
        let given = builtin::load(place)?.give(builtin::SCENARIOS)?;
        wrong.extend(given.differences.iter().map(|d| format!("{}: {d}", given.lesson.name)));
        let name = file_name(place);
        WholeFile::create(&folder.join(&name))?.finish_with(&html(&given, course(Some(place), true)?))?;
        files.push(name);
    }
    WholeFile::create(&folder.join("index.html"))?.finish_with(&index(&course(None, true)?, THREAD))?;
    Ok(files)
}
