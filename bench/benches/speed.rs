//! `cargo bench -p fencepost-bench [-- [--quick] [NAME...]]`: the figures that Fencepost promises, each against its bar.

use std::cell::Cell;
use std::path::Path;
use std::process::ExitCode;

use fencepost_bench::bar::{Bar, number};
use fencepost_bench::clock::measure;
use fencepost_bench::echo::{self, Shape};
use fencepost_bench::million::{self, Job};
use fencepost_bench::plans;
use fencepost_bench::rounds::{Contender, interleave, median};
use fencepost_reports::report::Verdict;
use fencepost_sim::run::{Course, run};
use fencepost_sim::world::Keep;

/// Measures and prints one thing; quickly, if asked to.
type Bench = fn(quick: bool);

/// What can be asked for, by any part of its name.
const NAMES: &[(&str, Bench)] =
    &[("echo", compare_echoes), ("chaos/everything", chaos), ("bench/million", million), ("partitions", partitions)];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, job, history] = &arguments[..]
        && flag == million::FLAG
    {
        return million::child(job, Path::new(history));
    }
    let mut quick = false;
    let mut wanted: Vec<&str> = Vec::new();
    for argument in &arguments {
        match argument.as_str() {
            "--bench" => {} // cargo says so
            "--quick" => quick = true,
            name if NAMES.iter().any(|(n, _)| n.contains(name)) => wanted.push(name),
            other => {
                let names: Vec<&str> = NAMES.iter().map(|(n, _)| *n).collect();
                eprintln!("unknown argument '{other}'; expected --quick or (a part of) {}", names.join(", "));
                return ExitCode::from(2);
            }
        }
    }
    println!(
        "One thread. Rates and ratios are by processor time, medians of interleaved rounds; a share of a core far"
    );
    println!("below 100% means that the machine was busy with something else.");
    for (name, bench) in NAMES {
        if wanted.is_empty() || wanted.iter().any(|w| name.contains(w)) {
            bench(quick);
        }
    }
    ExitCode::SUCCESS
}

fn compare_echoes(quick: bool) {
    let (round_trips, rounds) = if quick { (500, 3) } else { (5_000, 7) };
    let shape = Shape { clients: 8, round_trips };
    let plan = echo::fencepost::plan(shape);
    let turmoil = |latency| move |seed| (measure(|| echo::turmoil::run(shape, seed, latency)).0, shape.deliveries());
    let mut contenders = [
        Contender {
            name: "Fencepost",
            repeat: 16,
            run: Box::new(|seed| (measure(|| echo::fencepost::run(&plan, seed)).0, shape.deliveries())),
        },
        Contender {
            name: "madsim 0.2, connect1",
            repeat: 4,
            run: Box::new(|seed| (measure(|| echo::madsim::run(shape, seed)).0, shape.deliveries())),
        },
        Contender {
            name: "turmoil, TCP, 1 ms tick",
            repeat: 1,
            run: Box::new(turmoil(echo::turmoil::Latency::SameMean)),
        },
        Contender {
            name: "turmoil, default latency curve",
            repeat: 1,
            run: Box::new(turmoil(echo::turmoil::Latency::Default)),
        },
    ];
    let each = number(round_trips.into());
    println!("\necho: 8 clients, window 1, {each} round trips each, latency 1 to 10 ms, {rounds} rounds");
    println!("  (deliveries: the two messages of each round trip, and nothing else, for everyone)");
    let scores = interleave(&mut contenders, rounds);
    for (index, contender) in contenders.iter().enumerate() {
        let rate = median(scores.iter().map(|s| s[index].rate()));
        let share = median(scores.iter().map(|s| s[index].taken.share() as f64));
        println!("  {:<30} {:>12} deliveries/s  ({share:.0}% of a core)", contender.name, number(rate));
    }
    let ratio = |other: usize| median(scores.iter().map(|s| s[0].rate() / s[other].rate()));
    Bar::AtLeast(6.0).print(true, "ratio to madsim's", ratio(1), "x");
    Bar::AtLeast(40.0).print(true, "ratio to turmoil's", ratio(2), "x");
    println!("        ratio to turmoil's with its default latency curve, half as many ticks: {}x", number(ratio(3)));
}

