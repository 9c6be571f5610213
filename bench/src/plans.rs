//! Plans of scenarios.

use std::sync::Arc;

use fencepost_sim::plan::Plan;
use fencepost_sim::scenario::{Choice, Scenario};

/// The plan of a built-in scenario.
///
/// # Panics
/// If there is none of that name.
pub fn plan(name: &str) -> Arc<Plan> {
    match Scenario::load_built_in(name, Choice::default()) {
        Ok(scenario) => scenario.plan,
        Err(problem) => panic!("the benchmark's scenario {name} loads: {problem}"),
    }
}

/// Records through a topic of so many partitions, each record in a batch of its own, all partitions alike; one reader.
///
/// # Panics
/// If the text below is no scenario.
pub fn partitions(count: u32, records: u32) -> Arc<Plan> {
    let text = format!(
        r#"
title = "Records over {count} partitions"

[cluster]
brokers = 3
min.insync.replicas = 2

[[topic]]
name = "spread"
partitions = {count}

[[producer]]
name = "writer"
topic = "spread"
records = {records}
keys = 1000000
value.bytes = 100
batch.size = 1
linger.ms = 0
interval = "200us"

[[reader]]
name = "reader"
topics = ["spread"]
auto.offset.reset = "earliest"

[end]
delivery.budget = 1000000000
"#
    );
    let no_files = &mut |_: &str| Err("no file is needed".to_string());
    match Scenario::load("bench/partitions", &text, Choice::default(), no_files) {
        Ok(scenario) => scenario.plan,
        Err(problem) => panic!("the scenario of many partitions loads: {problem}"),
    }
}
