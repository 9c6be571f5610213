//! Ctrl-C, and what else asks a process to end: SIGTERM, SIGHUP.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{INTERRUPTED, output};

static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C is noted; whoever runs looks at [`asked`]. A second one ends the process at once.
pub fn note() {
    // A handler that cannot be set leaves the usual behaviour, which is to end at once.
    let _ = ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::SeqCst) {
            end();
        }
    });
}

/// From now on Ctrl-C ends the process and leaves no half-written file.
pub fn end_cleanly() {
    let _ = ctrlc::set_handler(end);
}

fn end() {
    output::remove_unfinished();
    std::process::exit(i32::from(INTERRUPTED));
}

/// Whether Ctrl-C was pressed.
pub fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}
