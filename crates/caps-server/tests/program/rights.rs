//! Who may look at and do what over HTTP, cell by cell: every route, by every role.

use std::collections::BTreeSet;

use crate::api::read;
use crate::hub::Hub;
use crate::tokens::{SECRET, guarded, token};

/// Each role, with a token of its own.
const ROLES: [(&str, &[&str]); 8] = [
    ("nobody", &[]),
    ("acme", &["--role", "vendor", "--sub", "acme"]),
    ("flowers", &["--role", "vendor", "--sub", "flowers"]),
    ("dana", &["--role", "driver", "--sub", "dana"]),
    ("emil", &["--role", "driver", "--sub", "emil", "--vendors", "acme"]),
    ("fred", &["--role", "driver", "--sub", "fred", "--vendors", "flowers,books"]),
    ("olga", &["--role", "observer", "--sub", "olga"]),
    ("ann", ADMIN),
];

const ADMIN: &[&str] = &["--role", "admin", "--sub", "ann"];

/// What is there beside what the hub's document describes.
const UNDESCRIBED: [&str; 3] = ["GET /", "GET /driver", "GET /assets/{version}/{file}"];

/// The status of what is asked with a token.
fn status(hub: &Hub, token: Option<&str>, method: &str, path: &str, body: &str) -> u16 {
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
    let headers =
        format!("Content-Type: application/json\r\n{}", authorization.unwrap_or_default());
    // The first line is enough: a stream of events has no end.
    let line = hub.first_line_of(method, path, &headers, body);
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

struct Matrix<'a> {
    hub: &'a Hub,
    tokens: [Option<String>; 8],
    /// Tokens that are as good as none.
    bad: [String; 2],
    /// The routes that have a row.
    routes: BTreeSet<String>,
}

impl Matrix<'_> {
    /// Checks one row: what each role is answered.
    fn row(&mut self, method: &str, path: &str, body: &str, expected: [u16; 8]) {
        let found =
            self.tokens.iter().map(|token| status(self.hub, token.as_deref(), method, path, body));
        let names = ROLES.map(|(name, _)| name);
        let found: Vec<_> = names.into_iter().zip(found).collect();
        let expected: Vec<_> = names.into_iter().zip(expected).collect();
        assert_eq!(found, expected, "{method} {path}");
        for token in &self.bad {
            let found = status(self.hub, Some(token), method, path, body);
            assert_eq!(found, expected[0].1, "{method} {path} by a token that is not good");
        }
        self.routes.insert(format!("{method} {}", route(path)));
    }

    fn get(&mut self, path: &str, expected: [u16; 8]) {
        self.row("GET", path, "", expected);
    }

    fn post(&mut self, path: &str, body: &str, expected: [u16; 8]) {
        self.row("POST", path, body, expected);
    }
}

/// The route of a path, as the document writes it.
fn route(path: &str) -> String {
    let path = path.split('?').next().unwrap();
    match path.split('/').skip(1).collect::<Vec<_>>()[..] {
        ["api", "orders", _, _] => "/api/orders/{clientId}/{messageId}".into(),
        ["api", "orders", _, _, what] => format!("/api/orders/{{clientId}}/{{messageId}}/{what}"),
        ["api", "drivers", _, "orders"] => "/api/drivers/{name}/orders".into(),
        ["assets", ..] => "/assets/{version}/{file}".into(),
        _ => path.into(),
    }
}

