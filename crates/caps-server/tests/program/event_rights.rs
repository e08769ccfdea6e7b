//! Who may emit what, cell by cell: every event, by every role, about its own orders and those of others.

use std::collections::BTreeSet;

use caps_proto::Verb;
use serde_json::{Value, json};

use crate::hub::Hub;
use crate::tokens::{SECRET, guarded, token};

/// Each role, with a token of its own. All rows are about `acme`.
const ROLES: [(&str, &[&str]); 7] = [
    ("the vendor itself", &["--role", "vendor", "--sub", "acme"]),
    ("another vendor", &["--role", "vendor", "--sub", "flowers"]),
    ("a driver of all", &["--role", "driver", "--sub", "dana"]),
    ("a driver of it", &["--role", "driver", "--sub", "emil", "--vendors", "acme,books"]),
    ("a driver of others", &["--role", "driver", "--sub", "fred", "--vendors", "flowers"]),
    ("an observer", &["--role", "observer", "--sub", "olga"]),
    ("an admin", &["--role", "admin", "--sub", "ann"]),
];

/// What each of them is answered, and at last anyone in an open hub.
type Cells = [&'static str; 8];

/// An event that no hub knows.
const UNKNOWN: &str = "teleport";

const OK: &str = "ok";
const NO: &str = "forbidden";

/// What an event is about: an order in this state.
#[derive(Clone, Copy)]
enum About {
    Nothing,
    New,
    Delivered,
}

struct Row {
    event: &'static str,
    about: About,
    /// Beside the ids.
    more: Value,
    cells: Cells,
}

/// The whole table.
fn rows() -> Vec<Row> {
    use About::{Delivered, New, Nothing};
    let row = |event, about, more, cells| Row { event, about, more, cells };
    let (pickup, in_transit) = (json!({"event": "pickup"}), json!({"event": "in-transit"}));
    let delivered = json!({"event": "delivered"});
    let none = json!({});
    let many = |event: &str| json!({"event": event, "messageIds": []});
    //            itself other all  its  others observer admin anyone
    let readers = [OK, NO, OK, OK, NO, OK, OK, OK];
    let drivers = [NO, NO, OK, OK, NO, NO, OK, OK];
    let vendors = [OK, NO, NO, NO, NO, NO, OK, OK];
    vec![
        row("join", Nothing, none.clone(), readers),
        row("subscribe", Nothing, pickup.clone(), readers),
        row("subscribe", Nothing, delivered.clone(), readers),
        row("getAll", Nothing, none.clone(), readers),
        row("getAll", Nothing, pickup.clone(), readers),
        row("getAll", Nothing, delivered.clone(), readers),
        row("pickup", Nothing, json!({"order": {}}), vendors),
        row("in-transit", New, json!({"order": {}}), drivers),
        row("delivered", New, json!({"order": {}}), drivers),
        row("release", New, none.clone(), drivers),
        row("received", New, pickup, drivers),
        row("received", New, in_transit, vendors),
        row("received", Delivered, delivered, vendors),
        row("received", Nothing, many("pickup"), drivers),
        row("received", Nothing, many("delivered"), vendors),
        row(UNKNOWN, Nothing, none, ["unknown_event"; 8]),
    ]
}

/// The word for an answer: `ok`, or the code.
fn word(answer: &Value) -> &str {
    answer["code"].as_str().or(answer["status"].as_str()).unwrap()
}

impl Row {
    /// Emits it about an order of its own, which `operator` prepares.
    fn emit(&self, hub: &Hub, operator: &str, auth: &str, id: &str) -> String {
        let mut which = json!({"clientId": "acme", "messageId": id});
        let mut order = which.clone();
        order["order"] = json!({});
        let events: &[&str] = match self.about {
            About::Nothing => &[],
            About::New => &["pickup"],
            About::Delivered => &["pickup", "delivered"],
        };
        let order = order.to_string();
        for event in events {
            hub.says(operator, &[(event, &order)]);
        }
        which.as_object_mut().unwrap().extend(self.more.as_object().unwrap().clone());
        let session = hub.connect(auth);
        word(&hub.asks(&session, self.event, &which)).to_owned()
    }
}

#[test]
fn every_event_is_answered_to_every_role_as_its_token_says() {
    let (hub, open) = (guarded(&[]), Hub::start(&[]));
    let auths = ROLES.map(|(_, flags)| json!({"token": token(SECRET, flags)}).to_string());
    let admin = auths.last().unwrap();
    let mut events = BTreeSet::new();
    for (n, row) in rows().iter().enumerate() {
        events.insert(row.event);
        let mut found: Vec<_> = auths
            .iter()
            .enumerate()
            .map(|(who, auth)| row.emit(&hub, admin, auth, &format!("{n}-{who}")))
            .collect();
        found.push(row.emit(&open, "{}", "{}", &n.to_string()));
        let names = ROLES.iter().map(|(name, _)| *name).chain(["anyone in an open hub"]);
        let found: Vec<_> = names.clone().zip(found).collect();
        let cells = row.cells.map(str::to_owned);
        let expected: Vec<_> = names.zip(cells).collect();
        assert_eq!(found, expected, "{} {}", row.event, row.more);
    }
    let mut known: BTreeSet<_> = Verb::ALL.map(Verb::name).into();
    known.insert(UNKNOWN);
    assert_eq!(events, known, "every event has its row");
}

#[test]
fn who_has_no_good_token_is_not_heard_at_all() {
    let hub = guarded(&[]);
    let vendor = token(SECRET, ROLES[0].1);
    let expired = token(SECRET, &[ROLES[0].1, &["--ttl", "0s"]].concat());
    let another = token("fedcba9876543210fedcba9876543210", ROLES[0].1);
    let (claims, signature) = vendor.rsplit_once('.').unwrap();
    let admins = token(SECRET, ROLES[6].1);
    let (of_admin, _) = admins.rsplit_once('.').unwrap();
    for (who, auth) in [
        ("no token", json!({})),
        ("a role that one gives oneself", json!({"role": "vendor", "clientId": "acme"})),
        ("an expired token", json!({"token": expired})),
        ("a token of another secret", json!({"token": another})),
        ("a token without a signature", json!({"token": format!("{claims}.")})),
        ("the claims of another token", json!({"token": format!("{of_admin}.{signature}")})),
    ] {
        let session = hub.asks_to_connect(&auth.to_string());
        let refusal = hub.poll_until(&session, "44/caps,{");
        assert!(refusal.contains("unauthorized"), "{who}: {refusal}");
        // And whoever goes on all the same is cut off, or hears nothing.
        for event in Verb::ALL.map(Verb::name).into_iter().chain([UNKNOWN]) {
            let payload = json!({"clientId": "acme", "messageId": "7", "order": {}});
            hub.http("POST", &session, &format!(r#"42/caps,7["{event}",{payload}]"#));
        }
    }
    // Nothing has come of any of it.
    let waits = hub.connect(&json!({"token": vendor}).to_string());
    let answer = hub.asks(&waits, "getAll", &json!({"clientId": "acme", "event": "pickup"}));
    assert_eq!((word(&answer), &answer["count"]), (OK, &json!(0)), "{answer}");
}
