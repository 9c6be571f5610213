//! Readers and groups that miss or get too much, and calls and processes that end badly.

use fencepost_reports::history::event::*;

use super::annex::{Annex, State};
use super::{Story, story};
use crate::kinds::{Expect, Mutant, Mutation};

pub fn stories() -> Vec<Story> {
    vec![
        story!(
            "skip-at-a-restart",
            "a reader without a group goes on, after a restart, behind records that it never had, without a position",
            skip_at_restart,
            [ReaderSkipped, Unprocessed],
            [ReaderSkipped, Unprocessed],
            "what a restarted reader passed without saying so is both skipped and still owed to it"
        ),
        story!(
            "reset-past-the-committed-offset",
            "a group that has committed is reset to the latest offset, past records",
            reset_past_committed,
            [Unprocessed],
            [ReaderSkipped],
            "a member passed them"
        ),
        story!(
            "lost-in-a-rebalance",
            "a partition's next owner goes on behind what the one before it committed",
            lost_in_rebalance,
            [Unprocessed, ReaderSkipped],
            [Unprocessed, ReaderSkipped],
            "what the second member passed is not committed either"
        ),
        story!(
            "committed-past-what-nobody-was-given",
            "a group of readers committed past records that none of its members was given, from where the next one reads on",
            committed_past,
            [ReaderSkipped]
        ),
        story!(
            "owner-died",
            "a partition's owner is killed with records before it, and its group goes on without giving it to anybody",
            owner_died,
            [Unowned],
            [Unprocessed],
            "nobody was given the records"
        ),
        story!(
            "members-never-ran",
            "no member of a group ever started, and its topic has records",
            members_never_ran,
            [Unprocessed],
            [Unowned],
            "nobody was given the partition"
        ),
        story!(
            "second-group-misses-the-tail",
            "one of two groups of a topic stops before its end",
            second_group_misses_tail,
            [Unprocessed]
        ),
        story!(
            "aborted-record-given-to-a-member",
            "a group's member at read_committed was given an aborted record",
            aborted_to_member,
            [AbortedVisible],
            [UncommittedVisible],
            "its commit was never invoked"
        ),
        story!(
            "aborted-record-given-at-read-uncommitted",
            "a reader at read_uncommitted was given a record that was aborted",
            aborted_to_uncommitted,
            [AbortedVisible]
        ),
        story!(
            "commit-lands-on-another-partition",
            "an offset commit for one partition moved the offset of another",
            lands_on_another_partition,
            [CommittedOffsetMoved],
            [CommitWithoutEffect],
            "the offset that the commit was for never took the value"
        ),
        story!(
            "commit-lands-in-another-group",
            "an offset commit of one group moved the offset of another",
            lands_in_another_group,
            [CommitWithoutEffect],
            [CommittedOffsetMoved],
            "nobody of the other group asked for its move"
        ),
        story!(
            "unanswered-send-of-the-killed",
            "a send of a process that was killed has no outcome, not even an unknown one",
            unanswered_of_killed,
            [Unanswered]
        ),
        story!("panicked", "a program under test panicked", panicked, [Panicked]),
        Story {
            mutation: Mutation {
                name: "all-sends-unknown-and-gone",
                what: "every send to a topic is of unknown outcome, and it is empty",
                expect: Expect::Vacuous,
                also: &[],
                because: "",
                make: |past, dice| super::wrong(past, dice, all_unknown),
            },
            near: super::fair!("unbroken-all-sends-unknown-and-gone", all_unknown),
        },
    ]
}

/// The identities from a place on.
fn ids(of: &[(Identity, i64)]) -> Vec<Identity> {
    of.iter().map(|x| x.0).collect()
}

fn skip_at_restart(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    let reader = a.reader("reader", Isolation::ReadCommitted, &[at.topic]);
    let (read, missed) = (a.some(3), a.some(3));
    let all = a.puts(c, at, read + missed + 2);
    a.read_on(reader, at, 0, read as i64);
    a.restart(reader);
    let from = if broken { read + missed } else { read } as i64;
    a.own(reader, at, None);
    a.read_on(reader, at, from, all.len() as i64);
    let name = a.name(reader);
    a.found().records(ids(&all[read..read + missed])).client(name).times(missed as u64)
}

