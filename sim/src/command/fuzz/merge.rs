//! `merge`: the results of shards as one report.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::output::{Troubles, WholeFile, say};
use super::super::source::read_text;
use super::super::{Outcome, Refusal};
use super::report::Report;
use super::results::Results;
use super::{MergeOptions, finish};
use crate::capsule::Capsule;

/// `fencepost merge`.
pub fn merge(options: &MergeOptions, json: bool) -> Outcome {
    let mut joint: Option<(PathBuf, Results)> = None;
    let mut folders = BTreeSet::new();
    for path in &options.from {
        let files = results_in(path)?;
        let folder = if path.is_dir() { path.clone() } else { path.parent().unwrap_or(Path::new("")).to_path_buf() };
        folders.insert(folder);
        for file in files {
            let refuse = |m: String| Refusal(format!("{}: {m}", file.display()));
            let text = read_text(&file).map_err(|m| refuse(format!("cannot read it: {m}")))?;
            let results = Results::from_json(&text).map_err(refuse)?;
            match &mut joint {
                None => joint = Some((file, results)),
                Some((first, all)) => {
                    all.join(results).map_err(|m| refuse(format!("{m} (compared with {})", first.display())))?;
                }
            }
        }
    }
    let Some((_, mut results)) = joint else {
        let from: Vec<String> = options.from.iter().map(|p| p.display().to_string()).collect();
        return Err(Refusal(format!("there are no results of 'fencepost fuzz' in {}", from.join(", "))));
    };
    if (results.shards.len() as u64) < results.of_shards {
        results.complete = false;
        let missing: Vec<String> =
            (0..results.of_shards).filter(|s| !results.shards.contains(s)).map(|s| (s + 1).to_string()).collect();
        say(&format!("missing: shard {} of {}", missing.join(", "), results.of_shards));
    }
    fs::create_dir_all(&options.out).map_err(|e| Refusal(format!("cannot write {}: {e}", options.out.display())))?;
    let mut troubles = Troubles::default();
    let strays = troubles.note(gather(&folders, &options.out, &results)).unwrap_or_default();
    let joint = WholeFile::create(&options.out.join("results.json"));
    troubles.note(joint.and_then(|file| file.finish_with(&results.to_json())));
    let mut report = Report::new(&results, &options.out);
    report.strays = strays;
    Ok(finish(&report, &options.reports, troubles, json, None))
}

/// The results files at a path.
fn results_in(path: &Path) -> Result<Vec<PathBuf>, Refusal> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let refuse = |e: std::io::Error| Refusal(format!("cannot read {}: {e}", path.display()));
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(refuse)? {
        let name = entry.map_err(refuse)?.file_name().to_string_lossy().into_owned();
        if name == "results.json" || (name.starts_with("results-") && name.ends_with(".json")) {
            found.push(path.join(name));
        }
    }
    found.sort();
    Ok(found)
}

/// Copies the capsules that the joint results name. A part that was killed has left no results, but its capsules: those
/// that nothing names are copied too and returned, if there are parts missing.
fn gather(folders: &BTreeSet<PathBuf>, out: &Path, results: &Results) -> Result<Vec<String>, Refusal> {
    let firsts = || results.groups.iter().flat_map(|g| &g.first);
    let named: BTreeSet<&str> = firsts()
        .flat_map(|f| f.capsule.as_deref().into_iter().chain(f.shrunk.as_ref().map(|s| s.capsule.as_str())))
        .collect();
    let mut strays = BTreeSet::new();
    for folder in folders {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        // A folder with results of its own has named what counts.
        let has_results = !results_in(folder)?.is_empty();
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_stray = !has_results && name.ends_with(".json") && is_capsule(&entry.path());
            if is_stray {
                strays.insert(out.join(&name).display().to_string());
            }
            if named.contains(name.as_str()) || is_stray {
                copy(&entry.path(), &out.join(&name))?;
            }
        }
    }
    Ok(strays.into_iter().collect())
}

fn is_capsule(path: &Path) -> bool {
    read_text(path).is_ok_and(|text| Capsule::from_json(&text).is_ok())
}

fn copy(from: &Path, to: &Path) -> Result<(), Refusal> {
    if fs::canonicalize(from).ok() == fs::canonicalize(to).ok() {
        return Ok(());
    }
    let text = read_text(from).map_err(|m| Refusal(format!("cannot read {}: {m}", from.display())))?;
    WholeFile::create(to)?.finish_with(&text)
}
