//! When a run ends: not before those who are still to come have come, not while there is progress, and not never. What it
//! then says of what did not finish.

mod kept;

use fencepost_reports::report::Verdict;
use fencepost_sim::run::{Course, Run};
use fencepost_sim::world::Ending;
use kept::{Kept, keep, plan_of};

const TOPICS: &str = "title = 't'\n[[topic]]\nname = 'orders'\n[[topic]]\nname = 'invoices'\n";
const SHOP: &str = "[[producer]]\nname = 'shop'\ntopic = 'orders'\nrecords = 100\ninterval = '100ms'\n";
const JOB: &str = "[[pipeline]]\nname = 'job'\ninput = 'orders'\noutput = 'invoices'\n\
                   processing.guarantee = 'exactly_once_v2'\n";

fn ran(text: &str) -> (Run, Kept) {
    keep(&plan_of(text), Course::Seed(1))
}

fn seconds(run: &Run) -> u64 {
    run.outcome.finished_at.0 / 1_000_000_000
}

fn visible(kept: &Kept, topic: &str) -> usize {
    let id = kept.all("topic").find(|t| t["name"] == topic).expect("the topic is declared")["id"].clone();
    kept.all("final").filter(|f| f["at"][0] == id && f["visible"] == true).count()
}

/// What is said of the first of what did not finish, of a kind.
fn culprit(kept: &Kept, kind: &str) -> String {
    let event = kept.all(kind).next().unwrap_or_else(|| panic!("there is no {kind}"));
    event["culprit"].as_str().expect("it is text").to_string()
}

#[test]
fn a_client_that_will_come_back_is_waited_for_when_all_others_have_finished() {
    let faults = [
        "at = '5s'\naction = 'crash'\nnode = 'job'\ndown = '10s'",
        "at = '8s'\naction = 'crash'\nnode = 'job'",
        "at = '9s'\naction = 'pause'\nnode = 'job'\nspan = '3s'",
        "at = '9s'\naction = 'power_loss'\nnode = 'job'\ndown = '1100ms'",
        // It begins when everything else has finished, at the very time at which the world looks.
        "at = '9s'\naction = 'pause'\nnode = 'job'\nspan = '1s'",
    ];
    for fault in faults {
        let (run, kept) = ran(&format!("{TOPICS}{SHOP}{JOB}[[fault]]\n{fault}\n"));
        assert_eq!(run.outcome.ending, Ending::Settled, "{fault}");
        assert_eq!((visible(&kept, "orders"), visible(&kept, "invoices")), (100, 100), "{fault}");
    }
}

#[test]
fn all_members_of_a_group_are_waited_for() {
    let topics = TOPICS.replace("'orders'", "'orders'\npartitions = 2");
    let fault = "[[fault]]\nat = '5s'\naction = 'crash'\nnodes = ['job-1', 'job-2']\ndown = '10s'\n";
    let (_, kept) = ran(&format!("{topics}{SHOP}{JOB}members = 2\n{fault}"));
    assert_eq!(visible(&kept, "invoices"), 100);
}

#[test]
fn a_connector_that_is_down_is_waited_for() {
    let connector = "[[payment_api]]\nname = 'bank'\n[[connector]]\nname = 'charges'\ninput = 'orders'\nto = 'bank'\n\
                     call.idempotency.key = 'record'\n";
    let fault = "[[fault]]\nat = '5s'\naction = 'crash'\nnode = 'charges'\ndown = '10s'\n";
    let (_, kept) = ran(&format!("title = 't'\n[[topic]]\nname = 'orders'\n{SHOP}{connector}{fault}"));
    assert_eq!(kept.all("sink_final").count(), 100);
}

#[test]
fn a_client_that_starts_after_the_bound_is_waited_for() {
    let (run, kept) = ran(&format!("{TOPICS}{SHOP}{JOB}start = '1h'\n"));
    assert_eq!((run.outcome.ending, visible(&kept, "invoices")), (Ending::Settled, 100));
}

#[test]
fn a_client_that_never_comes_back_does_not_hold_the_run() {
    let fault = "[[fault]]\nat = '5s'\naction = 'crash'\nnode = 'job'\n";
    let (run, kept) = ran(&format!("{TOPICS}{SHOP}{JOB}restart.after = 'never'\n{fault}"));
    assert_eq!(run.outcome.ending, Ending::Settled);
    assert!(seconds(&run) < 20, "{}", run.outcome.finished_at);
    assert!(visible(&kept, "invoices") < 100);
    // The history says that it was killed and did not start again: the judge asks what it left.
    let c = kept.client("job");
    assert_eq!(kept.all("started").filter(|e| e["c"] == c).count(), 1);
    assert_eq!(kept.all("stopped").filter(|e| e["c"] == c && e["reason"] == "killed").count(), 1);
}

