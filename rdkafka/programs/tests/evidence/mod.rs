//! What the kit leaves of a seed that fails, as its user finds it.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::process::Command;

/// Whether this process was started to replay a capsule.
pub fn is_a_replay() -> bool {
    std::env::var_os("FENCEPOST_REPLAY").is_some()
}

/// The path that stands in the line that begins so.
pub fn path_after<'t>(label: &str, text: &'t str) -> &'t str {
    text.lines().find_map(|line| line.strip_prefix(label)).expect("a line that begins so").trim()
}

/// The page that is named in what the kit says.
pub fn page(said: &str) -> String {
    std::fs::read_to_string(path_after("page:", said)).expect("the page is there")
}

/// Replays a capsule by its test, in a fresh process: whether it passes, and what it says.
pub fn replay(test: &str, capsule: &str) -> (bool, String) {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args([test, "--exact", "--nocapture"])
        .env("FENCEPOST_REPLAY", capsule)
        .output()
        .expect("it runs");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}
