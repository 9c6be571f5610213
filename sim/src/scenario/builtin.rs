//! The scenarios that are part of the binary.

use fencepost_reports::terminal::one_line;

use crate::nearest::hint;

macro_rules! scenarios {
    ($($name:literal),* $(,)?) => {
        /// Name and text of every scenario, in the order of `list`.
        pub const SCENARIOS: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../scenarios/", $name, ".toml")))),*];
    };
}

scenarios! {
    "lessons/lost-ack",
    "lessons/rolling-restart",
    "lessons/payment-outage",
    "lessons/silent-switch",
    "lessons/crash-before-commit",
    "lessons/aborted-leak",
    "lessons/zombie",
    "lessons/open-transaction",
    "lessons/coordinator-failover",
    "lessons/zombie-consumer",
    "lessons/edge-of-the-world",
    "lessons/next-transaction",
    "interview/idempotent-duplicates",
    "interview/thousand-payments",
    "interview/database-crash",
    "interview/other-producers",
    "interview/no-idempotency-key",
    "interview/two-stages",
    "interview/endtxn-timeout",
    "interview/transaction-state-offline",
    "interview/rebalance-in-commit",
    "myths/broker-reorders",
    "myths/last-batch-only",
    "myths/memory-survives-restart",
    "myths/expired-producer-id",
    "myths/idempotence-across-restarts",
    "myths/new-id-at-every-start",
    "myths/all-producers-together",
    "myths/shared-transactional-id",
    "myths/fencing-has-one-error",
    "myths/commit-means-visible",
    "myths/prepare-times-out",
    "myths/refused-marker",
    "myths/transaction-timeout",
    "myths/held-back-until-commit",
    "myths/skips-open-transactions",
    "myths/unstable-offsets",
    "myths/verification-is-enough",
    "myths/acks-all-is-on-disk",
    "myths/min-isr-stops-only-writes",
    "myths/a-thousand-a-second",
    "examples/order-file",
    "examples/outbox",
    "chaos/rolling-restart",
    "chaos/crashes",
    "chaos/partitions",
    "chaos/zombies",
    "chaos/sinks",
    "chaos/everything",
    "bench/million",
    "bench/cost",
    "bench/cost-pipeline",
}

macro_rules! capsules {
    ($($name:literal),* $(,)?) => {
        /// Name and text of every pinned capsule.
        pub const CAPSULES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../scenarios/", $name, ".json")))),*];
    };
}

capsules! {
    "zoo/aborted-seq-reuse",
    "zoo/ack-then-truncate",
    "zoo/coordinator-failover-forgets-begin",
    "zoo/duplicate-producer-id-block",
    "zoo/late-commit-sets-group-back",
    "zoo/late-endtxn-hits-next-txn",
    "zoo/late-produce-hangs-lso",
    "zoo/leader-before-term-commit",
    "zoo/marker-retry-livelock",
    "zoo/metadata-flap-seq-reset",
    "zoo/no-epoch-check",
    "zoo/take-back-loses-record",
    "zoo/txn-timeout-no-fence",
    "zoo/verify-append-gap",
    "zoo/zombie-eos-group-id-only",
    "corpus/connector-never-begins-anew",
    "corpus/deposed-leader-resets-position",
    "corpus/fetch-session-of-another",
}

/// Files that scenarios read, by their path from the folder `scenarios`.
pub const FILES: &[(&str, &str)] = &[("data/orders.jsonl", include_str!("../../../scenarios/data/orders.jsonl"))];

/// The scenario of that name: `lessons/lost-ack`, or `lost-ack` where only one is called so.
///
/// # Errors
/// There is none, or several; the message says which are near.
pub fn find(name: &str) -> Result<(&'static str, &'static str), String> {
    if let Some(found) = SCENARIOS.iter().find(|(full, _)| *full == name) {
        return Ok(*found);
    }
    let fits = |full: &str| full.rsplit('/').next() == Some(name);
    let found: Vec<_> = SCENARIOS.iter().filter(|(full, _)| fits(full)).collect();
    match found.as_slice() {
        [one] => Ok(**one),
        [] => {
            let short = SCENARIOS.iter().map(|(full, _)| full.rsplit('/').next().unwrap_or(full));
            let near = hint(name, SCENARIOS.iter().map(|(full, _)| *full).chain(short));
            let name = one_line(name);
            Err(format!("there is no scenario '{name}'{near} ('fencepost list' shows all; a path ends in .toml)"))
        }
        several => {
            let names: Vec<&str> = several.iter().map(|(full, _)| *full).collect();
            Err(format!("'{name}' may be {}: give the full name", names.join(" or ")))
        }
    }
}

/// A file that a built-in scenario names, relative to itself.
///
/// # Errors
/// There is none.
pub fn read_file(scenario: &str, path: &str) -> Result<String, String> {
    let mut parts: Vec<&str> = scenario.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let full = parts.join("/");
    let found = FILES.iter().find(|(name, _)| *name == full);
    found.map(|(_, text)| (*text).to_string()).ok_or_else(|| "no such built-in file".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of all files of the folder `scenarios` with that extension.
    fn files(extension: &str) -> Vec<String> {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
        let mut found = Vec::new();
        for folder in std::fs::read_dir(&root).unwrap() {
            let folder = folder.unwrap().path();
            if !folder.is_dir() {
                continue;
            }
            for file in std::fs::read_dir(&folder).unwrap() {
                let file = file.unwrap().path();
                if file.extension().is_some_and(|e| e == extension) {
                    if file.to_str().unwrap().ends_with(".lesson.toml") {
                        continue;
                    }
                    let part = |p: &std::path::Path| p.file_stem().unwrap().to_str().unwrap().to_string();
                    found.push(format!("{}/{}", part(&folder), part(&file)));
                }
            }
        }
        found.sort();
        found
    }

    #[test]
    fn every_scenario_of_the_folder_is_built_in() {
        let mut built_in: Vec<&str> = SCENARIOS.iter().map(|(name, _)| *name).collect();
        built_in.sort_unstable();
        assert_eq!(files("toml"), built_in);
    }

    #[test]
    fn every_capsule_of_the_folder_is_built_in() {
        let mut built_in: Vec<&str> = CAPSULES.iter().map(|(name, _)| *name).collect();
        built_in.sort_unstable();
        assert_eq!(files("json"), built_in);
    }

    #[test]
    fn a_bare_name_works_if_it_is_unique() {
        assert_eq!(find("lost-ack").unwrap().0, "lessons/lost-ack");
        assert_eq!(find("chaos/rolling-restart").unwrap().0, "chaos/rolling-restart");
        let error = find("rolling-restart").unwrap_err();
        assert!(error.contains("lessons/rolling-restart or chaos/rolling-restart"), "{error}");
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        assert!(find("lost-ak").unwrap_err().contains("'lost-ack'"));
        assert!(find("chaos/everythin").unwrap_err().contains("'chaos/everything'"));
    }

    #[test]
    fn files_are_found_relative_to_the_scenario() {
        assert!(read_file("examples/order-file", "../data/orders.jsonl").is_ok());
        assert!(read_file("examples/order-file", "orders.jsonl").is_err());
    }
}
