//! Why an execution goes wrong: which deviations and settings it takes, and when the outcome became inevitable.

mod futures;
mod settings;

pub use futures::{Interval, Point, points, wilson};
pub use settings::{candidates, is_a_guarantee};
