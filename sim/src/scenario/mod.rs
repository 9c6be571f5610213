//! Scenarios as TOML: what is run, what goes wrong, what is promised and what is expected (`docs/scenarios.md`).

pub(crate) mod assemble;
pub mod builtin;
pub(crate) mod calls;
mod chaos;
mod checks;
pub mod deviation;
mod disabled;
mod document;
pub(crate) mod draft;
pub mod duration;
pub mod expect;
pub mod explore;
pub mod fields;
mod idle;
pub mod lines;
mod overrides;
mod possible;
pub(crate) mod printer;
pub(crate) mod problem;
mod range;
mod resolved;
mod seeds;
mod sinks;
pub(crate) mod streams;
pub mod table;
mod together;
mod topics;
mod wording;
mod written;

#[cfg(test)]
mod strict;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use draft::ReadFile;
pub use expect::{Bound, Expectation, Numbers};
pub use problem::{Place, Problem};
pub use seeds::parse_seeds;

pub use crate::cast::Names;
use fencepost_reports::terminal::one_line;

use crate::coverage::Goal;
use crate::nearest::choices;
use crate::plan::Plan;
use crate::shell;
use document::Document;
use explore::Explore;
use fields::Fields;
use overrides::Setting;
use problem::Complaint;

/// Name of the scenario as it stands, beside its cases.
pub const BASE: &str = "base";

/// What makes a scenario out of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The case; none for the scenario as it stands.
    pub case: Option<String>,
    /// Settings of the command line, each `KEY=VALUE`, applied after those of the case.
    pub sets: Vec<String>,
}

/// A scenario, understood and checked.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Name of a built-in scenario, or path of a file.
    pub name: String,
    /// Its text.
    pub text: Arc<str>,
    /// Case and settings.
    pub choice: Choice,
    /// What is run.
    pub plan: Arc<Plan>,
    /// The seed of `run`.
    pub seed: u64,
    /// The seeds of `verify`, both ends included.
    pub seeds: (u64, u64),
    /// What `verify` expects.
    pub expect: Expectation,
    /// Names and titles of all cases.
    pub cases: Vec<(String, String)>,
    /// As much of users' files as is used, by path.
    pub files: BTreeMap<String, String>,
    /// What a swarm may change.
    pub explore: Explore,
    /// What a campaign must reach.
    pub sometimes: Vec<Goal>,
    /// What the plan was made from: the text with the settings of case and choice.
    template: Arc<Document>,
}

impl Scenario {
    /// Accounts that the checker keeps of sinks, by name, as `[expect]` names them.
    pub(crate) fn sinks(&self) -> Vec<String> {
        sinks::accounts(&self.template).expect("the document was read before")
    }

    /// Reads a scenario.
    ///
    /// # Errors
    /// What is wrong with it, where, and what would be right.
    pub fn load(name: &str, text: &str, choice: Choice, read: ReadFile<'_>) -> Result<Scenario, Problem> {
        load(name, text, choice, read).map_err(|complaint| complaint.in_file(name))
    }

    /// Reads a built-in scenario.
    ///
    /// # Errors
    /// As [`Scenario::load`]; the choice may not fit.
    pub fn load_built_in(name: &str, choice: Choice) -> Result<Scenario, Problem> {
        let complain = |message| Problem { file: name.to_string(), place: Place::Whole, message };
        let (full, text) = builtin::find(name).map_err(complain)?;
        Scenario::load(full, text, choice, &mut |path| builtin::read_file(full, path))
    }

    /// The plan with further settings, as they would follow in the choice.
    ///
    /// # Errors
    /// A setting does not fit, or what results is refused.
    pub fn plan_with(&self, sets: &[String]) -> Result<Arc<Plan>, Problem> {
        let assembled = (|| {
            let mut document = Document::clone(&self.template);
            for set in sets {
                overrides::apply(&mut document, &Setting::parse(set)?)?;
            }
            document.check()?;
            let read = &mut |path: &str| self.files.get(path).cloned().ok_or_else(|| "it was not read".to_string());
            assemble::assemble(&self.name, &document, self.choice.case.as_deref(), read)
        })();
        assembled.map(|a| Arc::new(a.plan)).map_err(|complaint: Complaint| complaint.in_file(&self.name))
    }

    /// The same scenario with further settings and the plan that they make.
    pub fn with(&self, sets: &[String], plan: Arc<Plan>) -> Scenario {
        let mut scenario = self.clone();
        scenario.choice.sets.extend_from_slice(sets);
        scenario.plan = plan;
        scenario
    }

    /// Names of nodes and topics.
    pub fn names(&self) -> Names {
        self.plan.names()
    }

    /// With every default, as TOML.
    pub fn resolved(&self) -> String {
        resolved::print(&self.plan, self.seed, self.seeds)
    }

    /// The command that runs it with a seed, as a person would type it.
    pub fn command(&self, seed: u64) -> String {
        let mut words = vec!["fencepost".to_string(), "run".to_string(), self.name.clone()];
        if let Some(case) = &self.choice.case {
            words.extend(["--case".to_string(), case.clone()]);
        }
        words.extend(["--seed".to_string(), seed.to_string()]);
        for set in &self.choice.sets {
            words.extend(["--set".to_string(), set.clone()]);
        }
        words.iter().map(|word| shell::word(word)).collect::<Vec<_>>().join(" ")
    }

