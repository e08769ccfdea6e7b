//! What the hub tells of itself in numbers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::hub::Hub;

const DANA: &str = r#"{"role":"driver","clientId":"dana"}"#;
const EMIL: &str = r#"{"role":"driver","clientId":"emil"}"#;
const ACME: &str = r#"{"role":"vendor","clientId":"acme"}"#;

/// The numbers by their series, such as `caps_clients{role="driver"}`.
type Numbers = BTreeMap<String, f64>;

impl Hub {
    fn numbers(&self) -> Numbers {
        let response = self.http("GET", "/metrics", "");
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert!(head.contains(kind), "{head}");
        read(body)
    }
}

/// Reads the text as strictly as OpenMetrics is defined.
fn read(text: &str) -> Numbers {
    let text = text.strip_suffix("# EOF\n").expect("the text is whole");
    let mut numbers = Numbers::new();
    let mut families = BTreeSet::new();
    let (mut family, mut kind) = ("", "");
    for line in text.lines() {
        if let Some(about) = line.strip_prefix("# HELP ") {
            let (name, help) = about.split_once(' ').unwrap();
            assert!(families.insert(name) && !help.is_empty(), "{line}");
            family = name;
        } else if let Some(about) = line.strip_prefix("# TYPE ") {
            kind = about.strip_prefix(family).unwrap().trim_start();
        } else if let Some(about) = line.strip_prefix("# UNIT ") {
            let unit = about.strip_prefix(family).unwrap().trim_start();
            assert!(matches!(unit, "seconds" | "bytes") && family.ends_with(unit), "{line}");
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            let suffixes: &[&str] = match kind {
                "counter" => &["_total"],
                "gauge" => &[""],
                "histogram" => &["_sum", "_count", "_bucket"],
                "info" => &["_info"],
                _ => panic!("{family} is of no kind: `{kind}`"),
            };
            let suffix = name.strip_prefix(family).expect("it is of its family");
            assert!(suffixes.contains(&suffix), "{line}");
            assert!(family.starts_with("caps_") || family.starts_with("process_"), "{line}");
            check_labels(&series[name.len()..]);
            assert_eq!(numbers.insert(series.to_owned(), value.parse().unwrap()), None, "{line}");
        }
    }
    numbers
}

/// `{name="value",…}` or nothing.
fn check_labels(labels: &str) {
    let Some(labels) = labels.strip_prefix('{') else {
        return assert_eq!(labels, "");
    };
    for label in labels.strip_suffix('}').unwrap().split(',') {
        let (name, value) = label.split_once('=').unwrap();
        assert!(name.chars().all(|letter| letter.is_ascii_lowercase()), "{labels}");
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap();
        assert!(!value.is_empty() && !value.contains(['"', '\\']), "{labels}");
    }
}

/// Those that are not zero of a name, by what stands between the braces.
fn nonzero<'a>(numbers: &'a Numbers, name: &str) -> BTreeMap<&'a str, f64> {
    let of_name = numbers.iter().filter_map(|(series, number)| {
        let labels = series.strip_prefix(name)?.strip_prefix('{')?.strip_suffix('}')?;
        (*number != 0.0).then_some((labels, *number))
    });
    of_name.collect()
}