#[test]
fn a_fault_whose_trigger_was_met_is_waited_for() {
    let fault = "[[fault]]\nafter = { kind = 'Produce', nth = 1, pause = '1m' }\naction = 'move_leader'\n\
                 partition = 'orders-0'\n";
    let (run, kept) = ran(&format!("title = 't'\n[[topic]]\nname = 'orders'\n{SHOP}{fault}"));
    assert_eq!(kept.all("fired").count(), 1);
    assert!((60..65).contains(&seconds(&run)), "{}", run.outcome.finished_at);
}

#[test]
fn a_producer_that_is_only_slow_goes_on() {
    let producer = "[[producer]]\nname = 'shop'\ntopic = 'orders'\nrecords = 3000\ntransactional.id = 's'\n\
                    transaction.records = 1\n[end]\nbound = '10s'\n";
    let (run, kept) = ran(&format!("title = 't'\n[[topic]]\nname = 'orders'\n{producer}"));
    assert_eq!((run.outcome.ending.clone(), visible(&kept, "orders")), (Ending::Settled, 3000));
    assert!(seconds(&run) > 3 * 10, "the bound alone would have done: {}", run.outcome.finished_at);
}

#[test]
fn a_job_that_is_only_slow_goes_on() {
    let shop = "[[producer]]\nname = 'shop'\ntopic = 'orders'\nrecords = 10000\n";
    let (run, kept) = ran(&format!("{TOPICS}{shop}{JOB}processing.time = '10ms'\n[end]\nbound = '20s'\n"));
    assert_eq!((run.outcome.ending.clone(), visible(&kept, "invoices")), (Ending::Settled, 10_000));
    assert!(seconds(&run) > 3 * 20, "the bound alone would have done: {}", run.outcome.finished_at);
}

#[test]
fn a_record_may_take_minutes() {
    let text = "title = 't'\n[[topic]]\nname = 'jobs'\n[[topic]]\nname = 'done'\n\
                [[producer]]\nname = 'src'\ntopic = 'jobs'\nrecords = 4\n\
                [[pipeline]]\nname = 'worker'\ninput = 'jobs'\noutput = 'done'\nprocessing.time = '7m'\n\
                commit.interval.ms = 0\nconsumer.max.poll.interval.ms = 600000\nconsumer.max.poll.records = 1\n";
    for bound in ["", "[end]\nbound = '30s'\n"] {
        let (run, kept) = ran(&format!("{text}{bound}"));
        assert_eq!((run.outcome.ending, visible(&kept, "done")), (Ending::Settled, 4), "{bound}");
    }
}

/// A poll brings more than can be processed in max.poll.interval.ms: the member is out of its group when it commits, and
/// begins anew.
const POLL_LOOP: &str = "title = 't'\n[[topic]]\nname = 'orders'\n[[topic]]\nname = 'invoices'\n\
     [[topic]]\nname = 'letters'\n\
     [[producer]]\nname = 'shop'\ntopic = 'orders'\nrecords = 40\n\
     [[pipeline]]\nname = 'job'\ninput = 'orders'\noutput = 'invoices'\nprocessing.guarantee = 'at_least_once'\n\
     processing.time = '1s'\nconsumer.max.poll.interval.ms = 10000\nconsumer.session.timeout.ms = 6000\n\
     [[pipeline]]\nname = 'mail'\ninput = 'invoices'\noutput = 'letters'\nprocessing.guarantee = 'at_least_once'\n\
     [[reader]]\nname = 'audit'\ntopics = ['letters']\n\
     [end]\nbound = '2m'\n";

#[test]
fn a_loop_that_repeats_its_work_makes_no_progress_however_much_others_read_of_it() {
    let (run, kept) = ran(POLL_LOOP);
    assert_eq!((run.outcome.ending.clone(), run.report.verdict), (Ending::Bound, Verdict::Violated));
    assert!(visible(&kept, "letters") > 80, "the loop has gone round: {}", visible(&kept, "letters"));
    assert!(seconds(&run) < 6 * 60, "{}", run.outcome.finished_at);
    let said: Vec<&str> = kept
        .0
        .iter()
        .filter(|(kind, _)| ["undrained", "stuck"].contains(&kind.as_str()))
        .filter_map(|(_, e)| e["culprit"].as_str())
        .collect();
    assert!(said.iter().any(|s| s.contains("a larger [end] bound")), "{said:?}");
}

#[test]
fn a_run_ends_at_its_limit_and_says_so() {
    let (run, kept) = ran(&format!("{TOPICS}{SHOP}{JOB}start = '1h'\n[end]\nlimit = '30s'\n"));
    assert!(matches!(run.outcome.ending, Ending::OverLimit { .. }), "{:?}", run.outcome.ending);
    assert_eq!((seconds(&run), run.report.verdict), (30, Verdict::Stuck));
    assert!(culprit(&kept, "stuck").contains("its limit of 30s ([end] limit)"), "{}", culprit(&kept, "stuck"));
}

