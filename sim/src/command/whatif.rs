//! `whatif`: the same execution but for one thing, side by side.

use std::path::Path;

use fencepost_reports::page::{self, Comparison, FirstDifference, RecordFates};
use fencepost_reports::render::thousands;
use fencepost_reports::terminal::wrapped;
use serde_json::{Value, json};

use super::case::{Case, exit_code, verdict_words};
use super::execute::{Ran, guarded, told};
use super::output::{Troubles, WholeFile, document, print, shell_word};
use super::{Outcome, Refusal, interrupt};
use crate::run::{Course, run};
use crate::scenario::{Scenario, deviation};
use crate::schedule::Schedule;
use crate::shrink::{translated, with_settings};
use crate::whatif::{Fates, Parting, RecordFate, compare_fates, parting};
use crate::world::Keep;

/// Records whose fate differs that are listed in the text.
const LISTED: usize = 12;
/// Characters of an event that are shown.
const SHOWN: usize = 220;

/// One side.
struct Side {
    scenario: Scenario,
    schedule: Schedule,
    ran: Ran,
    fates: Fates,
}

impl Side {
    fn run(scenario: Scenario, seed: u64, schedule: Schedule) -> Side {
        let mut fates = Fates::default();
        let course = Course::Schedule(seed, &schedule);
        let ran = guarded(|| run(&scenario.plan, course, Keep::default(), Some(&mut fates), None));
        Side { scenario, schedule, ran, fates }
    }
}

/// `fencepost whatif`.
pub fn whatif(path: &Path, without: &[usize], sets: &[String], html: Option<&Path>, json: bool) -> Outcome {
    let name = path.display();
    let case = Case::read(path)?;
    interrupt::end_cleanly();
    let page = html.map(WholeFile::create).transpose()?;
    let Case { capsule, schedule, .. } = case;
    let names = capsule.scenario.names();
    if without.is_empty() && sets.is_empty() {
        let mut text = format!("{name}: say what is different: --without N, or --set KEY=VALUE; its deviations are\n");
        for (index, deviation) in schedule.deviations.iter().enumerate() {
            text += &format!("  {}. {}\n", index + 1, deviation::words(deviation, &names));
        }
        return Err(Refusal(text.trim_end().to_string()));
    }
    let count = schedule.deviations.len();
    if let Some(n) = without.iter().find(|n| **n == 0 || **n > count) {
        return Err(Refusal(format!("--without {n}: the capsule has deviations 1 to {count}")));
    }
    let other = if sets.is_empty() {
        capsule.scenario.clone()
    } else {
        // Reading it again says what is wrong with a setting.
        let mut choice = capsule.scenario.choice.clone();
        choice.sets.extend_from_slice(sets);
        let files = &capsule.scenario.files;
        let read = &mut |path: &str| files.get(path).cloned().ok_or_else(|| "it is not in the capsule".to_string());
        Scenario::load(&capsule.scenario.name, &capsule.scenario.text, choice, read)?;
        with_settings(&capsule.scenario, sets).ok_or_else(|| Refusal("the settings do not fit together".to_string()))?
    };
    let kept = |(index, _): &(usize, &crate::schedule::Deviation)| !without.contains(&(index + 1));
    let rest: Vec<_> = schedule.deviations.iter().enumerate().filter(kept).map(|(_, d)| d.clone()).collect();
    let rest = Schedule { deviations: translated(&rest, &capsule.scenario, &other) };
    let seed = capsule.seed;
    let left = Side::run(capsule.scenario.clone(), seed, schedule);
    let right = Side::run(other, seed, rest);
    let parted = if left.ran.is_ok() && right.ran.is_ok() {
        let course = |side: &Side| (side.scenario.plan.clone(), side.schedule.clone());
        let ((a, s), (b, t)) = (course(&left), course(&right));
        parting((&a, Course::Schedule(seed, &s)), (&b, Course::Schedule(seed, &t)))
    } else {
        None
    };
    let fates = compare_fates((&left.fates, &left.scenario.plan), (&right.fates, &right.scenario.plan));
    let mut changes: Vec<String> = without
        .iter()
        .map(|n| format!("without: {}", deviation::words(&left.schedule.deviations[n - 1], &names)))
        .collect();
    changes.extend(sets.iter().map(|set| format!("with {set}")));
    let no_longer: Vec<String> = match &right.ran {
        Ok(run) => run.outcome.unused.iter().map(|d| deviation::words(d, &right.scenario.names())).collect(),
        Err(_) => Vec::new(),
    };
    let mut troubles = Troubles::default();
    if let Some(file) = page {
        let comparison = comparison(path, (without, sets), &changes, &no_longer, parted.as_ref(), &fates);
        let told = |side: &Side, command: &str| {
            told(&side.scenario, seed, Course::Schedule(seed, &side.schedule), command)
                .map_err(|panic| Refusal(format!("there is no page of a run in which a machine panicked: {panic}")))
        };
        let replay = format!("fencepost replay {}", shell_word(&path.display().to_string()));
        let (left, right) = (told(&left, &replay)?, told(&right, &comparison.command)?);
        troubles.note(file.finish_with(&page::pair(&left, &right, &comparison)));
    }
    if json {
        let mut value = as_json(&left, &right, &changes, &no_longer, parted.as_ref(), &fates);
        troubles.tell(&mut value);
        document(&value);
    } else {
        print(&as_text(&left, &right, &changes, &no_longer, parted.as_ref(), &fates));
    }
    Ok(troubles.exit_code(exit_code(&right.ran)))
}

