//! Whoever only waits as long as it was told to is not stuck.

mod kept;

use fencepost_protocol::time::Span;
use fencepost_reports::report::Verdict;
use fencepost_sim::run::{Course, Run};
use fencepost_sim::world::Ending;
use kept::{Kept, keep, plan_of};

const TOPICS: &str = "title = 't'\n[[topic]]\nname = 'orders'\n[[topic]]\nname = 'invoices'\n";
const SHOP: &str = "[[producer]]\nname = 'shop'\ntopic = 'orders'\nrecords = 100\ninterval = '100ms'\n";
const JOB: &str = "[[pipeline]]\nname = 'job'\ninput = 'orders'\noutput = 'invoices'\n\
                   processing.guarantee = 'exactly_once_v2'\n";
const BANK: &str = "[[topic]]\nname = 'orders'\n[[payment_api]]\nname = 'bank'\n";
const CHARGES: &str = "[[connector]]\nname = 'charges'\ninput = 'orders'\nto = 'bank'\n\
                       call.idempotency.key = 'record'\n";

fn ran(text: &str) -> (Run, Kept) {
    keep(&plan_of(text), Course::Seed(1))
}

fn ends_well(text: &str) {
    let (run, _) = ran(text);
    let violations: Vec<_> = run.report.violations.iter().map(|v| (v.kind, v.count, &v.proof.sentence)).collect();
    assert_eq!(run.outcome.ending, Ending::Settled, "{text}: {violations:?}");
    assert_eq!(run.report.verdict, Verdict::Clean, "{text}: {violations:?}");
}

#[test]
fn a_relay_may_rest_for_as_long_as_its_poll_interval() {
    ends_well(
        "title = 't'\n[[topic]]\nname = 'orders'\n[[database]]\nname = 'books'\n\
         [[service]]\nname = 'svc'\ndatabase = 'books'\ntopic = 'orders'\nrecords = 20\ninterval = '100ms'\n\
         [[relay]]\nname = 'rel'\nof = 'svc'\npoll.interval = '30m'\n",
    );
}

#[test]
fn a_commit_may_come_as_late_as_its_interval() {
    let alo = JOB.replace("exactly_once_v2", "at_least_once");
    for job in [JOB, &alo] {
        let timeout = if job == JOB {
            "producer.transaction.timeout.ms = 7200000\n[cluster]\ntransaction.max.timeout.ms = 7200000\n"
        } else {
            ""
        };
        ends_well(&format!("{TOPICS}{SHOP}{job}commit.interval.ms = 3600000\n{timeout}"));
    }
    ends_well(&format!("title = 't'\n{BANK}{SHOP}{CHARGES}commit.interval.ms = 3600000\n"));
}

#[test]
fn a_broker_may_hold_back_a_fetch_for_as_long_as_it_was_asked_to() {
    let keys = "consumer.fetch.min.bytes = 1000000\nconsumer.fetch.max.wait.ms = 1200000\n\
                consumer.request.timeout.ms = 2400000\n";
    ends_well(&format!("{TOPICS}{SHOP}{JOB}{keys}"));
}

#[test]
fn a_cluster_may_wait_for_members_and_for_dead_brokers_as_long_as_it_is_configured_to() {
    ends_well(&format!(
        "{TOPICS}{SHOP}{JOB}consumer.max.poll.interval.ms = 3600000\n[cluster]\n\
         group.initial.rebalance.delay.ms = 1800000\n[end]\nbound = '60s'\n"
    ));
    // Nobody leads what broker 1 led before its session is over.
    ends_well(&format!(
        "{TOPICS}{SHOP}{JOB}[cluster]\nbroker.session.timeout.ms = 1800000\n[[fault]]\nat = '5s'\naction = 'crash'\n\
         node = 'broker-1'\n"
    ));
}

#[test]
fn the_calls_for_all_records_of_a_poll_are_one_step() {
    let shop = SHOP.replace("'100ms'", "'1ms'");
    let slow = |text: &str| text.replace("'bank'\n", "'bank'\nservice.time = '4s'\n");
    let api = slow(BANK);
    let end = "max.poll.interval.ms = 3600000\n[end]\nbound = '20s'\n";
    ends_well(&format!("title = 't'\n{api}{shop}{CHARGES}{end}"));
    let job = "[[topic]]\nname = 'invoices'\n[[pipeline]]\nname = 'job'\ninput = 'orders'\noutput = 'invoices'\n\
               call.to = 'bank'\ncall.idempotency.key = 'record'\n";
    ends_well(&format!("title = 't'\n{api}{shop}{job}consumer.{end}"));
    // No more than one poll gives.
    let few = plan_of(&format!("title = 't'\n{api}{shop}{CHARGES}max.poll.records = 5\n{end}"));
    assert!((Span::from_secs(40)..Span::from_secs(100)).contains(&few.patience()), "{}", few.patience());
}

#[test]
fn a_poll_that_takes_too_long_is_done_again_before_the_run_is_given_up_and_the_key_is_named() {
    let api = BANK.replace("'bank'\n", "'bank'\nservice.time = '6s'\n");
    let charges = CHARGES.replace("call.idempotency.key = 'record'\n", "");
    let (run, kept) = ran(&format!("title = 't'\n{api}{}{charges}", SHOP.replace("'100ms'", "'1ms'")));
    let twice = run.report.violations.iter().find(|v| v.kind.name() == "charge-twice");
    assert!(twice.is_some_and(|v| v.count >= 30), "{:?}", run.report.violations);
    let charges = kept.client("charges");
    assert!(kept.all("told").any(|told| told["c"] == charges && told["error"] == "MEMBER_ID_REQUIRED"));
    let culprits: Vec<&str> = ["stuck", "undrained"]
        .iter()
        .flat_map(|kind| kept.all(kind))
        .map(|e| e["culprit"].as_str().expect("it is text"))
        .collect();
    assert!(culprits.iter().any(|c| c.contains("max.poll.interval.ms (300000) is too small")), "{culprits:?}");
    assert!(culprits.iter().any(|c| c.contains("twice what charges takes for the records of a poll")), "{culprits:?}");
    assert!(!culprits.iter().any(|c| c.contains("MEMBER_ID_REQUIRED")), "{culprits:?}");
}
