//! The network of a world: what a connection promises to its ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use fencepost_sim::plan::Plan;
use fencepost_sim::run::{Course, run};
use fencepost_sim::scenario::{Choice, Scenario};
use fencepost_sim::world::{Keep, Traced, TracedEvent};

/// Runs a seed, and panics where a message overtook an earlier one of its connection. Returns how many were looked at.
fn follow(plan: &Arc<Plan>, seed: u64) -> u64 {
    let scenario = &plan.name;
    let mut last: BTreeMap<(u64, bool), u32> = BTreeMap::new();
    let mut seen = 0;
    let mut follow = |traced: &Traced<'_>| {
        if !matches!(traced.what, TracedEvent::Request(_) | TracedEvent::Response(_)) {
            return;
        }
        let key = traced.message.expect("a message has a key");
        seen += 1;
        if let Some(before) = last.insert((key.connection, key.answer), key.correlation) {
            assert!(
                before < key.correlation,
                "{scenario} seed {seed} at {}: {} -> {}: message {} of connection {} arrives after {before}",
                traced.at,
                traced.from,
                traced.to,
                key.correlation,
                key.connection,
            );
        }
    };
    run(plan, Course::Seed(seed), Keep { trace: true, ..Keep::default() }, None, Some(&mut follow));
    seen
}

#[test]
fn bytes_of_a_connection_arrive_in_order() {
    let plans = ["chaos/partitions", "chaos/everything"].map(|name| {
        Scenario::load_built_in(name, Choice::default()).unwrap_or_else(|problem| panic!("{name}: {problem}")).plan
    });
    let seen: u64 = (1..=40).flat_map(|seed| plans.iter().map(move |plan| follow(plan, seed))).sum();
    assert!(seen > 100_000, "only {seen} messages were looked at");
}

/// A producer with five requests on their way, each for 10 ms, and a link that holds what arrives in 6 ms of them: the
/// link heals while newer requests are under way.
const IN_FLIGHT_WHEN_THE_LINK_HEALS: &str = r#"
title = "Requests in flight when a link heals"

[cluster]
brokers = 1
default.replication.factor = 1
min.insync.replicas = 1

[network]
client.latency = "10ms"

[[topic]]
name = "orders"

[[producer]]
name = "shop"
topic = "orders"
records = 400
interval = "5ms"
batch.size = 1
linger.ms = 0
"#;

#[test]
fn what_a_partition_held_is_not_overtaken_by_what_was_sent_shortly_before_the_link_healed() {
    let mut text = IN_FLIGHT_WHEN_THE_LINK_HEALS.to_string();
    for nth in 0..40 {
        let at = 1_000 + 31 * nth;
        let cut = if nth % 2 == 0 { r#"from = "shop", to = "broker-1""# } else { r#"from = "broker-1", to = "shop""# };
        text +=
            &format!("[[fault]]\nat = \"{at}ms\"\naction = \"block\"\nspan = \"6ms\"\n{}\n", cut.replace(", ", "\n"));
    }
    let no_files = &mut |_: &str| Err("no file is needed".to_string());
    let scenario = Scenario::load("healing", &text, Choice::default(), no_files).unwrap_or_else(|p| panic!("{p}"));
    assert!(follow(&scenario.plan, 1) > 800);
}
