//! Virtual time, which is the kernel's.

pub use fencepost_kernel::time::{Instant, Now, Span};
