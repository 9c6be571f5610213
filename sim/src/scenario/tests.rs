use super::*;
use crate::plan::{FamilyKind, OnUnknown, Promise, Source};
use crate::schedule::{Action, Effect, Phase, When};
use fencepost_protocol::ids::NodeId;
use fencepost_protocol::message::IsolationLevel;
use fencepost_protocol::time::Span;

const SHOP: &str = r#"
title = "A shop"
about = "Orders in, invoices out."
seeds = "1..3"

[cluster]
brokers = 3
min.insync.replicas = 2

[[topic]]
name = "orders"
partitions = 2

[[topic]]
name = "invoices"
assignment = [[2, 3, 1]]

[[producer]]
name = "shop"
topic = "orders"
records = 10
retry.backoff.ms = 500

[[pipeline]]
name = "billing"
members = 2
input = "orders"
output = "invoices"
processing.guarantee = "exactly_once_v2"
[pipeline.consumer]
max.poll.records = 3

[[reader]]
name = "audit"
topics = ["invoices"]
isolation.level = "read_committed"
auto.offset.reset = "earliest"

[[fault]]
after = { kind = "Produce", from = "shop", partition = "orders-1", nth = 3 }
action = "crash"
node = "broker-2"
down = "3s"

[[fault]]
after = { kind = "EndTxn", from = "billing-1" }
action = "lose_response"

[[fault]]
at = "2s"
action = "block"
from = ["broker-1"]
to = "*"
both.ways = true
span = "5s"
cases = ["cut-off"]

[chaos]
delay.ppm = 10
[[chaos.family]]
kind = "client_pause"
count = "1..2"
lasts = "1s..10s"

[promise]
invoices = "at-least-once"

[expect]
verdict = "clean"
topics.invoices.visible = 10

[[case]]
name = "cut-off"
set = { shop.acks = "1", "shop.records" = 5 }
[case.expect]
verdict = "violated"
violations.loss = ">=1"
"#;

fn no_files(path: &str) -> Result<String, String> {
    Err(format!("{path}: there are no files here"))
}

fn load_with(text: &str, case: Option<&str>, sets: &[&str]) -> Result<Scenario, String> {
    let choice = Choice { case: case.map(str::to_string), sets: sets.iter().map(|s| s.to_string()).collect() };
    Scenario::load("shop.toml", text, choice, &mut no_files).map_err(|p| p.to_string())
}

fn load(text: &str) -> Result<Scenario, String> {
    load_with(text, None, &[])
}

/// The message for `SHOP` with one piece of text replaced.
fn refused(from: &str, to: &str) -> String {
    assert!(SHOP.contains(from), "{from}");
    load(&SHOP.replacen(from, to, 1)).expect_err(to)
}

#[test]
fn a_whole_scenario_is_read() {
    let scenario = load(SHOP).unwrap();
    let plan = &scenario.plan;
    assert_eq!((scenario.seed, scenario.seeds), (1, (1, 3)));
    assert_eq!(plan.topics[0].settings.min_insync_replicas, 2);
    assert_eq!(plan.topics[1].assignment, Some(vec![vec![NodeId(2), NodeId(3), NodeId(1)]]));
    assert!(matches!(plan.producers[0].source, Source::Generated { records: 10, .. }));
    assert_eq!(plan.producers[0].config.retry_backoff_ms, 500);
    assert_eq!(plan.producers[0].on_unknown, OnUnknown::Keep);
    let billing = &plan.pipelines[0];
    assert_eq!((billing.consumer.max_poll_records, billing.producer.transaction_timeout_ms), (3, 10_000));
    assert_eq!(billing.consumer.isolation_level, IsolationLevel::ReadCommitted);
    assert_eq!(billing.producer.transactional_id.as_deref(), Some("billing"));
    assert_eq!(plan.chaos.families[0].kind, FamilyKind::ClientPause);
    assert_eq!(plan.chaos.families[0].longest, Span::from_secs(10));
    assert_eq!(plan.promises, [("invoices".to_string(), Promise::AtLeastOnce)]);
    assert_eq!(plan.faults.len(), 2);
    let When::After(trigger, _) = &plan.faults[0].when else { panic!("{:?}", plan.faults[0]) };
    assert_eq!((trigger.phase, trigger.nth), (Phase::Handled, 3));
    let When::After(trigger, _) = &plan.faults[1].when else { panic!("{:?}", plan.faults[1]) };
    assert_eq!(trigger.phase, Phase::Sending);
    assert_eq!(plan.faults[1].action, Action::Message(Effect::LoseResponse));
    // delivery.timeout.ms is 120 s, session + poll interval 345 s; 60 s on top of the larger.
    assert_eq!(plan.end.bound, Span::from_secs(405));
}

