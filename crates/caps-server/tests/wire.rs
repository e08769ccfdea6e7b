//! The hub as clients see it that nobody here has written: socket.io-client 4.8, 3.1 and 2.5 from npm, and
//! python-socketio from PyPI; its HTTP API as schemathesis asks it; and its pages as Chromium shows them.
//!
//! Each test starts a hub on a port of its own and runs a script of `tests/wire` or `tests/web` against it. What the
//! scripts need is fetched into the target folder once. Where node, python3 or Chromium is missing, the tests that
//! need it say so and pass, except with `CI=true`, where they fail. A random script prints its seed and takes one
//! from `SEED`.
//!
//! To run a script by hand, against a hub that runs already:
//! ```text
//! CAPS_URL=http://localhost:3001 CAPS_NPM=target/tmp/wire/npm node crates/caps-server/tests/wire/once.mjs
//! CAPS_URL=http://localhost:3001 CAPS_NPM=target/tmp/wire/browser node crates/caps-server/tests/web/driver.mjs
//! ```

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hub;
#[path = "wire/stage.rs"]
mod stage;
#[path = "wire/tools.rs"]
mod tools;

use hub::program;
use stage::{Script, perform};

#[test]
fn an_order_lives_its_whole_life_between_any_two_javascript_clients() {
    perform(&[], &[Script::node("life.mjs")]);
}

#[test]
fn an_order_lives_its_whole_life_between_python_clients() {
    perform(&[], &[Script::python("test_life.py")]);
}

const VERSIONS: [&str; 3] = ["4.8", "3.1", "2.5"];
const TRANSPORTS: [&str; 3] = ["websocket", "polling", "upgrade"];

/// Every JavaScript client over every transport, each with another of Python's transports.
fn pairings() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    (0..3).flat_map(|version| {
        (0..3).map(move |transport| {
            (VERSIONS[version], TRANSPORTS[transport], TRANSPORTS[(version + transport) % 3])
        })
    })
}

#[test]
fn a_python_driver_serves_a_vendor_on_every_javascript_client() {
    for (version, transport, pythons) in pairings() {
        let store = format!("{version}-{transport}");
        let driver = Script::python("driver.py").args([&store, "3", pythons]);
        let vendor = Script::node("vendor.mjs").args([&store, "3", version, transport]);
        perform(&[], &[driver, vendor]);
    }
}

#[test]
fn a_driver_on_every_javascript_client_serves_a_python_vendor() {
    for (version, transport, pythons) in pairings() {
        let store = format!("{version}-{transport}");
        let driver = Script::node("driver.mjs").args([&store, "3", version, transport]);
        let vendor = Script::python("vendor.py").args([&store, "3", pythons]);
        perform(&[], &[driver, vendor]);
    }
}

#[test]
fn every_event_does_what_the_protocol_says() {
    perform(&[], &[Script::node("events.mjs")]);
}

#[test]
fn a_driver_that_names_no_vendor_is_sent_the_pickups_of_all_that_it_serves() {
    perform(&[], &[Script::node("serving.mjs")]);
}

#[test]
fn the_names_that_clients_have_for_ids_are_understood() {
    perform(&[], &[Script::node("names.mjs")]);
}

#[test]
fn an_orders_text_stays_as_its_vendor_wrote_it() {
    perform(&[], &[Script::node("order_text.mjs")]);
}

#[test]
fn what_python_says_is_carried_as_it_is() {
    perform(&[], &[Script::python("test_words.py")]);
}

#[test]
fn bad_input_is_answered_and_harms_nobody() {
    perform(&[], &[Script::node("bad_input.mjs")]);
}

#[test]
fn misuse_of_the_protocols_harms_nobody() {
    perform(&[], &[Script::node("misuse.mjs")]);
}

#[test]
fn nothing_is_lost() {
    perform(&[], &[Script::node("kept.mjs")]);
}

#[test]
fn what_is_sent_again_takes_effect_once() {
    perform(&[], &[Script::node("once.mjs")]);
}

#[test]
fn everything_comes_in_order() {
    perform(&[], &[Script::node("reading_order.mjs")]);
}

#[test]
fn an_order_has_one_driver() {
    perform(&[], &[Script::node("drivers.mjs")]);
}

#[test]
fn an_order_that_its_driver_gives_back_is_offered_again() {
    perform(&[], &[Script::node("release.mjs")]);
}

#[test]
fn a_vendor_is_shown_what_a_driver_has_to_show_for_a_delivery() {
    perform(&[], &[Script::node("proof.mjs")]);
}

#[test]
fn any_backlog_is_replayed_and_a_slow_reader_holds_up_nobody() {
    perform(&[], &[Script::node("backlog.mjs")]);
}

#[test]
fn a_backlog_of_a_million_is_replayed_to_one_slow_reader_in_bounded_memory() {
    perform(&[], &[Script::node("million.mjs")]);
}

#[test]
fn vendors_are_apart() {
    perform(&[], &[Script::node("vendors.mjs")]);
}

#[test]
fn the_stock_clients_retries_work() {
    perform(&[], &[Script::node("retries.mjs")]);
}

#[test]
fn an_order_that_is_held_but_not_in_transit_is_offered_again_after_the_claim_time() {
    perform(&["--claim-time", "2s"], &[Script::node("claim_time.mjs")]);
}

#[test]
fn an_order_that_is_over_is_remembered_for_the_dedupe_window() {
    perform(&["--dedupe-window", "1s"], &[Script::node("dedupe_window.mjs")]);
}

#[test]
fn a_full_queue_says_so() {
    perform(&["--max-queue", "3"], &[Script::node("full_queue.mjs")]);
}

#[test]
fn the_dashboard_shows_what_happens() {
    perform(&[], &[Script::browser("dashboard.mjs")]);
}

#[test]
fn the_dashboard_misses_nothing_and_is_quick_with_a_long_log() {
    perform(&[], &[Script::browser("long.mjs")]);
}

#[test]
fn a_driver_takes_and_delivers_with_a_phone() {
    perform(&[], &[Script::browser("driver.mjs")]);
}

#[test]
fn what_an_order_says_is_never_more_than_text_and_fits_a_phone() {
    perform(&[], &[Script::browser("hostile.mjs")]);
}

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A token of the hub with [`SECRET`].
fn token(flags: &[&str]) -> String {
    let mut command = program(&["token"]);
    let output = command.args(flags).env("CAPS_AUTH_SECRET", SECRET).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn the_http_api_answers_whatever_it_is_asked_as_its_document_says() {
    perform(&[], &[Script::api("api.py")]);
}

#[test]
fn the_http_api_answers_with_and_without_a_token_as_its_document_says() {
    let admin = token(&["--role", "admin", "--sub", "ann"]);
    let driver = token(&["--role", "driver", "--sub", "dana", "--vendors", "acme-widgets"]);
    let ask = || Script::api("api.py");
    for script in
        [ask().args([&admin, &admin]), ask().args([&admin, &driver]), ask().args([&admin])]
    {
        perform(&["--auth-secret", SECRET], &[script]);
    }
}

#[test]
fn where_the_hub_asks_for_tokens_a_browser_signs_in_and_out() {
    perform(&["--auth-secret", SECRET], &[Script::browser("session.mjs").args([SECRET])]);
}
