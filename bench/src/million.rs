//! `bench/million`, and `check` of its history. Each runs in a process of its own, so that its peak memory is its own.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use fencepost_reports::Checker;
use fencepost_reports::history::{Header, Writer, read};
use fencepost_reports::report::{Report, Verdict};
use fencepost_sim::run::{Course, run};
use fencepost_sim::world::Keep;

use crate::clock::{Taken, measure};
use crate::memory;
use crate::plans::plan;

const SCENARIO: &str = "bench/million";
const SEED: u64 = 1;

/// What a child process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Runs the scenario, checked, and keeps nothing.
    Run,
    /// Runs it once more and writes its history.
    Write,
    /// Judges the history.
    Check,
}

impl Job {
    const ALL: [(&str, Job); 3] = [("run", Job::Run), ("write", Job::Write), ("check", Job::Check)];
}

/// What a child process says when it is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Time.
    pub wall_ms: u64,
    /// Processor time.
    pub core_ms: u64,
    /// Peak memory in bytes; 0 where the system does not tell.
    pub peak: u64,
    /// Messages handed over and timers fired; 0 for `Check`.
    pub deliveries: u64,
    /// Events of the history.
    pub events: u64,
    /// Records visible in the output topics.
    pub visible: u64,
    /// Whether the verdict was `clean`.
    pub clean: bool,
}

/// What the child's argument is called; the job and the path of the history follow.
pub const FLAG: &str = "--child";

/// Does a job in a process of its own.
///
/// # Panics
/// If the child cannot be started, fails or says something else.
pub fn in_child(job: Job, history: &Path) -> Done {
    let name = Job::ALL.iter().find(|(_, j)| *j == job).expect("every job has a name").0;
    let program = std::env::current_exe().expect("the benchmark knows where it is");
    let child = Command::new(program).args([FLAG, name]).arg(history).stderr(Stdio::inherit()).output();
    let output = child.expect("the benchmark can start itself");
    assert!(output.status.success(), "the child process does its job: {}", output.status);
    let text = String::from_utf8(output.stdout).expect("a child speaks UTF-8");
    let words: Vec<u64> = text.split_whitespace().map(|w| w.parse().expect("a child prints numbers")).collect();
    let [wall_ms, core_ms, peak, deliveries, events, visible, clean] = words[..] else {
        panic!("a child prints seven numbers, not {text:?}");
    };
    Done { wall_ms, core_ms, peak, deliveries, events, visible, clean: clean == 1 }
}

/// The child's side.
pub fn child(job: &str, history: &Path) -> ExitCode {
    let Some((_, job)) = Job::ALL.iter().find(|(name, _)| *name == job) else { return ExitCode::from(2) };
    let (taken, deliveries, report) = match job {
        Job::Run => {
            let (taken, run) = measure(|| run(&plan(SCENARIO), Course::Seed(SEED), Keep::default(), None, None));
            (taken, run.outcome.deliveries, run.report)
        }
        Job::Write => {
            let file = File::create(history).expect("the history's file can be made");
            let mut header = Header::new("fencepost-bench");
            header.scenario = Some(SCENARIO.into());
            header.seed = Some(SEED);
            let mut writer = Writer::new(file, &header);
            let plan = plan(SCENARIO);
            let (taken, run) = measure(|| run(&plan, Course::Seed(SEED), Keep::default(), Some(&mut writer), None));
            writer.finish().expect("the history is written");
            (taken, run.outcome.deliveries, run.report)
        }
        Job::Check => {
            let (taken, report) = measure(|| {
                let file = File::open(history).expect("the history is there");
                let mut checker = Checker::new();
                read(BufReader::with_capacity(1 << 20, file), &mut checker).expect("the history is whole");
                checker.finish()
            });
            (taken, 0, report)
        }
    };
    say(taken, deliveries, &report);
    ExitCode::SUCCESS
}

fn say(taken: Taken, deliveries: u64, report: &Report) {
    let visible: u64 = report.topics.iter().map(|t| t.visible).sum();
    println!(
        "{} {} {} {deliveries} {} {visible} {}",
        taken.wall.as_millis(),
        taken.core.as_millis(),
        memory::peak().unwrap_or(0),
        report.events,
        u64::from(report.verdict == Verdict::Clean),
    );
}
