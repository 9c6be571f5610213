//! The documentation: what it quotes is what the command prints, its links lead somewhere, and every page is in the book.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fencepost_sim::scenario::{Choice, Scenario, builtin};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace").to_path_buf()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The pages of the book, without its table of contents.
fn pages() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("docs")).expect("the folder is there");
    let mut pages: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    pages.retain(|p| p.extension().is_some_and(|e| e == "md") && !p.ends_with("SUMMARY.md"));
    pages.sort();
    pages
}

/// Targets of links and pictures of a Markdown text, outside blocks of code.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for part in line.split("](").skip(1) {
            links.extend(part.split(')').next().map(str::to_string));
        }
    }
    links
}

#[test]
fn every_link_of_the_documentation_leads_to_a_file() {
    let beside = ["README.md", "CONTRIBUTING.md", "conformance/README.md", "scenarios/zoo/README.md"];
    let mut all: Vec<PathBuf> = beside.iter().map(|name| root().join(name)).collect();
    all.extend(pages());
    all.push(root().join("docs/SUMMARY.md"));
    for page in all {
        for link in links(&read(&page)) {
            let target = link.split('#').next().expect("the part before");
            if !target.contains("://") && !target.is_empty() {
                let path = page.parent().expect("a folder").join(target);
                assert!(path.exists(), "{}: the link to {link} leads nowhere", page.display());
            }
        }
    }
}

#[test]
fn every_page_is_in_the_book() {
    let docs = root().join("docs");
    let listed: BTreeSet<PathBuf> = links(&read(&docs.join("SUMMARY.md"))).iter().map(|link| docs.join(link)).collect();
    for page in pages() {
        assert!(listed.contains(&page), "{} is not in SUMMARY.md", page.display());
    }
}

/// The page with every table after its marker, as the program has it; a table ends where a line does not begin like one.
fn with_tables(page: &str) -> (String, BTreeSet<String>) {
    let tables = fencepost_sim::scenario::table::tables();
    let (mut made, mut found) = (String::new(), BTreeSet::new());
    let mut skipping = false;
    for line in page.lines() {
        skipping &= line.starts_with("| ") || line.starts_with("|--") || line.starts_with('`');
        if skipping {
            continue;
        }
        made += &format!("{line}\n");
        if let Some(name) = fencepost_sim::scenario::table::is_marker(line) {
            let table = tables.iter().find(|(known, _)| known == name);
            let (_, table) = table.unwrap_or_else(|| panic!("there is no table '{name}'"));
            made += table;
            found.insert(name.to_string());
            skipping = true;
        }
    }
    (made, found)
}

/// With FENCEPOST_WRITE_TABLES=1 they are written instead.
#[test]
#[expect(clippy::disallowed_methods, reason = "a developer's wish, not part of any run")]
fn the_page_on_scenarios_has_the_tables_of_the_program() {
    let path = root().join("docs/scenarios.md");
    let page = read(&path);
    let (made, found) = with_tables(&page);
    if std::env::var("FENCEPOST_WRITE_TABLES").is_ok() {
        fs::write(&path, &made).expect("it can be written");
    } else {
        for (is, should) in page.lines().zip(made.lines()) {
            assert_eq!(is, should, "docs/scenarios.md; FENCEPOST_WRITE_TABLES=1 writes the tables");
        }
        assert_eq!(page, made, "docs/scenarios.md");
    }
    for (name, _) in fencepost_sim::scenario::table::tables() {
        let elsewhere = ["the top", "[[case]]"].contains(&name.as_str());
        assert!(elsewhere || found.contains(&name), "docs/scenarios.md has no table '{name}'");
    }
}

/// The blocks that begin with ```` ```console ````: a command, and lines of what it prints.
fn sessions(text: &str) -> Vec<(String, Vec<String>)> {
    let blocks = text.split("```console\n").skip(1).map(|rest| rest.split("```").next().expect("the block"));
    let session = |block: &str| {
        let mut lines = block.lines();
        let command = lines.next().and_then(|l| l.strip_prefix("$ fencepost ")).expect("a block begins with a command");
        (command.to_string(), lines.map(|l| l.trim().to_string()).filter(|l| !l.is_empty()).collect())
    };
    blocks.map(session).collect()
}

