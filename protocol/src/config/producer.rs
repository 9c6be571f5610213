//! §8.1 and §5.8.

use super::key::{ConfigError, ConfigValue, config};
use super::variants::ProducerVariants;
use crate::ids::Name;
use crate::message::Acks;

/// Protocol generation that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProtocolGeneration {
    /// Apache Kafka's Java client 4.x: transaction version 2 where the cluster has it.
    Java4,
    /// librdkafka: transaction version 1, whatever the cluster has.
    Librdkafka,
}

impl ConfigValue for ProtocolGeneration {
    const EXPECTED: &'static str = "java-4 or librdkafka";
    fn parse(text: &str) -> Option<Self> {
        match text {
            "java-4" => Some(ProtocolGeneration::Java4),
            "librdkafka" => Some(ProtocolGeneration::Librdkafka),
            _ => None,
        }
    }
    fn print(&self) -> String {
        match self {
            ProtocolGeneration::Java4 => "java-4",
            ProtocolGeneration::Librdkafka => "librdkafka",
        }
        .into()
    }
}

config! {
    /// Configuration of a producer. Times are milliseconds. Call [`ProducerConfig::resolve`] before use.
    ProducerConfig {
        client_id: Option<Name> = None, "client.id";
        acks: Acks = Acks::All, "acks";
        enable_idempotence: bool = true, "enable.idempotence";
        retries: i32 = i32::MAX, "retries", 0..=i32::MAX;
        max_in_flight: i32 = 5, "max.in.flight.requests.per.connection", 1..=i32::MAX;
        transactional_id: Option<Name> = None, "transactional.id";
        transaction_timeout_ms: i32 = 60_000, "transaction.timeout.ms", 1..=i32::MAX;
        delivery_timeout_ms: i32 = 120_000, "delivery.timeout.ms", 0..=i32::MAX;
        request_timeout_ms: i32 = 30_000, "request.timeout.ms", 1..=i32::MAX;
        max_block_ms: i64 = 60_000, "max.block.ms", 0..=i64::MAX;
        retry_backoff_ms: i64 = 100, "retry.backoff.ms", 0..=i64::MAX;
        retry_backoff_max_ms: i64 = 1_000, "retry.backoff.max.ms", 0..=i64::MAX;
        reconnect_backoff_ms: i64 = 50, "reconnect.backoff.ms", 0..=i64::MAX;
        reconnect_backoff_max_ms: i64 = 1_000, "reconnect.backoff.max.ms", 0..=i64::MAX;
        linger_ms: i64 = 5, "linger.ms", 0..=i64::MAX;
        batch_size: i32 = 16_384, "batch.size", 0..=i32::MAX;
        max_request_size: i32 = 1_048_576, "max.request.size", 0..=i32::MAX;
        buffer_memory: i64 = 33_554_432, "buffer.memory", 0..=i64::MAX;
        metadata_max_age_ms: i64 = 300_000, "metadata.max.age.ms", 0..=i64::MAX;
        /// Not a key of Kafka's: which client's behaviour is modelled.
        protocol: ProtocolGeneration = ProtocolGeneration::Java4, "client.protocol";
        /// Not a key of Kafka's: deliberate bugs.
        variant: ProducerVariants = ProducerVariants::NONE, "variant";
    }
}

impl ProducerConfig {
    /// Applies Kafka's coupling of keys (§5.8): idempotence falls back silently, or contradicts and is refused.
    ///
    /// # Errors
    /// [`ConfigError::Conflict`] where Kafka throws a `ConfigException`.
    pub fn resolve(mut self) -> Result<ProducerConfig, ConfigError> {
        let conflict = |text: &str| Err(ConfigError::Conflict(text.to_string()));
        let idempotence_asked = self.is_explicit("enable.idempotence");
        if self.enable_idempotence {
            if self.is_explicit("retries") && self.retries == 0 {
                if idempotence_asked {
                    return conflict("retries must be above 0 when enable.idempotence=true");
                }
                if self.transactional_id.is_some() {
                    return conflict("retries must be above 0 when transactional.id is set");
                }
                self.enable_idempotence = false;
            }
            if self.is_explicit("acks") && self.acks != Acks::All {
                if idempotence_asked {
                    return conflict("acks must be 'all' when enable.idempotence=true");
                }
                if self.transactional_id.is_some() {
                    return conflict("acks must be 'all' when transactional.id is set");
                }
                self.enable_idempotence = false;
            }
            if self.enable_idempotence && self.max_in_flight > 5 {
                return conflict(
                    "max.in.flight.requests.per.connection must be at most 5 for an idempotent producer; with enable.idempotence=false it may be larger",
                );
            }
        }
        if !self.enable_idempotence && self.transactional_id.is_some() {
            return conflict("transactional.id needs enable.idempotence=true");
        }
        let least = self.linger_ms.saturating_add(i64::from(self.request_timeout_ms)).min(i64::from(i32::MAX)) as i32;
        if self.delivery_timeout_ms < least {
            if self.is_explicit("delivery.timeout.ms") {
                return conflict("delivery.timeout.ms must be at least linger.ms + request.timeout.ms");
            }
            self.delivery_timeout_ms = least;
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(settings: &[(&str, &str)]) -> Result<ProducerConfig, ConfigError> {
        let mut config = ProducerConfig::default();
        for (key, value) in settings {
            config.set(key, value)?;
        }
        config.resolve()
    }

    #[test]
    fn acks_1_switches_idempotence_off_silently() {
        assert!(!with(&[("acks", "1")]).unwrap().enable_idempotence);
        assert!(with(&[]).unwrap().enable_idempotence);
    }

    #[test]
    fn explicit_idempotence_contradicts_acks_1() {
        assert!(matches!(with(&[("acks", "1"), ("enable.idempotence", "true")]), Err(ConfigError::Conflict(_))));
    }

    #[test]
    fn a_transactional_id_needs_idempotence() {
        assert!(matches!(
            with(&[("transactional.id", "t"), ("enable.idempotence", "false")]),
            Err(ConfigError::Conflict(_))
        ));
    }

    #[test]
    fn more_than_five_in_flight_contradicts_idempotence() {
        assert!(with(&[("max.in.flight.requests.per.connection", "6")]).is_err());
        assert!(with(&[("max.in.flight.requests.per.connection", "6"), ("enable.idempotence", "false")]).is_ok());
    }

    #[test]
    fn an_explicit_short_delivery_timeout_is_refused_and_a_default_one_raised() {
        assert!(with(&[("delivery.timeout.ms", "1000")]).is_err());
        assert_eq!(with(&[("request.timeout.ms", "200000")]).unwrap().delivery_timeout_ms, 200_005);
    }

    #[test]
    fn unknown_keys_and_bad_values_are_told_apart() {
        let mut config = ProducerConfig::default();
        assert_eq!(config.set("ack", "1"), Err(ConfigError::UnknownKey("ack".into())));
        assert!(matches!(config.set("acks", "2"), Err(ConfigError::BadValue { .. })));
        assert!(matches!(config.set("retries", "-1"), Err(ConfigError::BadValue { .. })));
    }
}
