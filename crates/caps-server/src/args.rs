//! The command line.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use caps_hub::Change;
use caps_proto::ClientId;
use caps_server::{Config, LogFormat, Moment, Origin, Secret, Store, TokenRole};
use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};
use ipnet::IpNet;

/// The CAPS hub: queues package-delivery events for vendors and drivers who speak Socket.IO.
///
/// Stops cleanly on Ctrl-C and SIGTERM. Exit codes: 0 stopped, 1 failed, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
#[command(after_help = "Log lines go to stderr; RUST_LOG chooses which, such as `RUST_LOG=warn` \
                        or `RUST_LOG=info,caps_server::event_log=off`.")]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// What else there is to do than to run a hub.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write the log out, oldest event first, one JSON object a line; a hub may be at work meanwhile
    Export {
        /// Where to; without it to stdout
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,

        /// Only what is about this vendor's orders
        #[arg(long)]
        client_id: Option<ClientId>,

        /// Only events of this name
        #[arg(long, value_parser = PossibleValuesParser::new(Change::NAMES))]
        event: Option<String>,

        /// Only what happened at this time or later, such as `2026-11-22T21:04:05Z`
        #[arg(long, value_name = "TIME")]
        since: Option<Moment>,
    },
    /// Copy the file, as it is at one moment; a hub may be at work meanwhile
    Backup {
        /// The copy, which must not exist. Named `caps.db` in a folder of its own, a hub starts with it
        file: PathBuf,
    },
    /// Check the settings, and the file from its first page to its last; a hub may be at work meanwhile
    Check,
    /// Print a token, signed with `--auth-secret`
    Token {
        /// What its bearer may do
        #[arg(long, value_enum)]
        role: TokenRole,

        /// Who that is: a vendor's client id, a driver's name, or any name
        #[arg(long, value_name = "NAME")]
        sub: String,

        /// The vendors that a driver serves, with commas between; all of them if none is named
        #[arg(long, value_delimiter = ',')]
        vendors: Vec<ClientId>,

        /// How long it is good
        #[arg(long, default_value = "90d", value_parser = humantime::parse_duration)]
        ttl: Duration,
    },
    /// Ask the hub that listens on `--host` and `--port` whether it can keep what it is told
    Healthcheck,
    /// Save what is whole of a damaged file; no hub may be at work on it
    Salvage {
        /// The new data directory to save to
        directory: PathBuf,
    },
}