#[test]
fn commands_in_the_documentation_print_what_it_quotes() {
    let folder = std::env::temp_dir().join(format!("fencepost-docs-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for what the commands write");
    let mut quoted = 0;
    for page in pages() {
        for (command, lines) in sessions(&read(&page)) {
            let mut run = Command::new(env!("CARGO_BIN_EXE_fencepost"));
            let output = run.args(command.split_whitespace()).current_dir(&folder).output().expect("it starts");
            let printed = String::from_utf8(output.stdout).expect("text");
            let mut rest = printed.as_str();
            for line in lines {
                let found = rest.find(&line);
                let at = found.unwrap_or_else(|| {
                    panic!("{}: `fencepost {command}` does not print, in this order: {line}\n{printed}", page.display())
                });
                rest = &rest[at + line.len()..];
                quoted += 1;
            }
        }
    }
    fs::remove_dir_all(&folder).expect("what was written can be removed");
    assert!(quoted > 20, "{quoted} lines are quoted");
}

#[test]
fn the_page_on_cost_has_the_tables_that_the_command_makes() {
    let path = std::env::temp_dir().join(format!("fencepost-cost-{}.md", std::process::id()));
    let mut cost = Command::new(env!("CARGO_BIN_EXE_fencepost"));
    let status = cost.arg("cost").arg("--markdown").arg(&path).output().expect("it starts").status;
    assert!(status.success());
    let made = read(&path);
    fs::remove_file(&path).expect("it can be removed");
    let page = read(&root().join("docs/cost.md"));
    let lines: Vec<&str> = made.lines().filter(|line| !line.is_empty()).collect();
    assert!(lines.len() > 15, "{made}");
    for line in lines {
        assert!(
            page.contains(line),
            "docs/cost.md does not have this line of `fencepost cost --markdown FILE`: {line}"
        );
    }
}

/// That it prints what is quoted is the test above.
#[test]
fn every_myth_and_each_of_its_cases_is_run_on_the_page_of_myths() {
    let page = read(&root().join("docs/myths.md"));
    let quoted: BTreeSet<String> = sessions(&page)
        .into_iter()
        .filter(|(_, lines)| !lines.is_empty())
        .map(|(command, _)| command.trim_end_matches(" --diagram").to_string())
        .collect();
    let myths: Vec<&str> =
        builtin::SCENARIOS.iter().map(|(name, _)| *name).filter(|n| n.starts_with("myths/")).collect();
    assert!(!myths.is_empty());
    for name in myths {
        let scenario = Scenario::load_built_in(name, Choice::default()).expect("a built-in scenario can be read");
        assert!(quoted.contains(&format!("run {name}")), "docs/myths.md does not quote a run of {name}");
        for (case, _) in scenario.cases {
            let command = format!("run {name} --case {case}");
            assert!(quoted.contains(&command), "docs/myths.md does not quote `fencepost {command}`");
        }
    }
}

/// What `fencepost run` with these arguments prints.
fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_fencepost")).arg("run").args(arguments).output().expect("it starts");
    String::from_utf8(output.stdout).expect("text")
}

/// What was printed, with sentences that hang over several lines on one: the row of a table has no lines.
fn unwrapped(printed: &str) -> String {
    let mut whole = String::new();
    for line in printed.lines() {
        let (before, text) = (whole.lines().last().unwrap_or_default(), line.trim_start());
        let depth = |line: &str| line.len() - line.trim_start().len();
        let hangs = match before.strip_prefix("  - ") {
            Some(_) => depth(line) == 4,
            None => before.starts_with("verdict: ") && depth(line) == 2,
        };
        if hangs {
            whole.pop();
            whole += &format!(" {text}\n");
        } else {
            whole += &format!("{line}\n");
        }
    }
    whole
}

/// The part of the interview page that is about a scenario.
fn question<'p>(page: &'p str, name: &str) -> &'p str {
    let command = format!("$ fencepost run {name}\n");
    let mut parts = page.split("\n## ").filter(|part| part.contains(&command));
    let part = parts.next().unwrap_or_else(|| panic!("docs/interview.md does not run {name}"));
    assert!(parts.next().is_none(), "{name} is the answer to one question");
    part
}

/// Rows of the tables that begin with a name in backticks.
fn rows(text: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_string()).collect();
    text.lines().filter(|line| line.starts_with("| `")).map(cells).collect()
}

/// Numbers of two digits or more, without the commas between thousands.
fn numbers(text: &str) -> BTreeSet<String> {
    let text = text.replace(',', "");
    let parts = text.split(|c: char| !c.is_ascii_digit()).filter(|part| part.len() > 1);
    parts.map(str::to_string).collect()
}

/// Every case of every question is in a table of the page, and what the table says of it is what the run prints.
#[test]
fn the_interview_page_says_of_every_case_what_its_run_prints() {
    let page = read(&root().join("docs/interview.md"));
    for (name, text) in builtin::SCENARIOS.iter().filter(|(name, _)| name.starts_with("interview/")) {
        let part = question(&page, name);
        let scenario = Scenario::load_built_in(name, Choice::default()).expect("it is built in");
        let mut cases: BTreeSet<&str> = scenario.cases.iter().map(|(case, _)| case.as_str()).collect();
        cases.insert("base");
        let mut known = String::from(*text);
        for row in rows(part) {
            let [case, different, verdict, also] = row.as_slice() else { panic!("{name}: four columns: {row:?}") };
            let case = case.trim_matches('`');
            assert!(cases.remove(case), "{name}: there is no case '{case}', or it is there twice");
            assert!(!different.is_empty(), "{name} {case}: what is different?");
            let printed = if case == "base" { printed(&[name]) } else { printed(&[name, "--case", case]) };
            let verdict = format!("verdict: {verdict}");
            let ends =
                |line: &str| line.strip_prefix(&verdict).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
            let whole = unwrapped(&printed);
            assert!(whole.lines().any(ends), "{name} {case}: not '{verdict}' but\n{printed}");
            assert!(whole.contains(also.as_str()), "{name} {case} does not print '{also}'\n{printed}");
            known += &printed;
        }
        assert!(cases.is_empty(), "{name}: the page says nothing of {cases:?}");
        // A number in a sentence is one that a run printed, or that the scenario says.
        let known = numbers(&known);
        for number in numbers(part) {
            assert!(known.contains(&number), "docs/interview.md, at {name}: where does {number} come from?");
        }
    }
}
