//! Who takes part in a run: what each node is, its number and its name. Plans say it, and everything else asks here; nobody
//! guesses it from a name.

mod names;

use fencepost_protocol::ids::NodeId;
use fencepost_protocol::time::Span;
use fencepost_reports::story::LaneKind;

pub use names::{JOBS, Names};

use crate::roles::list::each_section;

/// Number of a node: dense, in the order of the nodes' names.
pub type Actor = u16;

macro_rules! role {
    ($($role:ident, $module:ident, $list:ident, $word:literal, $lane:ident, $doc:literal;)*) => {
        /// What a node is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Role {
            /// The controller.
            Controller,
            /// A broker.
            Broker,
            /// A database.
            Database,
            /// A payment API.
            PaymentApi,
            $(#[doc = $doc] $role,)*
            /// Only asks.
            Echo,
            /// A program outside the world.
            External,
        }

        fn lane(role: Role) -> LaneKind {
            match role {
                Role::Controller => LaneKind::Controller,
                Role::Broker => LaneKind::Broker,
                Role::Database | Role::PaymentApi => LaneKind::Sink,
                $(Role::$role => LaneKind::$lane,)*
                Role::Echo | Role::External => LaneKind::Producer,
            }
        }
    };
}
each_section!(role);

impl Role {
    /// How it is drawn.
    pub fn lane(self) -> LaneKind {
        lane(self)
    }

    /// Whether it stands outside Kafka and is called by clients.
    pub fn is_sink(self) -> bool {
        matches!(self, Role::Database | Role::PaymentApi)
    }

    /// Whether it is a client of the cluster.
    pub fn is_client(self) -> bool {
        !self.is_sink() && !matches!(self, Role::Controller | Role::Broker)
    }
}

/// What a node is, and which of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub role: Role,
    /// Its place in the plan's list, which all members of a client share; of brokers, their ids less one.
    pub place: u16,
}

/// What becomes of a process that was killed, where the fault does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    /// It runs again by itself after this time: `restart.after`.
    After(Span),
    /// It stays away.
    Never,
}

impl Back {
    /// As `restart.after` has it.
    pub fn of(restart_after: Option<Span>) -> Back {
        restart_after.map_or(Back::Never, Back::After)
    }
}

/// One who takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Player {
    /// Name of the node.
    pub name: String,
    /// What it is.
    pub part: Part,
    /// What becomes of it after a crash that does not say.
    pub back: Back,
}

/// `enrich-1` to `enrich-n`; a single member bears the plain name. As many digits as keep names in the order of numbers.
pub fn member_name(name: &str, member: u32, members: u32) -> String {
    if members == 1 {
        return name.to_string();
    }
    let width = members.to_string().len();
    format!("{name}-{member:0width$}")
}

/// `broker-1`, with as many digits as keep the order of names that of ids.
pub fn broker_name(brokers: u32, id: NodeId) -> String {
    let width = brokers.to_string().len();
    format!("broker-{:0width$}", id.0)
}
