//! Pipelines of which one half happened: the offsets or the outputs.

use fencepost_reports::history::event::*;

use super::annex::{Annex, State};
use super::mills::{both, mill, mill_at_work};
use super::{Story, story};
use crate::kinds::Mutant;

pub fn stories() -> Vec<Story> {
    vec![
        story!(
            "aborted-offsets-take-effect",
            "an exactly-once pipeline aborted a transaction, and its offset moved all the same",
            aborted_offsets,
            [OffsetsWithoutOutputs, CommittedOffsetMoved],
            [OffsetsWithoutOutputs, CommittedOffsetMoved],
            "the group is past inputs without outputs, by a move that its client had taken back"
        ),
        story!(
            "unknown-commit-of-offsets-only",
            "of an exactly-once pipeline's transaction of unknown outcome the offset is committed, the outputs are not",
            |a, broken| unknown_commit(a, broken, true),
            [OffsetsWithoutOutputs],
            [ContradictoryDecision],
            "what was decided is not what one of the partitions has"
        ),
        story!(
            "unknown-commit-of-outputs-only",
            "of an exactly-once pipeline's transaction of unknown outcome the outputs are committed, the offset is not",
            |a, broken| unknown_commit(a, broken, false),
            [OutputsWithoutOffsets]
        ),
        story!(
            "committed-before-the-output-and-killed",
            "a plain pipeline commits first and is killed before it sends the output",
            committed_first,
            [LostProcessing]
        ),
    ]
}

fn aborted_offsets(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (m, before, all) = mill_at_work(a);
    m.attempt(a, before, all);
    let who = a.who(m.c);
    m.close(a, false, None);
    if broken {
        a.moved(m.group, m.from, all, MoveCause::Marker { pid: who.pid, epoch: who.epoch + 1 });
    } else {
        a.position(m.c, m.from, before, PositionReason::Rewind);
        m.run(a, before, all);
    }
    a.found()
}

fn unknown_commit(a: &mut Annex<'_>, broken: bool, offsets: bool) -> Mutant {
    let (m, before, all) = mill_at_work(a);
    let stored = m.attempt(a, before, all);
    m.carry_out(a, true);
    if !broken || offsets {
        m.moves(a, all);
    }
    if broken && offsets {
        stored.iter().for_each(|offset| a.entry(m.to, *offset).state = State::Hidden);
    }
    m.answer(a, true, Outcome::Unknown);
    let ids = both(a, &m, before, all);
    a.found().records(ids).times((all - before) as u64)
}

fn committed_first(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (before, many) = (a.some(2) as i64, a.some(3) as i64);
    let all = before + many;
    let m = mill(a, false, all as usize, |c| c.guarantee = Guarantee::AtMostOnce);
    m.run(a, 0, before);
    for offset in before..all {
        m.take(a, offset);
    }
    m.deliver(a, all);
    if !broken {
        for offset in before..all {
            m.grind(a, offset, 0);
        }
    }
    a.restart(m.c);
    a.own(m.c, m.from, Some(2));
    a.position(m.c, m.from, all, PositionReason::Committed);
    let ids = both(a, &m, before, all);
    a.found().records(ids).times(many as u64)
}
