//! The echo in Fencepost's own world: clients ask a broker for its versions, over the same connections, timers, names
//! and digest as every run.

use std::sync::Arc;
use std::time::Duration;

use fencepost_protocol::config::{BrokerConfig, Domains};
use fencepost_protocol::time::Span;
use fencepost_sim::plan::EchoPlan;
use fencepost_sim::plan::{Chances, ChaosPlan, ClusterPlan, EndPlan, NetworkPlan, Plan};
use fencepost_sim::run::{Course, run as run_plan};
use fencepost_sim::world::{Ending, Keep, Outcome};

use super::Shape;

/// Parts per million that are all.
const ALWAYS: u64 = 1_000_000;

/// The echo as a plan: one broker; every message deviates from the nominal latency of 1 ms by up to 9 ms.
pub fn plan(shape: Shape) -> Arc<Plan> {
    let mut config = BrokerConfig::default();
    config.transaction_partitions = 1;
    config.transaction_replication_factor = 1;
    config.transaction_min_isr = 1;
    config.offsets_partitions = 1;
    config.offsets_replication_factor = 1;
    let long = Span::from_secs(1_000_000);
    Arc::new(Plan {
        name: "echo".into(),
        title: "Request and response".into(),
        about: String::new(),
        cluster: ClusterPlan {
            brokers: 1,
            config: Arc::new(config),
            transaction_version: 2,
            eligible_leader_replicas_version: 1,
            domains: Domains::default(),
            write_back: Span::from_secs(30),
        },
        network: NetworkPlan {
            client_latency: Span::from_millis(1),
            broker_latency: Span::from_millis(1),
            loopback_latency: Span::ZERO,
            service_per_message: Span::ZERO,
            service_per_kib: Span::ZERO,
        },
        topics: Vec::new(),
        producers: Vec::new(),
        pipelines: Vec::new(),
        readers: Vec::new(),
        databases: Vec::new(),
        payments: Vec::new(),
        services: Vec::new(),
        relays: Vec::new(),
        externals: Vec::new(),
        echoes: (1..=shape.clients)
            .map(|n| EchoPlan {
                name: format!("client-{n}"),
                round_trips: shape.round_trips.into(),
                start: Span::from_millis(1),
            })
            .collect(),
        faults: Vec::new(),
        chaos: ChaosPlan {
            messages: Chances { delay_ppm: ALWAYS, delay_max: Span::from_millis(9), ..Chances::default() },
            families: Vec::new(),
        },
        end: EndPlan { faults_until: long, bound: long, limit: Span(u64::MAX), delivery_budget: u64::MAX },
        promises: Vec::new(),
    })
}

/// Runs the echo to its end; returns the virtual time that it took and how the run went.
pub fn run(plan: &Arc<Plan>, seed: u64) -> (Duration, Outcome) {
    let outcome = run_plan(plan, Course::Seed(seed), Keep::default(), None, None).outcome;
    assert_eq!(outcome.ending, Ending::Settled, "every client finishes");
    (Duration::from_nanos(outcome.finished_at.0), outcome)
}
