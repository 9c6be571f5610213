//! Scratch: hunts a target.
use fencepost_sim::{capsule::*, run::*, scenario::*, schedule::*, shrink::*, world::Keep};
use std::sync::Arc;
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (id, name, seeds) = (&args[0], &args[1], parse_seeds(&args[2]).unwrap());
    let sets: Vec<String> = args[3..].to_vec();
    let scenario = Scenario::load_built_in(name, Choice { case: None, sets }).unwrap_or_else(|e| panic!("{e}"));
    let runner = |plan: &Arc<fencepost_sim::plan::Plan>, course: Course<'_>, keep: Keep| -> Result<Run, String> {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(plan, course, keep, None, None)))
            .map_err(|_| "panic".to_string())
    };
    let limit: usize = std::env::var("LIMIT").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let t0 = std::time::Instant::now();
    let mut found = 0;
    let mut runs = 0;
    let mut kinds = std::collections::BTreeMap::new();
    for seed in seeds.0..=seeds.1 {
        runs += 1;
        let ran = runner(&scenario.plan, Course::Seed(seed), Keep { schedule: true, trace: false });
        let Ok(r) = &ran else {
            println!("{id}: seed {seed} PANIC");
            found += 1;
            if found >= limit {
                break;
            }
            continue;
        };
        let Some(goal) = Goal::of(&r.report) else { continue };
        *kinds.entry(goal.words()).or_insert(0) += 1;
        found += 1;
        if found > limit {
            continue;
        }
        let ks: Vec<_> = r.report.violations.iter().map(|v| v.kind.name()).collect();
        println!(
            "{id}: seed {seed} after {runs} runs {:?}: {ks:?} {} deviations {} deliveries\n   {}",
            t0.elapsed(),
            r.outcome.recorded.len(),
            r.outcome.deliveries,
            r.report.violations[0].proof.sentence
        );
        if std::env::var("NOSHRINK").is_ok() {
            continue;
        }
        let t1 = std::time::Instant::now();
        let schedule = Schedule { deviations: r.outcome.recorded.clone() };
        let again =
            runner(&scenario.plan, Course::Schedule(seed, &schedule), Keep { schedule: true, trace: false }).unwrap();
        println!(
            "   replay same digest {} recorded same {}",
            again.outcome.digest == r.outcome.digest,
            again.outcome.recorded.len() == r.outcome.recorded.len()
        );
        match shrink(&scenario, seed, &schedule, &goal, &runner, &|| t1.elapsed().as_secs() < 60) {
            Err(_) => println!("   not reproduced"),
            Ok(s) => {
                let r = s.ran.as_ref().unwrap();
                println!(
                    "   shrunk in {:?}, {} runs, finished {}: {} deviations, {} deliveries, {:?}",
                    t1.elapsed(),
                    s.runs,
                    s.finished,
                    s.schedule.deviations.len(),
                    r.outcome.deliveries,
                    s.settings
                );
                let names = s.scenario.names();
                for d in &s.schedule.deviations {
                    println!("     {}", deviation::words(d, &names));
                }
                for v in &r.report.violations {
                    println!("     => {} x{}: {}", v.kind, v.count, v.proof.sentence);
                }
                let remedy: Vec<String> = vec![std::env::var("REMEDY").unwrap_or("variant=".into())];
                let cured = with_settings(&s.scenario, &remedy).unwrap();
                let devs = translated(&s.schedule.deviations, &s.scenario, &cured);
                let c = runner(&cured.plan, Course::Schedule(seed, &Schedule { deviations: devs }), Keep::default())
                    .unwrap();
                println!(
                    "     with remedy {remedy:?}: {} {:?}",
                    c.report.verdict,
                    c.report.violations.iter().map(|v| (v.kind.name(), v.proof.sentence.clone())).collect::<Vec<_>>()
                );
                let capsule = Capsule {
                    program: PROGRAM.into(),
                    scenario: s.scenario.clone(),
                    seed,
                    verdict: r.report.verdict.name().into(),
                    kinds: r.report.violations.iter().map(|v| v.kind.name().to_string()).collect(),
                    digest: Some(r.outcome.digest.to_string()),
                    remedy,
                    schedule: Some(s.schedule),
                };
                std::fs::create_dir_all("/tmp/zoo").unwrap();
                std::fs::write(format!("/tmp/zoo/{id}-{seed}.json"), capsule.to_json()).unwrap();
            }
        }
    }
    println!("{id}: {found} of {runs} seeds of {name} in {:?} {kinds:?}", t0.elapsed());
}
