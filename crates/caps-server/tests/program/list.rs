//! Many orders, and what there is to say of all of them.

use serde_json::{Value, json};

use crate::hub::Hub;

/// `acme/1` was delivered by dana, who has `acme/2` on the road; `acme/3` was received by emil, `acme/4` and
/// `flowers/1` are new.
fn busy_hub() -> Hub {
    let hub = Hub::start(&[]);
    for (store, id, customer) in [
        ("acme", 1, "Ann"),
        ("acme", 2, "Żółw & Söhne"),
        ("acme", 3, "Cid"),
        ("acme", 4, "ANNA"),
        ("flowers", 1, "Eve"),
    ] {
        hub.post("/api/orders", &json!({"store": store, "orderId": id, "customer": customer}));
    }
    let dana = json!({"driver": "dana"});
    hub.post("/api/orders/acme/1/in-transit", &dana);
    hub.post("/api/orders/acme/1/delivered", &dana);
    hub.post("/api/orders/acme/2/in-transit", &dana);
    hub.post("/api/orders/acme/3/received", &json!({"driver": "emil"}));
    hub
}

/// Which orders a page shows, such as `acme/1`.
fn names(page: &Value) -> Vec<String> {
    let name = |order: &Value| {
        let [client, id] = ["clientId", "messageId"].map(|key| order[key].as_str().unwrap());
        format!("{client}/{id}")
    };
    page["orders"].as_array().unwrap().iter().map(name).collect()
}

/// All that a filter finds, page by page.
fn all(hub: &Hub, filter: &str, limit: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut path = format!("/api/orders?limit={limit}&{filter}");
    loop {
        let page = hub.shows(&path);
        let names = names(&page);
        assert!(names.len() <= limit);
        found.extend(names);
        let Some(next) = page["next"].as_u64() else { return found };
        path = format!("/api/orders?limit={limit}&{filter}&after={next}");
    }
}

#[test]
fn orders_are_listed_with_how_far_they_have_come_and_since_when() {
    let hub = busy_hub();
    let page = hub.shows("/api/orders");
    assert_eq!(names(&page), ["flowers/1", "acme/4", "acme/3", "acme/2", "acme/1"]);
    assert_eq!(page["next"], json!(null));
    let log = hub.shows("/api/log");
    let time = |event: usize| &log["events"][event]["time"];
    let [flowers, _, claimed, transit, delivered] = [0, 1, 2, 3, 4].map(|at| &page["orders"][at]);
    let order = json!({"store": "flowers", "orderId": 1, "customer": "Eve"});
    assert_eq!(
        *flowers,
        json!({
            "clientId": "flowers", "messageId": "1", "state": "ready", "holder": null,
            "placedAt": time(4), "changedAt": time(4), "deliveredAt": null, "seq": 5, "order": order,
        })
    );
    assert_eq!((&claimed["state"], &claimed["holder"]), (&json!("claimed"), &json!("emil")));
    assert_eq!((&transit["state"], &transit["holder"]), (&json!("in-transit"), &json!("dana")));
    assert_eq!((&transit["placedAt"], &transit["changedAt"]), (time(1), time(7)));
    assert_eq!((&delivered["state"], &delivered["holder"]), (&json!("delivered"), &json!("dana")));
    assert_eq!((&delivered["deliveredAt"], &delivered["changedAt"]), (time(6), time(6)));
    hub.post("/api/orders/acme/1/received", &json!({"event": "delivered"}));
    let thanked = &hub.shows("/api/orders")["orders"][4];
    assert_eq!(thanked["deliveredAt"], *time(6));
    assert_ne!(thanked["order"], json!(null), "the log has it when the queues have not");
}

