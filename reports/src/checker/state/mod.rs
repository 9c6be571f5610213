//! What is remembered while a history streams by: data, and what it takes to keep it. Nothing here judges, and nothing here
//! knows of the checks above.

mod appends;
mod awaiting;
mod cursor;
mod cuts;
mod decisions;
mod declared;
mod entry;
mod failed_commits;
mod group;
mod log;
mod open_txns;
mod owner;
mod promises;
mod scope;
mod session;
mod sink;
mod txn;

pub(crate) use appends::{Appends, Step, Wrong};
pub(crate) use awaiting::Committer;
pub(crate) use cursor::Cursor;
pub(crate) use decisions::{AllDecisions, DECIDED, Decisions, Group, MARKED, ON_REQUEST, Place, REPORTED};
pub(crate) use declared::{ClientInfo, TopicInfo};
pub(crate) use entry::{Clash, Entry, How};
pub(crate) use group::GroupInfo;
pub(crate) use log::Log;
pub(crate) use open_txns::{OpenInLog, OpenTxn};
pub(crate) use owner::Owner;
pub(crate) use promises::Promises;
pub(crate) use scope::Scope;
pub(crate) use session::{Op, Session};
pub(crate) use sink::{Effect, SinkInfo};
pub(crate) use txn::{Fate, Live, Member, Txn};