fn comparison(
    capsule: &Path,
    (without, sets): (&[usize], &[String]),
    changes: &[String],
    no_longer: &[String],
    parted: Option<&Parting>,
    fates: &[RecordFate],
) -> Comparison {
    let mut words = vec!["fencepost".to_string(), "whatif".to_string(), capsule.display().to_string()];
    words.extend(without.iter().flat_map(|n| ["--without".to_string(), n.to_string()]));
    words.extend(sets.iter().flat_map(|set| ["--set".to_string(), set.clone()]));
    let different = fates.iter().filter(|f| f.left != f.right);
    let fate =
        |fate: &&RecordFate| RecordFates { record: fate.words(), left: fate.left.words(), right: fate.right.words() };
    Comparison {
        changes: changes.to_vec(),
        no_longer: no_longer.to_vec(),
        first_difference: parted.map(|p| FirstDifference {
            same: (p.same + p.alike) as u64,
            at: p.at,
            left: p.left.clone(),
            right: p.right.clone(),
        }),
        same_records: fates.iter().filter(|f| f.left == f.right).count() as u64,
        fates: different.collect::<Vec<_>>().iter().map(fate).collect(),
        command: words.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" "),
    }
}

fn numbers(ran: &Ran) -> (u64, u64) {
    ran.as_ref().map_or((0, 0), |run| (run.outcome.deliveries, run.outcome.finished_at.0 / 1_000_000))
}