/// What a hub can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Settings {
    /// The name or address to listen on
    #[arg(long, env = "CAPS_HOST", default_value = "127.0.0.1", global = true)]
    host: String,

    /// The port to listen on; 0 picks a free one
    #[arg(long, env = "PORT", default_value_t = 3001, global = true)]
    port: u16,

    /// Where messages are kept
    #[arg(long, env = "CAPS_STORE", value_enum, default_value = "file")]
    store: Store,

    /// The folder of the file store
    #[arg(long, env = "CAPS_DATA_DIR", default_value = "./caps-data", global = true)]
    data_dir: PathBuf,

    /// How long a driver may have an order before it is in transit; then it is offered again
    #[arg(long, env = "CAPS_CLAIM_TIME", default_value = "10m", value_parser = humantime::parse_duration)]
    claim_time: Duration,

    /// How long a delivered order's id is remembered, so that a late retry is known for one
    #[arg(long, env = "CAPS_DEDUPE_WINDOW", default_value = "24h", value_parser = humantime::parse_duration)]
    dedupe_window: Duration,

    /// The most delivered orders that are remembered; beyond it the oldest are forgotten early
    #[arg(long, env = "CAPS_MAX_REMEMBERED", default_value_t = 1_000_000)]
    max_remembered: usize,

    /// The most messages in one queue; beyond it senders are answered `queue_full`
    #[arg(long, env = "CAPS_MAX_QUEUE", default_value_t = 1_000_000)]
    max_queue: usize,

    /// The most orders that are not delivered, or not yet received by their vendor; then `queue_full`, too
    #[arg(long, env = "CAPS_MAX_ORDERS", default_value_t = 2_000_000)]
    max_orders: usize,

    /// The most JSON that one event may carry; beyond it it is answered `payload_too_large`
    #[arg(long, env = "CAPS_MAX_PAYLOAD", default_value = "256KiB")]
    max_payload: ByteSize,

    /// How long what has happened stays in the log
    #[arg(long, env = "CAPS_LOG_RETENTION", default_value = "30d", value_parser = humantime::parse_duration)]
    log_retention: Duration,

    /// The most connections; beyond it one more is turned away
    #[arg(long, env = "CAPS_MAX_CONNECTIONS", default_value_t = 20_000)]
    max_connections: usize,

    /// The most connections of one address
    #[arg(long, env = "CAPS_MAX_CONNECTIONS_PER_ADDRESS", default_value_t = 1000)]
    max_connections_per_address: usize,

    /// The networks of proxies in front of the hub, with commas between, whose `X-Forwarded-For` tells a client's address,
    /// and whose `X-Forwarded-Proto` whether it came over TLS
    #[arg(long, env = "CAPS_PROXIES", value_delimiter = ',', value_name = "NETWORK")]
    proxies: Vec<IpNet>,

    /// The origins, with commas between, whose web pages may ask the hub, such as `https://shop.example`
    #[arg(
        long = "cors-origin",
        env = "CAPS_CORS_ORIGINS",
        value_delimiter = ',',
        value_name = "ORIGIN"
    )]
    cors_origins: Vec<Origin>,

    /// The most events a second of one connection; beyond it they are answered `rate_limited`
    #[arg(long, env = "CAPS_MAX_RATE", default_value = "50000")]
    max_rate: NonZeroU32,

    /// What tokens are signed with, 32 bytes or more; without it anyone may do anything. Best set by its variable, which
    /// other users of the machine do not see
    #[arg(long, env = "CAPS_AUTH_SECRET", hide_env_values = true, value_name = "SECRET")]
    auth_secret: Option<String>,

    /// The secret before that, whose tokens are still good
    #[arg(long, env = "CAPS_AUTH_SECRET_PREVIOUS", hide_env_values = true, value_name = "SECRET")]
    auth_secret_previous: Option<String>,

    /// Listen to others than this machine although there is no secret
    #[arg(long, env = "CAPS_ALLOW_ANONYMOUS", value_parser = clap::builder::BoolishValueParser::new())]
    allow_anonymous: bool,

    /// The longest that the hub takes to stop; a crowd of clients is sent away little by little in half of it
    #[arg(long, env = "CAPS_DRAIN_TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    drain_time: Duration,

    /// How log lines are written
    #[arg(long, env = "CAPS_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: LogFormat,
}

impl From<Settings> for Config {
    fn from(settings: Settings) -> Self {
        let Settings {
            host,
            port,
            store,
            data_dir,
            claim_time,
            dedupe_window,
            max_remembered,
            max_queue,
            max_orders,
            max_payload,
            log_retention,
            max_connections,
            max_connections_per_address,
            proxies,
            cors_origins,
            max_rate,
            auth_secret,
            auth_secret_previous,
            allow_anonymous,
            drain_time,
            log_format,
        } = settings;
        Self {
            host,
            port,
            store,
            data_dir,
            claim_time,
            dedupe_window,
            max_remembered,
            max_queue,
            max_orders,
            max_payload: usize::try_from(max_payload.as_u64()).unwrap_or(usize::MAX),
            log_retention,
            max_connections,
            max_connections_per_address,
            proxies,
            cors_origins,
            max_rate,
            auth_secret: secret(auth_secret),
            auth_secret_previous: secret(auth_secret_previous),
            allow_anonymous,
            drain_time,
            log_format,
        }
    }
}

/// An empty one is none, as in an environment that sets every variable.
fn secret(text: Option<String>) -> Option<Secret> {
    text.filter(|text| !text.is_empty()).map(Secret::from)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_flags_default_to_the_config() {
        let config = Config::from(Args::parse_from(["caps-server"]).settings);
        assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
    }

    #[test]
    fn every_flag_has_an_environment_variable() {
        let command = Args::command();
        let flags = command
            .get_arguments()
            .filter(|arg| !["help", "version"].contains(&arg.get_id().as_str()));
        for flag in flags {
            assert!(flag.get_env().is_some(), "{}", flag.get_id());
        }
    }
}