fn reset_past_committed(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    let (read, missed) = (a.some(3), a.some(3));
    let all = a.puts(c, at, read + missed);
    let (_, member) = a.audience(at, "audience", read);
    a.restart(member);
    a.own(member, at, Some(2));
    let (from, reason) = match broken {
        true => (all.len(), PositionReason::Reset),
        false => (read, PositionReason::Committed),
    };
    a.position(member, at, from as i64, reason);
    a.puts(c, at, 2);
    a.read_on(member, at, from as i64, all.len() as i64 + 2);
    a.found().records(ids(&all[read..])).times(missed as u64)
}

fn lost_in_rebalance(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    let (read, missed) = (a.some(3), a.some(3));
    let all = a.puts(c, at, read + missed + 2);
    let (group, first) = a.audience(at, "audience", read);
    let second = a.member("audience-2", group, at.topic);
    a.lose(first, at, Some(1));
    a.own(second, at, Some(2));
    let from = if broken { read + missed } else { read } as i64;
    a.position(second, at, from, PositionReason::Committed);
    a.read_on(second, at, from, all.len() as i64);
    a.found().records(ids(&all[read..read + missed])).times(missed as u64)
}

fn committed_past(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    let (read, missed) = (a.some(3), a.some(3));
    let all = a.puts(c, at, read + missed + 2);
    let (group, first) = a.listener(at, "audience");
    let next = (read + missed) as i64;
    a.read_on(first, at, 0, if broken { read as i64 } else { next });
    a.commit(first, group, at, next);
    let second = a.member("audience-2", group, at.topic);
    a.lose(first, at, Some(1));
    a.own(second, at, Some(2));
    a.position(second, at, next, PositionReason::Committed);
    a.read_on(second, at, next, all.len() as i64);
    a.commit(second, group, at, all.len() as i64);
    a.found_in(at).records(ids(&all[read..read + missed])).times(missed as u64)
}

fn owner_died(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(2);
    let other = Partition::new(at.topic, 1);
    let (read, missed) = (a.some(3), a.some(3));
    let all = a.puts(c, at, read);
    a.puts(c, other, 2);
    let (group, first) = a.audience(at, "audience", read);
    let second = a.member("audience-2", group, at.topic);
    a.own(second, other, Some(1));
    a.position(second, other, 0, PositionReason::Reset);
    a.read_all(second, other.topic);
    a.stop(first, StopReason::Killed, "");
    let late = a.puts(c, at, missed);
    a.lose(second, other, Some(1));
    a.own(second, other, Some(2));
    a.position(second, other, 2, PositionReason::Committed);
    if !broken {
        a.own(second, at, Some(2));
        a.position(second, at, all.len() as i64, PositionReason::Committed);
        a.read_on(second, at, all.len() as i64, (all.len() + late.len()) as i64);
    }
    a.found_in(at).once()
}

fn members_never_ran(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    let many = a.some(5);
    let all = a.puts(c, at, many);
    let group = a.group("audience");
    let (kind, inputs, group_of) = (ClientKind::Reader, vec![at.topic], Some(group));
    let member = a.idle(Client { name: "audience".into(), kind, inputs, group: group_of, ..Client::default() });
    if !broken {
        a.start(member);
        a.own(member, at, Some(1));
        a.position(member, at, 0, PositionReason::Reset);
        a.read_all(member, at.topic);
    }
    let name = a.name(member);
    a.found().records(ids(&all)).client(name).times(many as u64)
}

fn second_group_misses_tail(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    let (read, missed) = (a.some(3), a.some(3));
    let all = a.puts(c, at, read + missed);
    a.audience(at, "audience", all.len());
    let (_, member) = a.audience(at, "auditors", if broken { read } else { all.len() });
    let name = a.name(member);
    a.found().records(ids(&all[read..])).client(name).times(missed as u64)
}