fn order(id: u32) -> String {
    format!(r#"{{"store":"acme","orderId":{id}}}"#)
}

#[test]
fn every_event_is_counted_by_its_name_and_what_has_come_of_it() {
    let hub = Hub::start(&[]);
    hub.says(ACME, &[("join", r#""acme""#), ("pickup", &order(1)), ("pickup", &order(2))]);
    hub.says(ACME, &[("pickup", &order(1))]);
    hub.says(DANA, &[("in-transit", &order(1)), ("getAll", "{}"), ("getall", "{}")]);
    hub.is_refused_with(EMIL, "in-transit", &order(1), "already_claimed");
    hub.is_refused_with(EMIL, "pickup", "7", "invalid_payload");
    hub.is_refused_with(EMIL, "join acme", "7", "unknown_event");
    hub.is_refused_with(ACME, "delivered", &order(1), "forbidden");
    let json = "Content-Type: application/json\r\n";
    for (path, body) in [
        ("/api/orders", order(3)),
        ("/api/orders", order(3)),
        ("/api/orders", "{}".to_owned()),
        ("/api/orders/acme/3/delivered", r#"{"driver":"dana"}"#.to_owned()),
        // No order of that name: nothing has come of it.
        ("/api/orders/acme/9/delivered", r#"{"driver":"dana"}"#.to_owned()),
    ] {
        hub.http_with("POST", path, json, &body);
    }
    let numbers = hub.numbers();
    assert_eq!(
        nonzero(&numbers, "caps_events_total"),
        BTreeMap::from([
            (r#"event="join",outcome="ok""#, 1.0),
            (r#"event="pickup",outcome="ok""#, 3.0),
            (r#"event="pickup",outcome="duplicate""#, 2.0),
            (r#"event="pickup",outcome="invalid_payload""#, 2.0),
            (r#"event="in-transit",outcome="ok""#, 1.0),
            (r#"event="in-transit",outcome="already_claimed""#, 1.0),
            (r#"event="delivered",outcome="ok""#, 1.0),
            (r#"event="delivered",outcome="forbidden""#, 1.0),
            (r#"event="getAll",outcome="ok""#, 2.0),
            (r#"event="other",outcome="unknown_event""#, 1.0),
        ])
    );
    assert_eq!(
        nonzero(&numbers, "caps_refusals_total"),
        BTreeMap::from([
            (r#"code="already_claimed""#, 1.0),
            (r#"code="forbidden""#, 1.0),
            (r#"code="invalid_payload""#, 2.0),
            (r#"code="unknown_event""#, 1.0),
        ])
    );
    // Of the sockets nine that are no `getAll`, and of the requests that came to the hub.
    assert_eq!(numbers["caps_ack_duration_seconds_count"], 13.0);
    let facts = hub.shows("/api/log?sort=newest&limit=1")["events"][0]["seq"].as_f64();
    assert_eq!(Some(numbers["caps_commit_facts_sum"]), facts);
    let commits = numbers["caps_commit_facts_count"];
    assert_eq!(numbers["caps_commit_duration_seconds_count"], commits);
    assert!((1.0..=8.0).contains(&commits) && numbers["caps_commit_duration_seconds_sum"] > 0.0);
    assert_eq!(numbers[r#"caps_commit_facts_bucket{le="+Inf"}"#], commits);
}

#[test]
fn how_the_hub_stands_is_shown_by_event_and_role() {
    let hub = Hub::start(&[]);
    hub.says(ACME, &[("pickup", &order(1)), ("pickup", &order(2)), ("pickup", &order(3))]);
    hub.says(DANA, &[("in-transit", &order(1)), ("delivered", &order(2)), ("getAll", "{}")]);
    hub.says("{}", &[]);
    let numbers = hub.numbers();
    let waiting = nonzero(&numbers, "caps_queue_messages");
    let events = [r#"event="delivered""#, r#"event="in-transit""#, r#"event="pickup""#];
    assert_eq!(waiting, BTreeMap::from_iter(events.into_iter().zip([1.0, 1.0, 2.0])));
    let ages = nonzero(&numbers, "caps_queue_oldest_message_age_seconds");
    assert!(ages.values().all(|age| (0.0..60.0).contains(age)), "{ages:?}");
    let clients = nonzero(&numbers, "caps_clients");
    let roles = [r#"role="anyone""#, r#"role="driver""#, r#"role="vendor""#];
    assert_eq!(clients, BTreeMap::from(roles.map(|role| (role, 1.0))));
    assert_eq!(numbers["caps_clients_behind"], 0.0);
    assert_eq!(numbers["caps_orders_open"], 3.0);
    assert_eq!(
        nonzero(&numbers, "caps_messages_replayed_total"),
        BTreeMap::from([(r#"reason="get_all""#, 2.0)])
    );
    // In the end nothing but what asks: the hub sees the end of a connection a moment later.
    let mut open = (0..1000).map(|_| hub.numbers()[r#"caps_connections{protocol="http"}"#]);
    assert!(open.any(|open| open == 1.0));
    assert_eq!(
        numbers[&format!(r#"caps_build_info{{version="{}"}}"#, env!("CARGO_PKG_VERSION"))],
        1.0
    );
    assert!(numbers["process_start_time_seconds"] > 1.7e9);
    if cfg!(target_os = "linux") {
        assert!(numbers["process_resident_memory_bytes"] > 1e6);
    }
}

#[test]
fn those_who_are_turned_away_are_counted_by_the_reason() {
    for (flag, reason) in
        [("--max-connections", "full"), ("--max-connections-per-address", "address")]
    {
        let hub = Hub::start(&[flag, "3"]);
        let held = crate::limits::idle(&hub, 3, "");
        for _ in 0..2 {
            assert!(crate::limits::asks(&hub, "").starts_with("HTTP/1.1 503 "));
        }
        drop(held);
        // The hub sees the end of a connection a moment later.
        let mut asks = (0..1000).map(|_| hub.http("GET", "/metrics", ""));
        let shown = asks.find(|response| response.starts_with("HTTP/1.1 200 ")).unwrap();
        let numbers = read(shown.split_once("\r\n\r\n").unwrap().1);
        let turned_away = nonzero(&numbers, "caps_connections_turned_away_total");
        let [(labels, count)] = turned_away.into_iter().collect::<Vec<_>>()[..] else {
            panic!("for one reason")
        };
        assert_eq!(labels, format!(r#"reason="{reason}""#));
        assert!(count >= 2.0, "{count}");
    }
}

#[test]
fn whatever_names_clients_make_up_there_is_no_series_more() {
    let hub = Hub::start(&[]);
    let before: Vec<_> = hub.numbers().into_keys().collect();
    let session = hub.connect(r#"{"role":"driver","clientId":"a driver's \"name\""}"#);
    let packets: Vec<_> = (0..3000)
        .map(|id| match id % 3 {
            0 => format!(r#"42/caps,{id}["event {id}}} 📦",{{"clientId":"{id}"}}]"#),
            1 => format!(r#"42/caps,{id}["in-transit",{{"store":"store-{id}","orderId":{id}}}]"#),
            _ => format!(r#"42/caps,{id}["join","store \"{id}\""]"#),
        })
        .collect();
    for packets in packets.chunks(300) {
        let posted = hub.http("POST", &session, &packets.join("\u{1e}"));
        assert!(posted.starts_with("HTTP/1.1 200 "), "{posted}");
        let mut answered = 0;
        while answered < packets.len() {
            let polled = hub.http("GET", &session, "");
            assert!(polled.starts_with("HTTP/1.1 200 "), "{polled}");
            answered += polled.matches("43/caps,").count();
        }
    }
    let numbers = hub.numbers();
    assert_eq!(numbers[r#"caps_events_total{event="other",outcome="unknown_event"}"#], 1000.0);
    assert_eq!(numbers[r#"caps_events_total{event="in-transit",outcome="ok"}"#], 1000.0);
    assert_eq!(numbers.into_keys().collect::<Vec<_>>(), before);
}

#[test]
fn everything_on_the_dashboard_is_there_to_be_shown() {
    const DASHBOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/grafana.json");
    let dashboard: Value =
        serde_json::from_str(&std::fs::read_to_string(DASHBOARD).unwrap()).unwrap();
    let numbers = Hub::start(&[]).numbers();
    let names: BTreeSet<_> =
        numbers.keys().map(|series| series.split('{').next().unwrap()).collect();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let mut shown = BTreeSet::new();
    for target in targets {
        let query = target["expr"].as_str().unwrap();
        let words = query.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let of_ours: Vec<_> = words
            .filter(|word| word.starts_with("caps_") || word.starts_with("process_"))
            .collect();
        assert!(!of_ours.is_empty(), "it shows nothing of the hub: {query}");
        for name in of_ours {
            assert!(names.contains(name), "there is no `{name}`: {query}");
            shown.insert(name.to_owned());
        }
    }
    assert!(shown.len() >= 12, "{shown:?}");
}
