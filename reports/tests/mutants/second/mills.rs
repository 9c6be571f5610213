//! Pipelines: an exactly-once one and a plain one.

use fencepost_reports::history::event::*;

use super::annex::{Annex, Entry, State};
use super::{Story, story};
use crate::kinds::Mutant;
use crate::values::{apply, fingerprint};

pub fn stories() -> Vec<Story> {
    vec![
        story!(
            "second-output-missing",
            "a plain pipeline that writes two outputs for each input committed past one with its first only",
            |a, broken| second_output(a, broken, false),
            [LostProcessing]
        ),
        story!(
            "second-output-missing-exactly-once",
            "an exactly-once pipeline that writes two outputs for each input committed past one with its first only",
            |a, broken| second_output(a, broken, true),
            [OffsetsWithoutOutputs]
        ),
        story!(
            "output-of-one-that-may-skip-gone",
            "a plain pipeline that may skip inputs sent an output, of unknown outcome, that is not there",
            may_skip_gone,
            [LostProcessing]
        ),
        story!(
            "offsets-ahead-of-outputs",
            "an exactly-once pipeline's transaction has an offset past inputs that have no outputs",
            offsets_ahead,
            [OffsetsWithoutOutputs]
        ),
        story!(
            "offsets-in-another-transaction",
            "an exactly-once pipeline's outputs are committed, their offset is in a later transaction that was aborted",
            offsets_elsewhere,
            [OutputsWithoutOffsets]
        ),
        story!(
            "processed-by-two-members",
            "two members of a pipeline's group each wrote an output for one input",
            by_two_members,
            [Duplicate]
        ),
        story!(
            "outputs-of-neighbours-exchanged",
            "a pipeline wrote, for an input, its function of the next input's value",
            neighbours_exchanged,
            [WrongValue]
        ),
        story!(
            "second-stage-of-another-function",
            "the second of two stages wrote the first one's function of its input's value",
            second_stage,
            [WrongValue]
        ),
        story!(
            "aborted-output-visible",
            "an exactly-once pipeline's output of an aborted attempt is visible beside that of the second",
            aborted_output,
            [AbortedVisible],
            [Duplicate],
            "the input then has its output twice"
        ),
    ]
}

const GROUP: &str = "mill";

pub struct Mill {
    pub from: Partition,
    pub to: Partition,
    pub group: u32,
    pub c: u32,
    exactly_once: bool,
}

/// A mill with so many inputs that it has not read yet.
pub fn mill(a: &mut Annex<'_>, exactly_once: bool, inputs: usize, change: impl Fn(&mut Client<'static>)) -> Mill {
    let (grain, flour) = (a.topic("grain", 1), a.topic("flour", 1));
    let (from, to) = (Partition::new(grain, 0), Partition::new(flour, 0));
    let farmer = a.producer("farmer", &[grain]);
    for _ in 0..inputs {
        a.put(farmer, from);
    }
    let group = a.group(GROUP);
    let mut client = Client {
        name: "mill".into(),
        kind: ClientKind::Pipeline,
        group: Some(group),
        inputs: vec![grain],
        outputs: vec![flour],
        stage: 1,
        outputs_per_input: 1,
        ..Client::default()
    };
    if exactly_once {
        (client.transactional_id, client.idempotent) = (Some("mill".into()), true);
    } else {
        client.guarantee = Guarantee::AtLeastOnce;
    }
    change(&mut client);
    let c = a.client(client);
    if exactly_once {
        a.initialise(c);
    }
    a.own(c, from, Some(1));
    a.position(c, from, 0, PositionReason::Reset);
    Mill { from, to, group, c, exactly_once }
}

/// An exactly-once mill that has ground some of its inputs: from where, and up to where, are the rest.
pub fn mill_at_work(a: &mut Annex<'_>) -> (Mill, i64, i64) {
    let (before, many) = (a.some(2) as i64, a.some(3) as i64);
    let m = mill(a, true, (before + many) as usize, |_| ());
    m.run(a, 0, before);
    (m, before, before + many)
}

/// Inputs and their outputs: a proof may name either.
pub fn both(a: &mut Annex<'_>, m: &Mill, from: i64, to: i64) -> Vec<Identity> {
    (from..to).flat_map(|o| [a.entry(m.from, o).id, m.output(o, 0)]).collect()
}

impl Mill {
    /// Its output for an input; where that is.
    pub fn grind(&self, a: &mut Annex<'_>, offset: i64, index: u16) -> i64 {
        let id = self.output(offset, index);
        if self.exactly_once { a.add_as(self.c, self.to, id) } else { a.put_as(self.c, self.to, id) }
    }

    pub fn output(&self, offset: i64, index: u16) -> Identity {
        Identity::of_input(self.from, offset, 1, index)
    }

    /// What is read and written from there is committed up to there.
    pub fn deliver(&self, a: &mut Annex<'_>, next: i64) {
        if !self.exactly_once {
            return a.commit(self.c, self.group, self.from, next);
        }
        a.txn_offsets(self.c, self.group, self.from, next);
        self.close(a, true, Some(next));
    }

