//! Whether the web pages of others may ask the hub.

use crate::acts::JSON;
use crate::hub::{Hub, program};
use crate::{fails, tokens};

const SHOP: &str = "Origin: https://shop.example\r\n";
const EVIL: &str = "Origin: https://evil.example\r\n";
const POLLING: &str = "/socket.io/?EIO=4&transport=polling";

/// What a browser asks before it sends a token, or JSON, to another origin.
fn preflight(hub: &Hub, origin: &str, path: &str) -> String {
    let wants = "Access-Control-Request-Method: POST\r\n\
                 Access-Control-Request-Headers: authorization,content-type\r\n";
    hub.http_with("OPTIONS", path, &format!("{origin}{wants}"), "")
}

#[test]
fn no_page_of_others_is_answered_unless_its_origin_is_named() {
    let hub = Hub::start(&[]);
    for path in ["/api/orders", POLLING] {
        for response in [preflight(&hub, SHOP, path), hub.http_with("GET", path, SHOP, "")] {
            assert!(!response.contains("access-control-"), "{path}: {response}");
        }
    }
}

#[test]
fn a_page_whose_origin_is_named_asks_with_a_token_and_without_a_cookie() {
    let origins = "https://shop.example,http://localhost:8080";
    let hub = tokens::guarded(&["--cors-origin", origins]);
    let allowed = "access-control-allow-origin: https://shop.example\r\n";
    for path in ["/api/orders", "/api/events", POLLING] {
        let asked = preflight(&hub, SHOP, path);
        assert!(asked.starts_with("HTTP/1.1 200 ") && asked.contains(allowed), "{path}: {asked}");
        for part in ["authorization", "content-type", "last-event-id", "POST", "max-age: 600"] {
            assert!(asked.contains(part), "{path} lacks {part}: {asked}");
        }
        assert!(!asked.contains("allow-credentials"), "{asked}");
        assert!(asked.to_lowercase().contains("vary: origin"), "{asked}");
        let other = preflight(&hub, EVIL, path);
        assert!(!other.contains("access-control-allow-origin"), "{path}: {other}");
    }
    let vendor = tokens::token(tokens::SECRET, &["--role", "vendor", "--sub", "acme"]);
    let headers =
        format!("{SHOP}{JSON}Sec-Fetch-Site: cross-site\r\nAuthorization: Bearer {vendor}\r\n");
    let placed = hub.http_with("POST", "/api/orders", &headers, r#"{"store":"acme","orderId":1}"#);
    assert!(placed.starts_with("HTTP/1.1 201 ") && placed.contains(allowed), "{placed}");
    // What is refused can be read, too.
    let refused = hub.http_with("GET", "/api/log", SHOP, "");
    assert!(refused.starts_with("HTTP/1.1 401 ") && refused.contains(allowed), "{refused}");
    let opened = hub.http_with("GET", POLLING, SHOP, "");
    assert!(opened.contains(r#""sid":"#) && opened.contains(allowed), "{opened}");
}

#[test]
fn an_origin_that_no_browser_would_send_is_refused_with_the_mend() {
    for origin in ["*", "shop.example", "https://shop.example/", "https://shop.example:443"] {
        let (code, said) = fails(&mut program(&["--cors-origin", origin]));
        assert!(code == 2 && said.contains("such as `https://shop.example`"), "{said}");
    }
    let (code, said) = fails(program(&[]).env("CAPS_CORS_ORIGINS", "https://a.example,b"));
    assert!(code == 2 && said.contains("`b` is no origin"), "{said}");
}
