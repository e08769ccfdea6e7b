//! Who may look at and do what over HTTP, cell by cell.

use crate::hub::Hub;
use crate::tokens::{SECRET, guarded, token};

/// Each role, with a token of its own.
const ROLES: [(&str, &[&str]); 7] = [
    ("nobody", &[]),
    ("acme", &["--role", "vendor", "--sub", "acme"]),
    ("flowers", &["--role", "vendor", "--sub", "flowers"]),
    ("dana", &["--role", "driver", "--sub", "dana"]),
    ("emil", &["--role", "driver", "--sub", "emil", "--vendors", "acme"]),
    ("fred", &["--role", "driver", "--sub", "fred", "--vendors", "flowers,books"]),
    ("olga", &["--role", "observer", "--sub", "olga"]),
];

const ADMIN: &[&str] = &["--role", "admin", "--sub", "ann"];

/// The status of what is asked with a token.
fn status(hub: &Hub, token: Option<&str>, method: &str, path: &str, body: &str) -> u16 {
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
    let headers =
        format!("Content-Type: application/json\r\n{}", authorization.unwrap_or_default());
    let response = hub.http_with(method, path, &headers, body);
    response.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Checks one row: what each role is answered, and that an admin may.
fn row(
    hub: &Hub,
    tokens: &[Option<String>],
    method: &str,
    path: &str,
    body: &str,
    expected: [u16; 7],
) {
    let found = tokens.iter().map(|token| status(hub, token.as_deref(), method, path, body));
    let names = ROLES.map(|(name, _)| name);
    let found: Vec<_> = names.into_iter().zip(found).collect();
    let expected: Vec<_> = names.into_iter().zip(expected).collect();
    assert_eq!(found, expected, "{method} {path}");
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
    let get = |path: &str, expected| row(&hub, &tokens, "GET", path, "", expected);
    //                         nobody acme flow dana emil fred olga
    let all = [401, 200, 200, 200, 200, 403, 200];
    let of_acme = [401, 200, 403, 200, 200, 403, 200];
    let of_flowers = [401, 403, 200, 200, 403, 200, 200];
    for resource in ["log", "orders", "queues", "subscriptions", "stats"] {
        get(&format!("/api/{resource}"), all);
        get(&format!("/api/{resource}?clientId=acme"), of_acme);
        get(&format!("/api/{resource}?clientId=flowers"), of_flowers);
    }
    get("/api/vendors", [401, 200, 200, 200, 200, 200, 200]);
    get("/api/orders/acme/1", of_acme);
    get("/api/orders/acme/1/label.svg", of_acme);
    get("/api/orders/flowers/1", of_flowers);
    get("/api/orders/flowers/1/label.svg", of_flowers);
    get("/api/drivers/dana/orders", [401, 403, 403, 200, 403, 403, 200]);
    get("/metrics", [401, 403, 403, 403, 403, 403, 200]);
    get("/healthz", [200; 7]);
    get("/readyz", [200; 7]);

    let post = |path: &str, body: &str, expected| row(&hub, &tokens, "POST", path, body, expected);
    let order = r#"{"store":"acme","orderId":"2"}"#;
    post("/api/orders", order, [401, 201, 403, 403, 403, 403, 403]);
    // The first who may take it has it.
    post("/api/orders/acme/1/in-transit", "{}", [401, 403, 403, 200, 409, 403, 403]);
    post("/api/orders/acme/1/release", "{}", [401, 403, 403, 200, 200, 403, 403]);
    post("/api/orders/acme/1/delivered", "{}", [401, 403, 403, 200, 409, 403, 403]);
    post(
        "/api/orders/acme/1/received",
        r#"{"event":"delivered"}"#,
        [401, 200, 403, 403, 403, 403, 403],
    );
    assert_eq!(status(&hub, Some(&admin), "POST", "/api/orders/flowers/1/delivered", "{}"), 200);
    assert_eq!(status(&hub, Some(&admin), "GET", "/metrics", ""), 200);
    assert_eq!(status(&hub, Some("forged"), "GET", "/api/log", ""), 401);
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
