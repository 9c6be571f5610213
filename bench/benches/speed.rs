//! `cargo bench -p fencepost-bench [-- [--quick] [NAME...]]`: the figures that Fencepost promises, each against its bar.

use fencepost_bench::bar::{Bar, number};
use fencepost_bench::clock::measure;
use fencepost_bench::echo::{self, Shape};
use fencepost_bench::rounds::{Contender, interleave, median};

/// What can be asked for by name.
const NAMES: &[&str] = &["echo"];

fn main() {
    let mut quick = false;
    let mut wanted: Vec<String> = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--bench" => {} // cargo says so
            "--quick" => quick = true,
            name if NAMES.iter().any(|n| n.contains(name)) => wanted.push(name.to_string()),
            other => {
                eprintln!("unknown argument '{other}'; expected --quick or one of {}", NAMES.join(", "));
                std::process::exit(2);
            }
        }
    }
    let chosen = |name: &str| wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str()));
    println!("Rates are per second of processor time of one thread; ratios are medians of interleaved rounds.");
    if chosen("echo") {
        echo(quick);
    }
}

fn echo(quick: bool) {
    let (round_trips, rounds) = if quick { (500, 3) } else { (5_000, 7) };
    let shape = Shape { clients: 8, round_trips };
    let plan = echo::fencepost::plan(shape);
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
            run: Box::new(|seed| {
                let run = || echo::turmoil::run(shape, seed, echo::turmoil::Latency::SameMean);
                (measure(run).0, shape.deliveries())
            }),
        },
        Contender {
            name: "turmoil, default latency curve",
            repeat: 1,
            run: Box::new(|seed| {
                let run = || echo::turmoil::run(shape, seed, echo::turmoil::Latency::Default);
                (measure(run).0, shape.deliveries())
            }),
        },
    ];
    println!(
        "\necho: 8 clients, window 1, {} round trips each, latency 1 to 10 ms, {rounds} rounds",
        number(round_trips.into())
    );
    let scores = interleave(&mut contenders, rounds);
    for (index, contender) in contenders.iter().enumerate() {
        let rate = median(scores.iter().map(|s| s[index].rate()));
        let share = median(scores.iter().map(|s| s[index].taken.share() as f64));
        println!("  {:<30} {:>12} deliveries/s  ({share:.0}% of a core)", contender.name, number(rate));
    }
    let ratio = |other: usize| median(scores.iter().map(|s| s[0].rate() / s[other].rate()));
    Bar::AtLeast(6.0).print("beside madsim's", ratio(1), "x");
    Bar::AtLeast(40.0).print("beside turmoil's", ratio(2), "x");
    println!("        beside turmoil's with its default latency curve (shorter latencies): {}x", number(ratio(3)));
}
