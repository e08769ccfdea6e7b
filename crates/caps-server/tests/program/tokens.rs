//! Who may come in, and what they may do.

use std::process::Output;
use std::time::{Duration, Instant};

use crate::api::read;
use crate::fails;
use crate::hub::{Hub, program};

pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
const ANOTHER: &str = "fedcba9876543210fedcba9876543210";

/// A token for whom these flags name.
pub(crate) fn token(secret: &str, flags: &[&str]) -> String {
    let mut command = program(&["token"]);
    let Output { status, stdout, stderr } =
        command.args(flags).env("CAPS_AUTH_SECRET", secret).output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap().trim_end().to_owned()
}

fn auth(token: &str) -> String {
    format!(r#"{{"token":"{token}"}}"#)
}

pub(crate) fn guarded(flags: &[&str]) -> Hub {
    let mut all = vec!["--auth-secret", SECRET];
    all.extend(flags);
    Hub::start(&all)
}

#[test]
fn who_has_no_token_or_anothers_is_not_let_in_and_is_told_where_to_get_one() {
    let hub = guarded(&[]);
    let vendor = ["--role", "vendor", "--sub", "acme"];
    for (auth, mend) in [
        (String::new(), "issues one with `caps-server token`"),
        (r#"{"role":"vendor","clientId":"acme"}"#.into(), "issues one with `caps-server token`"),
        (auth("nonsense"), "not one of this hub's"),
        (auth(&token(ANOTHER, &vendor)), "not one of this hub's"),
    ] {
        let refusal = hub.is_refused(&auth);
        assert!(refusal.contains(mend) && refusal.contains("unauthorized"), "{auth}: {refusal}");
    }
    let order = r#"{"store":"acme","orderId":7}"#;
    hub.says(&auth(&token(SECRET, &vendor)), &[("pickup", order)]);
}

#[test]
fn a_token_of_the_secret_before_this_one_is_good_until_that_is_left_out() {
    let old = token(ANOTHER, &["--role", "vendor", "--sub", "acme"]);
    let hub = guarded(&["--auth-secret-previous", ANOTHER]);
    hub.says(&auth(&old), &[("join", r#""acme""#)]);
    drop(hub);
    assert!(guarded(&[]).is_refused(&auth(&old)).contains("unauthorized"));
}

#[test]
fn a_token_says_what_its_bearer_may_do() {
    let hub = guarded(&[]);
    let order = r#"{"store":"acme","orderId":7}"#;
    let vendor = auth(&token(SECRET, &["--role", "vendor", "--sub", "acme"]));
    let driver = ["--role", "driver", "--sub", "dana", "--vendors", "acme,books"];
    let driver = auth(&token(SECRET, &driver));
    let stranger = ["--role", "driver", "--sub", "emil", "--vendors", "flowers"];
    let stranger = auth(&token(SECRET, &stranger));
    let observer = auth(&token(SECRET, &["--role", "observer", "--sub", "olga"]));
    let admin = auth(&token(SECRET, &["--role", "admin", "--sub", "ann"]));
    hub.says(&vendor, &[("pickup", order)]);
    for (auth, event) in
        [(&stranger, "in-transit"), (&observer, "delivered"), (&vendor, "in-transit")]
    {
        hub.is_refused_with(auth, event, order, "forbidden");
    }
    hub.is_refused_with(&vendor, "pickup", r#"{"store":"flowers","orderId":7}"#, "forbidden");
    hub.says(&driver, &[("in-transit", order)]);
    hub.says(&admin, &[("release", order), ("in-transit", order), ("delivered", order)]);
}

#[test]
fn when_a_token_expires_its_live_connection_ends() {
    let hub = guarded(&[]);
    let short = token(SECRET, &["--role", "driver", "--sub", "dana", "--ttl", "3s"]);
    let session = hub.connect(&auth(&short));
    let began = Instant::now();
    // Its polls are answered by the hub's goodbye, and not by the end of a heartbeat.
    hub.poll_until(&session, "41/caps,");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(hub.is_refused(&auth(&short)).contains("has expired"));
}

#[test]
fn a_secret_is_shown_to_nobody() {
    for (args, secret, mend) in [
        (&["--auth-secret", "my-short-secret"][..], "", "at least 32 bytes"),
        (&["--host", "0.0.0.0"], "", "`--allow-anonymous`"),
        (&["token", "--role", "vendor", "--sub", " "], SECRET, "`--sub` is empty"),
        (&["token", "--role", "king", "--sub", "x"], SECRET, "vendor"),
    ] {
        let (_, said) = fails(program(args).env("CAPS_AUTH_SECRET", secret));
        assert!(said.contains(mend), "{said}");
        assert!(!said.contains("my-short-secret") && !said.contains(SECRET), "{said}");
    }
    let help = program(&["--help"]).env("CAPS_AUTH_SECRET", SECRET).output().unwrap();
    assert!(!String::from_utf8_lossy(&help.stdout).contains(SECRET));

    let hub = Hub::start_logging("trace", &["--auth-secret", SECRET]);
    let title = std::fs::read(format!("/proc/{}/cmdline", hub.pid()));
    if let Ok(title) = title {
        assert!(!String::from_utf8_lossy(&title).contains(SECRET), "others see it");
    }
    let bearer = token(SECRET, &["--role", "vendor", "--sub", "acme"]);
    hub.says(&auth(&bearer), &[("join", r#""acme""#)]);
    let log = hub.end("-TERM").log;
    assert!(!log.contains(SECRET) && !log.contains(&bearer), "a secret is in the log");
}

#[test]
fn an_open_hub_says_loudly_that_anyone_may_do_anything() {
    let log = Hub::start(&[]).end("-TERM").log;
    assert!(log.contains("anyone may do anything"), "{log}");
    let log = guarded(&[]).end("-TERM").log;
    assert!(!log.contains("anyone may do anything"), "{log}");
}

#[test]
fn over_http_a_token_says_who_acts() {
    let hub = guarded(&[]);
    let acts = |token: &str, path: &str, body: &str| -> (u16, String) {
        let headers = format!("Content-Type: application/json\r\n{token}");
        let response = hub.http_with("POST", &format!("/api/orders{path}"), &headers, body);
        (response.split(' ').nth(1).unwrap().parse().unwrap(), response)
    };
    let bearer = |flags: &[&str]| format!("Authorization: Bearer {}\r\n", token(SECRET, flags));
    let order = r#"{"store":"acme","orderId":7}"#;
    let vendor = bearer(&["--role", "vendor", "--sub", "acme"]);
    let (status, response) = acts("", "", order);
    assert!(status == 401 && response.contains("`Authorization: Bearer <token>`"), "{response}");
    assert!(response.contains("www-authenticate: Bearer\r\n"), "{response}");
    assert_eq!(acts("Authorization: Bearer nonsense\r\n", "", order).0, 401);
    assert_eq!(acts(&vendor, "", order).0, 201);
    assert_eq!(acts(&vendor, "", r#"{"store":"flowers","orderId":7}"#).0, 403);
    assert_eq!(acts(&vendor, "/acme/7/in-transit", "{}").0, 403);

    let dana = bearer(&["--role", "driver", "--sub", "dana", "--vendors", "acme"]);
    let emil = bearer(&["--role", "driver", "--sub", "emil", "--vendors", "flowers"]);
    for (token, path, body, status) in [
        (&emil, "/acme/7/in-transit", "{}", 403),
        // Whether there is such an order is not told either.
        (&emil, "/acme/8/in-transit", "{}", 403),
        (&dana, "/acme/7/in-transit", r#"{"driver": "emil"}"#, 403),
        (&dana, "/acme/7/in-transit", "{}", 200),
        (&dana, "/acme/7/delivered", r#"{"driver": "dana"}"#, 200),
        (&vendor, "/acme/7/received", r#"{"event": "delivered"}"#, 200),
    ] {
        assert_eq!(acts(token, path, body).0, status, "{path} {body}");
    }
    let (_, shown) = read(&hub.http_with("GET", "/api/orders/acme/7", &vendor, ""));
    assert_eq!(shown["timeline"][2]["by"], "dana");
}