    pub fn close(&self, a: &mut Annex<'_>, commit: bool, next: Option<i64>) {
        self.carry_out(a, commit);
        if let (true, Some(next)) = (commit, next) {
            self.moves(a, next);
        }
        self.answer(a, commit, Outcome::Ok);
    }

    /// The end of its transaction is asked for, decided and marked.
    pub fn carry_out(&self, a: &mut Annex<'_>, commit: bool) {
        a.ending(self.c, commit);
        a.decide(self.c, commit, DecisionCause::Request);
        a.mark(self.c, self.to, commit);
    }

    /// The marker of that end moves the group's offset.
    pub fn moves(&self, a: &mut Annex<'_>, next: i64) {
        let who = a.who(self.c);
        a.moved(self.group, self.from, next, MoveCause::Marker { pid: who.pid, epoch: who.epoch + 1 });
    }

    /// It is told how that end went, and has the next epoch.
    pub fn answer(&self, a: &mut Annex<'_>, commit: bool, outcome: Outcome) {
        let epoch = a.who(self.c).epoch + 1;
        a.ended(self.c, commit, outcome);
        a.epoch(self.c, epoch);
    }

    /// Inputs and their outputs in a transaction; where the outputs are.
    pub fn begin_with(&self, a: &mut Annex<'_>, from: i64, to: i64) -> Vec<i64> {
        self.begin(a);
        let mut stored = Vec::new();
        for offset in from..to {
            self.take(a, offset);
            stored.push(self.grind(a, offset, 0));
        }
        stored
    }

    /// The same, with the inputs' offset in it.
    pub fn attempt(&self, a: &mut Annex<'_>, from: i64, to: i64) -> Vec<i64> {
        let stored = self.begin_with(a, from, to);
        a.txn_offsets(self.c, self.group, self.from, to);
        stored
    }

    pub fn take(&self, a: &mut Annex<'_>, offset: i64) {
        a.read(self.c, self.from, offset);
    }

    pub fn begin(&self, a: &mut Annex<'_>) {
        if self.exactly_once {
            a.begin(self.c);
        }
    }

    /// All inputs in one go.
    pub fn run(&self, a: &mut Annex<'_>, from: i64, to: i64) {
        self.begin_with(a, from, to);
        self.deliver(a, to);
    }
}

fn second_output(a: &mut Annex<'_>, broken: bool, exactly_once: bool) -> Mutant {
    let many = a.some(4) as i64;
    let m = mill(a, exactly_once, many as usize, |c| c.outputs_per_input = 2);
    let short = a.draw(many as usize) as i64;
    m.begin(a);
    for offset in 0..many {
        m.take(a, offset);
        for index in 0..2 {
            if !(broken && offset == short && index == 1) {
                m.grind(a, offset, index);
            }
        }
    }
    m.deliver(a, many);
    let found = a.found().once();
    // A proof may name the input, as it was sent, or the output that is not there.
    let input = a.entry(m.from, short).id;
    found.records(vec![input, m.output(short, 1), m.output(short, 0)])
}

fn may_skip_gone(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let many = 2 + a.draw(3) as i64;
    let m = mill(a, false, many as usize, |c| c.may_skip = true);
    let gone = a.draw(many as usize) as i64;
    for offset in 0..many {
        m.take(a, offset);
        if offset != gone {
            m.grind(a, offset, 0);
        } else if broken {
            let op = a.send(m.c, m.to.topic, m.output(offset, 0), None);
            a.unknown(m.c, op);
        }
    }
    m.deliver(a, many);
    let input = a.entry(m.from, gone).id;
    a.found().records(vec![input, m.output(gone, 0)]).once()
}

fn offsets_ahead(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (many, missing) = (a.some(3) as i64, a.some(3) as i64);
    let m = mill(a, true, (many + missing) as usize, |_| ());
    m.begin_with(a, 0, many);
    if broken {
        for offset in many..many + missing {
            m.take(a, offset);
        }
        m.deliver(a, many + missing);
    } else {
        m.deliver(a, many);
        m.run(a, many, many + missing);
    }
    let ids = both(a, &m, many, many + missing);
    a.found().records(ids).times(missing as u64)
}

fn offsets_elsewhere(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (m, before, all) = mill_at_work(a);
    m.begin_with(a, before, all);
    if broken {
        m.close(a, true, None);
        m.begin(a);
        a.txn_offsets(m.c, m.group, m.from, all);
        a.ending(m.c, false);
        a.decide(m.c, false, DecisionCause::Request);
        m.answer(a, false, Outcome::Ok);
    } else {
        m.deliver(a, all);
    }
    let ids = both(a, &m, before, all);
    a.found().records(ids).times((all - before) as u64)
}

