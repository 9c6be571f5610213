//! The actions of faults, and which keys each takes.

/// Declares the actions: `Variant = "name", [keys that it needs], [keys that it may have], "what it does";`.
macro_rules! actions {
    ($($variant:ident = $name:literal, [$($needed:literal),*], [$($may:literal),*], $doc:literal;)*) => {
        /// What a fault does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ActionName { $(#[doc = concat!("`", $name, "`.")] $variant,)* }

        impl ActionName {
            /// All of them.
            pub const ALL: &'static [ActionName] = &[$(ActionName::$variant),*];

            /// Its name in scenarios.
            pub const fn name(self) -> &'static str {
                match self { $(ActionName::$variant => $name,)* }
            }

            /// Keys without which it makes no sense. `node` may be written `nodes`, and `from` and `to` as `links`.
            pub const fn needed(self) -> &'static [&'static str] {
                match self { $(ActionName::$variant => &[$($needed),*],)* }
            }

            /// Keys that it may have, besides.
            pub const fn may_have(self) -> &'static [&'static str] {
                match self { $(ActionName::$variant => &[$($may),*],)* }
            }

            /// One line.
            pub const fn doc(self) -> &'static str {
                match self { $(ActionName::$variant => $doc,)* }
            }
        }
    };
}

actions! {
    Crash = "crash", ["node"], ["down"], "the process dies; without `down` it stays away, a client comes back by its `restart.after`";
    PowerLoss = "power_loss", ["node"], ["down", "keep.ppm"], "the host goes silent; of what was not flushed so many parts per million survive (0)";
    Pause = "pause", ["node", "span"], [], "stands still; its kernel goes on accepting bytes";
    Restart = "restart", ["node", "down"], [], "a clean shutdown of a broker";
    RollingRestart = "rolling_restart", ["down"], [], "all brokers, one after the other";
    Block = "block", ["from", "to", "span"], ["both.ways"], "holds bytes; names or `\"*\"`; `both.ways = true`; or `links = [\"a -> b\"]`";
    Slow = "slow", ["from", "to", "by", "span"], ["both.ways"], "as `block`; messages take so much longer";
    LoseAnswers = "lose_answers", ["node", "kind", "span"], [], "every answer to that node's requests of that kind is lost with its connection";
    MoveLeader = "move_leader", ["partition"], ["to"], "`to` a broker, else the next in-sync replica";
    StepClock = "step_clock", ["node", "by"], [], "the wall clock; `by` may be negative";
    DriftClock = "drift_clock", ["node", "drift.ppm"], [], "the wall clock runs so much too fast, or, negative, too slow";
    HoldMetadata = "hold_metadata", ["node", "span"], [], "a broker learns no metadata";
    SlowNode = "slow_node", ["node", "by", "span"], [], "takes so long for each message that it sends";
    PostponeJob = "postpone_job", ["node", "job", "by"], [], "a background job, such as `transaction_sweep`, comes later";
    SetTransactionVersion = "set_transaction_version", ["version"], [], "an upgrade or downgrade in mid-run";
    LoseRequest = "lose_request", [], [], "the message that `after` names is lost with its connection, before it arrives";
    LoseResponse = "lose_response", [], [], "the answer to that message is lost with its connection, after it was handled";
    DelayRequest = "delay_request", ["by"], [], "that message travels longer";
    DelayResponse = "delay_response", ["by"], [], "its answer travels longer";
    ErrorBefore = "error_before", ["error"], [], "that message is answered with an error code, without being handled";
    ErrorAfter = "error_after", ["error"], [], "that message is handled, and answered with an error code all the same";
}

/// Keys that say when, whatever the action.
pub const WHEN: &[&str] =
    &["at", "after.kind", "after.phase", "after.from", "after.to", "after.partition", "after.nth", "after.pause"];
/// Keys that every fault may have.
pub const ALWAYS: &[&str] = &["action", "cases", "optional"];

impl ActionName {
    /// The action of that name.
    pub fn from_name(name: &str) -> Option<ActionName> {
        ActionName::ALL.iter().copied().find(|action| action.name() == name)
    }

    /// All keys that it takes, besides those that say when.
    pub fn keys(self) -> Vec<&'static str> {
        let mut keys = Vec::new();
        for key in self.needed().iter().chain(self.may_have()) {
            keys.push(*key);
            match *key {
                "node" => keys.push("nodes"),
                // `to` of a link and `to` of a leadership are written alike.
                "from" => keys.push("links"),
                _ => {}
            }
        }
        keys
    }

    /// Whether it happens to one message.
    pub const fn is_of_a_message(self) -> bool {
        use ActionName::{DelayRequest, DelayResponse, ErrorAfter, ErrorBefore, LoseRequest, LoseResponse};
        matches!(self, LoseRequest | LoseResponse | DelayRequest | DelayResponse | ErrorBefore | ErrorAfter)
    }
}
