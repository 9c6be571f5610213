//! `list` and `show`.

use serde_json::json;

use super::{OK, Outcome, What, output, source};
use crate::scenario::{Choice, Scenario, builtin};

/// `fencepost list`.
pub fn list(json: bool) -> Outcome {
    let mut rows = Vec::new();
    for (name, _) in builtin::SCENARIOS {
        rows.push(Scenario::load_built_in(name, Choice::default())?);
    }
    if json {
        let list: Vec<_> = rows
            .iter()
            .map(|s| json!({ "name": s.name, "title": s.plan.title, "cases": case_names(s), "seeds": [s.seeds.0, s.seeds.1] }))
            .collect();
        output::document(&json!({ "scenarios": list }));
        return Ok(OK);
    }
    let width = rows.iter().map(|s| s.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for scenario in &rows {
        text += &format!("{:width$}  {}\n", scenario.name, scenario.plan.title);
        for (case, title) in &scenario.cases {
            text += &format!("{:width$}    --case {case}  {title}\n", "");
        }
    }
    output::print(&text);
    Ok(OK)
}

fn case_names(scenario: &Scenario) -> Vec<&str> {
    scenario.cases.iter().map(|(name, _)| name.as_str()).collect()
}

/// `fencepost show`.
pub fn show(what: &What, resolved: bool, json: bool) -> Outcome {
    let scenario = source::load(&source::find(&what.scenario)?, what.choice())?;
    let text = if resolved { scenario.resolved() } else { scenario.text.to_string() };
    if json {
        output::document(&json!({
            "name": scenario.name,
            "title": scenario.plan.title,
            "about": scenario.plan.about,
            "cases": case_names(&scenario),
            "seed": scenario.seed,
            "seeds": [scenario.seeds.0, scenario.seeds.1],
            "toml": text,
        }));
    } else {
        output::print(&text);
    }
    Ok(OK)
}
