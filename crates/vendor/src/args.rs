//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use caps_client::cli::HubArgs;
use caps_proto::ClientId;
use clap::Parser;
use clap::builder::FalseyValueParser;

use crate::orders::Source;

/// The time between two orders that are made up.
const MADE_UP_EVERY: Duration = Duration::from_secs(5);

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

    /// Time between two orders, such as 5s or 250ms [default: 5s; 0s with --orders]
    #[arg(long, env = "CAPS_VENDOR_INTERVAL", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) interval: Option<Duration>,

    /// Place this many orders, and stop when all of them are delivered
    #[arg(long, env = "CAPS_VENDOR_COUNT", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// Place the orders of a file, or of stdin where it is `-`, and stop when all of them are delivered
    ///
    /// One JSON object on each line. One that names no store is given this one, and one without an id gets an id;
    /// only orders that have ids of their own are known again when the file is placed once more. A line that is no
    /// order, or that the hub refuses, is said with its number, and the others go on.
    #[arg(long, env = "CAPS_VENDOR_ORDERS", value_name = "FILE", conflicts_with_all = ["count", "no_orders"])]
    pub(crate) orders: Option<Source>,

    /// Place no orders, and show what happens to the store's orders as a table
    ///
    /// Time, event, order and customer: aligned on a terminal, and elsewhere with tabs between.
    #[arg(long, env = "CAPS_VENDOR_LISTEN", value_parser = FalseyValueParser::new(), conflicts_with_all = ["count", "orders"])]
    pub(crate) listen: bool,

    /// Place no orders, only thank for deliveries
    #[arg(long, env = "CAPS_VENDOR_NO_ORDERS", value_parser = FalseyValueParser::new(), conflicts_with = "count")]
    pub(crate) no_orders: bool,

    /// Say everything as JSON, one object on each line
    ///
    /// `time`, `event`, `clientId`, `messageId` and `order`, as far as they are known, of each order that is `placed`,
    /// `in-transit`, `delivered` or `failed`; the last with `line` and `error`.
    #[arg(long, env = "CAPS_VENDOR_JSON", value_parser = FalseyValueParser::new())]
    pub(crate) json: bool,

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
  vendor acme-widgets --orders today.jsonl          its own orders, then done
  vendor acme-widgets --listen                      what happens to its orders, as a table
  vendor acme-widgets --no-orders                   only hear of deliveries
  vendor acme-widgets --outbox acme.outbox          loses no order, even when it is killed
  vendor acme-widgets --url https://caps.example.com --token \"$TOKEN\"

Exit codes:
  0  done: all orders were delivered, or the shop was stopped by Ctrl-C or SIGTERM
  1  failed: the hub has refused the shop, for example for a wrong token, or some of its orders; or
     the shop was stopped while the hub was away, and has no `--outbox` to keep what was not sent
  2  the command line is wrong";

impl Args {
    /// The time between two orders.
    pub(crate) fn pause(&self) -> Duration {
        let written = self.orders.is_some();
        self.interval.unwrap_or(if written { Duration::ZERO } else { MADE_UP_EVERY })
    }
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
        assert_eq!(args.pause(), Duration::from_secs(5));
        assert_eq!((args.count, args.no_orders), (None, false));
    }

    #[test]
    fn written_orders_need_no_time_between_them() {
        let args = parse(&["acme", "--orders", "-"]).unwrap();
        assert_eq!((args.pause(), args.orders), (Duration::ZERO, Some(Source::Stdin)));
        let args = parse(&["acme", "--orders", "./-", "--interval", "1s"]).unwrap();
        assert_eq!(args.pause(), Duration::from_secs(1));
        assert_eq!(args.orders, Some(Source::File("./-".into())));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for args in [
            &["  "][..],
            &["acme", "--interval", "soon"],
            &["acme", "--count", "0"],
            &["acme", "--count", "3", "--no-orders"],
            &["acme", "--count", "3", "--orders", "-"],
            &["acme", "--orders", "-", "--listen"],
        ] {
            assert_eq!(parse(args).unwrap_err().exit_code(), 2, "{args:?}");
        }
    }
}