fn as_text(
    left: &Side,
    right: &Side,
    changes: &[String],
    no_longer: &[String],
    parted: Option<&Parting>,
    fates: &[RecordFate],
) -> String {
    let mut text = format!("{}, and the same\n", left.scenario.label());
    for change in changes {
        text += &format!("  {change}\n");
    }
    for words in no_longer {
        text += &format!("  no longer applies: {words}\n");
    }
    let (a, b) = (verdict_words(&left.ran), verdict_words(&right.ran));
    let width = a.len().max(12);
    text += &format!("\n{:16}  {:width$}  {}\n", "", "as it was", "what if");
    text += &format!("{:16}  {a:width$}  {b}\n", "verdict");
    let ((a, at), (b, bt)) = (numbers(&left.ran), numbers(&right.ran));
    text += &format!("{:16}  {:width$}  {}\n", "deliveries", thousands(a), thousands(b));
    let time = |ms: u64| format!("{}.{:03} s", ms / 1000, ms % 1000);
    text += &format!("{:16}  {:width$}  {}\n", "virtual time", time(at), time(bt));
    text += "\n";
    match parted {
        None => text += "not one event differs\n",
        Some(Parting { same, alike, left, right, .. }) => {
            let alike = match alike {
                0 => String::new(),
                n => format!(", {} more read the same", thousands(*n as u64)),
            };
            text += &format!("the first {} events are the same{alike}; then\n", thousands(*same as u64));
            let events = shortened([left, right].map(|event| event.as_deref().unwrap_or("the run is over")));
            for (head, event) in ["as it was", "what if"].into_iter().zip(events) {
                wrapped(&mut text, &event, &format!("  {head:10} "), &" ".repeat(13));
            }
        }
    }
    let different: Vec<&RecordFate> = fates.iter().filter(|f| f.left != f.right).collect();
    let same = fates.len() - different.len();
    text += &format!("\nof {} records {} came out the same\n", thousands(fates.len() as u64), thousands(same as u64));
    for fate in different.iter().take(LISTED) {
        let words = format!("{}: {}; what if: {}", fate.words(), fate.left.words(), fate.right.words());
        wrapped(&mut text, &words, "  ", "    ");
    }
    if different.len() > LISTED {
        text += &format!("  ... and {} more (--json lists all)\n", different.len() - LISTED);
    }
    text
}

/// Two events, as much of them as shows how they differ.
fn shortened(events: [&str; 2]) -> [String; 2] {
    let [left, right] = events;
    let same = left.chars().zip(right.chars()).take_while(|(a, b)| a == b).count();
    // What they begin with says what they are; then some of what is alike stands before what is not.
    let skipped = if same + SHOWN / 4 < SHOWN { 0 } else { same - SHOWN / 4 };
    events.map(|event| {
        let characters: Vec<char> = event.chars().collect();
        let text = |part: &[char]| part.iter().collect::<String>();
        let begin = if skipped == 0 { String::new() } else { format!("{} ... ", text(&characters[..SHOWN / 4])) };
        let rest = &characters[skipped.min(characters.len())..];
        match rest.len() > SHOWN {
            true => format!("{begin}{}...", text(&rest[..SHOWN])),
            false => format!("{begin}{}", text(rest)),
        }
    })
}

fn as_json(
    left: &Side,
    right: &Side,
    changes: &[String],
    no_longer: &[String],
    parted: Option<&Parting>,
    fates: &[RecordFate],
) -> Value {
    let side = |side: &Side| {
        let (deliveries, virtual_ms) = numbers(&side.ran);
        json!({ "verdict": verdict_words(&side.ran), "deliveries": deliveries, "virtual_ms": virtual_ms })
    };
    let records: Vec<Value> = fates
        .iter()
        .filter(|f| f.left != f.right)
        .map(|f| {
            json!({
                "record": f.words(),
                "topic": f.topic,
                "producer": f.producer,
                "index": f.index,
                "was": f.left.words(),
                "what_if": f.right.words(),
            })
        })
        .collect();
    json!({
        "changes": changes,
        "no_longer_applies": no_longer,
        "was": side(left),
        "what_if": side(right),
        "parting": parted.map(|p| json!({ "same_events": p.same, "alike_events": p.alike, "was": p.left, "what_if": p.right })),
        "records": fates.len(),
        "records_that_differ": records,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_two_long_events_shows_how_they_differ() {
        let common = "the same words ".repeat(50);
        let [left, right] = shortened([&format!("{common}x and more"), &format!("{common}y")]);
        assert_ne!(left, right);
        assert!(left.ends_with("words x and more") && right.ends_with("words y"), "{left}\n{right}");
        assert!(left.starts_with("the same words the same words") && left.chars().count() < 2 * SHOWN, "{left}");
        assert_eq!(shortened(["short", "shorter"]), ["short", "shorter"]);
    }
}
