//! The service that does it right.

#![cfg(madsim)]

use std::time::Duration;

use fencepost_programs::enrichment::{Config, run};
use rdkafka::fencepost::{self, Cluster};

const SCENARIO: &str = include_str!("../orders.toml");

#[test]
fn nothing_goes_wrong() {
    fencepost::test(1..=3, || async {
        let cluster = Cluster::from_text("orders", SCENARIO);
        cluster.service("enrichment-1", Duration::from_secs(1), || run(Config::of_instance(1)));
        let finished = cluster.finish().await;
        println!("{} {} deliveries\n{}", finished.digest(), finished.deliveries(), finished.report().render_text());
        finished.assert_exactly_once("enriched");
        assert_eq!(finished.report().topic("enriched").map(|t| t.visible), Some(300));
    });
}
