//! What can be done over HTTP means what the socket's events mean.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::read;
use crate::hub::{End, Hub};

pub(crate) const JSON: &str = "Content-Type: application/json\r\n";

impl Hub {
    /// The status and the body of the answer to what is posted.
    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        read(&self.http_with("POST", path, JSON, &body.to_string()))
    }

    /// The problem with what is posted.
    fn post_refused(&self, path: &str, headers: &str, body: &str) -> (u16, Value) {
        let (status, problem) = read(&self.http_with("POST", path, headers, body));
        assert_eq!(problem["status"], status, "{problem}");
        (status, problem)
    }
}

fn order(id: u32) -> Value {
    json!({"store": "acme", "orderId": id, "customer": "Ann", "address": "Elm 1"})
}

fn dana() -> Value {
    json!({"driver": "dana"})
}

#[test]
fn an_order_is_placed_taken_and_delivered_over_http() {
    let hub = Hub::start(&[]);
    let response = hub.http_with("POST", "/api/orders", JSON, &order(7).to_string());
    assert!(response.contains("location: /api/orders/acme/7\r\n"), "{response}");
    let placed = json!({"status": "ok", "clientId": "acme", "messageId": "7"});
    assert_eq!(read(&response), (201, placed));
    let ok = json!({"status": "ok", "messageId": "7"});
    assert_eq!(hub.post("/api/orders/acme/7/in-transit", &dana()), (200, ok.clone()));
    // A named driver's claim outlives its request.
    let taken = hub.shows("/api/orders/acme/7");
    assert_eq!((&taken["state"], &taken["holder"]), (&json!("in-transit"), &json!("dana")));
    assert_eq!(hub.post("/api/orders/acme/7/delivered", &dana()), (200, ok));
    let body = json!({"event": "delivered"});
    let removed = json!({"status": "ok", "removed": 1});
    assert_eq!(hub.post("/api/orders/acme/7/received", &body), (200, removed));
    let shown = hub.shows("/api/orders/acme/7");
    let events = shown["timeline"].as_array().unwrap().iter().map(|event| &event["event"]);
    assert_eq!(events.collect::<Vec<_>>(), ["pickup", "in-transit", "delivered", "received"]);
    assert_eq!((&shown["timeline"][2]["by"], &shown["order"]), (&json!("dana"), &order(7)));
}

#[test]
fn an_order_that_is_given_back_over_http_can_be_taken_by_another_driver() {
    let hub = Hub::start(&[]);
    hub.post("/api/orders", &order(7));
    hub.post("/api/orders/acme/7/in-transit", &dana());
    let emil = json!({"driver": "emil"});
    assert_eq!(hub.post("/api/orders/acme/7/release", &emil).0, 409);
    let ok = json!({"status": "ok", "messageId": "7"});
    assert_eq!(hub.post("/api/orders/acme/7/release", &dana()), (200, ok));
    assert_eq!(hub.shows("/api/orders/acme/7")["state"], "ready");
    assert_eq!(hub.post("/api/orders/acme/7/release", &dana()).1["duplicate"], true);
    assert_eq!(hub.post("/api/orders/acme/7/in-transit", &emil).0, 200);
    assert_eq!(hub.shows("/api/orders/acme/7")["holder"], "emil");
}

