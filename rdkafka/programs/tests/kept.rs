//! A history that a program's run kept is read from its file as any other, and judged as it was in the process.

use std::time::Duration;

use fencepost_programs::enrichment::{self, Config};
use fencepost_programs::mistakes::{self, Mistake};
use fencepost_programs::sieve;
use fencepost_reports::checker::Checker;
use fencepost_reports::history::jsonl;
use fencepost_reports::report::{Report, Verdict};
use rdkafka::fencepost::{self, Cluster, Finished};

const SCENARIO: &str = include_str!("../orders.toml");
const RESTART: Duration = Duration::from_secs(1);

/// The report of the file. What could not be attributed is known to the process alone, and stands in its notes after the
/// others; nothing else may differ.
fn judged_from_its_file(finished: &Finished) -> Report {
    let mut checker = Checker::new();
    let text = finished.history().expect("it was asked for");
    jsonl::read(text.as_bytes(), &mut checker).expect("the strict reader takes it");
    let read = checker.finish();
    let kit = finished.report();
    assert!(kit.notes.starts_with(&read.notes), "{:?} in the process, {:?} from the file", kit.notes, read.notes);
    let without_notes = |report: &Report| {
        let mut report = report.clone();
        report.notes.clear();
        serde_json::to_value(&report).expect("a report is JSON")
    };
    let (of_file, of_kit) = (without_notes(&read), without_notes(kit));
    for (key, value) in of_kit.as_object().expect("an object") {
        assert_eq!(of_file.get(key), Some(value), "seed {}: {key}, from the file and in the process", finished.seed());
    }
    assert_eq!(of_file, of_kit);
    read
}

async fn through_restarts(cluster: Cluster) -> Finished {
    cluster.keep_history();
    cluster.fault("at = '12s'\naction = 'rolling_restart'\ndown = '2s'");
    let seed = cluster.seed();
    tokio::time::sleep(Duration::from_millis(8_000 + 37 * (seed % 50))).await;
    cluster.pause("first", Duration::from_secs(35));
    for round in 0..4 {
        tokio::time::sleep(Duration::from_millis(12_000 + 13 * ((seed + 31 * round) % 70))).await;
        cluster.restart("second");
    }
    cluster.finish().await
}

#[test]
fn a_clean_history_is_clean_from_its_file() {
    fencepost::test(1..=3, || async {
        let cluster = Cluster::from_text("orders", SCENARIO);
        cluster.service("first", RESTART, || enrichment::run(Config::of_instance(1)));
        cluster.service("second", RESTART, || enrichment::run(Config::of_instance(2)));
        let read = judged_from_its_file(&through_restarts(cluster).await);
        assert_eq!(read.verdict, Verdict::Clean);
        assert_eq!(read.topic("enriched").map(|topic| topic.visible), Some(600));
    });
}

/// The instance that was fenced keeps its partitions and makes nothing of them.
#[test]
fn a_history_of_a_mistake_is_judged_alike_from_its_file() {
    fencepost::test(1..=3, || async {
        let cluster = Cluster::from_text("orders", SCENARIO);
        cluster.service("first", RESTART, || mistakes::run(Config::of_instance(1), Mistake::GoesOn));
        cluster.service("second", RESTART, || mistakes::run(Config::of_instance(2), Mistake::GoesOn));
        judged_from_its_file(&through_restarts(cluster).await);
    });
}

#[test]
fn a_filter_is_missed_from_its_file_or_allowed_as_in_its_process() {
    for declared in [false, true] {
        fencepost::test(1..=2, move || async move {
            let cluster = Cluster::from_text("orders", SCENARIO);
            cluster.keep_history();
            cluster.made_of("enriched", |order, kept| {
                use rdkafka::Message as _;
                order.payload() == kept.payload() && order.key() == kept.key()
            });
            if declared {
                cluster.skips("enriched", |order| {
                    use rdkafka::Message as _;
                    order.payload().is_some_and(|value| !sieve::keeps(value))
                });
            }
            cluster.service("sieve", RESTART, || sieve::run(Config::of_instance(1)));
            let read = judged_from_its_file(&cluster.finish().await);
            let expected = if declared { Verdict::Clean } else { Verdict::Violated };
            assert_eq!(read.verdict, expected, "{}", read.render_text());
        });
    }
}
