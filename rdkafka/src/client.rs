//! What producers and consumers have in common.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::config::RDKafkaLogLevel;
use crate::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use crate::metadata::Metadata;
use crate::simulated::Handle;
use crate::statistics::Statistics;
use crate::util::Timeout;

/// Callbacks of any client.
pub trait ClientContext: Send + Sync {
    /// Not used in a simulation: there is no authentication.
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = false;

    /// A line of the client's log. A simulated client writes none.
    fn log(&self, level: RDKafkaLogLevel, fac: &str, log_message: &str) {
        let _ = (level, fac, log_message);
    }

    /// Statistics. A simulated client has none.
    fn stats(&self, statistics: Statistics) {
        let _ = statistics;
    }

    /// Statistics as JSON. A simulated client has none.
    fn stats_raw(&self, statistics: &[u8]) {
        let _ = statistics;
    }

    /// An error of the client as a whole.
    fn error(&self, error: KafkaError, reason: &str) {
        let _ = (error, reason);
    }

    /// Never called in a simulation.
    ///
    /// # Errors
    /// Always.
    fn generate_oauth_token(&self, oauthbearer_config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let _ = oauthbearer_config;
        Err("generate_oauth_token must be overridden".into())
    }
}

/// A context without callbacks.
#[derive(Clone, Debug, Default)]
pub struct DefaultClientContext;

impl ClientContext for DefaultClientContext {}

/// A token for authentication, which a simulation does not have.
#[derive(Clone, Debug)]
pub struct OAuthToken {
    /// Its text.
    pub token: String,
    /// Whose it is.
    pub principal_name: String,
    /// Until when it is valid, milliseconds.
    pub lifetime_ms: i64,
}

/// A client, whatever it does.
pub struct Client<C: ClientContext = DefaultClientContext> {
    pub(crate) handle: Arc<Handle>,
    context: Arc<C>,
}

impl<C: ClientContext> fmt::Debug for Client<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("name", &self.handle.name).finish()
    }
}

impl<C: ClientContext> Client<C> {
    pub(crate) fn of(handle: Arc<Handle>, context: Arc<C>) -> Client<C> {
        Client { handle, context }
    }

    /// The context.
    pub fn context(&self) -> &Arc<C> {
        &self.context
    }

    /// Topics and partitions. (From the scenario, after the time that a question takes; faults do not touch it.)
    ///
    /// # Errors
    /// There is no such topic.
    pub fn fetch_metadata<T: Into<Timeout>>(&self, topic: Option<&str>, timeout: T) -> KafkaResult<Metadata> {
        let _ = timeout.into();
        crate::simulated::round_trip();
        Metadata::of_world(topic).ok_or(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopic))
    }

    /// First and next offset of a partition. (From its leader's log, after the time that a question takes; faults do not
    /// touch it as long as there is a leader.)
    ///
    /// # Errors
    /// The partition has no leader, or does not exist.
    pub fn fetch_watermarks<T: Into<Timeout>>(
        &self,
        topic: &str,
        partition: i32,
        timeout: T,
    ) -> KafkaResult<(i64, i64)> {
        let _ = timeout.into();
        crate::simulated::round_trip();
        crate::simulated::watermarks(topic, partition)
            .ok_or(KafkaError::MetadataFetch(RDKafkaErrorCode::LeaderNotAvailable))
    }

    /// The cluster's id.
    pub fn fetch_cluster_id<T: Into<Timeout>>(&self, timeout: T) -> Option<String> {
        let _ = timeout.into();
        Some("fencepost".into())
    }

    /// The first fatal error of this client, if it had one.
    pub fn fatal_error(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.handle.fatal_error()
    }
}
