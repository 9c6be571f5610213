//! What a run says of itself is true: who left what undone, why a transaction was aborted, and what holds up what.

mod kept;

use fencepost_reports::report::Kind;
use fencepost_sim::run::{Course, Run};
use fencepost_sim::scenario::{Choice, Scenario};
use kept::{Kept, keep, plan_of};

const ORDERS: &str = "title = 't'\n[[topic]]\nname = 'orders'\n";
const SHOP: &str = "[[producer]]\nname = 'shop'\ntopic = 'orders'\nrecords = 100\ninterval = '100ms'\n";
const CRASH: &str = "[[fault]]\nat = '5s'\naction = 'crash'\nnode = 'shop'\n";

fn ran(text: &str) -> (Run, Kept) {
    keep(&plan_of(text), Course::Seed(1))
}

fn culprits(kept: &Kept) -> Vec<String> {
    let kinds = ["stuck", "undrained", "stalled", "open_transaction"];
    let all = kinds.iter().flat_map(|kind| kept.all(kind));
    all.map(|event| event["culprit"].as_str().expect("it is text").to_string()).collect()
}

fn assert_says(kept: &Kept, words: &str) {
    let culprits = culprits(kept);
    assert!(culprits.iter().any(|culprit| culprit.contains(words)), "'{words}' is not in {culprits:#?}");
}

#[test]
fn what_a_client_that_died_for_good_never_sent_is_told() {
    let (run, _) = ran(&format!("{ORDERS}{SHOP}restart.after = 'never'\n{CRASH}"));
    let wanted = "shop was killed at 5.000 s and did not come back: 50 of 100 records were never sent";
    assert!(run.report.warnings.iter().any(|w| w == wanted), "{:?}", run.report.warnings);
    let service = "[[database]]\nname = 'books'\n[[service]]\nname = 'shop'\ndatabase = 'books'\ntopic = 'orders'\n\
                   records = 100\ninterval = '100ms'\nrestart.after = 'never'\n[[relay]]\nname = 'rel'\nof = 'shop'\n";
    let (run, _) = ran(&format!("{ORDERS}{service}{CRASH}"));
    let told = run.report.warnings.iter().any(|w| w.starts_with("shop was killed at 5.000 s and did not come back: "));
    assert!(told, "{:?}", run.report.warnings);
    for whole in [format!("{ORDERS}{SHOP}"), format!("{ORDERS}{SHOP}{CRASH}"), format!("{ORDERS}{service}")] {
        let (run, _) = ran(&whole);
        assert_eq!(run.report.warnings, Vec::<String>::new(), "{whole}");
    }
}

#[test]
fn why_a_transaction_was_aborted_is_told() {
    let shop = format!("{SHOP}transactional.id = 's'\ntransaction.records = 20\n");
    let init = format!("restart.after = '1s'\n{CRASH}");
    let timeout = format!("restart.after = 'never'\ntransaction.timeout.ms = 20000\n{CRASH}");
    for version in [0, 2] {
        for (keys, cause) in [("abort.every = 2\n", "request"), (&init, "init"), (&timeout, "timeout")] {
            let cluster = format!("[cluster]\ntransaction.version = {version}\n");
            let (_, kept) = ran(&format!("{ORDERS}{cluster}{shop}{keys}"));
            let shop = kept.client("shop");
            let aborts = kept.all("decided").filter(|d| d["commit"] == false && d["c"] == shop);
            let causes: Vec<&str> = aborts.map(|d| d["cause"].as_str().expect("it is text")).collect();
            assert!(!causes.is_empty(), "version {version}: nothing was aborted ({cause})");
            assert!(causes.iter().all(|c| *c == cause), "version {version}: {causes:?}, not {cause}");
        }
    }
}

#[test]
fn a_client_that_comes_back_by_itself_does_not_stay_away() {
    let words = |text: &str| {
        let (_, kept) = ran(text);
        let fault = kept.all("fault").next().expect("there is one");
        fault["words"].as_str().expect("it is text").to_string()
    };
    let ends = [
        (format!("{ORDERS}{SHOP}{CRASH}"), "dies, and is started again after 3s"),
        (format!("{ORDERS}{SHOP}restart.after = '7s'\n{CRASH}"), "dies, and is started again after 7s"),
        (format!("{ORDERS}{SHOP}restart.after = 'never'\n{CRASH}"), "dies, and stays away"),
        (format!("{ORDERS}{SHOP}{CRASH}down = '2s'\n"), "dies, and is back after 2s"),
        (format!("{ORDERS}{SHOP}{}", CRASH.replace("shop", "broker-1")), "dies, and stays away"),
    ];
    for (text, end) in ends {
        let words = words(&text);
        assert!(words.ends_with(end), "{words}");
    }
}