fn by_two_members(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (first, twice) = (a.some(3) as i64, a.some(2) as i64);
    let all = first + twice;
    let m = mill(a, false, all as usize, |_| ());
    let second = a.client(Client {
        name: "mill-2".into(),
        kind: ClientKind::Pipeline,
        group: Some(m.group),
        inputs: vec![m.from.topic],
        outputs: vec![m.to.topic],
        stage: 1,
        outputs_per_input: 1,
        guarantee: Guarantee::AtLeastOnce,
        ..Client::default()
    });
    for offset in 0..all {
        m.take(a, offset);
        m.grind(a, offset, 0);
    }
    m.deliver(a, if broken { first } else { all });
    a.lose(m.c, m.from, Some(1));
    a.own(second, m.from, Some(2));
    let from = if broken { first } else { all };
    a.position(second, m.from, from, PositionReason::Committed);
    for offset in from..all {
        a.read(second, m.from, offset);
        a.put_as(second, m.to, m.output(offset, 0));
    }
    if broken {
        a.commit(second, m.group, m.from, all);
    }
    let outputs = (first..all).map(|o| m.output(o, 0)).collect();
    a.found().records(outputs).times(twice as u64)
}

const FUNCTIONS: [&str; 3] = ["copy", "append:!", "hash"];

/// Its output of that value.
fn grind_value(a: &mut Annex<'_>, m: &Mill, offset: i64, value: u64) {
    let (id, value) = (m.output(offset, 0), Some(value));
    let op = a.send_value(m.c, m.to.topic, id, None, value);
    let stored = a.append_value(m.to, id, value, State::Visible, (-1, -1));
    a.ack(m.c, op, m.to, stored);
}

fn neighbours_exchanged(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let function = FUNCTIONS[a.draw(3)];
    let many = 2 + a.draw(3) as i64;
    let topic = a.topic("grain", 1);
    let from = Partition::new(topic, 0);
    let values = sow(a, from, many);
    let m = mill_of(a, from, 1, function);
    let which = a.draw(many as usize - 1);
    for offset in 0..many {
        m.take(a, offset);
        let of = if broken && offset as usize == which { which + 1 } else { offset as usize };
        grind_value(a, &m, offset, apply(function, values[of]));
    }
    m.deliver(a, many);
    a.found().record(m.output(which as i64, 0)).once()
}

/// Sends so many inputs of told values; these.
fn sow(a: &mut Annex<'_>, at: Partition, many: i64) -> Vec<u64> {
    let farmer = a.producer("farmer", &[at.topic]);
    let mut values = Vec::new();
    for n in 0..many {
        let (id, value) = (a.fresh(), fingerprint(format!("grain {n}").as_bytes()));
        let op = a.send_value(farmer, at.topic, id, None, Some(value));
        let offset = a.append_value(at, id, Some(value), State::Visible, (-1, -1));
        a.ack(farmer, op, at, offset);
        values.push(value);
    }
    values
}

/// A plain mill for a topic that is there, of that function.
fn mill_of(a: &mut Annex<'_>, from: Partition, stage: u16, function: &'static str) -> Mill {
    let names = [("flour", "mill"), ("bread", "baker")];
    let (product, name) = names[usize::from(stage) - 1];
    let topic = a.topic(product, 1);
    let group = a.group(name);
    let c = a.client(Client {
        name: name.into(),
        kind: ClientKind::Pipeline,
        group: Some(group),
        inputs: vec![from.topic],
        outputs: vec![topic],
        stage,
        outputs_per_input: 1,
        guarantee: Guarantee::AtLeastOnce,
        function: Some(function.into()),
        ..Client::default()
    });
    a.own(c, from, Some(1));
    a.position(c, from, 0, PositionReason::Reset);
    Mill { from, to: Partition::new(topic, 0), group, c, exactly_once: false }
}

fn second_stage(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let first = a.draw(3);
    let (one, other) = (FUNCTIONS[first], FUNCTIONS[(first + 1 + a.draw(2)) % 3]);
    let many = a.some(4) as i64;
    let topic = a.topic("grain", 1);
    let from = Partition::new(topic, 0);
    let values = sow(a, from, many);
    let m = mill_of(a, from, 1, one);
    let baker = mill_of(a, m.to, 2, other);
    let which = a.draw(many as usize);
    for offset in 0..many {
        m.take(a, offset);
        grind_value(a, &m, offset, apply(one, values[offset as usize]));
    }
    m.deliver(a, many);
    for offset in 0..many {
        baker.take(a, offset);
        let function = if broken && offset as usize == which { one } else { other };
        let (id, value) =
            (Identity::of_input(baker.from, offset, 2, 0), Some(apply(function, apply(one, values[offset as usize]))));
        let op = a.send_value(baker.c, baker.to.topic, id, None, value);
        let stored = a.append_value(baker.to, id, value, State::Visible, (-1, -1));
        a.ack(baker.c, op, baker.to, stored);
    }
    baker.deliver(a, many);
    a.found().record(Identity::of_input(baker.from, which as i64, 2, 0)).once()
}

fn aborted_output(a: &mut Annex<'_>, broken: bool) -> Mutant {
    let (m, before, all) = mill_at_work(a);
    let attempts = m.attempt(a, before, all);
    m.close(a, false, None);
    a.position(m.c, m.from, before, PositionReason::Rewind);
    m.run(a, before, all);
    let which = a.draw((all - before) as usize);
    if broken {
        let entry: &mut Entry = a.entry(m.to, attempts[which]);
        entry.state = State::Visible;
    }
    a.found().record(m.output(before + which as i64, 0)).offset(attempts[which]).once()
}
