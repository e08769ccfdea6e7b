//! How much one client may have of the hub.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::hub::Hub;

/// What a connection that only asks whether the hub is alive is told.
pub(crate) fn asks(hub: &Hub, header: &str) -> String {
    let mut stream = TcpStream::connect(hub.address()).unwrap();
    let request =
        format!("GET /healthz HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n{header}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

/// Holds so many connections that do nothing, and that the hub knows of.
pub(crate) fn idle(hub: &Hub, count: usize, header: &str) -> Vec<TcpStream> {
    let connect = |_| {
        let mut stream = TcpStream::connect(hub.address()).unwrap();
        write!(stream, "GET /healthz HTTP/1.1\r\nHost: hub\r\n{header}\r\n").unwrap();
        let mut response = [0; 1000];
        let length = stream.read(&mut response).unwrap();
        assert!(response[..length].starts_with(b"HTTP/1.1 200 "));
        stream
    };
    (0..count).map(connect).collect()
}

#[test]
fn one_connection_too_many_is_told_so_and_the_next_is_let_in_when_there_is_room() {
    for (flag, words) in [
        ("--max-connections", "The hub has as many connections"),
        ("--max-connections-per-address", "Your address has as many connections"),
    ] {
        let hub = Hub::start(&[flag, "3"]);
        let held = idle(&hub, 3, "");
        let response = asks(&hub, "");
        assert!(response.starts_with("HTTP/1.1 503 ") && response.contains(words), "{response}");
        drop(held);
        // The hub sees the end of a connection a moment later.
        let mut again = (0..1000).map(|_| asks(&hub, ""));
        assert!(again.any(|response| response.starts_with("HTTP/1.1 200 ")));
    }
}

#[test]
fn behind_a_proxy_each_client_has_connections_of_its_own() {
    let hub = Hub::start(&["--max-connections-per-address", "2", "--proxies", "127.0.0.0/8"]);
    let ann = "X-Forwarded-For: 192.0.2.1\r\n";
    let _held = idle(&hub, 2, ann);
    let response = asks(&hub, ann);
    assert!(response.starts_with("HTTP/1.1 429 "), "{response}");
    assert!(asks(&hub, "X-Forwarded-For: 192.0.2.2\r\n").starts_with("HTTP/1.1 200 "));
}

#[test]
fn who_emits_too_much_is_answered_so_and_hears_of_every_event() {
    let hub = Hub::start(&["--max-rate", "5"]);
    let session = hub.connect("{}");
    let packets: Vec<_> = (0..20).map(|ack| format!(r#"42/caps,{ack}["join","acme"]"#)).collect();
    hub.http("POST", &session, &packets.join("\u{1e}"));
    let mut heard = String::new();
    while heard.matches("43/caps,").count() < 20 {
        heard += &hub.http("GET", &session, "");
    }
    let limited = heard.matches(r#""code":"rate_limited""#).count();
    assert!((1..=15).contains(&limited), "{limited}: {heard}");
    assert!(heard.contains("`--max-rate`"), "{heard}");
}
