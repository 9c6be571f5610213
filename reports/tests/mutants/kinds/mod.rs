//! The kinds of mutation. Each says what it needs of a history, makes one true violation there, and knows from the
//! format's rules alone what must be found and where.

pub mod evidence;
pub mod groups;
pub mod jobs;
pub mod log;
pub mod outcomes;
pub mod readers;
pub mod records;
pub mod sinks;
pub mod transactions;
pub mod untested;
pub mod worth;

use fencepost_reports::Kind;
use fencepost_reports::history::event::Event;
use fencepost_reports::history::{Identity, Partition};

use crate::dice::Dice;
use crate::edit::Edit;
use crate::past::Past;

/// What must be said of a mutant.
#[derive(Clone, Copy, Debug)]
pub enum Expect {
    /// A violation of one of these kinds; of several only where the format leaves open which.
    Kinds(&'static [Kind]),
    /// `vacuous`, with a sentence that names what was not put to the test.
    Vacuous,
    /// A warning.
    Warning,
}

/// A kind of mutation.
pub struct Mutation {
    pub name: &'static str,
    /// What it does.
    pub what: &'static str,
    pub expect: Expect,
    /// What may be found beside it, as a consequence.
    pub also: &'static [Kind],
    /// Why the format allows more than one kind, or what follows; empty where neither is the case.
    pub because: &'static str,
    pub make: fn(&Past, &mut Dice) -> Option<Mutant>,
}

/// What a proof must name.
#[derive(Clone, Debug)]
pub enum Needle {
    /// One of these records.
    Record(Vec<Identity>),
    /// That place.
    Offset(i64),
    /// One of these clients.
    Client(Vec<String>),
    /// A partition of that topic: by its number, or in the sentence.
    Partition(String, u32),
    /// A sink.
    Sink(String),
    /// In the sentence.
    Word(String),
}

/// A history with one violation.
pub struct Mutant {
    pub events: Vec<Event<'static>>,
    /// What was changed, for whoever reads of a survivor. Two mutants of one kind and history differ in it.
    pub site: String,
    pub needles: Vec<Needle>,
    /// How many cases must be counted, where that is certain.
    pub count: Option<u64>,
}

impl Mutant {
    pub fn new(edit: &Edit<'_>, site: String) -> Mutant {
        Mutant { events: edit.done(), site, needles: Vec::new(), count: None }
    }

    pub fn record(self, id: Identity) -> Mutant {
        self.records(vec![id])
    }

    pub fn records(mut self, ids: Vec<Identity>) -> Mutant {
        self.needles.push(Needle::Record(ids));
        self
    }

    pub fn offset(mut self, offset: i64) -> Mutant {
        self.needles.push(Needle::Offset(offset));
        self
    }

    pub fn client(self, name: String) -> Mutant {
        self.clients(vec![name])
    }

    pub fn clients(mut self, names: Vec<String>) -> Mutant {
        self.needles.push(Needle::Client(names));
        self
    }

    pub fn partition(mut self, past: &Past, at: Partition) -> Mutant {
        self.needles.push(Needle::Partition(past.topic_name(at.topic), at.partition));
        self
    }

    pub fn sink(mut self, past: &Past, sink: u32) -> Mutant {
        self.needles.push(Needle::Sink(past.sinks[&sink].name.to_string()));
        self
    }

    pub fn word(mut self, word: &str) -> Mutant {
        self.needles.push(Needle::Word(word.to_string()));
        self
    }

    pub fn once(self) -> Mutant {
        self.times(1)
    }

    pub fn times(mut self, n: u64) -> Mutant {
        self.count = Some(n);
        self
    }
}

/// All of them.
pub fn all() -> Vec<Mutation> {
    [
        records::kinds(),
        log::kinds(),
        outcomes::kinds(),
        readers::kinds(),
        jobs::kinds(),
        groups::kinds(),
        transactions::kinds(),
        evidence::kinds(),
        sinks::kinds(),
        worth::kinds(),
        untested::kinds(),
        crate::second::kinds(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