fn chaos(quick: bool) {
    let (seeds, rounds) = if quick { (20, 2) } else { (200, 5) };
    let plan = plans::plan("chaos/everything");
    println!("\nchaos/everything, checked, no trace: seeds 1 to {seeds}, {rounds} rounds");
    let (mut rates, mut shares, mut unclean, mut last) = (Vec::new(), Vec::new(), 0, 0);
    for round in 0..=rounds {
        let (taken, (deliveries, bad)) = measure(|| {
            let (mut deliveries, mut bad) = (0, 0);
            for seed in 1..=seeds {
                let run = run(&plan, Course::Seed(seed), Keep::default(), None, None);
                deliveries += run.outcome.deliveries;
                bad += u64::from(run.report.verdict != Verdict::Clean);
            }
            (deliveries, bad)
        });
        (unclean, last) = (bad, deliveries);
        if round > 0 {
            rates.push(deliveries as f64 / taken.core.as_secs_f64());
            shares.push(taken.share() as f64);
        }
    }
    let (each, share) = (number(last as f64 / seeds as f64), median(shares));
    println!("  {each} deliveries a seed ({share:.0}% of a core)");
    if unclean > 0 {
        println!(
            "  NOTE  {unclean} of {seeds} seeds are not clean: their runs may be longer or shorter than they should be"
        );
    }
    Bar::AtLeast(1_000_000.0).print(unclean == 0, "deliveries per second and core", median(rates), "/s");
}

fn million(_quick: bool) {
    println!("\nbench/million: one million records through a two-stage exactly-once pipeline, RF 3, checked");
    let history = Path::new(env!("CARGO_TARGET_TMPDIR")).join("million.history.jsonl");
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let seconds = |ms: u64| ms as f64 / 1_000.0;
    let done = million::in_child(Job::Run, &history);
    println!(
        "  {} deliveries, {} events judged, {} records visible, {} s by the wall clock",
        number(done.deliveries as f64),
        number(done.events as f64),
        number(done.visible as f64),
        number(seconds(done.wall_ms)),
    );
    let tell = |clean| if clean { "" } else { "  NOTE  the verdict is not clean\n" };
    print!("{}", tell(done.clean));
    Bar::Below(15.0).print(done.clean, "seconds on one core", seconds(done.core_ms), " s");
    match done.peak {
        0 => println!("        peak memory: this system does not tell"),
        peak => Bar::Below(1024.0).print(done.clean, "peak memory", mib(peak), " MiB"),
    }
    million::in_child(Job::Write, &history);
    let bytes = std::fs::metadata(&history).map_or(0, |m| m.len());
    let checked = million::in_child(Job::Check, &history);
    let lines = checked.events + 2; // a header, and how many events there were
    println!(
        "  its history: {} lines, {} MiB; judged in {} s by the wall clock with a peak of {} MiB",
        number(lines as f64),
        number(mib(bytes)),
        number(seconds(checked.wall_ms)),
        number(mib(checked.peak)),
    );
    print!("{}", tell(checked.clean));
    Bar::AtLeast(3_000_000.0).print(checked.clean, "lines of the history", lines as f64, "");
    Bar::Below(10.0).print(checked.clean, "seconds to judge it", seconds(checked.core_ms), " s");
    if let Err(error) = std::fs::remove_file(&history) {
        eprintln!("{} stays: {error}", history.display());
    }
}

fn partitions(quick: bool) {
    let (records, rounds) = if quick { (5_000, 3) } else { (40_000, 5) };
    const COUNTS: [u32; 3] = [10, 100, 1_000];
    let plans = COUNTS.map(|count| plans::partitions(count, records));
    let unclean = Cell::new(0);
    println!(
        "\npartitions: {} records, each a batch of its own, spread over all, {rounds} rounds",
        number(records.into())
    );
    let names = COUNTS.map(|count| format!("{} partitions", number(count.into())));
    let (plans, unclean_runs) = (&plans, &unclean);
    let contender = |index: usize| Contender {
        name: &names[index],
        repeat: 1,
        run: Box::new(move |seed| {
            let plan = &plans[index];
            let (taken, run) = measure(|| run(plan, Course::Seed(seed), Keep::default(), None, None));
            unclean_runs.set(unclean_runs.get() + u64::from(run.report.verdict != Verdict::Clean));
            (taken, run.outcome.deliveries)
        }),
    };
    let scores = interleave(&mut [contender(0), contender(1), contender(2)], rounds);
    for (index, name) in names.iter().enumerate() {
        let cost = median(scores.iter().map(|s| 1e9 / s[index].rate()));
        let deliveries = median(scores.iter().map(|s| s[index].deliveries as f64));
        println!("  {name:<18} {:>8} ns a delivery, {} deliveries", number(cost), number(deliveries));
    }
    if unclean.get() > 0 {
        println!("  NOTE  {} runs were not clean", unclean.get());
    }
    let growth = median(scores.iter().map(|s| s[0].rate() / s[2].rate()));
    Bar::Below(2.0).print(unclean.get() == 0, "cost of a delivery at 1,000 partitions to that at 10", growth, "x");
}
