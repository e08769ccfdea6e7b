//! Labels to print.

use serde_json::json;

use crate::hub::Hub;

#[test]
fn an_orders_label_is_a_picture_in_which_nothing_runs() {
    let hub = Hub::start(&["--dedupe-window", "1ms"]);
    let (id, name) = ("<img src=x onerror=alert(1)>", "%3Cimg%20src=x%20onerror=alert(1)%3E");
    let order = json!({"store": "acme", "orderId": id, "customer": "Ann <b>", "address": "Elm 1"});
    hub.post("/api/orders", &order);
    let path = format!("/api/orders/acme/{name}/label.svg");
    let label = hub.http("GET", &path, "");
    let (head, svg) = label.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    for header in [
        "content-type: image/svg+xml",
        "content-security-policy: default-src 'none'",
        "x-content-type-options: nosniff",
    ] {
        assert!(head.contains(header), "{head}");
    }
    assert!(svg.contains("&lt;img src=x onerror=alert(1)&gt;</text>") && !svg.contains("<img"));
    assert!(svg.contains(">Ann &lt;b&gt;</text>") && svg.contains(">Elm 1</text>"), "{svg}");

    // What the hub has forgotten can be printed still.
    hub.post(&format!("/api/orders/acme/{name}/delivered"), &json!({"driver": "dana"}));
    hub.post(&format!("/api/orders/acme/{name}/received"), &json!({"event": "delivered"}));
    hub.post("/api/orders", &json!({"store": "acme", "orderId": 2}));
    assert_eq!(hub.http("GET", &path, "").split_once("\r\n\r\n").unwrap().1, svg);
    assert_eq!(hub.refuses("/api/orders/acme/9/label.svg").0, 404);
}
