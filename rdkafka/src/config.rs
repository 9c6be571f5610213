//! Configuration, as rust-rdkafka has it.

use std::collections::BTreeMap;

use crate::client::ClientContext;
use crate::error::KafkaResult;

/// Levels of librdkafka's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of syslog")]
pub enum RDKafkaLogLevel {
    Emerg = 0,
    Alert = 1,
    Critical = 2,
    Error = 3,
    Warning = 4,
    Notice = 5,
    Info = 6,
    Debug = 7,
}

/// Settings of a client to be.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    conf_map: BTreeMap<String, String>,
    /// What is logged.
    pub log_level: RDKafkaLogLevel,
}

impl Default for ClientConfig {
    fn default() -> Self {
        ClientConfig { conf_map: BTreeMap::new(), log_level: RDKafkaLogLevel::Warning }
    }
}

impl ClientConfig {
    /// No settings.
    pub fn new() -> ClientConfig {
        ClientConfig::default()
    }

    /// All settings, passwords hidden.
    pub fn config_map(&self) -> BTreeMap<&str, &str> {
        let secret = |key: &str| key.contains("password") || key.ends_with(".pem") || key.ends_with(".secret");
        self.conf_map.iter().map(|(k, v)| (&**k, if secret(k) { "[sanitized for safety]" } else { v })).collect()
    }

    /// One of them.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.conf_map.get(key).map(|v| &**v)
    }

    /// Sets one.
    pub fn set<K, V>(&mut self, key: K, value: V) -> &mut ClientConfig
    where
        K: Into<String>,
        V: Into<String>,
    {
        self.conf_map.insert(key.into(), value.into());
        self
    }

    /// Removes one.
    pub fn remove<'a>(&'a mut self, key: &str) -> &'a mut ClientConfig {
        self.conf_map.remove(key);
        self
    }

    /// Sets what is logged.
    pub fn set_log_level(&mut self, log_level: RDKafkaLogLevel) -> &mut ClientConfig {
        self.log_level = log_level;
        self
    }

    /// Makes a client.
    ///
    /// # Errors
    /// A setting is refused.
    pub fn create<T: FromClientConfig>(&self) -> KafkaResult<T> {
        T::from_config(self)
    }

    /// Makes a client with callbacks.
    ///
    /// # Errors
    /// A setting is refused.
    pub fn create_with_context<C, T>(&self, context: C) -> KafkaResult<T>
    where
        C: ClientContext,
        T: FromClientConfigAndContext<C>,
    {
        T::from_config_and_context(self, context)
    }
}

impl FromIterator<(String, String)> for ClientConfig {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(iter: I) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.extend(iter);
        config
    }
}

impl Extend<(String, String)> for ClientConfig {
    fn extend<I: IntoIterator<Item = (String, String)>>(&mut self, iter: I) {
        self.conf_map.extend(iter);
    }
}

/// A client that can be made of settings.
pub trait FromClientConfig: Sized {
    /// Makes it.
    ///
    /// # Errors
    /// A setting is refused.
    fn from_config(_: &ClientConfig) -> KafkaResult<Self>;
}

/// A client that can be made of settings and callbacks.
pub trait FromClientConfigAndContext<C: ClientContext>: Sized {
    /// Makes it.
    ///
    /// # Errors
    /// A setting is refused.
    fn from_config_and_context(_: &ClientConfig, _: C) -> KafkaResult<Self>;
}
