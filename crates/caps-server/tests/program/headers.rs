//! What every response tells a browser to leave alone.

use crate::acts::JSON;
use crate::hub::Hub;

const SAFE: [&str; 4] = [
    "x-content-type-options: nosniff\r\n",
    "referrer-policy: no-referrer\r\n",
    "cross-origin-resource-policy: same-origin\r\n",
    "cross-origin-opener-policy: same-origin\r\n",
];

/// Everything that can be asked for, and what cannot.
const RESOURCES: [(&str, &str); 16] = [
    ("GET", "/"),
    ("GET", "/driver"),
    ("GET", "/assets/x/shared/dom.js"),
    ("GET", "/assets/x/nothing.js"),
    ("GET", "/api"),
    ("GET", "/api/openapi.json"),
    ("GET", "/api/log"),
    ("GET", "/api/orders/acme/7"),
    ("GET", "/api/orders/acme/7/label.svg"),
    ("GET", "/api/nothing"),
    ("PUT", "/api/orders"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/nowhere"),
    ("GET", "/socket.io/?EIO=4&transport=polling"),
    ("GET", "/socket.io/?EIO=4&transport=polling&sid=nobody"),
];

/// What a browser may keep: the pages' own files, which say nothing of orders.
const KEPT: [&str; 4] = ["/", "/driver", "/assets/x/shared/dom.js", "/assets/x/nothing.js"];

#[test]
fn nothing_is_guessed_framed_or_handed_on_and_nothing_of_orders_is_kept() {
    let hub = Hub::start(&["--proxies", "127.0.0.0/8"]);
    hub.http_with("POST", "/api/orders", JSON, r#"{"store":"acme","orderId":7}"#);
    for (method, path) in RESOURCES {
        let response = hub.http_with(method, path, "Accept: text/html\r\n", "");
        for header in SAFE {
            assert!(response.contains(header), "{path} lacks {header}: {response}");
        }
        let policy = response.split("content-security-policy: ").nth(1).unwrap();
        let policy = policy.split("\r\n").next().unwrap();
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        let is_alone = policy.contains("frame-ancestors 'none'") || policy.contains("sandbox");
        assert!(is_alone, "{path}: {policy}");
        let is_kept = !response.contains("cache-control: no-store\r\n");
        assert!(!is_kept || KEPT.contains(&path), "{path}: {response}");
        assert!(!response.contains("strict-transport-security"), "{path}: {response}");
        let over_tls = hub.http_with(method, path, "X-Forwarded-Proto: https\r\n", "");
        let strict = "strict-transport-security: max-age=31536000\r\n";
        assert!(over_tls.contains(strict), "{path}: {over_tls}");
    }
}

#[test]
fn a_stranger_cannot_have_the_hub_speak_of_tls() {
    let hub = Hub::start(&[]);
    let response = hub.http_with("GET", "/healthz", "X-Forwarded-Proto: https\r\n", "");
    assert!(!response.contains("strict-transport-security"), "{response}");
}
