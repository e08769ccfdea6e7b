//! What the hub tells of itself over HTTP.

use serde_json::{Value, json};

use crate::hub::Hub;

const DANA: &str = r#"{"role":"driver","clientId":"dana"}"#;
const EMIL: &str = r#"{"role":"driver","clientId":"emil"}"#;

impl Hub {
    /// The status and the body of what is at `path`, which must be JSON.
    fn get(&self, path: &str) -> (u16, Value) {
        read(&self.http("GET", path, ""))
    }

    pub(crate) fn shows(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// The problem that is at `path`.
    pub(crate) fn refuses(&self, path: &str) -> (u16, String) {
        let (status, body) = self.get(path);
        assert_eq!(body["status"], status, "{body}");
        (status, body["detail"].as_str().unwrap().to_owned())
    }
}

/// The status and the body of a response, which must be JSON.
pub(crate) fn read(response: &str) -> (u16, Value) {
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let kind = if status < 300 { "application/json" } else { "application/problem+json" };
    assert!(head.contains(&format!("content-type: {kind}")), "{head}");
    (status, serde_json::from_str(body).unwrap())
}

/// A hub in which `acme/1` was delivered, `acme/2` is on the road, `acme/3` and `flowers/1` are new.
fn busy_hub() -> Hub {
    let hub = Hub::start(&[]);
    let order = |store: &str, id: u32| format!(r#"{{"store":"{store}","orderId":{id},"n":1.50}}"#);
    let orders = [order("acme", 1), order("acme", 2), order("acme", 3), order("flowers", 1)];
    let pickups = orders.each_ref().map(|order| ("pickup", order.as_str()));
    hub.says("{}", &pickups);
    let [one, two, ..] = &orders;
    hub.says(DANA, &[("in-transit", one), ("delivered", one), ("in-transit", two)]);
    hub
}

fn column<'a>(page: &'a Value, name: &str) -> Vec<&'a str> {
    let events = page["events"].as_array().unwrap();
    events.iter().map(|event| event[name].as_str().unwrap()).collect()
}

