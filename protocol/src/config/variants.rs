//! Variants: deliberate bugs of the machines, off unless a scenario names them.
//!
//! Each stands for a bug that some Kafka-protocol system had (the reference's bug zoo tells it under the same name) and is
//! consulted in one plain place, which a search for its name finds. They are what the testbed is tested with: whatever
//! explores, checks and shrinks has to find them.

use super::key::ConfigValue;

macro_rules! variants {
    ($(#[$doc:meta])* $one:ident, $(#[$set_doc:meta])* $set:ident { $($(#[$vdoc:meta])* $variant:ident = $name:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $one { $($(#[$vdoc])* $variant,)* }

        impl $one {
            /// All of them.
            pub const ALL: &'static [$one] = &[$($one::$variant),*];

            /// Its name in scenarios.
            pub const fn name(self) -> &'static str { match self { $($one::$variant => $name,)* } }

            /// The variant of that name.
            pub fn from_name(name: &str) -> Option<$one> {
                $one::ALL.iter().copied().find(|variant| variant.name() == name)
            }
        }

        $(#[$set_doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $set(u64);

        impl $set {
            /// Kafka as it is.
            pub const NONE: $set = $set(0);

            /// Whether the variant is on.
            #[inline]
            pub const fn has(self, variant: $one) -> bool {
                self.0 >> variant as u32 & 1 == 1
            }

            /// These, and one more.
            #[must_use]
            pub const fn with(self, variant: $one) -> $set {
                $set(self.0 | 1 << variant as u32)
            }

            /// Whether there is none.
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// Those that are on.
            pub fn iter(self) -> impl Iterator<Item = $one> {
                $one::ALL.iter().copied().filter(move |variant| self.has(*variant))
            }
        }

        /// Names, separated by commas; the empty text for none.
        impl ConfigValue for $set {
            const EXPECTED: &'static str = concat!("a list of", $(" ", $name),*);
            fn parse(text: &str) -> Option<Self> {
                let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
                names.map($one::from_name).try_fold($set::NONE, |set, variant| Some(set.with(variant?)))
            }
            fn print(&self) -> String {
                self.iter().map($one::name).collect::<Vec<_>>().join(",")
            }
        }
    };
}

variants! {
    /// A deliberate bug of brokers, their logs and coordinators, or of the controller.
    BrokerVariant,
    /// The bugs that a cluster has.
    BrokerVariants {
        /// A log appends a batch whose producer epoch is older than the one that it knows.
        NoEpochCheck = "no-epoch-check";
        /// A leader does not ask the coordinator whether a batch belongs to an open transaction (KIP-890 part 1). Clients
        /// of transaction version 2 are not concerned: their batches add their partition.
        LateProduceHangsLso = "late-produce-hangs-lso";
        /// That a coordinator once said yes is proof enough, though a marker may have come since (KAFKA-14884).
        VerifyAppendGap = "verify-append-gap";
        /// The sweep aborts a transaction and leaves its producer's epoch valid (KAFKA-6119).
        TxnTimeoutNoFence = "txn-timeout-no-fence";
        /// What is added to a transaction is kept in the coordinator's memory only (Redpanda 9c1f30a573).
        CoordinatorFailoverForgetsBegin = "coordinator-failover-forgets-begin";
        /// A marker that is sent again is refused as stale (KAFKA-19999).
        MarkerRetryLivelock = "marker-retry-livelock";
        /// Offsets committed in a transaction need no membership in the group (before KIP-447).
        ZombieEosGroupIdOnly = "zombie-eos-group-id-only";
        /// When a broker is registered anew, the controller forgets the last block of producer ids that it handed out
        /// (KAFKA-15552).
        DuplicateProducerIdBlock = "duplicate-producer-id-block";
        /// A new leader serves readers all that its log holds, before its followers have it (Redpanda #5090).
        LeaderBeforeTermCommit = "leader-before-term-commit";
        /// Writes that wait when a leadership ends are reported as done (Redpanda PR 3003).
        AckThenTruncate = "ack-then-truncate";
        /// A broker that starts takes requests before it has any metadata, and says that topics do not exist, as brokers did
        /// in ZooKeeper's time (§7.8). By itself that is harmless: it is what the producers' variant of this name needs.
        MetadataFlapSeqReset = "metadata-flap-seq-reset";
    }
}

variants! {
    /// A deliberate bug of producers.
    ProducerVariant,
    /// The bugs that a producer has.
    ProducerVariants {
        /// Sequences of a batch of unknown outcome are used again in the next transaction, at the same epoch (Redpanda PR
        /// 5026). Under transaction version 2 every transaction has its own epoch.
        AbortedSeqReuse = "aborted-seq-reuse";
        /// When a broker does not know a topic, the sequences of its partitions begin anew (librdkafka before 1.9.0).
        MetadataFlapSeqReset = "metadata-flap-seq-reset";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BrokerConfig, ProducerConfig};

    #[test]
    fn variants_are_off_and_are_read_by_name() {
        let mut config = BrokerConfig::default();
        assert!(config.variant.is_empty());
        config.set("variant", "ack-then-truncate, no-epoch-check").unwrap();
        assert!(config.variant.has(BrokerVariant::NoEpochCheck) && config.variant.has(BrokerVariant::AckThenTruncate));
        assert!(!config.variant.has(BrokerVariant::VerifyAppendGap));
        assert_eq!(config.variant.print(), "no-epoch-check,ack-then-truncate");
        config.set("variant", "").unwrap();
        assert!(config.variant.is_empty());
    }

    #[test]
    fn a_variant_of_the_other_side_is_refused_with_the_names() {
        let error = ProducerConfig::default().set("variant", "no-epoch-check").unwrap_err().to_string();
        assert!(error.contains("aborted-seq-reuse metadata-flap-seq-reset"), "{error}");
    }

    #[test]
    fn a_name_is_that_of_one_bug_of_a_side() {
        for names in [
            BrokerVariant::ALL.iter().map(|v| v.name()).collect::<Vec<_>>(),
            ProducerVariant::ALL.iter().map(|v| v.name()).collect(),
        ] {
            let mut unique = names.clone();
            unique.sort_unstable();
            unique.dedup();
            assert_eq!(unique.len(), names.len(), "{names:?}");
        }
    }
}
