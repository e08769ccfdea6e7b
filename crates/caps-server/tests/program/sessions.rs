//! A browser signs in with a token, and its cookie counts for the hub's own pages alone.

use serde_json::{Value, json};

use crate::acts::JSON;
use crate::api::read;
use crate::hub::Hub;
use crate::tokens::{SECRET, guarded, token};

const DANA: &[&str] = &["--role", "driver", "--sub", "dana", "--vendors", "acme,books"];
const ACME: &[&str] = &["--role", "vendor", "--sub", "acme"];
const PERSON: &str = "Accept: text/html\r\n";
const BY_TLS: &str = "X-Forwarded-Proto: https\r\n";

fn sign_in(hub: &Hub, token: &str, headers: &str) -> String {
    let body = json!({"token": token}).to_string();
    hub.http_with("POST", "/api/session", &format!("{JSON}{headers}"), &body)
}

/// The `Set-Cookie` of a response.
fn set_cookie(response: &str) -> &str {
    let after = response.split("set-cookie: ").nth(1).unwrap_or_else(|| panic!("{response}"));
    after.split("\r\n").next().unwrap()
}

/// The lines with which a browser sends the cookie of a response along.
fn cookie(response: &str) -> String {
    format!("Cookie: theme=dark; {}\r\n", set_cookie(response).split(';').next().unwrap())
}

