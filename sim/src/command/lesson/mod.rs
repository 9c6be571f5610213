//! `lesson`: the course. A lesson runs what is broken, asks what would prevent it, runs it mended, and asks three questions.

mod json;
mod page;
mod text;
mod wrap;

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;

use super::output::{WholeFile, document, print, say, shell_word};
use super::{OK, Outcome, Refusal, VIOLATED, source};
use crate::lesson::{Given, Lesson, LoadScenario, builtin};
use crate::scenario::{Choice, Problem, Scenario};

/// What is asked of `lesson`.
#[derive(Debug, Args)]
pub struct Options {
    /// Number or name of a lesson, or path of a file (.lesson.toml); without it all lessons are listed
    lesson: Option<String>,
    /// Do not wait for Enter
    #[arg(long)]
    no_pause: bool,
    /// Answer the questions, too
    #[arg(long)]
    answers: bool,
    /// Write the lesson as one HTML page, which needs nothing else; without a lesson all of them, into a folder
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// A lesson at hand: which one of the course, if it is one, and what it says.
struct AtHand {
    place: Option<usize>,
    given: Given,
}

/// `fencepost lesson`.
pub fn lesson(options: &Options, json: bool) -> Outcome {
    let Some(what) = &options.lesson else {
        return match &options.html {
            Some(folder) => course(folder, json),
            None => list(json),
        };
    };
    let hand = give(what)?;
    let code = if hand.given.differences.is_empty() { OK } else { VIOLATED };
    if let Some(path) = &options.html {
        let file = WholeFile::create(path)?;
        file.finish_with(&page::html(&hand.given, page::course(hand.place, false)?))?;
    }
    if json {
        document(&json::lesson(&hand));
    } else if let Some(path) = &options.html {
        print(&format!("{}: written to {}\n", hand.given.lesson.title, shell_word(&path.display().to_string())));
    } else {
        tell(&hand, options);
    }
    complain(&hand.given.differences);
    Ok(code)
}

/// Writes the whole course into a folder.
fn course(folder: &Path, json: bool) -> Outcome {
    let mut wrong = Vec::new();
    let files = page::folder(folder, &mut wrong)?;
    if json {
        document(&serde_json::json!({ "folder": folder.display().to_string(), "files": files, "differences": wrong }));
    } else {
        let index = shell_word(&folder.join("index.html").display().to_string());
        print(&format!("{} pages written; begin with {index}\n", files.len()));
    }
    complain(&wrong);
    Ok(if wrong.is_empty() { OK } else { VIOLATED })
}

fn complain(differences: &[String]) {
    for difference in differences {
        say(&format!("the lesson does not say what its runs do: {difference}"));
    }
}

fn list(json: bool) -> Outcome {
    let mut lessons = Vec::new();
    for place in 0..builtin::LESSONS.len() {
        lessons.push(builtin::load(place)?);
    }
    if json {
        document(&json::list(&lessons));
    } else {
        print(&text::list(&lessons));
    }
    Ok(OK)
}

/// Finds a lesson and runs it.
fn give(what: &str) -> Result<AtHand, Refusal> {
    let path = Path::new(what);
    if path.extension().is_some_and(|e| e == "toml") {
        let name = path.display().to_string();
        let text = source::read_text(path).map_err(|m| Refusal(format!("cannot read {name}: {m}")))?;
        let lesson = Lesson::load(&name, &text)?;
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        let load = |name: &str, choice: Choice| beside(&folder, name, choice);
        let load: LoadScenario<'_> = &load;
        return Ok(AtHand { place: None, given: lesson.give(load)? });
    }
    let place = builtin::find(what).map_err(Refusal)?;
    Ok(AtHand { place: Some(place), given: builtin::load(place)?.give(builtin::SCENARIOS)? })
}

/// A scenario that a lesson in a file names: a built-in one, or a file beside it.
fn beside(folder: &Path, name: &str, choice: Choice) -> Result<Scenario, Problem> {
    if !name.ends_with(".toml") {
        return Scenario::load_built_in(name, choice);
    }
    let path = folder.join(name);
    let shown = path.display().to_string();
    let problem = |message| Problem { file: shown.clone(), place: crate::scenario::Place::Whole, message };
    let text = source::read_text(&path).map_err(|m| problem(format!("cannot read it: {m}")))?;
    let files = path.parent().unwrap_or(Path::new("")).to_path_buf();
    Scenario::load(&shown, &text, choice, &mut |file| source::read_text(&files.join(file)))
}

/// Tells a lesson in the terminal, step by step.
fn tell(hand: &AtHand, options: &Options) {
    let mut reader = Reader::new(options.no_pause);
    print(&text::opening(hand));
    reader.wait("Enter runs it");
    print(&text::broken(&hand.given));
    reader.wait("Enter shows what would");
    print(&text::fixed(&hand.given));
    reader.wait("Enter for three questions");
    print(&text::heading("Three questions"));
    for (number, question) in hand.given.questions.iter().enumerate() {
        print(&text::question(number + 1, question));
        if reader.wait("Enter runs the answer") || options.answers {
            print(&text::answer(question));
        }
    }
    print(&text::closing(hand, options.answers || reader.waits));
}

/// Waits for Enter where a person reads along.
struct Reader {
    waits: bool,
}

impl Reader {
    fn new(no_pause: bool) -> Reader {
        Reader { waits: !no_pause && std::io::stdin().is_terminal() && std::io::stdout().is_terminal() }
    }

    /// Waits; returns whether there was somebody to wait for.
    fn wait(&mut self, what: &str) -> bool {
        if !self.waits {
            return false;
        }
        print(&format!("\n[{what}] "));
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        if !read.is_ok_and(|bytes| bytes > 0) {
            // The input has ended: nobody will press Enter again.
            self.waits = false;
            print("\n");
        }
        let _ = std::io::stdout().flush();
        self.waits
    }
}
