//! A lesson that has been given: its runs, and its texts with their figures.

use fencepost_reports::lesson::Change;
use fencepost_reports::story::Story;

use super::{Lesson, LoadScenario, Question, Recipe, fill, lines};
use crate::capsule::PROGRAM;
use crate::run::{Course, Run, run};
use crate::scenario::expect::Expectation;
use crate::scenario::{Problem, Scenario};
use crate::story::Teller;
use crate::world::{Keep, Traced, Tracer};

/// A run that is told.
#[derive(Debug)]
pub struct Told {
    /// What was run.
    pub scenario: Scenario,
    /// The run.
    pub run: Run,
    /// Its story.
    pub story: Story,
}

impl Told {
    /// Runs a scenario with its own seed.
    pub fn of(scenario: Scenario) -> Told {
        let teller = Teller::new(&scenario.plan);
        let mut sink = teller.sink();
        let mut trace = |traced: &Traced<'_>| teller.trace(traced);
        let tracer: Tracer<'_> = &mut trace;
        let keep = Keep { schedule: true, trace: true, coverage: true, ..Keep::default() };
        let run = run(&scenario.plan, Course::Seed(scenario.seed), keep, Some(&mut sink), Some(tracer));
        let mut story = teller.tell(&run);
        story.title.clone_from(&scenario.plan.title);
        story.label = scenario.label();
        story.seed = scenario.seed;
        story.command = scenario.command(scenario.seed);
        story.program = PROGRAM.to_string();
        Told { scenario, run, story }
    }

    /// What differs from what is expected, one sentence each.
    fn differences(&self, expect: &Expectation) -> Vec<String> {
        expect.differences(&self.run.report, &self.run.numbers())
    }
}

/// What answers a question.
#[derive(Debug)]
pub enum Reply {
    /// A run.
    Run(Box<Told>),
    /// Settings that are refused: the command that was tried, and the message.
    Refused(String, String),
}

impl Reply {
    /// The command that gives it.
    pub fn command(&self) -> &str {
        match self {
            Reply::Run(told) => &told.story.command,
            Reply::Refused(command, _) => command,
        }
    }
}

/// A question with its answer.
#[derive(Debug)]
pub struct Answered {
    /// The question.
    pub ask: String,
    /// What answers it.
    pub reply: Reply,
    /// The answer in words.
    pub answer: String,
}

/// A lesson with its runs.
#[derive(Debug)]
pub struct Given {
    /// The lesson; its texts have their figures.
    pub lesson: Lesson,
    /// The run that goes wrong.
    pub broken: Told,
    /// The run that does not.
    pub fixed: Told,
    /// What differs between their configurations.
    pub changes: Vec<Change>,
    /// The questions with their answers.
    pub questions: Vec<Answered>,
    /// Where the lesson does not say what its runs do, one sentence each. A lesson of the course has none.
    pub differences: Vec<String>,
}

impl Lesson {
    /// Runs everything and fills in the figures.
    ///
    /// # Errors
    /// A scenario is refused that should not be, or a figure is named that there is not.
    pub fn give(&self, load: LoadScenario<'_>) -> Result<Given, Problem> {
        let complain = |message: String| {
            let place = crate::scenario::Place::Whole;
            Problem { file: self.name.clone(), place, message }
        };
        let make = |recipe: &Recipe| load(&recipe.scenario, recipe.choice.clone()).map(Told::of);
        let (broken, fixed) = (make(&self.broken)?, make(&self.fixed)?);
        let changes = lines::changes(&broken.scenario, &fixed.scenario);
        let mut differences = self.contrast(&broken, &fixed, &changes);
        let sides = [("broken", &broken), ("fixed", &fixed)];
        let fill = |text: &str| fill::fill(text, &sides).map_err(complain);
        let mut lesson = self.clone();
        for text in
            [&mut lesson.story, &mut lesson.before, &mut lesson.ask, &mut lesson.after, &mut lesson.thread].into_iter()
        {
            *text = fill(text)?;
        }
        for (_, meaning) in &mut lesson.words {
            *meaning = fill(meaning)?;
        }
        let mut questions = Vec::new();
        for question in &self.questions {
            let (reply, wrong) = question.reply(load)?;
            differences.extend(wrong.into_iter().map(|w| format!("question '{}': {w}", question.ask.trim())));
            let mut runs = sides.to_vec();
            if let Reply::Run(told) = &reply {
                runs.push(("answer", told));
            }
            let answer = fill::fill(&question.answer, &runs).map_err(complain)?;
            questions.push(Answered { ask: fill(&question.ask)?, reply, answer });
        }
        Ok(Given { lesson, broken, fixed, changes, questions, differences })
    }

    /// What a lesson must show: something wrong, and then, by another configuration, nothing wrong.
    fn contrast(&self, broken: &Told, fixed: &Told, changes: &[Change]) -> Vec<String> {
        let mut wrong = Vec::new();
        if broken.run.report.violations.is_empty() {
            wrong.push("the broken run is clean".to_string());
        }
        if !fixed.run.report.violations.is_empty() {
            wrong.push(format!("the fixed run is {}", fixed.story.judgement.sentence));
        }
        if changes.is_empty() {
            wrong.push("no line of configuration differs between the broken and the fixed run".to_string());
        }
        for told in [broken, fixed] {
            wrong.extend(
                told.differences(&told.scenario.expect).into_iter().map(|d| format!("{}: {d}", told.story.label)),
            );
        }
        wrong
    }
}

impl Question {
    /// The reply, and where it is not what the lesson says.
    fn reply(&self, load: LoadScenario<'_>) -> Result<(Reply, Vec<String>), Problem> {
        let Recipe { scenario, choice, .. } = &self.recipe;
        match load(scenario, choice.clone()) {
            Err(problem) if self.refused => {
                // The scenario itself is in order: it is these settings that are refused.
                let base = load(scenario, crate::scenario::Choice { case: choice.case.clone(), sets: Vec::new() })?;
                let mut tried = base;
                tried.choice = choice.clone();
                Ok((Reply::Refused(tried.command(tried.seed), problem.message), Vec::new()))
            }
            Err(problem) => Err(problem),
            Ok(scenario) => {
                let topics: Vec<String> = scenario.plan.topics.iter().map(|t| t.name.clone()).collect();
                let expect = Expectation::read(&self.expect, &topics, &scenario.sinks())
                    .map_err(|c| c.in_file(&scenario.name))?;
                let told = Told::of(scenario);
                let mut wrong =
                    if self.refused { vec!["these settings are not refused".to_string()] } else { Vec::new() };
                wrong.extend(told.differences(&expect));
                Ok((Reply::Run(Box::new(told)), wrong))
            }
        }
    }
}