    /// Name and case, as a person would say them.
    pub fn label(&self) -> String {
        match &self.choice.case {
            Some(case) => one_line(&format!("{} ({case})", self.name)),
            None => one_line(&self.name),
        }
    }
}

fn load(name: &str, text: &str, choice: Choice, read: ReadFile<'_>) -> Result<Scenario, Complaint> {
    let mut document = Document::parse(text)?;
    let cases = cases(&document)?;
    let chosen = choose(&document, choice.case.as_deref())?;
    // Every case is checked, whichever is chosen: a slip in another one should not wait to be found.
    for case in &document.cases {
        let mut changed = document.clone();
        apply_case(&mut changed, case)?;
        changed.check()?;
    }
    if let Some(case) = &chosen {
        apply_case(&mut document, case)?;
    }
    for set in &choice.sets {
        overrides::apply(&mut document, &Setting::parse(set)?)?;
    }
    document.check()?;
    let assembled = assemble::assemble(name, &document, choice.case.as_deref(), read)?;
    let explore = Explore::read(&document.explore)?;
    // The text is checked, not what settings make of it: those that shrink a run leave its ranges behind.
    let as_written = choice.sets.is_empty();
    explore.check(&document, as_written, |changed| {
        let read = &mut |path: &str| assembled.files.get(path).cloned().ok_or_else(|| "it was not read".to_string());
        assemble::assemble(name, changed, choice.case.as_deref(), read).map(drop)
    })?;
    let mut sometimes = Vec::new();
    for text in document.top.texts("sometimes")?.unwrap_or_default() {
        sometimes.push(Goal::parse(&text).map_err(|m| document.top.complain("sometimes", format!("'{text}': {m}")))?);
    }
    let topics: Vec<String> = assembled.plan.topics.iter().map(|t| t.name.clone()).collect();
    let sinks = sinks::accounts(&document)?;
    let mut expect = Expectation::read(&document.expect, &topics, &sinks)?;
    let table::Top { title: _, about: _, seed, seeds, sometimes: _ } = table::Top::read(&document.top)?;
    let (seed, mut seeds) = (seed.unwrap_or(1), seeds);
    for case in &document.cases {
        let mut rest = case.clone();
        let expected = Expectation::read(&rest.split_off("expect"), &topics, &sinks)?;
        if choice.case.is_some() && case.text("name")? == choice.case {
            expect = expected;
            let table::Case { name: _, title: _, seeds: own } = table::Case::read(case)?;
            seeds = own.or(seeds);
        }
    }
    Ok(Scenario {
        name: name.to_string(),
        text: text.into(),
        choice,
        plan: Arc::new(assembled.plan),
        seed,
        seeds: seeds.unwrap_or((seed, seed)),
        expect,
        cases,
        files: assembled.files,
        explore,
        sometimes,
        template: Arc::new(document),
    })
}

fn apply_case(document: &mut Document, case: &Fields) -> Result<(), Complaint> {
    for (path, item) in case.iter() {
        let Some(key) = path.strip_prefix("set.") else { continue };
        let value = case.config_text(path, item)?.into_owned();
        let setting = Setting { key: key.to_string(), value, place: item.place.clone() };
        overrides::apply(document, &setting)?;
    }
    Ok(())
}

fn cases(document: &Document) -> Result<Vec<(String, String)>, Complaint> {
    let mut cases: Vec<(String, String)> = Vec::new();
    for case in &document.cases {
        let mut own = case.clone();
        own.split_off("set");
        own.split_off("expect");
        table::Case::SECTION.check(&own)?;
        let name = case.needed_text("name")?;
        if name == BASE || cases.iter().any(|(other, _)| *other == name) {
            let first = document.cases.iter().find(|other| other.text("name").is_ok_and(|n| n.as_ref() == Some(&name)));
            let lines =
                first.map_or_else(String::new, |f| problem::on_lines(f.place_of("name"), case.place_of("name")));
            let message = match name == BASE {
                true => format!("'{BASE}' is what the scenario without a case is called: give the case another name"),
                false => format!("there is a case named '{name}' already{lines}: give one of them another name"),
            };
            return Err(case.complain("name", message));
        }
        cases.push((name, case.text("title")?.unwrap_or_default()));
    }
    Ok(cases)
}

fn choose(document: &Document, wanted: Option<&str>) -> Result<Option<Fields>, Complaint> {
    let Some(wanted) = wanted else { return Ok(None) };
    let mut names = Vec::new();
    for case in &document.cases {
        let name = case.needed_text("name")?;
        if name == wanted {
            return Ok(Some(case.clone()));
        }
        names.push(name);
    }
    let place = Place::Set(format!("--case {wanted}"));
    let message = match names.is_empty() {
        true => "this scenario has no cases".to_string(),
        false => format!("there is no such case{}", choices(wanted, "cases", names.iter().map(String::as_str))),
    };
    Err(Complaint::new(&place, message))
}