#[test]
fn the_log_tells_what_happened_when_and_by_whom() {
    let hub = busy_hub();
    let log = hub.shows("/api/log?clientId=acme&messageId=1");
    assert_eq!(column(&log, "event"), ["pickup", "in-transit", "delivered"]);
    assert_eq!(log["next"], json!(null));
    let delivered = &log["events"][2];
    assert_eq!((&delivered["by"], &delivered["clientId"]), (&json!("dana"), &json!("acme")));
    assert_eq!(delivered["payload"], json!({"store": "acme", "orderId": 1, "n": 1.5}));
    assert!(humantime::parse_rfc3339(delivered["time"].as_str().unwrap()).is_ok());
    let text = hub.http("GET", "/api/log?event=pickup&limit=1", "");
    assert!(text.contains(r#""payload":{"store":"acme","orderId":1,"n":1.50}"#), "{text}");
}

#[test]
fn the_log_is_read_in_pages_from_either_end() {
    let hub = busy_hub();
    for (sort, expected) in [("oldest", [1, 2, 3, 4, 5, 6, 7]), ("newest", [7, 6, 5, 4, 3, 2, 1])] {
        let mut seqs = Vec::new();
        let mut path = format!("/api/log?sort={sort}&limit=2");
        loop {
            let page = hub.shows(&path);
            let events = page["events"].as_array().unwrap();
            seqs.extend(events.iter().map(|event| event["seq"].as_u64().unwrap()));
            let Some(next) = page["next"].as_u64() else { break };
            path = format!("/api/log?sort={sort}&limit=2&after={next}");
        }
        assert_eq!(seqs, expected, "{sort}");
    }
}

#[test]
fn the_log_is_narrowed_by_vendor_event_and_time() {
    let hub = busy_hub();
    for (filter, events) in [
        ("clientId=flowers", vec!["pickup"]),
        ("event=in-transit", vec!["in-transit", "in-transit"]),
        ("clientId=acme&event=pickup&sort=newest", vec!["pickup"; 3]),
        ("clientId=acme&sort=newest&limit=2", vec!["in-transit", "delivered"]),
        ("clientId=nobody", vec![]),
        ("since=2026-01-01T00:00:00%2B01:00&event=delivered", vec!["delivered"]),
        ("since=9999-01-01T00:00:00Z", vec![]),
        ("since=9999999999999999", vec![]),
        ("after=18446744073709551615", vec![]),
    ] {
        let page = hub.shows(&format!("/api/log?{filter}"));
        assert_eq!(column(&page, "event"), events, "{filter}");
    }
    let all = hub.shows("/api/log");
    let time = all["events"][4]["time"].as_str().unwrap();
    let since = hub.shows(&format!("/api/log?since={time}"));
    let seqs = since["events"].as_array().unwrap().iter().map(|event| event["seq"].as_u64());
    assert!(seqs.clone().min() <= Some(Some(5)) && seqs.max() == Some(Some(7)), "{since}");
}

#[test]
fn an_order_is_shown_with_its_holder_and_its_timeline() {
    let hub = busy_hub();
    let shown = hub.shows("/api/orders/acme/2");
    assert_eq!((&shown["state"], &shown["holder"]), (&json!("in-transit"), &json!("dana")));
    assert_eq!(shown["waiting"], json!(["pickup", "in-transit"]));
    assert_eq!(shown["order"]["orderId"], 2);
    let events = |shown: &Value| -> Vec<String> {
        let timeline = shown["timeline"].as_array().unwrap();
        timeline.iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(events(&shown), ["pickup", "in-transit"]);

    hub.says(
        r#"{"role":"vendor","clientId":"acme"}"#,
        &[("received", r#"{"clientId":"acme","event":"delivered","messageId":1}"#)],
    );
    let over = hub.shows("/api/orders/acme/1");
    assert_eq!((&over["state"], &over["holder"]), (&json!("delivered"), &json!("dana")));
    assert_eq!(over["order"]["orderId"], 1, "the log has it when the queues have not");
    assert_eq!(events(&over), ["pickup", "in-transit", "delivered", "received"]);
    assert_eq!(hub.refuses("/api/orders/acme/9").0, 404);
}

#[test]
fn an_order_that_the_hub_has_forgotten_is_found_in_the_log() {
    let hub = Hub::start(&["--dedupe-window", "1ms"]);
    let order = r#"{"store":"a/b & c","orderId":"1/2"}"#;
    let received = r#"{"clientId":"a/b & c","event":"delivered","messageId":"1/2"}"#;
    hub.says("{}", &[("pickup", order), ("delivered", order), ("received", received)]);
    // It forgets when it next hears of something.
    hub.place(r#"{"store":"acme","orderId":1}"#);
    let shown = hub.shows("/api/orders/a%2Fb%20%26%20c/1%2F2");
    assert_eq!(shown["state"], "delivered");
    assert_eq!(shown["order"]["orderId"], "1/2");
    assert_eq!(shown["timeline"].as_array().unwrap().len(), 3);
}

#[test]
fn what_waits_and_who_listens_is_shown() {
    let hub = busy_hub();
    let queues = hub.shows("/api/queues");
    assert_eq!(queues["total"], 4);
    let longest = &queues["queues"][0];
    assert_eq!((&longest["clientId"], &longest["event"]), (&json!("acme"), &json!("pickup")));
    assert_eq!(longest["depth"], 2);
    assert!(longest["oldestAgeMs"].is_u64() && longest["oldest"].is_string(), "{longest}");
    assert_eq!(hub.shows("/api/queues?clientId=flowers")["total"], 1);

    // Long polling: these connections stay for a while.
    hub.says(r#"{"role":"vendor","clientId":"acme"}"#, &[("join", r#""acme""#)]);
    hub.says(EMIL, &[]);
    let listeners = hub.shows("/api/subscriptions");
    let of = |name: &str| -> Vec<_> {
        let all = listeners["subscriptions"].as_array().unwrap().iter();
        all.filter(|listener| listener["name"] == name)
            .map(|listener| (listener["role"].clone(), listener["event"].clone()))
            .collect()
    };
    let vendor = json!("vendor");
    assert_eq!(of("acme"), [(vendor.clone(), json!("in-transit")), (vendor, json!("delivered"))]);
    assert_eq!(of("emil"), [(json!("driver"), json!("pickup"))]);
    let none_of_these = hub.shows("/api/subscriptions?clientId=flowers");
    assert!(!none_of_these.to_string().contains(r#""acme""#), "{none_of_these}");
}

#[test]
fn what_cannot_be_asked_is_refused_with_the_mend() {
    let hub = Hub::start(&[]);
    for (path, mend) in [
        ("/api/log?event=lost", "`pickup`, `claimed`"),
        ("/api/log?since=yesterday", "2026-11-22T21:04:05Z"),
        ("/api/log?limit=0", "from 1 to 1000"),
        ("/api/log?limit=many", "limit"),
        ("/api/log?client=acme", "clientId"),
        ("/api/log?sort=up", "oldest"),
        ("/api/orders/acme/%20", "MessageId is empty"),
        ("/api/orders/%FF/1", "UTF-8"),
    ] {
        let (status, why) = hub.refuses(path);
        assert_eq!(status, 400, "{path}: {why}");
        assert!(why.contains(mend), "{path}: {why}");
    }
    assert_eq!(hub.refuses("/api/nothing").0, 404);
}

#[test]
fn a_hub_that_keeps_nothing_has_no_log_and_says_so() {
    let hub = Hub::start(&["--store", "memory"]);
    hub.place(r#"{"store":"acme","orderId":1}"#);
    let (status, why) = hub.refuses("/api/log");
    assert!(status == 404 && why.contains("`--store file`"), "{why}");
    let shown = hub.shows("/api/orders/acme/1");
    assert_eq!((&shown["state"], &shown["timeline"]), (&json!("ready"), &json!([])));
}
