//! What can be set, and what is checked before anything starts.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::cors::Origin;
use crate::token::{Gate, SHORTEST_SECRET, Secret};

/// The settings of a hub. [`Default`] is what the program uses when nothing is said.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name or address to listen on.
    pub host: String,
    /// The port to listen on; 0 picks a free one.
    pub port: u16,
    /// Where messages are kept.
    pub store: Store,
    /// The folder of [`Store::File`].
    pub data_dir: PathBuf,
    /// How long an order may be with a driver and not in transit before it is offered again.
    pub claim_time: Duration,
    /// How long the id of an order that is over is remembered.
    pub dedupe_window: Duration,
    /// The most orders that are over and still remembered; beyond it the oldest are forgotten early.
    pub max_remembered: usize,
    /// The most messages in one queue.
    pub max_queue: usize,
    /// The most orders that are placed and not delivered, or delivered and not yet received by their vendor.
    pub max_orders: usize,
    /// The most bytes of JSON that one event may carry.
    pub max_payload: usize,
    /// How long what has happened stays in the log.
    pub log_retention: Duration,
    /// The most connections.
    pub max_connections: usize,
    /// The most connections of one address.
    pub max_connections_per_address: usize,
    /// Proxies whose `X-Forwarded-For` tells the address of a client, and whose `X-Forwarded-Proto` whether it came over
    /// TLS.
    pub proxies: Vec<IpNet>,
    /// The origins whose web pages may ask the hub.
    pub cors_origins: Vec<Origin>,
    /// The most events a second of one connection.
    pub max_rate: NonZeroU32,
    /// What tokens are signed with. Without it anyone may do anything.
    pub auth_secret: Option<Secret>,
    /// The secret before that, whose tokens are still good.
    pub auth_secret_previous: Option<Secret>,
    /// Whether a hub without a secret may be reached by others than this machine.
    pub allow_anonymous: bool,
    /// The longest that the hub takes to stop.
    pub drain_time: Duration,
    /// How log lines are written.
    pub log_format: LogFormat,
}

/// Where messages are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Store {
    /// In a file, through a crash of the hub or the machine.
    File,
    /// In memory alone: gone when the hub is.
    Memory,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A time of zero.
    #[error("`{flag}` must be longer than zero, such as `10m`")]
    NoTime {
        /// The flag.
        flag: &'static str,
    },
    /// A bound of zero.
    #[error("`{flag}` must be at least 1")]
    NoRoom {
        /// The flag.
        flag: &'static str,
    },
    /// A secret that can be guessed.
    #[error(
        "`{flag}` must have at least {SHORTEST_SECRET} bytes; make one with `openssl rand -hex 32`"
    )]
    ShortSecret {
        /// The flag.
        flag: &'static str,
    },
    /// A secret before the first.
    #[error(
        "`--auth-secret-previous` (CAPS_AUTH_SECRET_PREVIOUS) needs `--auth-secret` (CAPS_AUTH_SECRET), the secret that has taken its place"
    )]
    NoSecret,
    /// Whoever reaches the hub may do anything, and anyone can.
    #[error(
        "on `{host}` anyone may reach this hub and do anything: set `--auth-secret` (CAPS_AUTH_SECRET), or say `--allow-anonymous` (CAPS_ALLOW_ANONYMOUS=true)"
    )]
    OpenToAll {
        /// The host that was asked for.
        host: String,
    },
    /// A payload bound that is too small or too large to work with.
    #[error("`--max-payload` (CAPS_MAX_PAYLOAD) must be from 1KiB to 16MiB, not {bytes} bytes")]
    PayloadBound {
        /// What was asked for.
        bytes: usize,
    },
}

impl Default for Config {
    fn default() -> Self {
        let limits = caps_hub::Limits::default();
        Self {
            host: "127.0.0.1".into(),
            port: 3001,
            store: Store::File,
            data_dir: "./caps-data".into(),
            claim_time: limits.claim_time,
            dedupe_window: limits.dedupe_window,
            max_remembered: limits.max_remembered,
            max_queue: limits.max_queue,
            max_orders: limits.max_orders,
            max_payload: 256 * 1024,
            log_retention: Duration::from_secs(30 * 24 * 60 * 60),
            max_connections: 20_000,
            max_connections_per_address: 1000,
            proxies: Vec::new(),
            cors_origins: Vec::new(),
            max_rate: const { NonZeroU32::new(50_000).expect("it is not zero") },
            auth_secret: None,
            auth_secret_previous: None,
            allow_anonymous: false,
            drain_time: Duration::from_secs(10),
            log_format: LogFormat::Text,
        }
    }
}