#[test]
fn orders_are_found_by_vendor_state_and_what_stands_in_them() {
    let hub = busy_hub();
    let everything = ["flowers/1", "acme/4", "acme/3", "acme/2", "acme/1"];
    for (filter, found) in [
        ("", &everything[..]),
        ("clientId=acme", &everything[1..]),
        ("clientId=nobody", &[]),
        ("state=ready", &["flowers/1", "acme/4"]),
        ("state=delivered", &["acme/1"]),
        ("state=claimed,in-transit&clientId=acme", &["acme/3", "acme/2"]),
        ("state=ready,claimed,in-transit,delivered", &everything),
        ("q=", &everything),
        ("q=ann", &["acme/4", "acme/1"]),
        ("q=%C5%BC%C3%B3%C5%81W%20%26", &["acme/2"]),
        ("q=1", &["flowers/1", "acme/1"]),
        ("q=customer", &[]),
        ("q=ann&state=ready", &["acme/4"]),
    ] {
        for limit in [1, 2, 100] {
            assert_eq!(all(&hub, filter, limit), found, "{filter} by {limit}");
        }
    }
    // The last page is known for it.
    assert_eq!(hub.shows("/api/orders?limit=5")["next"], json!(null));
    assert_eq!(hub.shows("/api/orders?limit=2&state=ready")["next"], json!(null));
    assert_eq!(hub.shows("/api/orders?limit=1&state=ready")["next"], 5);
}

#[test]
fn a_page_of_large_orders_is_short_and_says_where_to_go_on() {
    let hub = Hub::start(&[]);
    let note = "x".repeat(200_000);
    for id in 0..8 {
        hub.post("/api/orders", &json!({"store": "acme", "orderId": id, "note": note}));
    }
    let page = hub.shows("/api/orders?limit=8");
    assert_eq!((names(&page).len(), &page["next"]), (6, &json!(3)));
    assert_eq!(all(&hub, "", 8).len(), 8);
}

#[test]
fn an_order_that_began_without_its_pickup_is_listed_too() {
    let hub = busy_hub();
    let order = r#"{"store":"books","orderId":1}"#;
    hub.says(
        r#"{"role":"driver","clientId":"dana"}"#,
        &[("in-transit", order), ("delivered", order)],
    );
    let page = hub.shows("/api/orders?limit=2");
    assert_eq!(names(&page), ["books/1", "flowers/1"]);
    let books = &page["orders"][0];
    assert_eq!((&books["state"], &books["order"]["orderId"]), (&json!("delivered"), &json!(1)));
    assert_eq!(names(&hub.shows("/api/orders?clientId=books")), ["books/1"]);
}

#[test]
fn orders_that_the_hub_has_forgotten_have_arrived_and_the_log_tells_when() {
    let hub = Hub::start(&["--dedupe-window", "1ms"]);
    let dana = json!({"driver": "dana"});
    // One id, again and again.
    for round in 0..3 {
        assert_eq!(
            hub.post("/api/orders", &json!({"store": "acme", "orderId": 7, "n": round})).0,
            201
        );
        hub.post("/api/orders/acme/7/in-transit", &dana);
        if round < 2 {
            hub.post("/api/orders/acme/7/delivered", &dana);
            hub.post("/api/orders/acme/7/received", &json!({"event": "delivered"}));
        }
    }
    let page = hub.shows("/api/orders");
    assert_eq!(names(&page), ["acme/7"; 3]);
    let deliveries = hub.shows("/api/log?event=delivered");
    let time = |delivery: usize| &deliveries["events"][delivery]["time"];
    let [third, second, first] = [0, 1, 2].map(|at| &page["orders"][at]);
    assert_eq!((&third["state"], &third["deliveredAt"]), (&json!("in-transit"), &json!(null)));
    for (order, n) in [(first, 0), (second, 1)] {
        assert_eq!((&order["state"], &order["holder"]), (&json!("delivered"), &json!("dana")));
        assert_eq!((&order["deliveredAt"], &order["changedAt"]), (time(n), time(n)));
        assert_eq!(order["order"]["n"], n);
    }
    assert_eq!(all(&hub, "state=delivered", 1), ["acme/7"; 2]);
    assert_eq!(all(&hub, "state=in-transit", 1), ["acme/7"; 1]);
}

