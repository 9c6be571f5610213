use super::*;
use crate::scenario::{Choice, Scenario, builtin};

fn row(scenario: &str, case: Option<&str>) -> Row {
    let (name, text) = builtin::find(scenario).expect("it is built in");
    let load = |further: &[&str]| {
        let sets = further.iter().map(ToString::to_string).collect();
        let choice = Choice { case: case.map(str::to_string), sets };
        Scenario::load(name, text, choice, &mut |path| builtin::read_file(name, path)).expect("it is right").plan
    };
    let few = "shop.records=1000";
    measure((scenario, case, ""), 1, &load(&[few]), &load(&[few, PACE])).expect("nothing goes wrong")
}

#[test]
fn what_a_transaction_costs_is_shared_by_its_records() {
    let plain = row("bench/cost", None);
    let idempotent = row("bench/cost", Some("idempotent"));
    let [hundred, ten, one] =
        ["transactions-of-100", "transactions-of-10", "transactions-of-1"].map(|c| row("bench/cost", Some(c)));
    assert_eq!(plain.records, 1000);
    assert!(idempotent.writing_per_1000 <= plain.writing_per_1000 * 11 / 10, "{idempotent:?} {plain:?}");
    assert!(plain.writing_per_1000 < hundred.writing_per_1000, "{plain:?} {hundred:?}");
    assert!(hundred.writing_per_1000 < ten.writing_per_1000 && ten.writing_per_1000 < one.writing_per_1000);
    assert!(hundred.per_second > ten.per_second && ten.per_second > one.per_second);
}

#[test]
fn a_reader_at_read_committed_waits_for_the_marker_and_one_at_read_uncommitted_does_not() {
    let [thousand, hundred] = ["transactions-of-1000", "transactions-of-100"].map(|case| row("bench/cost", Some(case)));
    assert!(thousand.committed.p50_ns > thousand.uncommitted.p50_ns * 10, "{thousand:?}");
    assert!(thousand.committed.p50_ns > hundred.committed.p50_ns * 5, "{thousand:?} {hundred:?}");
    let plain = row("bench/cost", None);
    assert!(plain.committed.p50_ns < plain.uncommitted.p50_ns * 2, "outside transactions there is nothing to wait for");
}

#[test]
fn a_pipeline_pays_for_its_transactions() {
    let base = row("bench/cost-pipeline", None);
    let each = row("bench/cost-pipeline", Some("exactly-once-each-poll"));
    assert!(each.writing_per_1000 > base.writing_per_1000, "{each:?} {base:?}");
    assert!(each.committed.p50_ns > base.committed.p50_ns, "{each:?} {base:?}");
}
