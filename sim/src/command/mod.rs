//! The `fencepost` command: what a person types, what is printed, and the exit codes.
//!
//! Everything here is outside the simulation: files, the terminal, the wall clock and threads belong to this module only.

mod case;
mod check;
mod corpus;
mod cost;
mod dump;
mod execute;
mod explain;
mod fuzz;
mod interrupt;
mod lesson;
mod list;
mod output;
mod parallel;
mod replay;
mod run;
mod shrink;
mod source;
mod step;
mod verify;
mod whatif;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::scenario::Choice;

/// Nothing wrong.
pub const OK: u8 = 0;
/// Safety violated, or a mismatch in `verify`.
pub const VIOLATED: u8 = 1;
/// Bad usage or input.
pub const BAD_INPUT: u8 = 2;
/// The same run gave two results.
pub const NONDETERMINISM: u8 = 4;
/// A machine panicked.
pub const PANICKED: u8 = 5;
/// Interrupted before anything was found, as shells count it.
pub const INTERRUPTED: u8 = 130;

/// Why a command cannot be carried out: a message for the user, exit code 2.
#[derive(Debug)]
pub struct Refusal(pub String);

impl<E: std::error::Error> From<E> for Refusal {
    fn from(error: E) -> Refusal {
        Refusal(error.to_string())
    }
}

type Outcome = Result<u8, Refusal>;

/// A deterministic simulation testbed for Kafka's exactly-once protocol: one seed gives one execution, always.
#[derive(Debug, Parser)]
#[command(name = "fencepost", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    /// Print one JSON document on standard output and nothing else there
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 nothing wrong; 1 safety violated, or a mismatch in verify; 2 bad usage or input; \
3 something did not finish (verdict stuck), or not all was put to the test (verdict vacuous); 4 nondeterminism; 5 a machine panicked.";

