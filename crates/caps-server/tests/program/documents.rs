//! The documents say what the hub does.

use std::collections::BTreeSet;

use caps_proto::{Event, Verb};
use serde_json::{Value, json};

use crate::acts::JSON;
use crate::api::read;
use crate::hub::Hub;
use crate::tokens::{SECRET, guarded, token};

/// What a document says of its own parts.
struct Document(Value);

impl Document {
    /// What is at the place that a reference names, such as `#/components/schemas/Id`.
    fn at(&self, reference: &Value) -> &Value {
        let reference = reference.as_str().unwrap();
        let found = self.0.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        if found["$ref"].is_string() { self.at(&found["$ref"]) } else { found }
    }

    /// Checks that a schema of the document allows `value`.
    fn allows(&self, schema: &Value, value: &Value, what: &str) {
        let errors = self.errors(schema, value);
        assert!(errors.is_empty(), "{what}: {errors:?} in {value}");
    }

    fn errors(&self, schema: &Value, value: &Value) -> Vec<String> {
        // References are looked up in the document.
        let mut whole = self.0.clone();
        whole["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
        whole["allOf"] = json!([schema]);
        let validator = jsonschema::validator_for(&whole).unwrap();
        validator.iter_errors(value).map(|error| error.to_string()).collect()
    }
}

/// Whose orders the examples are about.
const STORE: &str = "acme-widgets";

fn order() -> Value {
    json!({"store": STORE, "orderId": "7", "customer": "Ann", "address": "Elm 1"})
}

impl Hub {
    /// Emits an event, and returns the answer.
    pub(crate) fn asks(&self, session: &str, event: &str, payload: &Value) -> Value {
        self.http("POST", session, &format!(r#"42/caps,7["{event}",{payload}]"#));
        let answer = self.poll_until(session, "43/caps,7[");
        let (_, answer) = answer.split_once("43/caps,7").unwrap();
        let answer: Value = first(answer);
        answer[0].clone()
    }

    /// The payload of an event of that name which the hub sends.
    fn is_sent(&self, session: &str, event: &str) -> Value {
        let begin = format!(r#"42/caps,["{event}","#);
        let polled = self.poll_until(session, &begin);
        let (_, rest) = polled.split_once("42/caps,").unwrap();
        let packet: Value = first(rest);
        packet[1].clone()
    }
}

/// The first JSON value in a text that goes on behind it.
fn first(text: &str) -> Value {
    serde_json::Deserializer::from_str(text).into_iter().next().unwrap().unwrap()
}

#[test]
fn the_hub_takes_and_answers_every_event_as_the_document_says() {
    let document = Document(Hub::start(&[]).shows("/api/asyncapi.json"));
    let operations = document.0["operations"].as_object().unwrap();
    let heard = operations.values().filter(|operation| operation["action"] == "receive");
    let mut verbs = BTreeSet::new();
    for operation in heard {
        let message = document.at(&operation["messages"][0]["$ref"]);
        let name = message["name"].as_str().unwrap();
        verbs.insert(Verb::from_name(name).expect("a verb that the hub hears"));
        let answers = operation["reply"]["messages"].as_array().unwrap();
        let [answer, refusal] = answers.as_slice() else { panic!("{operation}") };
        let [answer, refusal] =
            [answer, refusal].map(|answer| &document.at(&answer["$ref"])["payload"]);
        for example in message["examples"].as_array().unwrap() {
            let payload = &example["payload"];
            document.allows(&message["payload"], payload, name);
            let hub = Hub::start(&[]);
            let session = hub.connect("{}");
            if name != "pickup" {
                hub.emit(&session, 0, "pickup", &order().to_string());
            }
            let answered = hub.asks(&session, name, payload);
            document.allows(answer, &answered, name);
            // And said again.
            document.allows(answer, &hub.asks(&session, name, payload), name);
        }
        let hub = Hub::start(&[]);
        let session = hub.connect("{}");
        let nonsense = json!([7]);
        assert!(!document.errors(&message["payload"], &nonsense).is_empty(), "{name} takes a list");
        document.allows(refusal, &hub.asks(&session, name, &nonsense), name);
        assert!(!document.errors(answer, &hub.asks(&session, name, &nonsense)).is_empty());
    }
    assert_eq!(verbs, BTreeSet::from(Verb::ALL), "every verb has its operation");
}

#[test]
fn the_hub_sends_every_event_as_the_document_says() {
    let hub = Hub::start(&[]);
    let document = Document(hub.shows("/api/asyncapi.json"));
    let operations = document.0["operations"].as_object().unwrap();
    let sent = operations.values().filter(|operation| operation["action"] == "send");
    let sent: Vec<_> =
        sent.map(|operation| document.at(&operation["messages"][0]["$ref"])).collect();
    let names: BTreeSet<_> = sent.iter().map(|message| message["name"].as_str().unwrap()).collect();
    let mut expected: BTreeSet<_> = Event::ALL.map(Event::name).into();
    expected.insert(caps_proto::EXCEPTION);
    assert_eq!(names, expected);
    for message in sent {
        let name = message["name"].as_str().unwrap();
        let hub = Hub::start(&[]);
        let (listener, other) = (hub.connect("{}"), hub.connect("{}"));
        hub.emit(&listener, 0, "join", &json!(STORE).to_string());
        if name == caps_proto::EXCEPTION {
            // Nobody waits for its answer.
            hub.http("POST", &listener, r#"42/caps,["pickup",7]"#);
        } else {
            let mut payload = json!({"order": order(), "event": "pickup"});
            if name == "delivered" {
                payload["proof"] = json!({"code": "4711"});
            }
            hub.emit(&other, 0, name, &payload.to_string());
        }
        let heard = hub.is_sent(&listener, name);
        document.allows(&message["payload"], &heard, name);
        if name == "delivered" {
            assert_eq!(heard["proof"]["code"], "4711");
        }
    }
}

/// A hub in which something has happened of every kind.
fn busy_hub() -> Hub {
    let hub = Hub::start(&[]);
    let driver = hub.connect(r#"{"role":"driver","clientId":"dana"}"#);
    hub.emit(&driver, 0, "getAll", "{}");
    let (dana, emil) = (json!({"driver": "dana"}), json!({"driver": "emil"}));
    for id in 1..=5 {
        hub.post("/api/orders", &json!({"store": STORE, "orderId": id, "customer": "Ann"}));
    }
    let post = |id: u32, act: &str, body: &Value| {
        hub.post(&format!("/api/orders/{STORE}/{id}/{act}"), body);
    };
    post(1, "in-transit", &dana);
    post(1, "in-transit", &emil);
    post(1, "delivered", &json!({"driver": "dana", "proof": {"code": "4711"}}));
    post(1, "received", &json!({"event": "delivered"}));
    post(2, "in-transit", &dana);
    post(2, "release", &dana);
    post(3, "received", &dana);
    post(4, "in-transit", &dana);
    hub
}

/// A path of the document with something in the place of its parameters.
fn path_of(path: &str) -> String {
    path.replace("{clientId}", STORE).replace("{messageId}", "4").replace("{name}", "dana")
}

#[test]
fn every_route_answers_as_the_document_says() {
    let hub = busy_hub();
    let document = Document(hub.shows("/api/openapi.json"));
    assert_eq!(document.0["openapi"], "3.1.0");
    let mut operations = BTreeSet::new();
    for (path, item) in document.0["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operations.insert(operation["operationId"].as_str().unwrap()), "{path}");
            assert!(operation["summary"].is_string(), "{method} {path} says what it does");
            if path == "/api/events" {
                continue;
            }
            let body = match (method.as_str(), path.as_str()) {
                ("get", _) => json!(null),
                (_, "/api/orders") => order(),
                _ => json!({"driver": "dana"}),
            };
            let response =
                hub.http_with(&method.to_uppercase(), &path_of(path), JSON, &body.to_string());
            document.has_foreseen(operation, &response, &format!("{method} {path}"));
        }
    }
}

#[test]
fn what_can_be_placed_is_what_the_document_says() {
    let hub = Hub::start(&[]);
    let document = Document(hub.shows("/api/openapi.json"));
    let body = &document.0["paths"]["/api/orders"]["post"]["requestBody"]["content"];
    let schema = &body["application/json"]["schema"];
    for (order, is_placed) in [
        (json!({"store": STORE}), true),
        (json!({"clientId": STORE, "order": {}}), true),
        (json!({"clientId": STORE, "messageId": 7, "order": {"orderId": 8}}), true),
        (json!({"order": {"store": STORE}}), true),
        (json!({"messageId": 9, "order": {"store": STORE}}), true),
        (json!({"order": {}}), false),
        (json!({"orderId": 7}), false),
        (json!([]), false),
    ] {
        let response = hub.http_with("POST", "/api/orders", JSON, &order.to_string());
        assert_eq!(response.starts_with("HTTP/1.1 201 "), is_placed, "{order}: {response}");
        let errors = document.errors(schema, &order);
        assert_eq!(errors.is_empty(), is_placed, "{order}: {errors:?}");
    }
}

impl Document {
    /// Checks that a response is one of those that an operation may have.
    fn has_foreseen(&self, operation: &Value, response: &str, what: &str) {
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap();
        let response = &operation["responses"][status];
        assert!(response.is_object(), "{what}: {status}");
        let Some(foreseen) = response["content"].as_object() else {
            return assert_eq!(body, "", "{what}");
        };
        let (kind, content) = foreseen.iter().next().unwrap();
        assert!(head.contains(&format!("content-type: {kind}")), "{what}: {head}");
        if kind.ends_with("json") {
            self.allows(&content["schema"], &serde_json::from_str(body).unwrap(), what);
        }
    }
}

#[test]
fn a_hub_that_asks_for_tokens_answers_as_the_document_says() {
    let hub = guarded(&[]);
    let token = token(SECRET, &["--role", "driver", "--sub", "dana", "--vendors", "acme"]);
    let bearer = format!("{JSON}Authorization: Bearer {token}\r\n");
    let (_, document) = read(&hub.http_with("GET", "/api/openapi.json", &bearer, ""));
    let document = Document(document);
    for (path, item) in document.0["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let what = format!("{method} {path}");
            let response = hub.http_with(&method.to_uppercase(), &path_of(path), JSON, "{}");
            document.has_foreseen(operation, &response, &what);
            let is_open = operation["security"] == json!([{}]);
            assert_eq!(is_open, !response.contains(" 401 "), "{what}: {response}");
        }
    }
    let session = &document.0["paths"]["/api/session"];
    let token = json!({"token": token}).to_string();
    let signed_in = hub.http_with("POST", "/api/session", JSON, &token);
    document.has_foreseen(&session["post"], &signed_in, "signed in");
    document.has_foreseen(
        &session["get"],
        &hub.http_with("GET", "/api/session", &bearer, ""),
        "session",
    );
}

#[test]
fn every_problem_is_as_the_document_says() {
    let hub = busy_hub();
    let document = Document(hub.shows("/api/openapi.json"));
    let large = json!({"store": STORE, "note": "x".repeat(300_000)}).to_string();
    let emil = r#"{"driver": "emil"}"#;
    for (method, path, headers, body, status) in [
        ("get", "/api/log", "", "?limit=0", 400),
        ("get", "/api/orders", "", "?state=lost", 400),
        ("get", "/api/stats", "", "?hours=0", 400),
        ("post", "/api/orders", JSON, "{}", 400),
        ("post", "/api/orders", JSON, r#"{"store": "acme-widgets", "orderId": 4}"#, 409),
        ("post", "/api/orders", JSON, &large, 413),
        ("post", "/api/orders", "", "{}", 415),
        ("post", "/api/orders/{clientId}/{messageId}/delivered", JSON, emil, 409),
        ("post", "/api/orders/{clientId}/{messageId}/in-transit", JSON, "{}", 400),
    ] {
        let operation = &document.0["paths"][path][method];
        let (query, body) = if body.starts_with('?') { (body, "") } else { ("", body) };
        let path = path_of(path) + query;
        let response = hub.http_with(&method.to_uppercase(), &path, headers, body);
        assert_eq!(read(&response).0, status, "{path}");
        document.has_foreseen(operation, &response, &path);
    }
}

#[test]
fn the_api_can_be_browsed_without_anything_from_elsewhere() {
    let hub = Hub::start(&[]);
    let document = hub.shows("/api/openapi.json");
    let response = hub.http("GET", "/api", "");
    let (head, page) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-type: text/html"), "{head}");
    assert!(head.contains("content-security-policy: default-src 'none'"), "{head}");
    for path in document["paths"].as_object().unwrap().keys() {
        assert!(page.contains(&format!("<code>{path}</code>")), "{path}");
    }
    for elsewhere in ["<script", "src=", "http://", "https://", "@import", "url("] {
        assert!(!page.contains(elsewhere), "{elsewhere}");
    }
}
