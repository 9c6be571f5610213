//! Two executions side by side: where they part, and what became of each record.

mod fate;
mod part;

pub use fate::{Fate, Fates, RecordFate, compare_fates};
pub use part::{Parting, parting};
