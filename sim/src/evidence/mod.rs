//! What a run leaves behind as its history: what clients do, by one [`Recorder`] that all of them call; what the logs of
//! the coordinators say, by the [`Observer`]; and the [`History`] itself, with its numbers for names.

mod askers;
mod effects;
mod failures;
mod history;
mod observer;
mod reads;
mod recorder;
mod values;
mod writes;

pub use failures::{Returned, error_name, returned};
pub use history::{Declared, History, Told};
pub use observer::Observer;
pub use recorder::{Gone, Recorder};
pub use values::{fingerprint, identity, isolation, partition};
pub use writes::Sent;
