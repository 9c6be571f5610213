//! One run: from a plan and a seed, or a plan and a written schedule, to a report.

use std::sync::Arc;

use fencepost_reports::checker::Checker;
use fencepost_reports::figures::{Counting, Figures};
use fencepost_reports::history::Sink;
use fencepost_reports::report::Report;

use crate::draw::draw_faults;
use crate::explorer::{Draw, Explorer, Replay};
use crate::plan::Plan;
use crate::schedule::{Deviation, Fault, Schedule};
use crate::world::{Keep, Origin, Outcome, Tracer, World, names};

/// Where the deviations of a run come from.
#[derive(Clone, Copy, Debug)]
pub enum Course<'s> {
    /// Drawn from the seed.
    Seed(u64),
    /// Written. The seed is that of generated records.
    Schedule(u64, &'s Schedule),
}

/// What a run gives.
#[derive(Debug)]
pub struct Run {
    /// The world's side.
    pub outcome: Outcome,
    /// The checker's.
    pub report: Report,
    /// How often what happened, and how long it took.
    pub figures: Figures,
}

/// Runs a plan. `extra` takes the history beside the checker; `tracer` sees every delivery.
pub fn run(
    plan: &Arc<Plan>,
    course: Course<'_>,
    keep: Keep,
    extra: Option<&mut dyn Sink>,
    tracer: Option<Tracer<'_>>,
) -> Run {
    let (seed, faults, explorer) = prepare(plan, course);
    let mut sink = ((Checker::new(), Counting::new()), extra);
    // A tracer that outlives the sink is lent for as long as the sink lives.
    let tracer = tracer.map(|tracer| tracer as Tracer<'_>);
    let outcome = World::new(plan.clone(), seed, faults, explorer, keep, &mut sink, tracer).run();
    let (checker, counting) = sink.0;
    let figures = crate::story::with_counts(counting.finish(), &outcome.counts);
    Run { outcome, report: checker.finish(), figures }
}

/// The seed, the faults and the source of messages' deviations of a course.
pub(crate) fn prepare(plan: &Plan, course: Course<'_>) -> (u64, Vec<(Fault, Origin)>, Explorer) {
    match course {
        Course::Seed(seed) => {
            let written = plan.faults.iter().cloned().map(|f| (f, Origin::Written));
            let drawn = draw_faults(plan, seed).into_iter().map(|f| (f, Origin::Drawn));
            let faults: Vec<_> = written.chain(drawn).collect();
            let until = fencepost_protocol::time::Instant::ZERO + plan.end.faults_until;
            let draws = Draw::new(seed, plan.chaos.clone(), until, names(plan));
            (seed, faults, Explorer::Draw(Box::new(draws)))
        }
        Course::Schedule(seed, schedule) => {
            let mut faults = Vec::new();
            let mut messages = Vec::new();
            for deviation in &schedule.deviations {
                match deviation {
                    Deviation::Fault(fault) => faults.push((fault.clone(), Origin::Written)),
                    Deviation::Message(name, effect) => messages.push((*name, *effect)),
                }
            }
            (seed, faults, Explorer::Replay(Replay::new(messages)))
        }
    }
}
