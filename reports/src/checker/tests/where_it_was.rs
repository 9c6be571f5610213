//! A reader without a group reads on from where it was, whatever happens to it, unless a `position` says otherwise.

use super::history2::*;
use crate::report::Kind;

/// `audit` is killed and begins anew.
fn restart() -> String {
    "{\"stopped\":{\"t\":8,\"c\":3,\"reason\":\"killed\"}}\n{\"started\":{\"t\":8,\"c\":3,\"i\":1}}\n".to_owned()
}

fn assigned(i: u32) -> String {
    format!("{{\"assigned\":{{\"t\":8,\"c\":3,\"i\":{i},\"at\":[1,0]}}}}\n")
}

fn read(i: u32, from: i64) -> String {
    let line =
        |r| format!("{{\"read\":{{\"t\":8,\"c\":3,\"i\":{i},\"at\":[1,0],\"offset\":{r},\"id\":{}}}}}\n", invoice(r));
    (from..N).map(line).collect()
}

fn position(i: u32, position: i64, reason: &str) -> String {
    format!(
        "{{\"position\":{{\"t\":8,\"c\":3,\"i\":{i},\"at\":[1,0],\"position\":{position},\"reason\":\"{reason}\"}}}}\n"
    )
}

#[test]
fn a_reader_without_a_group_that_reads_again_after_a_restart_says_from_where() {
    let report = finds(&at_the_end(&healthy(), &(restart() + &read(1, 3))), &[(Kind::ReaderBackwards, 2)]);
    assert_eq!(
        proof(&report, Kind::ReaderBackwards),
        "audit (incarnation 1) was given invoices-0@3 at 0.000000008 s, after its incarnation before had read up to offset 4 at \
         0.000000007 s"
    );
    finds(&at_the_end(&healthy(), &(restart() + &assigned(1) + &read(1, 0))), &[(Kind::ReaderBackwards, 5)]);
    for reason in ["reset", "seek", "committed"] {
        clean(&at_the_end(&healthy(), &(restart() + &position(1, 3, reason) + &read(1, 3))));
    }
    // A position of the incarnation before holds as long as none is told: nothing was read from there yet.
    clean(&at_the_end(&healthy(), &(position(0, 3, "seek") + &restart() + &read(1, 3))));
    // So does the one before that, where one incarnation was given nothing.
    let twice = restart() + &restart().replace("\"i\":1", "\"i\":2").replacen("\"c\":3,", "\"c\":3,\"i\":1,", 1);
    finds(&at_the_end(&healthy(), &(twice.clone() + &read(2, 4))), &[(Kind::ReaderBackwards, 1)]);
    clean(&at_the_end(&healthy(), &(twice + &position(2, 4, "reset") + &read(2, 4))));
}

#[test]
fn a_reader_without_a_group_that_is_given_a_partition_again_reads_on() {
    finds(&at_the_end(&healthy(), &(assigned(0) + &read(0, 4))), &[(Kind::ReaderBackwards, 1)]);
    clean(&at_the_end(&healthy(), &(assigned(0) + &position(0, 4, "seek") + &read(0, 4))));
    clean(&at_the_end(&healthy(), &assigned(0)));
}

#[test]
fn a_reader_without_a_group_that_goes_on_elsewhere_after_a_restart_has_skipped() {
    let late = |from: i64| {
        let read_to_2 = (2..N).fold(healthy(), |text, r| without(&text, &["{\"read\"", "\"c\":3,", &invoice(r)]));
        at_the_end(&read_to_2, &(restart() + &read(1, from)))
    };
    clean(&late(2));
    finds(&late(4), &[(Kind::ReaderSkipped, 2)]);
}

/// The first version has the same rule, and no word for a restart but the incarnation.
#[test]
fn a_reader_of_the_first_version_says_from_where_it_reads_again_too() {
    let old: String =
        healthy().lines().filter(|line| !line.contains("started")).map(|line| line.to_owned() + "\n").collect();
    let kinds = |text: &str| {
        let report = judge_version(1, text);
        report.violations.iter().map(|v| (v.kind, v.count)).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&at_the_end(&old, &read(1, 3))), [(Kind::ReaderBackwards, 2)]);
    assert_eq!(kinds(&at_the_end(&old, &(position(1, 3, "reset") + &read(1, 3)))), []);
}
