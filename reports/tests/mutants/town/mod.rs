//! A small honest system that is driven by random commands: producers of three sorts, an exactly-once or a plain job whose members
//! come and go, a reader, a connector with its offsets in its table, and the brokers' logs of all of it. Whatever happens to it,
//! its history is legal.

mod consumers;
mod founding;
mod job;
mod log;
mod producers;
mod rest;
mod transactions;

use std::collections::BTreeMap;

use fencepost_reports::history::event::*;

use crate::dice::Dice;
use crate::values;

const ORDERS: [Partition; 2] = [Partition::new(0, 0), Partition::new(0, 1)];
const INVOICES: Partition = Partition::new(1, 0);
const AUDIT: Partition = Partition::new(2, 0);

const TILL: u32 = 0;
const METER: u32 = 1;
const BANK: u32 = 2;
const JOB: [u32; 2] = [3, 4];
const READER: u32 = 5;
const BOOKS: u32 = 6;
const CLIENTS: [&str; 7] = ["till", "meter", "bank", "job-1", "job-2", "reader", "books"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Visible,
    /// Of the client's open transaction.
    Open(u32),
    Aborted,
    Marker,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    id: Identity,
    state: State,
    pid: i64,
    epoch: i16,
}

/// The producing side of a client.
#[derive(Clone, Copy, Debug, Default)]
struct Producer {
    pid: i64,
    epoch: i16,
    incarnation: u32,
    op: u64,
    txn: u64,
    commit: u64,
}

struct Town {
    now: u64,
    events: Vec<Event<'static>>,
    logs: BTreeMap<Partition, Vec<Entry>>,
    leader_epochs: BTreeMap<Partition, i32>,
    sequences: BTreeMap<(i64, i16, Partition), i32>,
    clients: [Producer; 7],
    exactly_once: bool,
    skips: bool,
    /// Next record of each workload.
    workload: [i64; 3],
    /// Aborted records of the bank, to be sent again.
    again: Vec<(Identity, Partition)>,
    generation: i32,
    owners: [usize; 2],
    /// Where the job has committed, and where it reads.
    committed: [i64; 2],
    positions: [i64; 2],
    reader: BTreeMap<Partition, i64>,
    rows: Vec<Identity>,
    applies: u64,
    kept: i64,
}

/// The history of so many commands; where the job `skips`, it declares some inputs as skipped.
pub fn history(seed: u64, commands: usize, skips: bool) -> Vec<Event<'static>> {
    let mut dice = Dice::new("town", seed);
    let mut town = Town::new(!seed.is_multiple_of(3));
    town.skips = skips;
    for _ in 0..commands {
        town.step(&mut dice);
    }
    town.rest();
    let mut events = town.finish();
    if seed.is_multiple_of(2) {
        values::add(&mut events, seed as usize / 2);
    }
    events
}

impl Town {
    fn tell(&mut self, event: impl FnOnce(u64) -> Event<'static>) {
        self.now += 1;
        self.events.push(event(self.now));
    }

    fn step(&mut self, dice: &mut Dice) {
        match dice.below(20) {
            0..5 => self.till(dice),
            5..8 => self.meter(dice),
            8..12 => self.bank(dice),
            12..16 => self.job(dice.below(2), 1 + dice.below(4), dice),
            16 => self.read(1 + dice.below(6), dice),
            17 => self.books(1 + dice.below(5), dice),
            18 => self.rebalance(dice),
            _ => {
                let at = [ORDERS[0], ORDERS[1], INVOICES, AUDIT][dice.below(4)];
                *self.leader_epochs.get_mut(&at).expect("it exists") += 1;
            }
        }
    }
}
