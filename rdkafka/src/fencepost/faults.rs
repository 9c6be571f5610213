//! Faults that name the node of a program: in the world its clients have places of their own.

use toml::{Table, Value};

/// What can go wrong between a program's clients and the cluster. The rest happens to its process, which the test runs.
const OF_PROGRAMS: [&str; 4] = ["block", "slow", "lose_answers", "slow_node"];

/// The nodes that a fault can name.
pub(super) struct Known<'n> {
    /// Those of the scenario.
    pub nodes: Vec<&'n str>,
    /// Those of programs.
    pub programs: &'n [String],
    /// The places of a program's clients; what is wrong if it has none of its own.
    pub places: &'n dyn Fn(&str) -> Result<Vec<String>, String>,
}

impl Known<'_> {
    /// What a name stands for.
    fn stands_for(&self, name: &str, action: &str) -> Result<Vec<String>, String> {
        if self.programs.iter().any(|program| program == name) {
            if !OF_PROGRAMS.contains(&action) {
                let its = OF_PROGRAMS.join(", ");
                return Err(format!(
                    "'{name}' is a program: '{action}' does not happen to it ({its} do; its process is the test's, by \
                     pause(), kill(), terminate() and restart())"
                ));
            }
            return (self.places)(name);
        }
        if name == "*" || self.nodes.contains(&name) {
            return Ok(vec![name.to_string()]);
        }
        let programs = match self.programs {
            [] => "none yet: make a program's node before the fault that names it".to_string(),
            programs => programs.join(", "),
        };
        Err(format!("there is no node '{name}' (nodes: {}; programs: {programs})", self.nodes.join(", ")))
    }

    /// One side of a link, or a list of nodes.
    fn nodes(&self, value: &Value, action: &str) -> Result<Option<Value>, String> {
        let names: Vec<&str> = match value {
            Value::String(name) => vec![name],
            Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
            _ => return Ok(None), // whoever reads it says what is wrong
        };
        let mut all = Vec::new();
        for name in &names {
            all.extend(self.stands_for(name, action)?);
        }
        Ok((all != names).then(|| all.into()))
    }

    fn links(&self, value: &Value, action: &str) -> Result<Option<Value>, String> {
        let Value::Array(list) = value else { return Ok(None) };
        let links: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
        let mut all = Vec::new();
        for link in &links {
            let Some((from, to)) = link.split_once("->") else { return Ok(None) };
            let to = self.stands_for(to.trim(), action)?;
            for from in self.stands_for(from.trim(), action)? {
                all.extend(to.iter().map(|to| format!("{from} -> {to}")));
            }
        }
        Ok((all != links).then(|| all.into()))
    }
}

/// The text of a fault, with the places of programs' clients where it names their nodes.
///
/// # Errors
/// It names a node that there is not, or does something to a program that does not happen to one.
pub(super) fn with_places(text: &str, known: &Known<'_>) -> Result<String, String> {
    let Ok(mut fault) = text.parse::<Table>() else { return Ok(text.to_string()) };
    let action = fault.get("action").and_then(Value::as_str).unwrap_or_default().to_string();
    let mut changed = false;
    for key in ["node", "nodes", "from", "to", "links"] {
        let Some(value) = fault.get(key) else { continue };
        let new = if key == "links" { known.links(value, &action)? } else { known.nodes(value, &action)? };
        if let Some(new) = new {
            fault.insert(key.to_string(), new);
            changed = true;
        }
    }
    for side in ["from", "to"] {
        let name = fault.get("after").and_then(|after| after.get(side)).and_then(Value::as_str);
        if let Some(name) = name.filter(|name| known.programs.iter().any(|program| program == name)) {
            return Err(format!(
                "'{name}' is a program, which has several clients: 'after.{side}' names one node; leave it out"
            ));
        }
    }
    // Untouched, so that places in messages are those of the text.
    if changed { toml::to_string(&fault).map_err(|error| error.to_string()) } else { Ok(text.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let programs = ["mill-1".to_string()];
        let places = |_: &str| Ok(vec!["program-08".to_string(), "program-09".to_string()]);
        with_places(text, &Known { nodes: vec!["broker-1", "shop"], programs: &programs, places: &places })
    }

    #[test]
    fn a_program_stands_for_its_clients() {
        let cut = read("at = '5s'\naction = 'block'\nfrom = 'mill-1'\nto = ['broker-1']\nspan = '2s'").expect("right");
        let cut: Table = cut.parse().expect("TOML");
        assert_eq!(cut["from"], vec!["program-08", "program-09"].into());
        assert_eq!(cut["to"], vec!["broker-1"].into());
        let cut = read("at = '5s'\naction = 'block'\nlinks = ['mill-1 -> broker-1']\nspan = '2s'").expect("right");
        let cut: Table = cut.parse().expect("TOML");
        assert_eq!(cut["links"], vec!["program-08 -> broker-1", "program-09 -> broker-1"].into());
    }

    #[test]
    fn what_names_no_program_stays_as_it_is() {
        for text in ["at = '5s'\naction = 'crash'\nnode  = 'broker-1'", "from = '*'", "no TOML"] {
            assert_eq!(read(text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_node_that_does_not_exist_is_told_with_those_that_do() {
        let said = read("action = 'crash'\nnode = 'broker-9'").expect_err("wrong");
        assert_eq!(said, "there is no node 'broker-9' (nodes: broker-1, shop; programs: mill-1)");
    }

    #[test]
    fn what_happens_to_a_process_is_the_tests() {
        let said = read("at = '5s'\naction = 'crash'\nnode = 'mill-1'").expect_err("wrong");
        assert!(said.contains("'crash' does not happen to it") && said.contains("kill()"), "{said}");
        let said = read("action = 'block'\nafter = { kind = 'Fetch', from = 'mill-1' }").expect_err("wrong");
        assert!(said.contains("after.from"), "{said}");
    }
}