#[derive(Debug, Subcommand)]
enum Command {
    /// List the built-in scenarios
    List,
    /// Show a scenario: its story and its text, or with --resolved every setting that holds
    Show {
        #[command(flatten)]
        what: What,
        /// Print every default
        #[arg(long)]
        resolved: bool,
    },
    /// Run a scenario once and judge it
    Run {
        #[command(flatten)]
        what: What,
        /// The seed; without it the scenario's own, else 1
        #[arg(long)]
        seed: Option<u64>,
        /// Write the run as a capsule, which 'replay' runs again
        #[arg(long, value_name = "FILE")]
        save: Option<PathBuf>,
        #[command(flatten)]
        files: Files,
    },
    /// Run a capsule again, exactly
    Replay {
        /// A capsule that 'run --save' wrote
        capsule: PathBuf,
        #[command(flatten)]
        files: Files,
    },
    /// Make a capsule's execution as short as it goes, so that it still goes wrong in the same way
    Shrink {
        /// A capsule whose run goes wrong
        capsule: PathBuf,
        /// Where the shrunk capsule goes; without it beside the capsule, as NAME.shrunk.json
        #[arg(long, value_name = "FILE")]
        save: Option<PathBuf>,
        /// The kind of violation to keep; without it the first one of the run
        #[arg(long)]
        kind: Option<String>,
        /// Seconds after which the best so far is taken
        #[arg(long, default_value_t = 20)]
        seconds: u64,
        #[command(flatten)]
        files: Files,
    },
    /// Run a capsule again but for one thing, and compare
    Whatif {
        /// A capsule
        capsule: PathBuf,
        /// Leave out its n-th deviation (from 1)
        #[arg(long, value_name = "N")]
        without: Vec<usize>,
        /// Change a setting
        #[arg(long = "set", value_name = "KEY=VALUE")]
        sets: Vec<String>,
        /// Write both runs side by side as one HTML page, which needs nothing else
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
    /// Find out which deviations and settings it took, and when the outcome became inevitable
    Explain {
        /// A capsule whose run goes wrong
        capsule: PathBuf,
        /// Futures drawn from each point of the run; 0 for none
        #[arg(long, default_value_t = 200)]
        futures: u32,
        /// Runs at a time; without it one for each processor
        #[arg(long)]
        jobs: Option<usize>,
    },
    /// Run one workload under every guarantee, and tell what each costs in requests, throughput and latency
    Cost {
        /// Change a setting of both workloads, such as client.latency=5ms
        #[arg(long = "set", value_name = "KEY=VALUE")]
        sets: Vec<String>,
        /// Write the figures as a picture
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
        /// Write the table as Markdown
        #[arg(long, value_name = "FILE")]
        markdown: Option<PathBuf>,
    },
    /// Go through a run in the terminal, one message after the other, forward and backward
    #[command(mut_arg("scenario", |a| a.help("Name of a built-in scenario, path of a TOML file, or a capsule (.json)")))]
    Step {
        #[command(flatten)]
        what: What,
        /// The seed; without it the scenario's own, else 1
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Judge a history (JSON Lines), whatever wrote it
    Check {
        /// The history
        history: PathBuf,
    },
    /// Run scenarios over the seeds that they declare, replay pinned capsules, and compare with what they expect
    Verify {
        /// A scenario, a capsule, or a folder of them; without it all built-in ones but bench/
        what: Option<String>,
        /// Other seeds than the declared ones, such as 1..10000
        #[arg(long)]
        seeds: Option<String>,
        /// Runs at a time; without it one for each processor
        #[arg(long)]
        jobs: Option<usize>,
    },
    /// Give a lesson of the course on exactly-once; without a name list them all
    Lesson(lesson::Options),
    /// Look for failures: draw faults and settings from many seeds, group and shrink what goes wrong
    Fuzz(fuzz::Options),
    /// Join the results of shards into one report
    Merge(fuzz::MergeOptions),
}

/// Which scenario, and how it is changed.
#[derive(Debug, Args)]
struct What {
    /// Name of a built-in scenario, or path of a TOML file
    scenario: String,
    /// One of the scenario's cases
    #[arg(long)]
    case: Option<String>,
    /// Change a setting: KEY for every client that knows it (or the brokers), NAME.KEY for one
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
}

impl What {
    fn choice(&self) -> Choice {
        Choice { case: self.case.clone(), sets: self.sets.clone() }
    }
}

/// What else is written.
#[derive(Clone, Debug, Default, Args)]
struct Files {
    /// Write every delivery, one JSON object on each line
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Write the history that was judged, as JSON Lines
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// Write the visible records of each topic and partition, as JSON Lines
    #[arg(long, value_name = "DIR")]
    dump: Option<PathBuf>,
    /// Write the run as one HTML page, which needs nothing else
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the verdict, its proof and a Mermaid diagram as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Print the run as a narrow text diagram
    #[arg(long)]
    diagram: bool,
}

impl Files {
    /// Whether the run has to be told as a story.
    fn need_a_story(&self) -> bool {
        self.html.is_some() || self.markdown.is_some() || self.diagram
    }
}

/// Runs the command.
pub fn main() -> ExitCode {
    execute::keep_panics();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => {
            // Help and the version are printed, too: they may be lost as well as anything.
            let code = u8::try_from(told.exit_code()).unwrap_or(BAD_INPUT);
            if told.use_stderr() {
                let _ = told.print(); // whoever closed standard error does not want to know
            } else {
                let text = told.render();
                let colours = std::io::stdout().is_terminal();
                if colours {
                    output::print_coloured(&text.ansi().to_string())
                } else {
                    output::print(&text.to_string())
                }
            }
            return ExitCode::from(output::exit_code(code));
        }
    };
    let json = cli.json;
    if json {
        output::keep_for_one_document();
    }
    let outcome = match cli.command {
        Command::List => list::list(json),
        Command::Show { what, resolved } => list::show(&what, resolved, json),
        Command::Run { what, seed, save, files } => run::run(&what, seed, save.as_deref(), &files, json),
        Command::Replay { capsule, files } => replay::replay(&capsule, &files, json),
        Command::Shrink { capsule, save, kind, seconds, files } => {
            shrink::shrink(&capsule, save.as_deref(), kind.as_deref(), seconds, &files, json)
        }
        Command::Whatif { capsule, without, sets, html } => {
            whatif::whatif(&capsule, &without, &sets, html.as_deref(), json)
        }
        Command::Explain { capsule, futures, jobs } => explain::explain(&capsule, futures, jobs, json),
        Command::Cost { sets, svg, markdown } => cost::cost(&sets, svg.as_deref(), markdown.as_deref(), json),
        Command::Step { what, seed } => step::step(&what, seed, json),
        Command::Check { history } => check::check(&history, json),
        Command::Verify { what, seeds, jobs } => verify::verify(what.as_deref(), seeds.as_deref(), jobs, json),
        Command::Lesson(options) => lesson::lesson(&options, json),
        Command::Fuzz(options) => fuzz::fuzz(&options, json),
        Command::Merge(options) => fuzz::merge(&options, json),
    };
    match outcome {
        Ok(code) => ExitCode::from(output::exit_code(code)),
        Err(Refusal(message)) => {
            if json {
                output::document(&serde_json::json!({ "error": message }));
            }
            output::say(&format!("error: {message}"));
            ExitCode::from(output::exit_code(BAD_INPUT))
        }
    }
}