/// A topic with a transaction that was aborted between two that were committed; its one record.
fn with_aborted(a: &mut Annex<'_>) -> (Partition, Identity, i64) {
    let (at, c) = a.debits();
    for _ in 0..a.some(3) {
        a.transaction(c, &[at]);
    }
    a.begin(c);
    let (id, offset) = a.add(c, at);
    a.end(c, &[at], false);
    a.transaction(c, &[at]);
    (at, id, offset)
}

fn aborted_to_member(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, id, offset) = with_aborted(a);
    let (group, member) = a.listener(at, "audience");
    a.read_on(member, at, 0, offset);
    if broken {
        a.read(member, at, offset);
    }
    let leo = a.logs[&at].leo;
    a.read_on(member, at, offset, leo);
    a.commit(member, group, at, leo);
    let name = a.name(member);
    a.found().record(id).client(name).once()
}

fn aborted_to_uncommitted(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, id, offset) = with_aborted(a);
    let reader = a.reader("onlooker", Isolation::ReadUncommitted, &[at.topic]);
    let leo = a.logs[&at].leo;
    a.read_on(reader, at, 0, offset);
    if broken {
        a.read(reader, at, offset);
    } else {
        a.position(reader, at, offset + 1, PositionReason::Seek);
    }
    a.read_on(reader, at, offset, leo);
    let name = a.name(reader);
    a.found().record(id).client(name).once()
}

/// Two partitions, each with its member's group.
fn pair(a: &mut Annex<'_>) -> (Partition, Partition, usize) {
    let (at, c) = a.till(2);
    let other = Partition::new(at.topic, 1);
    let many = 2 + a.draw(3);
    a.puts(c, at, many);
    a.puts(c, other, many);
    (at, other, many)
}

fn reads_both(a: &mut Annex<'_>, member: u32, partitions: [Partition; 2], many: usize) {
    for at in partitions {
        a.own(member, at, Some(1));
        a.position(member, at, 0, PositionReason::Reset);
        a.read_on(member, at, 0, many as i64);
    }
}

fn lands_on_another_partition(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, other, many) = pair(a);
    let group = a.group("audience");
    let member = a.member("audience", group, at.topic);
    reads_both(a, member, [at, other], many);
    let next = a.some(many) as i64;
    a.commit_to(member, group, at, next, Some((group, if broken { other } else { at })));
    a.found_in(other).once()
}

fn lands_in_another_group(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, other, many) = pair(a);
    let (mine, theirs) = (a.group("audience"), a.group("auditors"));
    let (one, two) = (a.member("audience", mine, at.topic), a.member("auditors", theirs, at.topic));
    for member in [one, two] {
        reads_both(a, member, [at, other], many);
    }
    // Each group has an offset of each partition; so nothing follows from a group that has none.
    for (member, group) in [(one, mine), (two, theirs)] {
        a.commit(member, group, at, 1);
        a.commit(member, group, other, many as i64);
    }
    a.commit_to(one, mine, at, many as i64, Some((if broken { theirs } else { mine }, at)));
    let name = a.name(one);
    a.found_in(at).client(name).once()
}

fn unanswered_of_killed(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    a.puts(c, at, 2);
    let id = a.fresh();
    let op = a.send(c, at.topic, id, None);
    if a.draw(2) == 0 {
        a.append(at, id, State::Visible, (-1, -1));
    }
    if !broken {
        a.unknown(c, op);
    }
    a.restart(c);
    a.puts(c, at, 2);
    a.found_of(c).record(id).once()
}

fn panicked(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    a.puts(c, at, 2);
    let reason = if broken { StopReason::Panicked } else { StopReason::Killed };
    a.stop(c, reason, if broken { "index out of bounds at till.rs:42" } else { "" });
    a.found_of(c).word("till.rs:42").once()
}

fn all_unknown(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (at, c) = a.till(1);
    for _ in 0..a.some(4) {
        let id = a.fresh();
        let op = a.send(c, at.topic, id, None);
        a.unknown(c, op);
    }
    if !broken {
        let id = a.fresh();
        let op = a.send(c, at.topic, id, None);
        a.append(at, id, State::Visible, (-1, -1));
        a.unknown(c, op);
    }
    let name = a.topic_name(at.topic);
    a.found().word(&name)
}
