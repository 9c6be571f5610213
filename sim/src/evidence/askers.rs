//! Who asked for which committed offset: a group's log does not say it.
//!
//! Two members may ask for one value, one of them too late. Who was refused moved nothing; between several that may have
//! moved it, the one of the latest generation is named, so that nobody is accused who may be innocent.

use std::collections::BTreeMap;

use fencepost_reports::history::event::{Outcome, Partition};

/// Who invoked a plain commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invoker {
    /// Client.
    pub c: u32,
    /// Incarnation.
    pub i: u32,
    /// Generation of its membership.
    pub generation: Option<i32>,
}

/// Group, partition and offset.
type Value = (u32, Partition, i64);

#[derive(Clone, Copy, Debug)]
struct Asked {
    who: Invoker,
    op: u64,
    /// It may still take effect: it was not answered, or with an unknown outcome.
    open: bool,
}

/// Every plain commit that may have moved an offset, or may yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Askers {
    by_value: BTreeMap<Value, Vec<Asked>>,
    /// By client, incarnation and number of the commit, until it is answered.
    unanswered: BTreeMap<(u32, u32, u64), Vec<Value>>,
}

impl Askers {
    /// A commit asks for a value.
    pub fn asked(&mut self, who: Invoker, op: u64, group: u32, at: Partition, next: i64) {
        let value = (group, at, next);
        self.by_value.entry(value).or_default().push(Asked { who, op, open: true });
        self.unanswered.entry((who.c, who.i, op)).or_default().push(value);
    }

    /// What became of a commit, as its client was told.
    pub fn answered(&mut self, c: u32, i: u32, op: u64, outcome: Outcome) {
        for value in self.unanswered.remove(&(c, i, op)).unwrap_or_default() {
            let Some(all) = self.by_value.get_mut(&value) else { continue };
            let is_it = |asked: &Asked| (asked.who.c, asked.who.i, asked.op) == (c, i, op);
            match outcome {
                Outcome::Unknown => {}
                Outcome::Fail => all.retain(|asked| !is_it(asked)),
                Outcome::Ok => {
                    // The same value may come once more by a request that was late: one that is done is kept, the last one.
                    all.retain(|asked| asked.open);
                    if let Some(done) = all.iter_mut().find(|asked| is_it(asked)) {
                        done.open = false;
                    }
                }
            }
            if all.is_empty() {
                self.by_value.remove(&value);
            }
        }
    }

    /// Who moved an offset to that value, as far as it can be known.
    pub fn of(&self, group: u32, at: Partition, offset: i64) -> Option<Invoker> {
        let all = self.by_value.get(&(group, at, offset))?;
        let open = all.iter().filter(|asked| asked.open).max_by_key(|asked| asked.who.generation);
        open.or(all.last()).map(|asked| asked.who)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Partition = Partition::new(2, 0);

    fn member(c: u32, generation: i32) -> Invoker {
        Invoker { c, i: 0, generation: Some(generation) }
    }

    fn asked_by(members: &[Invoker]) -> Askers {
        let mut askers = Askers::default();
        members.iter().for_each(|who| askers.asked(*who, 7, 1, AT, 86));
        askers
    }

    #[test]
    fn who_was_refused_moved_nothing() {
        let (owner, late) = (member(3, 2), member(4, 1));
        let mut askers = asked_by(&[owner, late]);
        askers.answered(4, 0, 7, Outcome::Fail);
        assert_eq!(askers.of(1, AT, 86), Some(owner));
        askers.answered(3, 0, 7, Outcome::Fail);
        assert_eq!(askers.of(1, AT, 86), None, "nobody is known");
    }

    #[test]
    fn of_several_that_may_have_moved_it_the_one_of_the_latest_generation_is_named() {
        let (owner, late) = (member(3, 2), member(4, 1));
        assert_eq!(asked_by(&[owner, late]).of(1, AT, 86), Some(owner));
        assert_eq!(asked_by(&[late, owner]).of(1, AT, 86), Some(owner));
    }

    #[test]
    fn a_late_commit_is_named_once_the_others_are_done() {
        let (owner, late) = (member(3, 2), member(4, 1));
        let mut askers = asked_by(&[late, owner]);
        askers.answered(4, 0, 7, Outcome::Unknown);
        askers.answered(3, 0, 7, Outcome::Ok);
        assert_eq!(askers.of(1, AT, 86), Some(late));
    }

    #[test]
    fn the_last_one_that_is_done_is_named_where_nobody_else_may_have_moved_it() {
        let (first, second) = (member(3, 1), member(4, 2));
        let mut askers = asked_by(&[first]);
        askers.answered(3, 0, 7, Outcome::Ok);
        assert_eq!(askers.of(1, AT, 86), Some(first));
        askers.asked(second, 7, 1, AT, 86);
        askers.answered(4, 0, 7, Outcome::Ok);
        assert_eq!(askers.of(1, AT, 86), Some(second));
        assert_eq!(askers.of(1, AT, 87), None);
    }
}