#[test]
fn a_proof_of_delivery_is_told_to_the_vendor_and_stays_in_the_log() {
    let hub = Hub::start(&[]);
    let vendor = hub.connect(r#"{"role":"vendor","clientId":"acme"}"#);
    hub.emit(&vendor, 0, "join", r#""acme""#);
    hub.post("/api/orders", &order(7));
    let proof = json!({"scannedAt": "2026-11-24T10:00:00Z", "driver": "dana", "code": "acme/7"});
    let body = json!({"driver": "dana", "proof": proof});
    assert_eq!(hub.post("/api/orders/acme/7/delivered", &body).0, 200);
    let heard = hub.poll_until(&vendor, r#"42/caps,["delivered","#);
    assert!(heard.contains(&format!(r#""order":{},"proof":{proof}"#, order(7))), "{heard}");
    assert_eq!(hub.shows("/api/orders/acme/7")["timeline"][1]["proof"], proof);
    let long = json!({"driver": "dana", "proof": {"note": "x".repeat(5000)}});
    assert_eq!(hub.post("/api/orders/acme/7/delivered", &long).0, 413);
    let nonsense = json!({"driver": "dana", "proof": "seen"});
    assert_eq!(hub.post("/api/orders/acme/7/delivered", &nonsense).0, 400);
}

#[test]
fn clients_on_sockets_hear_what_is_done_over_http() {
    let hub = Hub::start(&[]);
    let driver = hub.connect(r#"{"role":"driver","clientId":"dana"}"#);
    let vendor = hub.connect(r#"{"role":"vendor","clientId":"acme"}"#);
    hub.emit(&vendor, 0, "join", r#""acme""#);
    hub.post("/api/orders", &order(7));
    hub.poll_until(&driver, r#"42/caps,["pickup",{"event":"pickup","messageId":"7""#);
    hub.post("/api/orders/acme/7/in-transit", &dana());
    hub.poll_until(&vendor, r#"42/caps,["in-transit",{"event":"in-transit","messageId":"7""#);
    hub.post("/api/orders/acme/7/delivered", &dana());
    hub.poll_until(&vendor, r#"42/caps,["delivered",{"event":"delivered","messageId":"7""#);
}

#[test]
fn an_order_that_is_posted_again_is_a_duplicate() {
    let hub = Hub::start(&[]);
    assert_eq!(hub.post("/api/orders", &order(7)).0, 201);
    let (status, again) = hub.post("/api/orders", &order(7));
    assert_eq!((status, &again["duplicate"]), (200, &json!(true)));
    let message =
        json!({"event": "pickup", "messageId": "7", "clientId": "acme", "order": order(7)});
    assert_eq!(hub.post("/api/orders", &message).0, 200, "in its envelope, too");

    let nameless = json!({"store": "acme", "customer": "Ann"}).to_string();
    for (key, status) in [("k-1", 201), ("k-1", 200), (r#""k-1""#, 200), ("żółw", 201)] {
        let headers = format!("{JSON}Idempotency-Key: {key}\r\n");
        let placed = read(&hub.http_with("POST", "/api/orders", &headers, &nameless));
        assert_eq!((placed.0, &placed.1["messageId"]), (status, &json!(key.trim_matches('"'))));
    }
    let headers = format!("{JSON}Idempotency-Key: k-2\r\n");
    let named = read(&hub.http_with("POST", "/api/orders", &headers, &order(8).to_string()));
    assert_eq!(named.1["messageId"], "8", "an order's own id counts before the key");
    assert_eq!(hub.post("/api/orders", &json!({"store": "acme"})).0, 201, "or it gets one");
}

#[test]
fn what_is_answered_over_http_is_kept() {
    let data = TempDir::new().unwrap();
    let start = || Hub::start(&["--data-dir", data.path().to_str().unwrap()]);
    let hub = start();
    for id in 0..20 {
        assert_eq!(hub.post("/api/orders", &order(id)).0, 201);
    }
    hub.post("/api/orders/acme/7/received", &dana());
    hub.end("-KILL");
    let hub = start();
    assert_eq!(hub.shows("/api/queues")["queues"][0]["depth"], 19);
    let claimed = hub.shows("/api/orders/acme/7");
    assert_eq!((&claimed["state"], &claimed["holder"]), (&json!("claimed"), &json!("dana")));
}

#[test]
fn what_is_heard_over_http_is_recorded_as_a_sockets_event_is() {
    let hub = Hub::start(&[]);
    hub.post("/api/orders", &order(7));
    hub.post("/api/orders/acme/7/in-transit", &dana());
    let End { log, .. } = hub.end("-TERM");
    let records: Vec<_> = log.lines().filter(|line| line.starts_with("EVENT ")).collect();
    let [pickup, in_transit] = records[..] else { panic!("{log}") };
    let payload = format!(" acme {}", order(7));
    assert!(pickup.starts_with("EVENT pickup 2") && pickup.ends_with(&payload), "{pickup}");
    let payload = r#" acme {"clientId":"acme","messageId":"7","driver":"dana"}"#;
    assert!(in_transit.starts_with("EVENT in-transit 2"), "{in_transit}");
    assert!(in_transit.ends_with(payload), "{in_transit}");
}

#[test]
fn what_cannot_be_done_is_refused_with_the_mend() {
    let hub = Hub::start(&["--max-payload", "1KiB"]);
    hub.post("/api/orders", &order(7));
    hub.post("/api/orders/acme/7/in-transit", &dana());
    let large = json!({"store": "acme", "note": "x".repeat(2000)}).to_string();
    let emil = r#"{"driver": "emil"}"#;
    for (path, headers, body, status, mend) in [
        ("", JSON, "", 400, "not JSON"),
        ("", JSON, "[]", 400, "takes a JSON object"),
        ("", JSON, r#"{"orderId": 7}"#, 400, "needs `clientId`"),
        ("", JSON, r#"{"store": "acme", "orderId": 7}"#, 409, "under way with another content"),
        ("", JSON, &large, 413, "`--max-payload`"),
        ("", "", "{}", 415, "`Content-Type: application/json`"),
        ("", "Content-Type: text/plain\r\n", "{}", 415, "`Content-Type: application/json`"),
        ("/acme/7/in-transit", JSON, "{}", 400, r#"{"driver": "dana"}"#),
        ("/acme/7/in-transit", JSON, r#"{"driver": " "}"#, 400, "is empty"),
        ("/acme/7/in-transit", JSON, emil, 409, "Another driver holds"),
        ("/acme/7/delivered", JSON, emil, 409, "Another driver holds"),
        ("/acme/7/received", JSON, "{}", 400, r#"{"driver": "dana"}"#),
        ("/acme/7/received", JSON, r#"{"event": "lost"}"#, 400, "unknown variant `lost`"),
        ("/acme/8/received", JSON, emil, 404, "no order `acme/8`"),
        ("/acme/8/in-transit", JSON, emil, 404, "no order `acme/8`"),
        ("/acme/8/delivered", JSON, emil, 404, "`POST /api/orders`"),
        ("/acme/8/release", JSON, emil, 404, "no order `acme/8`"),
        ("/acme/8/lost", JSON, emil, 404, "see `/api`"),
        ("/acme/7", JSON, emil, 405, "`/api` tells"),
    ] {
        let (found, problem) = hub.post_refused(&format!("/api/orders{path}"), headers, body);
        assert_eq!(found, status, "{path} {body}: {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(mend), "{path} {body}: {detail}");
    }
    let blank = format!("{JSON}Idempotency-Key: \r\n");
    let (status, problem) = hub.post_refused("/api/orders", &blank, r#"{"store": "acme"}"#);
    assert_eq!((status, &problem["code"]), (400, &json!("invalid_payload")));
    let forbidden = r#"{"driver": "dana", "event": "in-transit"}"#;
    let (status, problem) = hub.post_refused("/api/orders/acme/7/received", JSON, forbidden);
    assert_eq!((status, &problem["code"]), (403, &json!("forbidden")));
}
