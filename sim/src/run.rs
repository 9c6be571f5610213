//! One run: from a plan and a seed, or a plan and a written schedule, to a report.

use std::sync::Arc;

use fencepost_kernel::explorer::{Draw, Explorer, Replay};
use fencepost_protocol::time::Instant;
use fencepost_reports::checker::Checker;
use fencepost_reports::figures::{Counting, Figures};
use fencepost_reports::history::Sink;
use fencepost_reports::report::Report;

use crate::draw::draw_faults;
use crate::plan::Plan;
use crate::scenario::Numbers;
use crate::schedule::{Fault, Kafka, Schedule, When};
use crate::world::{Keep, Origin, Outcome, Tracer, World, link_table};

/// Where the deviations of a run come from.
#[derive(Clone, Copy, Debug)]
pub enum Course<'s> {
    /// Drawn from the seed.
    Seed(u64),
    /// Written. The seed is that of generated records.
    Schedule(u64, &'s Schedule),
    /// Written, but faults that the scenario itself does not name are left out where they would exceed what the cluster's
    /// configuration promises to survive, as drawn ones are. The seed is that of generated records.
    Legal(u64, &'s Schedule),
    /// Written up to an instant, from then on drawn from the second seed. The first seed is that of generated records.
    Future(u64, &'s Schedule, Instant, u64),
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

impl Run {
    /// What an expectation is compared with, besides the report.
    pub fn numbers(&self) -> Numbers<'_> {
        Numbers {
            virtual_ms: self.outcome.finished_at.0 / 1_000_000,
            deliveries: self.outcome.deliveries,
            faults: self.outcome.faults.into(),
            figures: &self.figures.total,
            coverage: self.outcome.coverage.as_deref(),
        }
    }
}

/// Runs a plan. `extra` takes the history beside the checker; `tracer` sees every delivery.
pub fn run(
    plan: &Arc<Plan>,
    course: Course<'_>,
    keep: Keep,
    extra: Option<&mut dyn Sink>,
    tracer: Option<Tracer<'_>>,
) -> Run {
    let prepared = prepare(plan, course);
    let mut sink = ((Checker::new(), Counting::new()), extra);
    // A tracer that outlives the sink is lent for as long as the sink lives.
    let tracer = tracer.map(|tracer| tracer as Tracer<'_>);
    let outcome = World::new(plan.clone(), prepared, keep, &mut sink, tracer).run();
    let (checker, counting) = sink.0;
    let figures = crate::story::with_counts(counting.finish(), &outcome.counts);
    Run { outcome, report: checker.finish(), figures }
}

/// The seed, the faults and the source of messages' deviations of a course.
pub(crate) fn prepare(plan: &Plan, course: Course<'_>) -> (u64, Vec<(Fault, Origin)>, Explorer<Kafka>) {
    match course {
        Course::Seed(seed) => {
            let written = plan.faults.iter().cloned().map(|f| (f, Origin::Written));
            let drawn = draw_faults(plan, seed).into_iter().map(|f| (f, Origin::Drawn));
            let faults: Vec<_> = written.chain(drawn).collect();
            let until = Instant::ZERO + plan.end.faults_until;
            let draws = Draw::new(seed, plan.chaos.messages, until, plan.names().nodes, link_table(plan));
            (seed, faults, Explorer::Draw(Box::new(draws)))
        }
        Course::Schedule(seed, schedule) => {
            let faults = schedule.faults().map(|f| (f.clone(), Origin::Written)).collect();
            (seed, faults, Explorer::Replay(Replay::new(schedule.messages())))
        }
        Course::Legal(seed, schedule) => {
            let origin = |f| if plan.faults.contains(f) { Origin::Written } else { Origin::Drawn };
            let faults = schedule.faults().map(|f| (f.clone(), origin(f))).collect();
            (seed, faults, Explorer::Replay(Replay::new(schedule.messages())))
        }
        Course::Future(seed, schedule, from, fresh) => {
            let is_past = |f: &Fault| match f.when {
                When::At(at) => at < from,
                When::After(..) => true,
            };
            let past = schedule.faults().filter(|f| is_past(f)).map(|f| (f.clone(), Origin::Written));
            let drawn = draw_faults(plan, fresh).into_iter().filter(|f| !is_past(f)).map(|f| (f, Origin::Drawn));
            let faults = past.chain(drawn).collect();
            let until = Instant::ZERO + plan.end.faults_until;
            let draw = Draw::new(fresh, plan.chaos.messages, until, plan.names().nodes, link_table(plan));
            (seed, faults, Explorer::Splice(Replay::new(schedule.messages()), from, Box::new(draw)))
        }
    }
}
