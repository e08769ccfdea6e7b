//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use caps_client::cli::HubArgs;
use caps_proto::ClientId;
use clap::Parser;
use clap::builder::FalseyValueParser;

/// A shop on CAPS: places orders, and thanks for each delivery.
///
/// It places an order at once and then one every interval, with a customer and an address made up. Drivers
/// hear of the order; when one has delivered it, the shop thanks its customer on stdout. Deliveries that
/// happened while the shop was away are thanked for when it is back. Logs go to stderr (`RUST_LOG=debug` for
/// more). When the hub is away, the shop waits for it and goes on.
#[derive(Debug, Parser)]
#[command(name = "vendor", version, after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Name of the store, such as acme-widgets
    #[arg(env = "CAPS_VENDOR_STORE", value_name = "STORE")]
    pub(crate) store: ClientId,

    #[command(flatten)]
    pub(crate) hub: HubArgs,

    /// Time between two orders, such as 5s or 250ms
    #[arg(long, env = "CAPS_VENDOR_INTERVAL", value_name = "TIME", default_value = "5s", value_parser = interval)]
    pub(crate) interval: Duration,

    /// Place this many orders, and stop when all of them are delivered
    #[arg(long, env = "CAPS_VENDOR_COUNT", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// Place no orders, only thank for deliveries
    #[arg(long, env = "CAPS_VENDOR_NO_ORDERS", value_parser = FalseyValueParser::new(), conflicts_with = "count")]
    pub(crate) no_orders: bool,

    /// Keep what the hub has not answered in this file, and send it at the next start
    ///
    /// Without it, what the hub has not answered when the shop ends is lost.
    #[arg(long, env = "CAPS_VENDOR_OUTBOX", value_name = "FILE")]
    pub(crate) outbox: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Examples:
  vendor acme-widgets                               an order every five seconds
  vendor 1-800-flowers --interval 500ms --count 20  twenty orders, then done
  vendor acme-widgets --no-orders                   only hear of deliveries
  vendor acme-widgets --outbox acme.outbox          loses no order, even when it is killed
  vendor acme-widgets --url https://caps.example.com --token \"$TOKEN\"

Exit codes:
  0  done: `--count` orders were delivered, or the shop was stopped by Ctrl-C or SIGTERM
  1  failed: the hub has refused the shop, for example for a wrong token
  2  the command line is wrong";

fn interval(text: &str) -> Result<Duration, String> {
    let interval = humantime::parse_duration(text).map_err(|why| why.to_string())?;
    if interval.is_zero() {
        return Err("must be longer than zero, such as `50ms`".into());
    }
    Ok(interval)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parse(args: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once(&"vendor").chain(args))
    }

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_store_is_all_that_is_needed() {
        let args = parse(&["1-800-flowers"]).unwrap();
        assert_eq!(args.store.as_str(), "1-800-flowers");
        assert_eq!(args.interval, Duration::from_secs(5));
        assert_eq!((args.count, args.no_orders), (None, false));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for args in [
            &["  "][..],
            &["acme", "--interval", "0s"],
            &["acme", "--interval", "soon"],
            &["acme", "--count", "0"],
            &["acme", "--count", "3", "--no-orders"],
        ] {
            assert_eq!(parse(args).unwrap_err().exit_code(), 2, "{args:?}");
        }
    }
}
