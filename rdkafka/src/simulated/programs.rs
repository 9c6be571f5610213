//! Programs: their processes, what these handed over, and the panics in them.

use std::collections::BTreeMap;

use fencepost_protocol::time::Instant;
use fencepost_reports::history::event as h;
use fencepost_sim::embed::{Embedded, ProcessState};

use super::Shared;
use super::ledger::Process;
use crate::message::{Content, Timestamp};

/// A panic in a task of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Panicked {
    pub program: String,
    pub at: Instant,
    pub text: String,
    /// File, line and column.
    pub place: String,
}

/// A program with a node of its own.
#[derive(Clone, Debug)]
struct Program {
    name: String,
    /// Number in the history.
    client: u32,
    /// Of the process that runs, or ran last.
    incarnation: Option<u32>,
    process: Process,
    runs: bool,
    /// The process has made a client.
    has_clients: bool,
    /// It is started again when it ends.
    comes_back: bool,
    /// Its panics are no findings.
    may_panic: bool,
    /// Two hashes over everything that its processes handed over.
    handed_over: [u64; 2],
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    list: Vec<Program>,
    pub panics: Vec<Panicked>,
    /// Tasks that panicked while their process went on.
    tasks: BTreeMap<String, u32>,
}

impl Programs {
    fn by_name(&mut self, name: &str) -> Option<&mut Program> {
        self.list.iter_mut().find(|program| program.name == name)
    }

    /// The process of a program in the ledger.
    pub fn process(&self, name: &str) -> Process {
        self.list.iter().find(|program| program.name == name).map_or(0, |program| program.process)
    }

    /// Whether a process that does not run will be started again by itself.
    pub fn may_come_back(&self) -> bool {
        self.list.iter().any(|program| program.comes_back && !program.runs)
    }

    /// Whether a process that runs has not made a client yet.
    pub fn has_yet_to_begin(&self) -> bool {
        self.list.iter().any(|program| program.runs && !program.has_clients)
    }

    /// A process makes a client.
    pub fn made_client(&mut self, name: &str) {
        if let Some(program) = self.by_name(name) {
            program.has_clients = true;
        }
    }

    /// The program is a service.
    pub fn comes_back(&mut self, name: &str) {
        if let Some(program) = self.by_name(name) {
            program.comes_back = true;
        }
    }

    /// Panics of the program are part of what it does.
    pub fn may_panic(&mut self, name: &str) {
        if let Some(program) = self.by_name(name) {
            program.may_panic = true;
        }
    }

    /// A process hands over a record.
    pub fn handed_over(&mut self, process: Process, content: &Content) {
        if let Some(program) = self.list.iter_mut().find(|program| program.process == process) {
            let [one, other] = hashes(content);
            let [a, b] = &mut program.handed_over;
            *a = (*a ^ one).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
            *b = (*b ^ other).wrapping_mul(0xd6e8_feb8_6659_fd93).rotate_left(31);
        }
    }

    /// What each program handed over, as a number.
    pub fn all_handed_over(&self) -> BTreeMap<String, String> {
        let hash = |program: &Program| format!("{:016x}{:016x}", program.handed_over[0], program.handed_over[1]);
        self.list.iter().map(|program| (program.name.clone(), hash(program))).collect()
    }
}