#[test]
fn a_partition_that_waits_for_an_offset_names_the_setting() {
    let shop = "[[producer]]\nname = 'shop'\ntopic = 'orders'\nrecords = 10\n";
    let (_, kept) = ran(&format!("{TOPICS}{shop}{JOB}consumer.auto.offset.reset = 'none'\n"));
    let said = culprit(&kept, "undrained");
    assert!(said.contains("orders-0 has no committed offset, and auto.offset.reset=none"), "{said}");
    assert_eq!(kept.all("stuck").count(), 0, "nobody else is accused");
}

#[test]
fn a_fenced_instance_is_named_and_the_committed_offset_is_the_groups() {
    // The second instance of that name takes over at 5 s, and is killed for good.
    let member = |name: &str, more: &str| {
        format!(
            "[[pipeline]]\nname = '{name}'\ninput = 'orders'\noutput = 'invoices'\nconsumer.group.id = 'g'\n\
             consumer.group.instance.id = 'x'\ncommit.interval.ms = 100\n{more}"
        )
    };
    let (job, twin) = (member("job", ""), member("twin", "stage = 1\nstart = '5s'\nrestart.after = 'never'\n"));
    let fault = "[[fault]]\nat = '8s'\naction = 'crash'\nnode = 'twin'\n";
    let (run, kept) = ran(&format!("{TOPICS}{SHOP}{job}{twin}{fault}"));
    assert_eq!(run.outcome.ending, Ending::Bound);
    let undrained = kept.all("undrained").next().expect("nobody owns the partition");
    let said = culprit(&kept, "undrained");
    assert!(said.starts_with("no member of the group owns the partition: job: "), "{said}");
    assert!(said.contains("the group answered FENCED_INSTANCE_ID"), "{said}");
    let moved: Vec<i64> = kept.all("offset_moved").filter_map(|m| m["offset"].as_i64()).collect();
    assert_eq!(undrained["position"].as_i64(), moved.last().copied());
    // It ended by itself, and the history says why.
    let c = kept.client("job");
    let stopped = kept.all("stopped").find(|s| s["c"] == c).expect("it is over");
    assert_eq!(stopped["reason"], "ended");
    assert!(stopped["text"].as_str().is_some_and(|t| t.contains("FENCED_INSTANCE_ID")), "{stopped}");
}

#[test]
fn a_producer_that_is_refused_names_the_error() {
    let text = "title = 't'\n[[topic]]\nname = 'orders'\nmin.insync.replicas = 3\n[[producer]]\nname = 'shop'\n\
                topic = 'orders'\nrecords = 100\ninterval = '100ms'\ntransactional.id = 's'\ntransaction.records = 10\n\
                transaction.timeout.ms = 900000\ndelivery.timeout.ms = 900000\n\
                [[fault]]\nat = '5050ms'\naction = 'crash'\nnode = 'broker-3'\n[end]\nbound = '60s'\n";
    let (_, kept) = ran(text);
    for kind in ["open_transaction", "stuck"] {
        let said = culprit(&kept, kind);
        assert!(said.contains("it was last told NOT_ENOUGH_REPLICAS by an answer to Produce"), "{said}");
    }
    assert!(culprit(&kept, "stalled").contains("(transactional id s)"), "{}", culprit(&kept, "stalled"));
}

#[test]
fn a_marker_that_cannot_be_written_is_named_with_its_partition_and_the_error() {
    // The transaction is open when a replica dies for good; its coordinator decides and cannot write the marker.
    let text = "title = 't'\n[[topic]]\nname = 'orders'\nmin.insync.replicas = 3\n[[producer]]\nname = 'shop'\n\
                topic = 'orders'\nrecords = 10\ntransactional.id = 's'\ntransaction.records = 10\n\
                transaction.pause = '5s'\n\
                [[fault]]\nat = '2s'\naction = 'crash'\nnode = 'broker-3'\n[end]\nbound = '60s'\n";
    let (_, kept) = ran(text);
    let said = culprit(&kept, "open_transaction");
    assert!(said.contains("is in PrepareCommit and waits for the markers of orders-0"), "{said}");
    assert!(said.contains("(last answered NOT_ENOUGH_REPLICAS at"), "{said}");
}

#[test]
fn five_thousand_producers_are_run_to_the_end() {
    let producer = |n| format!("[[producer]]\nname = 'p{n:04}'\ntopic = 'orders'\nrecords = 1\nstart = '{n}ms'\n");
    let producers: String = (0..5_000).map(producer).collect();
    let (run, kept) = ran(&format!("title = 't'\n[[topic]]\nname = 'orders'\n{producers}"));
    assert_eq!((run.outcome.ending, visible(&kept, "orders")), (Ending::Settled, 5_000));
}
