//! `fencepost step` where it cannot be used. How it looks and what its keys do is tested beside it, drawn into memory.

use std::process::{Command, Stdio};

fn refused(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fencepost"));
    let output = command.args(arguments).stdin(Stdio::null()).output().expect("the command starts");
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn without_a_terminal_it_says_what_to_use_instead() {
    let message = refused(&["step", "lessons/lost-ack"]);
    assert!(message.contains("needs a terminal") && message.contains("--diagram"), "{message}");
}

#[test]
fn it_prints_no_json() {
    let message = refused(&["step", "lessons/lost-ack", "--json"]);
    assert!(message.contains("needs a terminal"), "{message}");
}
