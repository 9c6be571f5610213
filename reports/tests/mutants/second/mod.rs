//! A second set of kinds of mutation, by somebody else than the first: each is a short story of a small system beside a real
//! history, told once as it must not be and once as it may be. The second way is a near miss.

mod acts;
mod annex;
mod batches;
mod broker;
mod calls;
mod clients;
mod effects;
mod halves;
mod lawful;
mod mills;
mod numbers;
mod openings;
mod processes;
mod transactions;
mod views;

use fencepost_reports::history::event::Event;

use crate::dice::Dice;
use crate::kinds::{Mutant, Mutation};
use crate::near::Near;
use crate::past::Past;

use annex::Annex;

/// A story: whether it goes wrong is said, and what must then be named is returned.
pub type Run = fn(&mut Annex<'_>, bool) -> Mutant;

/// A story as both.
pub struct Story {
    mutation: Mutation,
    near: Near,
}

/// A story of its name, what goes wrong in it, how it runs, which kinds are right, and which may come along and why.
macro_rules! story {
    ($name:literal, $what:literal, $run:expr, [$($kind:ident),*]) => {
        $crate::second::story!($name, $what, $run, [$($kind),*], [], "")
    };
    ($name:literal, $what:literal, $run:expr, [$($kind:ident),*], [$($also:ident),*], $because:literal) => {
        $crate::second::Story {
            mutation: $crate::kinds::Mutation {
                name: $name,
                what: $what,
                expect: $crate::kinds::Expect::Kinds(&[$(fencepost_reports::Kind::$kind),*]),
                also: &[$(fencepost_reports::Kind::$also),*],
                because: $because,
                make: |past, dice| $crate::second::wrong(past, dice, $run),
            },
            near: $crate::second::fair!(concat!("unbroken-", $name), $run),
        }
    };
}
use story;

/// A near miss: the story as it may be.
macro_rules! fair {
    ($name:expr, $run:expr) => {
        $crate::near::Near { name: $name, allowed: &[], make: |past, dice| $crate::second::right(past, dice, $run) }
    };
}
use fair;

fn wrong(past: &Past, dice: &mut Dice, run: Run) -> Option<Mutant> {
    let mut annex = Annex::new(past, dice);
    let mutant = run(&mut annex, true);
    let (events, site) = annex.finish()?;
    Some(Mutant { events, site, ..mutant })
}

fn right(past: &Past, dice: &mut Dice, run: Run) -> Option<(Vec<Event<'static>>, String)> {
    let mut annex = Annex::new(past, dice);
    run(&mut annex, false);
    annex.finish()
}

fn stories() -> Vec<Story> {
    let parts = [
        broker::stories(),
        transactions::stories(),
        clients::stories(),
        views::stories(),
        mills::stories(),
        halves::stories(),
        effects::stories(),
        calls::stories(),
        processes::stories(),
        batches::stories(),
        numbers::stories(),
    ];
    parts.into_iter().flatten().collect()
}

pub fn kinds() -> Vec<Mutation> {
    stories().into_iter().map(|s| s.mutation).collect()
}

pub fn near() -> Vec<Near> {
    stories().into_iter().map(|s| s.near).chain(lawful::all()).collect()
}