#[test]
fn a_run_that_is_cut_off_accuses_nobody_of_it() {
    let (_, kept) = ran(&format!("{ORDERS}{SHOP}[end]\ndelivery.budget = 1000\n"));
    let culprits = culprits(&kept);
    let start = "the run was cut off after 1,000 deliveries ([end] delivery.budget); the busiest node was ";
    assert!(culprits.len() == 1 && culprits[0].starts_with(start), "{culprits:?}");
}

#[test]
fn what_is_said_of_replicas_was_looked_at() {
    let topic = |keys: &str| format!("{ORDERS}replication.factor = 3\n{keys}");
    let one = SHOP.replace("orders'\n", "orders'\nacks = '1'\nenable.idempotence = false\n");
    let crash = |node: &str| CRASH.replace("shop", node);
    // Two of three are left, where three are asked for: the high watermark stands, with nobody behind.
    let few = topic("min.insync.replicas = 3\nassignment = [[1, 2, 3]]\n");
    let (_, kept) = ran(&format!("{few}{one}{}", crash("broker-3")));
    assert_says(&kept, "2 in-sync replicas, fewer than min.insync.replicas (3)");
    // The only replica is gone.
    let lonely = format!("{ORDERS}replication.factor = 1\nassignment = [[1]]\n");
    let (_, kept) = ran(&format!("{lonely}{SHOP}{}", crash("broker-1")));
    let culprits = culprits(&kept);
    let says = |words: &str| culprits.iter().any(|c| c.contains(words));
    assert!(says("the partition has no leader"), "{culprits:#?}");
    assert!(!says("not all in-sync replicas"), "{culprits:#?}");
}

#[test]
fn the_error_that_is_cited_is_no_ordinary_one_and_calls_that_timed_out_are_named() {
    let lonely = format!("{ORDERS}replication.factor = 1\nassignment = [[1]]\n[[topic]]\nname = 'invoices'\n");
    let job = "[[pipeline]]\nname = 'job'\ninput = 'invoices'\noutput = 'orders'\n\
               processing.guarantee = 'exactly_once_v2'\n";
    let shop = SHOP.replace("'orders'", "'invoices'");
    let (_, kept) = ran(&format!("{lonely}{shop}{job}{}", CRASH.replace("shop", "broker-1")));
    let culprits = culprits(&kept);
    let routine = ["MEMBER_ID_REQUIRED", "COORDINATOR_LOAD_IN_PROGRESS", "NOT_COORDINATOR"];
    assert!(!culprits.iter().any(|c| routine.iter().any(|r| c.contains(r))), "{culprits:#?}");
    // A producer that waits for the leader: its sends time out.
    let (_, kept) = ran(&format!(
        "{lonely}{SHOP}delivery.timeout.ms = 60000\non_unknown = 'resend'\n{}",
        CRASH.replace("shop", "broker-1")
    ));
    assert_says(&kept, "send() last came to ");
}

#[test]
fn a_transaction_that_times_out_again_and_again_names_its_timeout() {
    let job = "[[topic]]\nname = 'invoices'\n[[pipeline]]\nname = 'job'\ninput = 'orders'\noutput = 'invoices'\n\
               processing.guarantee = 'exactly_once_v2'\nprocessing.time = '25s'\n\
               consumer.max.poll.records = 5\nproducer.transaction.timeout.ms = 10000\ncommit.interval.ms = 10000\n";
    let (_, kept) = ran(&format!("{ORDERS}{}{job}", SHOP.replace("'100ms'", "'1ms'")));
    assert_says(&kept, "transaction.timeout.ms (10000) is too small");
}

#[test]
fn a_run_without_an_end_counts_once() {
    let scenario = Scenario::load_built_in(
        "interview/transaction-state-offline",
        Choice { case: Some("for-good".to_string()), sets: Vec::new() },
    );
    let scenario = scenario.unwrap_or_else(|p| panic!("{p}"));
    let (run, kept) = keep(&scenario.plan, Course::Seed(scenario.seeds.0));
    assert!(kept.all("stuck").count() > 1);
    let stuck = run.report.violations.iter().find(|v| v.kind == Kind::StuckRun).expect("it is stuck");
    assert_eq!(stuck.count, 1);
    assert!(!stuck.further.is_empty(), "the others are further proofs");
}
