//! Which keys of a fault fit together.

use super::actions::{ALWAYS, ActionName, WHEN};
use super::{FAULT, MESSAGE};
use crate::nearest::hint;
use crate::scenario::fields::Fields;
use crate::scenario::problem::Complaint;

/// The action of a fault, if there is one of that name.
pub fn action(fields: &Fields) -> Result<ActionName, Complaint> {
    let word = fields.needed_text("action")?;
    ActionName::from_name(&word).ok_or_else(|| {
        let names: Vec<&str> = ActionName::ALL.iter().map(|action| action.name()).collect();
        let near = hint(&word, names.iter().copied());
        fields.complain("action", format!("unknown action '{word}'{near} (actions: {})", names.join(", ")))
    })
}

/// Complains about keys that faults do not have, that this action does not take or that it lacks, and about two beginnings.
///
/// # Errors
/// Where, and what would be right.
pub fn check_fault(fields: &Fields) -> Result<(), Complaint> {
    FAULT.check(fields)?;
    let action = action(fields)?;
    let keys = action.keys();
    let fits = |path: &str| WHEN.contains(&path) || ALWAYS.contains(&path) || keys.contains(&path);
    if let Some(path) = fields.paths().find(|path| !fits(path)) {
        let message = format!("'{path}' is no key of action = \"{}\", {}", action.name(), takes(action));
        return Err(fields.complain(path, message));
    }
    let triggered = fields.paths().find(|path| path.starts_with("after."));
    match (fields.has("at"), triggered) {
        (true, Some(_)) => {
            let message =
                "a fault begins 'at' a time or 'after' something has happened, not both: leave one of them out";
            return Err(fields.complain("at", message));
        }
        (false, None) => {
            return Err(Complaint::new(&fields.place, format!("{} needs either 'at' or 'after'", fields.what)));
        }
        _ => {}
    }
    for (one, other) in [("node", "nodes"), ("links", "from"), ("links", "to"), ("links", "both.ways")] {
        if fields.has(one) && fields.has(other) {
            return Err(fields.complain(other, format!("'{one}' and '{other}' say the same: leave one of them out")));
        }
    }
    for key in action.needed() {
        let given = fields.has(key)
            || (*key == "node" && fields.has("nodes"))
            || (["from", "to"].contains(key) && fields.has("links"));
        if !given {
            let or = match *key {
                "node" => " or 'nodes'",
                "from" | "to" => " (or 'links')",
                _ => "",
            };
            let message = format!("action = \"{}\" needs '{key}'{or}", action.name());
            return Err(Complaint::new(&fields.place, message));
        }
    }
    Ok(())
}

/// `which takes 'node' or 'nodes', and 'down'`.
fn takes(action: ActionName) -> String {
    let names = |keys: &[&str]| {
        let quoted: Vec<String> = keys
            .iter()
            .map(|key| match *key {
                "node" => "'node' or 'nodes'".to_string(),
                key => format!("'{key}'"),
            })
            .collect();
        quoted.join(", ")
    };
    match (action.needed(), action.may_have()) {
        ([], []) => "which takes none but those that say when".to_string(),
        (needed, []) => format!("which takes {}", names(needed)),
        (needed, may) => format!("which takes {}, and may have {}", names(needed), names(may)),
    }
}

/// The same for a message's deviation in a capsule.
pub fn check_message(fields: &Fields) -> Result<(), Complaint> {
    MESSAGE.check(fields)
}
