//! Histories of exactly-once systems: the model, the streaming checker, the verdict and its text form.
//!
//! A *history* is what clients of a log saw: what they invoked, what was acknowledged, what failed, what stayed
//! unknown, what each reader was given, and the final read of every topic. [`Checker`] judges it
//! without knowing how it was made. Nothing here depends on the protocol or on the simulator.

pub mod account;
pub mod checker;
pub mod diagram;
mod fast;
pub mod figures;
pub mod function;
pub mod happened;
pub mod history;
mod kind;
pub mod lesson;
pub mod markdown;
pub mod page;
mod picture;
pub mod render;
pub mod report;
pub mod story;
pub mod terminal;
mod words;

pub use checker::Checker;
pub use report::{Kind, Report, Verdict};
