//! What programs were given and what they sent, in the order in which it happened: from it is told, when everything is over,
//! which record is made of which ([`super::attribution`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use fencepost_protocol::ids::{TopicId, TopicPartition};

use crate::message::Content;

/// One run of a program's process.
pub(crate) type Process = usize;

/// A message that a process was given.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub process: Process,
    pub tp: TopicPartition,
    pub offset: i64,
    /// Group of the consumer that it was given to.
    pub group: Option<Arc<str>>,
    pub content: Content,
    /// Number of the client in the history.
    pub client: u32,
}

/// What a task had looked at when it sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Never at anything.
    Never,
    /// At one message since it last sent.
    One(usize),
    /// At none since it last sent.
    Nothing,
    /// At several.
    Several,
}

/// A record that a process handed to a producer.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub process: Process,
    pub task: u64,
    /// Number of the producer in the history.
    pub client: u32,
    pub topic: TopicId,
    pub content: Content,
    pub look: Look,
}

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum Fact {
    /// A message was given, by its number.
    Given(usize),
    /// A record was accepted, by its number.
    Sent(usize),
    /// It was refused, or will not be there, or nobody knows.
    Failed(usize),
    /// These offsets were committed by themselves.
    Passes(Vec<(TopicPartition, i64)>),
    /// The program asked for these offsets to be committed, in their group or in a transaction that it commits.
    Commits(Vec<(TopicPartition, i64)>),
    /// A producer's transaction is given up.
    Aborts(u32),
}

/// What a task has looked at since it last sent.
#[derive(Clone, Debug, Default)]
struct Looks {
    ever: bool,
    /// The messages that it was given, or came to look at for the first time.
    first: Vec<usize>,
    /// Those that it looked at again after others.
    again: Vec<usize>,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub given: Vec<Given>,
    pub sent: Vec<Sent>,
    pub facts: Vec<(Process, Fact)>,
    /// Whether each process still ran in the end.
    pub runs: Vec<bool>,
    looks: BTreeMap<u64, Looks>,
}

impl Ledger {
    /// A process begins to run.
    pub fn begins(&mut self) -> Process {
        self.runs.push(true);
        self.runs.len() - 1
    }

    /// A process runs no more.
    pub fn ends(&mut self, process: Process) {
        self.runs[process] = false;
    }

    /// A process is given a message; its number.
    pub fn give(&mut self, given: Given) -> usize {
        let number = self.given.len();
        self.facts.push((given.process, Fact::Given(number)));
        self.given.push(given);
        number
    }

    /// A task looks at a message.
    pub fn look(&mut self, task: u64, message: usize) {
        let looks = self.looks.entry(task).or_default();
        looks.ever = true;
        match looks.first.last() {
            Some(last) if *last == message => {}
            _ if looks.first.contains(&message) => {
                if !looks.again.contains(&message) {
                    looks.again.push(message);
                }
            }
            _ => looks.first.push(message),
        }
    }

    /// What a task has looked at since it was last asked.
    pub fn take_look(&mut self, task: u64) -> Look {
        let Some(looks) = self.looks.get_mut(&task) else { return Look::Never };
        let look = match (&*looks.first, &*looks.again) {
            (_, [one]) | ([one], []) => Look::One(*one),
            ([], []) if !looks.ever => Look::Never,
            ([], []) => Look::Nothing,
            _ => Look::Several,
        };
        looks.first.clear();
        looks.again.clear();
        look
    }

    /// What a task had looked at once more: its record was not sent then.
    pub fn put_back(&mut self, task: u64, look: Look) {
        if let (Look::One(message), Some(looks)) = (look, self.looks.get_mut(&task))
            && looks.first.is_empty()
        {
            looks.first.push(message);
        }
    }

    /// A process hands over a record; its number.
    pub fn send(&mut self, sent: Sent) -> usize {
        let number = self.sent.len();
        self.facts.push((sent.process, Fact::Sent(number)));
        self.sent.push(sent);
        number
    }

    /// Something else happens in a process.
    pub fn note(&mut self, process: Process, fact: Fact) {
        self.facts.push((process, fact));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_looks_at_one_message_after_another_before_it_sends_has_looked_at_several() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.take_look(1), Look::Never);
        ledger.look(1, 0);
        ledger.look(1, 0);
        assert_eq!(ledger.take_look(1), Look::One(0));
        assert_eq!(ledger.take_look(1), Look::Nothing);
        for message in 1..=3 {
            ledger.look(1, message);
        }
        assert_eq!(ledger.take_look(1), Look::Several);
    }

    #[test]
    fn what_is_looked_at_again_after_others_is_what_the_task_works_on() {
        let mut ledger = Ledger::default();
        for message in [1, 2, 3, 1] {
            ledger.look(7, message);
        }
        assert_eq!(ledger.take_look(7), Look::One(1));
        ledger.look(7, 2);
        assert_eq!(ledger.take_look(7), Look::One(2));
        for message in [4, 5, 6, 4, 5] {
            ledger.look(7, message);
        }
        assert_eq!(ledger.take_look(7), Look::Several);
    }
}
