//! Reading a lesson's text.

use fencepost_reports::story::Window;

use super::{Lesson, Question, Recipe};
use crate::scenario::fields::Fields;
use crate::scenario::problem::Complaint;
use crate::scenario::{BASE, Choice, Problem, Scenario};

/// Loads a scenario by the name that a lesson gives it.
pub type LoadScenario<'l> = &'l dyn Fn(&str, Choice) -> Result<Scenario, Problem>;

const TOP: &[&str] = &["title", "scenario", "broken", "fixed", "story", "before", "ask", "after", "thread"];
const WINDOW: &[&str] = &["clients", "kinds", "messages"];
const QUESTION: &[&str] = &["ask", "answer", "scenario", "case", "refused"];
/// Questions of a lesson.
const QUESTIONS: usize = 3;

impl Lesson {
    /// Reads a lesson.
    ///
    /// # Errors
    /// What is wrong with it, where, and what would be right.
    pub fn load(name: &str, text: &str) -> Result<Lesson, Problem> {
        read(name, text).map_err(|complaint| complaint.in_file(name))
    }
}

fn read(name: &str, text: &str) -> Result<Lesson, Complaint> {
    let mut top = Fields::from_toml(text)?;
    top.what = "the lesson".to_string();
    let words = top.split_off("words");
    let mut show = top.split_off("show");
    let (show_broken, show_fixed) = (show.split_off("broken"), show.split_off("fixed"));
    let questions = top.take_tables("question")?;
    top.only(&[TOP])?;
    if questions.len() != QUESTIONS {
        return Err(top.complain("title", format!("a lesson ends in three questions; there are {}", questions.len())));
    }
    let window = window(&show, &Window::default())?;
    let scenario = top.needed_text("scenario")?;
    let recipe = |key: &str, own: &Fields| -> Result<Recipe, Complaint> {
        let case = top.text(key)?.filter(|case| case != BASE);
        let choice = Choice { case, sets: Vec::new() };
        Ok(Recipe { scenario: scenario.clone(), choice, window: self::window(own, &window)? })
    };
    let (broken, fixed) = (recipe("broken", &show_broken)?, recipe("fixed", &show_fixed)?);
    if broken.choice == fixed.choice {
        return Err(top.complain("fixed", "the broken and the fixed run are the same: name a case under 'fixed'"));
    }
    let mut meanings = Vec::new();
    for (word, _) in words.iter() {
        meanings.push((word.to_string(), words.needed_text(word)?));
    }
    let questions = questions.into_iter().map(|q| question(q, &scenario, &window)).collect::<Result<_, _>>()?;
    Ok(Lesson {
        name: name.to_string(),
        title: top.needed_text("title")?,
        story: top.needed_text("story")?,
        words: meanings,
        before: top.needed_text("before")?,
        ask: top.needed_text("ask")?,
        after: top.needed_text("after")?,
        thread: top.needed_text("thread")?,
        scenario,
        broken,
        fixed,
        questions,
    })
}

fn question(mut fields: Fields, scenario: &str, window: &Window) -> Result<Question, Complaint> {
    let set = fields.split_off("set");
    let expect = fields.split_off("expect");
    fields.only(&[QUESTION])?;
    let refused = fields.boolean("refused")?.unwrap_or(false);
    if expect.is_empty() && !refused {
        return Err(fields.complain("ask", "a question says under 'expect' what the run that answers it must come to"));
    }
    let mut sets = Vec::new();
    for (key, item) in set.iter() {
        sets.push(format!("{key}={}", set.config_text(key, item)?));
    }
    let case = fields.text("case")?.filter(|case| case != BASE);
    let scenario = fields.text("scenario")?.unwrap_or_else(|| scenario.to_string());
    Ok(Question {
        ask: fields.needed_text("ask")?,
        answer: fields.needed_text("answer")?,
        recipe: Recipe { scenario, choice: Choice { case, sets }, window: window.clone() },
        expect,
        refused,
    })
}

fn window(fields: &Fields, general: &Window) -> Result<Window, Complaint> {
    fields.only(&[WINDOW])?;
    let messages = fields.integer("messages", 1i64, 60)?.map_or(general.messages, |n| n as usize);
    Ok(Window {
        clients: fields.texts("clients")?.unwrap_or_else(|| general.clients.clone()),
        kinds: fields.texts("kinds")?.unwrap_or_else(|| general.kinds.clone()),
        messages,
    })
}
