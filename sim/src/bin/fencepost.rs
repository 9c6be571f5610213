//! The `fencepost` command.

fn main() -> std::process::ExitCode {
    fencepost_sim::command::main()
}