fn status(response: &str) -> u16 {
    response.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_token_becomes_a_cookie_that_no_script_sees_until_it_expires() {
    let hub = guarded(&[]);
    let response = sign_in(&hub, &token(SECRET, DANA), "");
    let cookie_line = set_cookie(&response);
    for part in ["caps=ey", "; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(cookie_line.contains(part), "{cookie_line}");
    }
    assert!(!cookie_line.contains("Secure") && !cookie_line.contains("Domain"), "{cookie_line}");
    let age = cookie_line.split("Max-Age=").nth(1).unwrap().split(';').next().unwrap();
    let age: u64 = age.parse().unwrap();
    let days = 90 * 24 * 60 * 60;
    assert!(age <= days && age > days - 60, "{age}");
    let cookie = cookie(&response);
    let (_, session) = read(&hub.http_with("GET", "/api/session", &cookie, ""));
    assert_eq!(
        (&session["role"], &session["sub"], &session["vendors"]),
        (&json!("driver"), &json!("dana"), &json!(["acme", "books"]))
    );
    assert_eq!(session, read(&response).1);
    assert_eq!(status(&hub.http_with("GET", "/api/log?clientId=acme", &cookie, "")), 200);
    assert_eq!(status(&hub.http_with("GET", "/api/log?clientId=flowers", &cookie, "")), 403);
    let out = hub.http_with("DELETE", "/api/session", &cookie, "");
    assert_eq!(status(&out), 204);
    assert!(set_cookie(&out).starts_with("caps=;") && out.contains("Max-Age=0"), "{out}");
}

#[test]
fn over_tls_the_cookie_never_goes_over_anything_else() {
    let hub = guarded(&["--proxies", "127.0.0.0/8"]);
    let response = sign_in(&hub, &token(SECRET, ACME), BY_TLS);
    let line = set_cookie(&response);
    assert!(line.starts_with("__Host-caps=ey") && line.contains("; Secure"), "{line}");
    let cookie = cookie(&response);
    let by_tls = format!("{cookie}{BY_TLS}");
    assert_eq!(status(&hub.http_with("GET", "/api/log", &by_tls, "")), 200);
    // Any other name could have been set by a neighbour of the host, or without TLS.
    let plain = by_tls.replace("__Host-caps", "caps");
    assert_eq!(status(&hub.http_with("GET", "/api/log", &plain, "")), 401);
    assert_eq!(status(&hub.http_with("GET", "/api/log", &cookie, "")), 401);
    // A stranger who writes that header is no proxy.
    let line = sign_in(&guarded(&[]), &token(SECRET, ACME), BY_TLS);
    assert!(set_cookie(&line).starts_with("caps="), "{line}");
}

#[test]
fn who_cannot_sign_in_is_told_why_and_gets_no_cookie() {
    let hub = guarded(&[]);
    let many: Vec<_> = (0..300).map(|n| format!("store-number-{n}")).collect();
    let large = ["--role", "driver", "--sub", "dana", "--vendors", &many.join(",")];
    for (token, wanted, mend) in [
        ("nonsense".to_owned(), 401, "not one of this hub's"),
        (token(SECRET, &[ACME, &["--ttl", "0s"]].concat()), 401, "has expired"),
        (token(SECRET, &large), 400, "ask for one that names fewer vendors"),
    ] {
        let response = sign_in(&hub, &token, "");
        assert_eq!(status(&response), wanted, "{response}");
        assert!(response.contains(mend) && !response.contains("set-cookie"), "{response}");
    }
    let nothing = hub.http_with("POST", "/api/session", JSON, "{}");
    assert!(nothing.contains("send such as {\\\"token\\\""), "{nothing}");
    let open = sign_in(&Hub::start(&[]), &token(SECRET, ACME), "");
    assert!(status(&open) == 400 && open.contains("nothing to sign in to"), "{open}");
    let anyone = json!({"role": null, "sub": null, "vendors": null, "exp": null});
    assert_eq!(Hub::start(&[]).shows("/api/session"), anyone);
}

#[test]
fn another_site_cannot_act_by_a_browsers_cookie() {
    let hub = guarded(&[]);
    let bearer = token(SECRET, ACME);
    let cookie = cookie(&sign_in(&hub, &bearer, ""));
    let bearer = format!("Authorization: Bearer {bearer}\r\n");
    let mut id = 0;
    for (who, from, wanted) in [
        (&cookie, "Sec-Fetch-Site: same-origin\r\nOrigin: http://hub\r\n", 201),
        (&cookie, "Origin: http://hub\r\n", 201),
        (&cookie, "Sec-Fetch-Site: cross-site\r\nOrigin: https://evil.example\r\n", 403),
        // Another port or another subdomain is another site, too, whatever the cookie thinks.
        (&cookie, "Sec-Fetch-Site: same-site\r\nOrigin: http://hub:8080\r\n", 403),
        (&cookie, "Origin: http://hub:8080\r\n", 403),
        (&cookie, "Origin: null\r\n", 403),
        (&bearer, "Sec-Fetch-Site: cross-site\r\nOrigin: https://shop.example\r\n", 201),
        (&bearer, "", 201),
    ] {
        id += 1;
        let order = json!({"store": "acme", "orderId": id}).to_string();
        let response = hub.http_with("POST", "/api/orders", &format!("{JSON}{who}{from}"), &order);
        assert_eq!(status(&response), wanted, "{from}: {response}");
        if wanted == 403 {
            let (_, problem) = read(&response);
            let mend = "send the token as `Authorization: Bearer <token>`";
            assert_eq!(problem["code"], "forbidden");
            assert!(problem["detail"].as_str().unwrap().contains(mend), "{problem}");
        }
    }
    // Nor can it sign a browser in or out.
    let evil = "Sec-Fetch-Site: cross-site\r\nOrigin: https://evil.example\r\n";
    let out = hub.http_with("DELETE", "/api/session", &format!("{cookie}{evil}"), "");
    assert_eq!(status(&out), 403);
    assert_eq!(status(&sign_in(&hub, &token(SECRET, ACME), evil)), 403);
}

#[test]
fn a_password_of_a_proxy_does_not_hide_the_cookie_of_the_hub() {
    let hub = guarded(&[]);
    let cookie = cookie(&sign_in(&hub, &token(SECRET, ACME), ""));
    let both = format!("{cookie}Authorization: Basic YW5uOnNlY3JldA==\r\n");
    assert_eq!(status(&hub.http_with("GET", "/api/log", &both, "")), 200);
}

#[test]
fn without_a_token_there_is_nothing_but_a_page_to_sign_in_on() {
    let hub = guarded(&[]);
    let about_it = |path: &str, headers: &str| hub.http_with("GET", path, headers, "");
    for path in ["/", "/driver", "/api", "/api/openapi.json", "/api/log", "/nowhere", "/api/x"] {
        let page = about_it(path, PERSON);
        assert_eq!(status(&page), 401, "{path}: {page}");
        assert!(page.contains("content-type: text/html") && page.contains("sign-in/main.js"));
        assert!(page.contains("cache-control: no-store\r\n") && !page.contains("etag:"), "{page}");
        let program = about_it(path, "");
        assert_eq!(read(&program).0, 401, "{path}");
        assert!(program.contains("caps-server token"), "{program}");
    }
    let page = about_it("/", PERSON);
    let of_page = page.split('"').filter(|part| part.starts_with("/assets/"));
    let of_page: Vec<_> = of_page.collect();
    assert!(of_page.len() > 4, "{page}");
    for asset in &of_page {
        assert_eq!(status(&about_it(asset, "")), 200, "{asset}");
    }
    let others = of_page[0].replace("icon.svg", "dashboard/main.js");
    for closed in [&*others, "/assets/x/index.html", "/assets/x/../dashboard/main.js"] {
        assert_eq!(status(&about_it(closed, "")), 401, "{closed}");
    }
    let cookie = cookie(&sign_in(&hub, &token(SECRET, ACME), ""));
    assert_eq!(status(&about_it(&others, &cookie)), 200);
    for (path, file) in [("/", "dashboard/main.js"), ("/driver", "driver/main.js")] {
        let page = about_it(path, &format!("{cookie}{PERSON}"));
        assert!(status(&page) == 200 && page.contains(file), "{page}");
    }
}

#[test]
fn a_socket_is_let_in_by_its_token_and_never_by_a_cookie() {
    const SESSION: &str = "/socket.io/?EIO=4&transport=polling";
    let hub = guarded(&[]);
    let cookie = cookie(&sign_in(&hub, &token(SECRET, ACME), ""));
    let opened = hub.http_with("GET", SESSION, &cookie, "");
    let (_, sid) = opened.split_once(r#""sid":""#).unwrap();
    let session = format!("{SESSION}&sid={}", sid.split('"').next().unwrap());
    hub.http_with("POST", &session, &cookie, "40/caps,");
    let answer = hub.http_with("GET", &session, &cookie, "");
    assert!(answer.contains("44/caps,") && answer.contains("unauthorized"), "{answer}");
}

#[test]
fn a_stream_that_a_cookie_has_opened_ends_when_its_token_does() {
    let hub = guarded(&[]);
    let short = token(SECRET, &[ACME, &["--ttl", "3s"]].concat());
    let cookie = cookie(&sign_in(&hub, &short, ""));
    // It returns when the stream has ended.
    let heard = hub.http_with("GET", "/api/events", &cookie, "");
    assert!(status(&heard) == 200 && heard.contains("cache-control: no-store"), "{heard}");
    let again = hub.http_with("GET", "/api/events", &cookie, "");
    let (status, problem): (u16, Value) = read(&again);
    assert!(status == 401 && problem.to_string().contains("has expired"), "{problem}");
}