/// Two hashes over all that a program hands over with a record.
pub(crate) fn hashes(content: &Content) -> [u64; 2] {
    let (mut one, mut other) = (0xcbf2_9ce4_8422_2325_u64, 0x8422_2325_cbf2_9ce4_u64);
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            one = (one ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            other = (other ^ u64::from(*byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
        }
    };
    let mut part = |bytes: Option<&[u8]>| {
        add(&[u8::from(bytes.is_some())]);
        let bytes = bytes.unwrap_or_default();
        add(&(bytes.len() as u64).to_le_bytes());
        add(bytes);
    };
    part(Some(content.topic.as_bytes()));
    part(content.key.as_deref());
    part(content.payload.as_deref());
    let time = match content.timestamp {
        Timestamp::NotAvailable => None,
        Timestamp::CreateTime(ms) | Timestamp::LogAppendTime(ms) => Some(ms.to_le_bytes()),
    };
    part(time.as_ref().map(<[u8; 8]>::as_slice));
    part(Some(&content.partition.to_le_bytes()));
    for (name, value) in content.headers.iter().flat_map(|headers| &headers.as_borrowed().list) {
        part(Some(name.as_bytes()));
        part(value.as_deref());
    }
    [one, other]
}

impl Shared {
    /// A program that is about to be started.
    pub fn declare_program(&self, name: &str) {
        let mut world = self.world.borrow_mut();
        let client = world.declare(h::Client { name: name.to_string().into(), ..h::Client::default() });
        self.programs.borrow_mut().list.push(Program {
            name: name.to_string(),
            client,
            incarnation: None,
            process: 0,
            runs: false,
            has_clients: false,
            comes_back: false,
            may_panic: false,
            handed_over: [0; 2],
        });
    }

    /// A process of the program begins to run.
    pub fn program_started(&self, name: &str) {
        self.touch();
        let process = self.ledger.borrow_mut().begins();
        let mut programs = self.programs.borrow_mut();
        let Some(program) = programs.by_name(name) else { return };
        let i = program.incarnation.map_or(0, |i| i + 1);
        let again = program.incarnation.is_some();
        (program.incarnation, program.process, program.runs, program.has_clients) = (Some(i), process, true, false);
        let mut world = self.world.borrow_mut();
        let t = world.time().0;
        world.write(&h::Event::Started(h::Started { t, c: program.client, i }));
        if again {
            world.process(name, ProcessState::Running);
        }
        drop(programs);
        drop(world);
        self.renew(name, process);
    }

    /// The process of the program runs no more.
    pub fn program_stopped(&self, name: &str, reason: h::StopReason, text: &str) {
        self.touch();
        let mut programs = self.programs.borrow_mut();
        let Some(program) = programs.by_name(name).filter(|program| program.runs) else { return };
        program.runs = false;
        self.ledger.borrow_mut().ends(program.process);
        let mut world = self.world.borrow_mut();
        stopped(&mut world, program.client, program.incarnation.unwrap_or(0), reason, text);
        world.process(name, ProcessState::Down);
    }

    /// The program's main task has ended, and with it the process.
    pub fn main_ended(&self, name: &str, reason: h::StopReason, text: &str) {
        let may_panic = self.programs.borrow_mut().by_name(name).is_some_and(|program| program.may_panic);
        let reason = if may_panic && reason == h::StopReason::Panicked { h::StopReason::Ended } else { reason };
        self.program_stopped(name, reason, text);
    }

    /// A task of the node that runs now panicked; whether it is one of a program.
    pub fn panicked(&self, main: bool, text: &str, place: &str) -> bool {
        let id = madsim::plugin::node();
        let Some(name) = self.nodes.borrow().get(&id).map(|node| node.name.clone()) else { return false };
        let mut programs = self.programs.borrow_mut();
        let Some(program) = programs.by_name(&name) else { return false };
        let may_panic = program.may_panic;
        let at = Instant(self.elapsed());
        if !may_panic {
            let panicked = Panicked { program: name.clone(), at, text: text.to_string(), place: place.to_string() };
            programs.panics.push(panicked);
        }
        if main || may_panic {
            return true; // a process that ends by it says so itself
        }
        let n = programs.tasks.entry(name.clone()).or_default();
        *n += 1;
        let task = format!("{name}, a task of its own ({n})");
        drop(programs);
        let mut world = self.world.borrow_mut();
        if world.is_open() {
            let c = world.declare(h::Client { name: task.into(), ..h::Client::default() });
            let t = world.time().0;
            world.write(&h::Event::Started(h::Started { t, c, i: 0 }));
            stopped(&mut world, c, 0, h::StopReason::Panicked, &format!("{text} (at {place})"));
        }
        true
    }
}

/// Writes that an incarnation of a client runs no more.
pub(super) fn stopped(world: &mut Embedded, c: u32, i: u32, reason: h::StopReason, text: &str) {
    let t = world.time().0;
    world.write(&h::Event::Stopped(h::Stopped { t, c, i, reason, text: text.to_string().into() }));
}
