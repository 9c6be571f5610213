//! What Apache Kafka does for exactly-once, as pure state machines.
//!
//! Every participant (broker, controller, coordinators, producer, consumer, pipeline) is a value that takes
//! `(now, input)` and pushes outputs into a buffer that the caller owns: messages to send, connections to open or
//! close, completions for the application. Nothing here reads a clock, performs I/O or draws a random number.
//! Time-outs are pulled: [`io::Machine::poll_timeout`] says when a machine wants to be woken.
//!
//! The specification that the machines implement is `docs/reference/kafka-eos.md`; comments cite it as "§2.3".

pub mod assignor;
pub mod batch;
pub mod broker;
pub mod config;
pub mod consumer;
pub mod content;
pub mod controller;
pub mod coordinator;
pub mod error;
pub mod group;
pub mod ids;
pub mod image;
pub mod io;
pub mod log;
pub mod message;
pub mod net;
pub mod pipeline;
pub mod producer;
pub mod records;
mod sorted;
pub mod time;
mod timers;
pub mod transaction;
pub mod value;