#[test]
fn a_case_changes_settings_faults_and_expectations() {
    let scenario = load_with(SHOP, Some("cut-off"), &[]).unwrap();
    assert!(!scenario.plan.producers[0].config.enable_idempotence, "acks=1 switches it off");
    assert_eq!(scenario.plan.producers[0].source.len(), 5);
    assert_eq!(scenario.plan.faults.len(), 3);
    let Action::Block { links, .. } = &scenario.plan.faults[2].action else { panic!() };
    assert_eq!(links.len(), 2 * (scenario.names().nodes.len() - 1));
    assert_eq!(scenario.expect.verdict, Some(fencepost_reports::report::Verdict::Violated));
    assert!(load_with(SHOP, Some("cutoff"), &[]).unwrap_err().contains("cut-off"));
}

#[test]
fn acks_1_is_refused_for_the_transactional_pipeline_that_it_reaches() {
    // A bare key goes to every client; the pipeline has a transactional.id.
    let error = load_with(SHOP, None, &["acks=1"]).unwrap_err();
    assert!(error.contains("--set acks=1") && error.contains("transactional.id"), "{error}");
}

#[test]
fn set_beats_the_text() {
    let scenario = load_with(SHOP, None, &["shop.retry.backoff.ms=7", "brokers=5", "end.bound=9s"]).unwrap();
    assert_eq!(scenario.plan.producers[0].config.retry_backoff_ms, 7);
    assert_eq!((scenario.plan.cluster.brokers, scenario.plan.end.bound), (5, Span::from_secs(9)));
}

#[test]
fn what_is_resolved_can_be_run_again_and_is_the_same() {
    for case in [None, Some("cut-off")] {
        let first = load_with(SHOP, case, &[]).unwrap().resolved();
        let second = load(&first).unwrap_or_else(|e| panic!("{e}\n{first}")).resolved();
        assert_eq!(first, second);
    }
}

#[test]
fn unknown_keys_say_where_they_stand_and_which_is_nearest() {
    let error = refused("retry.backoff.ms = 500", "retry.backof.ms = 500");
    assert_eq!(
        error,
        "shop.toml:22:19: unknown key 'retry.backof.ms' in [[producer]] 'shop'; did you mean 'retry.backoff.ms'?"
    );
    assert!(refused("[promise]", "[promises]").contains("'promise'"));
    assert!(refused("brokers = 3", "borkers = 3").contains("'brokers'"));
    assert!(refused("max.poll.records", "max.pol.records").contains("'consumer.max.poll.records'"));
    assert!(refused("action = \"crash\"", "action = \"crush\"").contains("'crash'"));
    assert!(refused("node = \"broker-2\"", "node = \"broker-9\"").contains("broker-3"));
    assert!(refused("kind = \"Produce\"", "kind = \"Prodce\"").contains("'Produce'"));
}

#[test]
fn values_of_the_wrong_type_are_refused() {
    assert!(refused("records = 10", "records = \"ten\"").contains("expected a whole number"));
    assert!(refused("records = 10", "records = 1.5").contains("a number with a fraction"));
    assert!(refused("down = \"3s\"", "down = 3").contains("expected a duration"));
    assert!(refused("retry.backoff.ms = 500", "retry.backoff.ms = \"soon\"").contains("retry.backoff.ms"));
    assert!(refused("title = \"A shop\"", "title = 1").contains("expected a text"));
}

