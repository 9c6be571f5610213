//! From `[chaos]` and `[promise]` to the plan.

use fencepost_kernel::explorer::Chances;
use fencepost_protocol::message::IsolationLevel;
use fencepost_protocol::time::Span;

use super::fields::Fields;
use super::problem::Complaint;
use super::table::{self, FromItem as _};
use crate::nearest::choices;
use crate::plan::{ChaosPlan, Family, Plan, Promise};

type Result<T> = core::result::Result<T, Complaint>;

/// Promises of topics and sinks, by name.
pub const PROMISES: [(&str, Promise); 4] = [
    ("exactly-once", Promise::ExactlyOnce),
    ("at-least-once", Promise::AtLeastOnce),
    ("at-most-once", Promise::AtMostOnce),
    ("idempotent", Promise::Idempotent),
];
/// Promises of readers, by name.
pub const OF_A_READER: [(&str, Promise); 1] = [("read_uncommitted", Promise::ReadUncommitted)];

/// The word of a promise.
pub fn promise_word(promise: Promise) -> &'static str {
    let found = PROMISES.iter().chain(&OF_A_READER).find(|(_, known)| *known == promise);
    found.expect("every promise has a word").0
}

/// `has_sinks`: whether families of sinks have somebody to strike.
pub(super) fn chaos(fields: &Fields, has_sinks: bool) -> Result<ChaosPlan> {
    let table::Chaos {
        delay_ppm,
        delay_min,
        delay_max,
        late_ppm,
        late_max,
        lose_request_ppm,
        lose_response_ppm,
        jitter_max,
        probes,
    } = table::Chaos::read(fields)?;
    let messages = Chances {
        delay_ppm: delay_ppm.unwrap_or(0),
        delay_min: delay_min.unwrap_or(Span::from_millis(1)),
        delay_max: delay_max.unwrap_or(Span::from_millis(1_000)),
        late_ppm: late_ppm.unwrap_or(0),
        late_max: late_max.unwrap_or(Span::from_secs(100)),
        lose_request_ppm: lose_request_ppm.unwrap_or(0),
        lose_response_ppm: lose_response_ppm.unwrap_or(0),
        jitter_max: jitter_max.unwrap_or(Span::ZERO),
        probes: probes.unwrap_or(0),
    };
    if messages.delay_min > messages.delay_max {
        return Err(fields.complain("delay.min", "delay.min is above delay.max"));
    }
    if messages.late_max < messages.delay_max {
        return Err(fields.complain("late.max", "late.max is below delay.max"));
    }
    if messages.shares() > 1_000_000 {
        return Err(Complaint::new(&fields.place, "the shares of [chaos] add up to more than 1,000,000 ppm"));
    }
    let mut plan = ChaosPlan { messages, families: Vec::new() };
    let mut rest = fields.clone();
    for mut family in rest.take_tables("family")? {
        family.what = table::ChaosFamily::SECTION.head.to_string();
        table::ChaosFamily::SECTION.check(&family)?;
        let table::ChaosFamily { kind, count, lasts } = table::ChaosFamily::read(&family)?;
        let kind = kind.ok_or_else(|| Complaint::new(&family.place, "[[chaos.family]] needs 'kind'"))?;
        if kind.is_of_sinks() && !has_sinks {
            return Err(family.complain("kind", NO_SINK));
        }
        if plan.families.iter().any(|f| f.kind == kind) {
            return Err(family.complain("kind", "this family is given twice"));
        }
        let needed =
            || Complaint::new(&family.place, "[[chaos.family]] needs 'count', a number or a range such as \"0..2\"");
        let (min, max) = count.ok_or_else(needed)?;
        let (shortest, longest) = lasts.unwrap_or(LASTS);
        plan.families.push(Family { kind, min, max, shortest, longest });
    }
    // `broker_crash.count = 1` in [chaos] changes or adds a family: how settings reach them.
    for (name, table::Family { kind, key }) in table::Family::all() {
        let Some(item) = fields.get(&name) else { continue };
        let never = key == "count" && <(u32, u32)>::take(&item.value) == Some((0, 0));
        if kind.is_of_sinks() && !has_sinks && !never {
            return Err(fields.complain(&name, NO_SINK));
        }
        if !plan.families.iter().any(|f| f.kind == kind) {
            plan.families.push(Family { kind, min: 0, max: 0, shortest: LASTS.0, longest: LASTS.1 });
        }
        let family = plan.families.iter_mut().find(|f| f.kind == kind).expect("it was just added");
        let wrong = || fields.complain(&name, format!("'{name}' does not take this"));
        match key {
            "count" => (family.min, family.max) = <(u32, u32)>::take(&item.value).ok_or_else(wrong)?,
            _ => (family.shortest, family.longest) = <(Span, Span)>::take(&item.value).ok_or_else(wrong)?,
        }
    }
    // A family that never strikes is none; so what is drawn does not depend on where a family is named.
    plan.families.retain(|f| f.max > 0);
    Ok(plan)
}

const NO_SINK: &str = "this family strikes databases and payment APIs, and there are none: leave it out, or declare a [[database]] or [[payment_api]]";

/// How long a fault of a family lasts where the scenario does not say.
const LASTS: (Span, Span) = (Span::from_secs(1), Span::from_secs(5));

/// `[promise]`: of topics, of sinks, and of readers that may see what was not committed.
pub(super) fn promises(fields: &Fields, plan: &Plan) -> Result<Vec<(String, Promise)>> {
    let accounts: Vec<String> = plan.accounts().into_iter().map(|a| a.name).collect();
    let outputs = || plan.topics.iter().map(|t| &t.name).chain(&accounts).map(String::as_str);
    let readers = || plan.readers.iter().map(|r| r.name.as_str());
    let mut promises = Vec::new();
    for name in fields.paths() {
        let text = fields.needed_text(name)?;
        let is_output = outputs().any(|known| known == name);
        let promise = match (is_output, plan.readers.iter().find(|r| r.name == name)) {
            (true, None) => fields.word(name, &PROMISES)?,
            (true, Some(_)) if text != OF_A_READER[0].0 => fields.word(name, &PROMISES)?,
            (_, Some(reader)) => {
                if reader.config.isolation_level != IsolationLevel::ReadUncommitted {
                    let message = format!(
                        "'{name}' has isolation.level=read_committed: it is never given what was not committed"
                    );
                    return Err(fields.complain(name, message));
                }
                fields.word(name, &OF_A_READER)?
            }
            (false, None) => {
                let all = choices(name, "topics, sinks and readers", outputs().chain(readers()));
                let message = format!("there is no topic, no sink and no reader '{name}'{all}");
                return Err(fields.complain(name, message));
            }
        };
        promises.extend(promise.map(|promise| (name.to_string(), promise)));
    }
    Ok(promises)
}