/// Every route there is.
fn all_routes(hub: &Hub, admin: &str) -> BTreeSet<String> {
    let bearer = format!("Authorization: Bearer {admin}\r\n");
    let (_, document) = read(&hub.http_with("GET", "/api/openapi.json", &bearer, ""));
    let paths = document["paths"].as_object().unwrap().iter();
    let described = paths.flat_map(|(path, item)| {
        item.as_object()
            .unwrap()
            .keys()
            .map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    described.chain(UNDESCRIBED.map(str::to_owned)).collect()
}

#[test]
fn every_role_sees_and_does_over_http_what_its_token_says_and_no_more() {
    let hub = guarded(&[]);
    let admin = token(SECRET, ADMIN);
    let place = |store: &str, id: &str| {
        let order = format!(r#"{{"store":"{store}","orderId":"{id}"}}"#);
        assert_eq!(status(&hub, Some(&admin), "POST", "/api/orders", &order), 201);
    };
    place("acme", "1");
    place("flowers", "1");
    let tokens = ROLES.map(|(_, flags)| (!flags.is_empty()).then(|| token(SECRET, flags)));
    let bad = [token(SECRET, &[ADMIN, &["--ttl", "0s"]].concat()), format!("{admin}x")];
    let mut matrix = Matrix { hub: &hub, tokens, bad, routes: BTreeSet::new() };
    //                         nobody acme flow dana emil fred olga ann
    let all = [401, 200, 200, 200, 200, 403, 200, 200];
    let of_acme = [401, 200, 403, 200, 200, 403, 200, 200];
    let of_flowers = [401, 403, 200, 200, 403, 200, 200, 200];
    for resource in ["log", "orders", "queues", "subscriptions", "stats"] {
        matrix.get(&format!("/api/{resource}"), all);
        matrix.get(&format!("/api/{resource}?clientId=acme"), of_acme);
        matrix.get(&format!("/api/{resource}?clientId=flowers"), of_flowers);
    }
    matrix.get("/api/vendors", [401, 200, 200, 200, 200, 200, 200, 200]);
    matrix.get("/api/orders/acme/1", of_acme);
    matrix.get("/api/orders/acme/1/label.svg", of_acme);
    matrix.get("/api/orders/flowers/1", of_flowers);
    matrix.get("/api/orders/flowers/1/label.svg", of_flowers);
    matrix.get("/api/drivers/dana/orders", [401, 403, 403, 200, 403, 403, 200, 200]);
    matrix.get("/healthz", [200; 8]);
    matrix.get("/readyz", [200; 8]);
    let known = [401, 200, 200, 200, 200, 200, 200, 200];
    for resource in
        ["/api", "/api/openapi.json", "/api/asyncapi.json", "/api/session", "/", "/driver"]
    {
        matrix.get(resource, known);
    }
    matrix.get("/assets/x/dashboard/main.js", known);
    matrix.get("/assets/x/sign-in/main.js", [200; 8]);
    for (path, expected) in [("/api/events", all), ("/api/events?clientId=acme", of_acme)] {
        matrix.get(path, expected);
    }
    matrix.get("/metrics", [401, 403, 403, 403, 403, 403, 200, 200]);

    let order = r#"{"store":"acme","orderId":"2"}"#;
    matrix.post("/api/orders", order, [401, 201, 403, 403, 403, 403, 403, 200]);
    // The first who may take it has it.
    matrix.post("/api/orders/acme/1/in-transit", "{}", [401, 403, 403, 200, 409, 403, 403, 409]);
    matrix.post("/api/orders/acme/1/release", "{}", [401, 403, 403, 200, 200, 403, 403, 200]);
    matrix.post("/api/orders/acme/1/delivered", "{}", [401, 403, 403, 200, 409, 403, 403, 409]);
    matrix.post(
        "/api/orders/acme/1/received",
        r#"{"event":"delivered"}"#,
        [401, 200, 403, 403, 403, 403, 403, 200],
    );
    matrix.post("/api/session", r#"{"token": "forged"}"#, [401; 8]);
    matrix.row("DELETE", "/api/session", "", [204; 8]);
    assert_eq!(matrix.routes, all_routes(&hub, &admin), "every route has its row");
}

#[test]
fn a_vendor_sees_its_own_without_naming_itself() {
    let hub = guarded(&[]);
    let admin = token(SECRET, ADMIN);
    for order in [r#"{"store":"acme","orderId":"1"}"#, r#"{"store":"flowers","orderId":"1"}"#] {
        assert_eq!(status(&hub, Some(&admin), "POST", "/api/orders", order), 201);
    }
    let acme = format!("Authorization: Bearer {}\r\n", token(SECRET, ROLES[1].1));
    for resource in ["log", "orders", "queues", "vendors"] {
        let shown = hub.http_with("GET", &format!("/api/{resource}"), &acme, "");
        assert!(shown.contains("acme") && !shown.contains("flowers"), "{resource}: {shown}");
    }
}