#[test]
fn impossible_configurations_are_refused_as_kafka_refuses_them() {
    let error = refused("partitions = 2", "partitions = 2\nreplication.factor = 4");
    assert!(
        error.contains("above the number of brokers (3)") && error.contains("INVALID_REPLICATION_FACTOR"),
        "{error}"
    );
    let error = refused("retry.backoff.ms = 500", "transactional.id = \"t\"\nenable.idempotence = false");
    assert!(error.starts_with("shop.toml:22:"), "{error}");
    assert!(error.contains("transactional.id needs enable.idempotence=true"), "{error}");
    let error = refused("brokers = 3", "brokers = 3\ntransaction.state.log.replication.factor = 4");
    assert!(error.contains("above the number of brokers"), "{error}");
    let error =
        refused("[pipeline.consumer]", "[pipeline.producer]\ntransaction.timeout.ms = 900001\n[pipeline.consumer]");
    assert!(error.contains("INVALID_TRANSACTION_TIMEOUT"), "{error}");
    let error = refused("max.poll.records = 3", "session.timeout.ms = 5000");
    assert!(error.contains("INVALID_SESSION_TIMEOUT"), "{error}");
    let error = refused("isolation.level = \"read_committed\"", "enable.auto.commit = true");
    assert!(error.contains("needs a group.id"), "{error}");
}

#[test]
fn names_must_be_known_and_unique() {
    assert!(refused("topic = \"orders\"", "topic = \"order\"").contains("'orders'"));
    assert!(refused("name = \"invoices\"", "name = \"orders\"").contains("two topics"));
    assert!(refused("name = \"audit\"", "name = \"billing-2\"").contains("two clients named 'billing-2'"));
    assert!(refused("name = \"audit\"", "name = \"broker-7\"").contains("another name"));
    assert!(refused("partition = \"orders-1\"", "partition = \"orders-2\"").contains("partitions 0 to 1"));
}

#[test]
fn one_broker_lowers_the_defaults_of_internal_topics() {
    let text = "title = 'x'\n[cluster]\nbrokers = 1\n[[topic]]\nname = 't'\n";
    let config = &load(text).unwrap().plan.cluster.config;
    assert_eq!((config.transaction_replication_factor, config.transaction_min_isr), (1, 1));
}

#[test]
fn lines_of_a_file_are_read_and_kept() {
    let text =
        "title = 'x'\n[[topic]]\nname = 't'\n[[producer]]\nname = 'p'\ntopic = 't'\nsource = 'f.csv'\nrecords = 1\n";
    let read = &mut |path: &str| match path {
        "f.csv" => Ok("key,value\na,b\nc,d\n".to_string()),
        _ => Err("no such file".to_string()),
    };
    let scenario = Scenario::load("x.toml", text, Choice::default(), read).unwrap();
    assert_eq!(scenario.plan.producers[0].source.len(), 1);
    assert_eq!(scenario.files["f.csv"], "key,value\na,b\n");
    let error = Scenario::load("x.toml", &text.replace("f.csv", "g.csv"), Choice::default(), read).unwrap_err();
    assert_eq!(error.to_string(), "x.toml:7:10: cannot read 'g.csv': no such file");
    let error =
        Scenario::load("x.toml", &text.replace("records = 1", "records = 9"), Choice::default(), read).unwrap_err();
    assert!(error.to_string().contains("has 2 records, not 9"), "{error}");
}

#[test]
fn every_built_in_scenario_and_case_can_be_read() {
    for (name, _) in builtin::SCENARIOS {
        let base = Scenario::load_built_in(name, Choice::default()).unwrap_or_else(|p| panic!("{p}"));
        for (case, _) in &base.cases {
            let choice = Choice { case: Some(case.clone()), sets: Vec::new() };
            Scenario::load_built_in(name, choice).unwrap_or_else(|p| panic!("{p}"));
        }
    }
}

#[test]
fn seeds_are_ranges_or_numbers() {
    assert_eq!(parse_seeds("1..10_000"), Ok((1, 10_000)));
    assert_eq!(parse_seeds("7"), Ok((7, 7)));
    assert_eq!(parse_seeds("0..18446744073709551615"), Ok((0, u64::MAX)));
    assert!(parse_seeds("9..1").unwrap_err().contains("before it begins"));
    assert!(parse_seeds("18446744073709551616").unwrap_err().contains("go up to"));
    assert!(parse_seeds("1..many").unwrap_err().contains("such as 1..100"));
    assert!(refused("seeds = \"1..3\"", "seeds = \"one\"").contains("1..100"));
}
