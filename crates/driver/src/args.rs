//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use caps_client::cli::HubArgs;
use caps_proto::{ClientId, DriverName};
use clap::Parser;
use clap::builder::FalseyValueParser;

/// A driver on CAPS: takes orders on the road, and says when they have arrived.
///
/// It hears of every order that waits for a driver, takes it on the road after a while, delivers it after
/// another, and does so with many orders at once. Orders that another driver holds are left alone. Logs go to
/// stderr (`RUST_LOG=debug` for more). When the hub is away, the driver waits for it and goes on.
#[derive(Debug, Parser)]
#[command(name = "driver", version, after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) hub: HubArgs,

    /// Name under which the driver keeps its orders when it goes away and comes back
    ///
    /// Without a name the driver is known by its connection alone: when that goes, its orders are offered to
    /// all drivers again.
    #[arg(long, env = "CAPS_DRIVER_NAME", value_name = "NAME")]
    pub(crate) name: Option<DriverName>,

    /// Stores to drive for, with commas between; all if none are named
    #[arg(long, env = "CAPS_DRIVER_VENDORS", value_name = "STORE,…", value_delimiter = ',')]
    pub(crate) vendors: Vec<ClientId>,

    /// Work by hand: codes that are scanned or typed take orders, and deliver them
    ///
    /// A code on stdin is an order's id, or what stands on its label (`store/id`). The first time it takes the
    /// order, the second time it delivers it. `help` tells of the commands. Needs a `--name`; the two delays
    /// play no part.
    #[arg(long, env = "CAPS_DRIVER_SCAN", value_parser = FalseyValueParser::new())]
    pub(crate) scan: bool,

    /// Time from hearing of an order to having it on the road
    #[arg(long, env = "CAPS_DRIVER_PICKUP_DELAY", value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    pub(crate) pickup_delay: Duration,

    /// Time on the road
    #[arg(long, env = "CAPS_DRIVER_DELIVERY_DELAY", value_name = "TIME", default_value = "2s", value_parser = humantime::parse_duration)]
    pub(crate) delivery_delay: Duration,

    /// Stop when this many orders are delivered
    #[arg(long, env = "CAPS_DRIVER_COUNT", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// Say everything as JSON, one object on each line
    ///
    /// `time`, `event`, `clientId`, `messageId` and `order`, as far as they are known, of each order that is
    /// `in-transit` or `delivered`.
    #[arg(long, env = "CAPS_DRIVER_JSON", value_parser = FalseyValueParser::new())]
    pub(crate) json: bool,

    /// Keep what the hub has not answered in this file, and send it at the next start
    ///
    /// Without it, what the hub has not answered when the driver ends is lost.
    #[arg(long, env = "CAPS_DRIVER_OUTBOX", value_name = "FILE")]
    pub(crate) outbox: Option<PathBuf>,
}

impl Args {
    /// Whose orders are scanned, where they are.
    ///
    /// # Errors
    /// What else has to be said, or left out, for that.
    pub(crate) fn scans_for(&self) -> Result<Option<DriverName>, &'static str> {
        match &self.name {
            _ if !self.scan => Ok(None),
            None => Err(
                "`--scan` needs a name, under which orders stay yours while you are away; say `--name ann`",
            ),
            Some(_) if self.count.is_some() => {
                Err("`--scan` ends with its input, and takes no `--count`; leave one of them out")
            }
            Some(name) => Ok(Some(name.clone())),
        }
    }
}

const AFTER_HELP: &str = "\
Examples:
  driver                                           for every store
  driver --vendors acme-widgets,1-800-flowers      for two of them
  driver --name ann                                comes back to its own orders
  driver --name ann --outbox ann.outbox            loses no delivery, even when it is killed
  driver --name ann --scan                         by hand: what is scanned is taken, then delivered
  driver --pickup-delay 0s --delivery-delay 100ms  in a hurry
  driver --url https://caps.example.com --token \"$TOKEN\"

Exit codes:
  0  done: `--count` orders were delivered, the input of `--scan` has ended, or the driver was stopped by
     Ctrl-C or SIGTERM
  1  failed: the hub has refused the driver, for example for a wrong token; or the driver was stopped
     while the hub was away, and has no `--outbox` to keep what was not sent
  2  the command line is wrong";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parse(args: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once(&"driver").chain(args))
    }

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn nothing_needs_to_be_said() {
        let args = parse(&[]).unwrap();
        assert_eq!(args.pickup_delay, Duration::from_secs(1));
        assert_eq!(args.delivery_delay, Duration::from_secs(2));
        assert!(args.name.is_none() && args.vendors.is_empty() && args.count.is_none());
    }

    #[test]
    fn stores_are_named_with_commas_between() {
        let args = parse(&["--vendors", "acme-widgets,1-800-flowers"]).unwrap();
        let names: Vec<_> = args.vendors.iter().map(ClientId::as_str).collect();
        assert_eq!(names, ["acme-widgets", "1-800-flowers"]);
    }

    #[test]
    fn who_scans_has_a_name_and_no_count() {
        let scans_for = |args: &[&str]| parse(args).unwrap().scans_for();
        assert_eq!(scans_for(&["--name", "ann"]), Ok(None));
        let ann = DriverName::new("ann").unwrap();
        assert_eq!(scans_for(&["--scan", "--name", "ann"]), Ok(Some(ann)));
        assert!(scans_for(&["--scan"]).unwrap_err().contains("`--name ann`"));
        let both = scans_for(&["--scan", "--name", "ann", "--count", "1"]);
        assert!(both.unwrap_err().contains("`--count`"));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for args in [
            &["--name", ""][..],
            &["--vendors", "acme,,other"],
            &["--pickup-delay", "soon"],
            &["--count", "0"],
        ] {
            assert_eq!(parse(args).unwrap_err().exit_code(), 2, "{args:?}");
        }
    }
}