impl Config {
    /// Checks that a hub can run with these settings.
    ///
    /// # Errors
    /// The first setting that cannot be, in a sentence that says the mend.
    pub fn check(&self) -> Result<(), ConfigError> {
        const PAYLOADS: std::ops::RangeInclusive<usize> = 1024..=16 * 1024 * 1024;
        for (flag, time) in [
            ("--claim-time", self.claim_time),
            ("--dedupe-window", self.dedupe_window),
            ("--log-retention", self.log_retention),
        ] {
            if time.is_zero() {
                return Err(ConfigError::NoTime { flag });
            }
        }
        for (flag, bound) in [
            ("--max-queue", self.max_queue),
            ("--max-orders", self.max_orders),
            ("--max-remembered", self.max_remembered),
            ("--max-connections", self.max_connections),
            ("--max-connections-per-address", self.max_connections_per_address),
        ] {
            if bound == 0 {
                return Err(ConfigError::NoRoom { flag });
            }
        }
        if !PAYLOADS.contains(&self.max_payload) {
            return Err(ConfigError::PayloadBound { bytes: self.max_payload });
        }
        self.check_secrets()
    }

    fn check_secrets(&self) -> Result<(), ConfigError> {
        for (flag, secret) in [
            ("--auth-secret", &self.auth_secret),
            ("--auth-secret-previous", &self.auth_secret_previous),
        ] {
            if secret.as_ref().is_some_and(Secret::is_too_short) {
                return Err(ConfigError::ShortSecret { flag });
            }
        }
        if self.auth_secret.is_some() {
            return Ok(());
        }
        if self.auth_secret_previous.is_some() {
            return Err(ConfigError::NoSecret);
        }
        let is_loopback = self.host == "localhost"
            || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if is_loopback || self.allow_anonymous {
            return Ok(());
        }
        Err(ConfigError::OpenToAll { host: self.host.clone() })
    }

    /// What checks tokens, where there is a secret.
    pub(crate) fn gate(&self) -> Option<Gate> {
        let current = self.auth_secret.as_ref()?;
        Some(Gate::new([current].into_iter().chain(&self.auth_secret_previous)))
    }

    pub(crate) fn limits(&self) -> caps_hub::Limits {
        caps_hub::Limits {
            claim_time: self.claim_time,
            dedupe_window: self.dedupe_window,
            max_remembered: self.max_remembered,
            max_queue: self.max_queue,
            max_orders: self.max_orders,
            ..caps_hub::Limits::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_said_with_the_mend() {
        assert_eq!(Config::default().check(), Ok(()));
        for (config, mend) in [
            (Config { claim_time: Duration::ZERO, ..Config::default() }, "`--claim-time` must be"),
            (Config { max_queue: 0, ..Config::default() }, "`--max-queue` must be at least 1"),
            (
                Config { host: "0.0.0.0".into(), ..Config::default() },
                "on `0.0.0.0` anyone may reach this hub",
            ),
            (
                Config { auth_secret: Some("short".to_owned().into()), ..Config::default() },
                "`--auth-secret` must have at least 32 bytes",
            ),
            (
                Config { auth_secret_previous: Some("x".repeat(32).into()), ..Config::default() },
                "needs `--auth-secret`",
            ),
            (Config { max_payload: 10, ..Config::default() }, "from 1KiB to 16MiB, not 10 bytes"),
        ] {
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(mend), "{error}");
        }
        for host in ["localhost", "127.0.0.1", "127.9.9.9", "::1"] {
            assert_eq!(Config { host: host.into(), ..Config::default() }.check(), Ok(()));
        }
        for open in [
            Config { allow_anonymous: true, ..Config::default() },
            Config { auth_secret: Some("x".repeat(32).into()), ..Config::default() },
        ] {
            assert_eq!(Config { host: "0.0.0.0".into(), ..open }.check(), Ok(()));
        }
    }
}
