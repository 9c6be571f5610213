//! Who owns which partition.

use super::history2::*;
use crate::report::{Kind, Verdict};

fn assigned(c: u32, i: u32, generation: Option<i32>) -> String {
    let generation = generation.map_or(String::new(), |g| format!(",\"generation\":{g}"));
    format!("{{\"assigned\":{{\"t\":8,\"c\":{c},\"i\":{i},\"at\":[0,0]{generation}}}}}\n")
}

fn revoked(c: u32) -> String {
    format!("{{\"revoked\":{{\"t\":8,\"c\":{c},\"at\":[0,0]}}}}\n")
}

#[test]
fn two_members_of_one_generation_that_own_one_partition_are_found() {
    let report = finds(&at_the_end(&healthy(), &assigned(2, 0, Some(1))), &[(Kind::TwoOwners, 1)]);
    assert_eq!(report.verdict, Verdict::Violated);
    let proof = &report.violations[0].proof;
    assert_eq!(
        proof.sentence,
        "job-2 was given orders-0 at 0.000000008 s in generation 1 of group job, in which job-1 had been given it at \
         0.000000002 s and had not lost it"
    );
    assert_eq!(proof.clients, [("job-2".to_owned(), 0), ("job-1".to_owned(), 0)]);
}

#[test]
fn a_partition_that_changes_hands_has_one_owner() {
    // Given up first: within a generation, or for the next one.
    clean(&at_the_end(&healthy(), &(revoked(1) + &assigned(2, 0, Some(1)))));
    clean(&at_the_end(&healthy(), &(revoked(1) + &assigned(2, 0, Some(2)))));
    // A member that crashed gives up nothing: its session expires, and the generation is another one.
    clean(&at_the_end(&healthy(), &assigned(2, 0, Some(2))));
    // Stopped, which the group learns of later.
    let stopped = "{\"stopped\":{\"t\":8,\"c\":1,\"reason\":\"killed\"}}\n".to_owned();
    clean(&at_the_end(&healthy(), &(stopped + &assigned(2, 0, Some(1)))));
    // A member that keeps it is told so again; a static one comes back into its generation.
    clean(&at_the_end(&healthy(), &assigned(1, 0, Some(1))));
    clean(&at_the_end(
        &healthy(),
        &("{\"started\":{\"t\":8,\"c\":1,\"i\":1}}\n".to_owned() + &assigned(1, 1, Some(1))),
    ));
    // Without a generation nothing can be told.
    clean(&at_the_end(&healthy(), &assigned(2, 0, None)));
}

#[test]
fn a_member_whose_place_another_process_took_under_its_instance_id_is_no_second_owner() {
    let told = "{\"told\":{\"t\":9,\"c\":1,\"call\":\"Heartbeat\",\"error\":\"FENCED_INSTANCE_ID\"}}\n";
    clean(&at_the_end(&healthy(), &(assigned(2, 0, Some(1)) + told)));
}

#[test]
fn two_owners_are_found_in_a_history_of_the_first_version_too() {
    let report = judge_version(1, &at_the_end(&healthy(), &assigned(2, 0, Some(1))));
    assert_eq!(report.count(Kind::TwoOwners), 1);
}

/// `orders` has a second partition with one record, which is processed although nobody was given the partition.
fn second_partition() -> String {
    let text = healthy().replace("\"name\":\"orders\",\"partitions\":1", "\"name\":\"orders\",\"partitions\":2");
    let id = "[2147483648,0,77,0,0]";
    let more = format!(
        "{{\"send\":{{\"t\":8,\"c\":0,\"op\":77,\"topic\":0,\"id\":{id}}}}}\n\
         {{\"ack\":{{\"t\":8,\"c\":0,\"op\":77,\"at\":[0,1],\"offset\":0}}}}\n\
         {{\"skipped\":{{\"t\":8,\"c\":1,\"at\":[0,1],\"offset\":0}}}}\n"
    );
    at_the_end(&text, &more)
        + "{\"end\":{\"t\":99,\"at\":[0,1],\"start\":0,\"lso\":1,\"hw\":1,\"leo\":1}}\n"
        + &format!("{{\"final\":{{\"at\":[0,1],\"offset\":0,\"id\":{id},\"visible\":true}}}}\n")
}