#[test]
fn a_driver_sees_what_it_holds() {
    let hub = busy_hub();
    hub.post("/api/orders/flowers/1/received", &json!({"driver": "dana"}));
    let held = hub.shows("/api/drivers/dana/orders");
    assert_eq!(names(&held), ["flowers/1", "acme/2"]);
    assert_eq!(held["orders"][0]["state"], "claimed");
    assert_eq!(held["orders"][1], hub.shows("/api/orders?state=in-transit")["orders"][0]);
    assert_eq!(names(&hub.shows("/api/drivers/emil/orders")), ["acme/3"]);
    assert_eq!(names(&hub.shows("/api/drivers/nobody/orders")), [""; 0]);
}

#[test]
fn orders_under_way_and_deliveries_are_counted() {
    let hub = busy_hub();
    let stats = hub.shows("/api/stats");
    assert_eq!(stats["states"], json!({"ready": 2, "claimed": 1, "in-transit": 1}));
    let hours = stats["deliveries"].as_array().unwrap();
    assert_eq!(hours.len(), 24);
    let delivered = |stats: &Value| -> u64 {
        let hours = stats["deliveries"].as_array().unwrap().iter();
        hours.map(|hour| hour["count"].as_u64().unwrap()).sum()
    };
    assert_eq!(delivered(&stats), 1);
    let times = hours.iter().map(|hour| hour["hour"].as_str().unwrap());
    assert!(times.clone().is_sorted() && times.clone().all(|time| time.ends_with(":00:00.000Z")));
    let flowers = hub.shows("/api/stats?clientId=flowers&hours=48");
    assert_eq!(flowers["states"], json!({"ready": 1, "claimed": 0, "in-transit": 0}));
    assert_eq!((flowers["deliveries"].as_array().unwrap().len(), delivered(&flowers)), (48, 0));
}

#[test]
fn the_vendors_are_those_who_have_orders_and_those_who_listen() {
    let hub = busy_hub();
    hub.says("{}", &[("join", r#""books""#)]);
    let vendors = json!({"vendors": ["acme", "books", "flowers"]});
    assert_eq!(hub.shows("/api/vendors"), vendors);
}

#[test]
fn a_hub_that_keeps_nothing_tells_what_it_remembers() {
    let hub = Hub::start(&["--store", "memory"]);
    hub.post("/api/orders", &json!({"store": "acme", "orderId": 1}));
    hub.post("/api/orders/acme/1/in-transit", &json!({"driver": "dana"}));
    let (status, why) = hub.refuses("/api/orders");
    assert!(status == 404 && why.contains("`--store file`"), "{why}");
    let held = hub.shows("/api/drivers/dana/orders");
    let order = &held["orders"][0];
    assert_eq!((&order["state"], &order["placedAt"]), (&json!("in-transit"), &json!(null)));
    assert_eq!(order["order"], json!({"store": "acme", "orderId": 1}));
    let counts = json!({"states": {"ready": 0, "claimed": 0, "in-transit": 1}, "deliveries": []});
    assert_eq!(hub.shows("/api/stats"), counts);
    assert_eq!(hub.shows("/api/vendors"), json!({"vendors": ["acme"]}));
}

#[test]
fn what_cannot_be_listed_is_refused_with_the_mend() {
    let hub = Hub::start(&[]);
    for (path, mend) in [
        ("/api/orders?state=lost", "`ready`, `claimed`, `in-transit`, `delivered`"),
        ("/api/orders?state=", "`ready`"),
        ("/api/orders?limit=0", "from 1 to 500"),
        ("/api/orders?after=x", "after"),
        ("/api/orders?vendor=acme", "clientId"),
        ("/api/stats?hours=0", "from 1 to 744"),
        ("/api/drivers/%20/orders", "DriverName is empty"),
    ] {
        let (status, why) = hub.refuses(path);
        assert_eq!(status, 400, "{path}: {why}");
        assert!(why.contains(mend), "{path}: {why}");
    }
}