#[test]
fn a_partition_with_records_that_its_group_never_gave_to_anybody_is_unowned() {
    let report = finds(&second_partition(), &[(Kind::Unowned, 1)]);
    assert_eq!(report.verdict, Verdict::Stuck);
    assert_eq!(
        proof(&report, Kind::Unowned),
        "orders-1 with 1 record was never given to any member of group job, and job-1, job-2 still run"
    );
    let given = "{\"assigned\":{\"t\":2,\"c\":2,\"at\":[0,1],\"generation\":1}}\n";
    clean(&before(&second_partition(), "{\"send\"", given));
    // A writer that never says who owns what says nothing by not saying it.
    clean(&without(&second_partition(), &["{\"assigned\""]));
    // Nor is a partition without records missed.
    let empty = without(&without(&second_partition(), &["{\"final\"", "[0,1]"]), &["\"op\":77"]).replace(
        "\"at\":[0,1],\"start\":0,\"lso\":1,\"hw\":1,\"leo\":1",
        "\"at\":[0,1],\"start\":0,\"lso\":0,\"hw\":0,\"leo\":0",
    );
    clean(&without(&empty, &["{\"skipped\""]));
}

#[test]
fn a_partition_that_nobody_owns_in_the_end_while_members_run_and_inputs_wait_is_unowned() {
    let found = [(Kind::Unprocessed, 3), (Kind::Unowned, 1)];
    let report = finds(&at_the_end(&stops_at(2), &revoked(1)), &found);
    assert!(proof(&report, Kind::Unowned).ends_with("job-1 lost it at 0.000000008 s, and job-1, job-2 still run"));
    assert!(
        proof(&report, Kind::Unprocessed).contains("nobody has the partition since job-1 lost it at 0.000000008 s")
    );
    finds(&at_the_end(&stops_at(2), &(revoked(1) + &assigned(2, 0, Some(2)))), &found[..1]);
    // It may be just on its way to another member: nothing waits for that.
    clean(&at_the_end(&healthy(), &revoked(1)));
    // Nobody is left who could own it, or nobody says who runs.
    let stop = |c: u32| format!("{{\"stopped\":{{\"t\":8,\"c\":{c},\"reason\":\"ended\"}}}}\n");
    finds(&at_the_end(&stops_at(2), &(revoked(1) + &stop(1) + &stop(2))), &found[..1]);
    finds(&without(&at_the_end(&stops_at(2), &revoked(1)), &["{\"started\""]), &found[..1]);
}

#[test]
fn late_news_of_an_earlier_generation_takes_nothing_from_the_owner_of_a_later_one() {
    let later = assigned(2, 0, Some(3)) + &assigned(1, 0, Some(2)) + &assigned(1, 0, Some(3));
    let report = finds(&at_the_end(&healthy(), &later), &[(Kind::TwoOwners, 1)]);
    assert!(proof(&report, Kind::TwoOwners).contains("in generation 3"));
}

#[test]
fn another_producer_in_the_same_process_leaves_its_consumer_what_it_had() {
    let started = "{\"started\":{\"t\":8,\"c\":1,\"i\":1}}\n";
    let stopped = |i: u32| format!("{{\"stopped\":{{\"t\":8,\"c\":1,\"i\":{i},\"reason\":\"killed\"}}}}\n");
    let waits = [(Kind::Unprocessed, 3), (Kind::Unowned, 1)];
    finds(&at_the_end(&stops_at(2), started), &waits[..1]);
    // A process that was killed in between lost them, and so does one that is killed with its later producer.
    finds(&at_the_end(&stops_at(2), &(stopped(0) + started)), &waits);
    finds(&at_the_end(&stops_at(2), &(started.to_owned() + &stopped(1))), &waits);
    // Whoever is given the partition in the same generation is a second owner.
    let report =
        finds(&at_the_end(&healthy(), &(started.to_owned() + &assigned(2, 0, Some(1)))), &[(Kind::TwoOwners, 1)]);
    assert!(proof(&report, Kind::TwoOwners).contains("in which job-1 had been given it"));
    // Revoked from the later one, it is nobody's.
    let revoked = "{\"revoked\":{\"t\":8,\"c\":1,\"i\":1,\"at\":[0,0]}}\n";
    finds(&at_the_end(&stops_at(2), &(started.to_owned() + revoked)), &waits);
}
