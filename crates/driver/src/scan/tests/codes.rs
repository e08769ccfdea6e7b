//! Codes: right, wrong, ambiguous.

use super::*;

#[test]
fn a_code_takes_an_order_and_delivers_it_with_a_proof_and_the_pickup_is_received_last() {
    let mut session = Session::of_acme(&["7"]);
    assert_eq!(session.scan("7"), [""; 0], "the hub is to answer first");
    assert_eq!(session.asks(), ["acme/7 in-transit"]);
    assert_eq!(session.answer(), ["picked up 7"]);
    assert_eq!(session.scan(" acme/7\r"), [""; 0]);
    let proof = r#"{"scannedAt":"2026-01-01T00:00:00.500Z","driver":"ann","code":"acme/7"}"#;
    assert_eq!(session.asks(), [format!("acme/7 delivered {proof}")]);
    assert_eq!(session.answer(), ["delivered 7"]);
    assert_eq!(session.asks(), ["acme/7 received"]);
    assert_eq!(session.answer(), [""; 0]);
    assert_eq!((session.let_go, session.asked.len()), (vec!["acme/7".to_owned()], 0));
}

#[test]
fn a_wrong_code_is_said_and_nothing_is_sent() {
    let mut session = Session::of_acme(&["7"]);
    for code in ["8", "acme/8", "other/7", "acme", "acme/", "/7", "7/"] {
        has_one_with(&session.scan(code), &format!("`{code}` is no order"));
    }
    assert!(session.asked.is_empty());
}

#[test]
fn an_order_that_is_delivered_already_is_said_and_nothing_is_sent() {
    let mut session = Session::of_acme(&["7"]);
    session.deliver("7");
    has_one_with(&session.scan("7"), "`acme/7` is delivered already");
    assert!(session.asked.is_empty());
}

#[test]
fn an_order_that_another_driver_has_is_known_from_the_hub_once_and_asked_for_no_more() {
    for (code, words) in [
        (Code::AlreadyClaimed, "another driver holds `acme/7`"),
        (Code::AlreadyDelivered, "another driver has delivered `acme/7`"),
    ] {
        let mut session = Session::of_acme(&["7", "8"]);
        session.scan("7");
        assert_eq!(session.refuse(code), ["No."]);
        assert_eq!(session.let_go, ["acme/7"]);
        has_one_with(&session.scan("7"), words);
        assert!(session.asked.is_empty());
        assert_eq!(session.scan("list")[0], "acme/8  Ada");
        assert_eq!(session.scan("mine"), ["orders that you have: 0"]);
    }
}

#[test]
fn an_order_that_is_offered_again_can_be_taken_again() {
    let mut session = Session::of_acme(&["7"]);
    session.scan("7");
    session.refuse(Code::AlreadyClaimed);
    assert_eq!(session.hear("acme", "7"), ["waits acme/7  Ada"]);
    session.scan("7");
    assert_eq!(session.answer(), ["picked up 7"]);
}

#[test]
fn an_id_that_two_stores_use_asks_for_the_label() {
    let mut session = Session::with(&[("acme", "7"), ("other", "7")]);
    let said = session.scan("7");
    has_one_with(&said, "several stores have an order `7`");
    has_one_with(&said, "such as `acme/7` or `other/7`");
    session.scan("other/7");
    assert_eq!(session.asks(), ["other/7 in-transit"]);
    session.answer();
    has_one_with(&session.scan("7"), "several stores");
    assert!(session.asked.is_empty());
}

#[test]
fn an_id_stays_ambiguous_when_one_of_its_orders_is_delivered() {
    let mut session = Session::with(&[("acme", "7"), ("other", "7")]);
    session.deliver("acme/7");
    has_one_with(&session.scan("7"), "several stores");
}

#[test]
fn ids_and_stores_may_have_slashes_in_them() {
    let mut session = Session::with(&[("a", "b/c"), ("x/y", "z")]);
    for (code, which) in [("b/c", "a/b/c"), ("x/y/z", "x/y/z")] {
        session.scan(code);
        assert_eq!(session.asks(), [format!("{which} in-transit")]);
        session.answer();
    }
}

#[test]
fn a_label_counts_before_an_id_that_looks_like_it() {
    let mut session = Session::with(&[("acme", "7"), ("other", "acme/7")]);
    session.scan("acme/7");
    assert_eq!(session.asks(), ["acme/7 in-transit"]);
    session.answer();
    session.scan("other/acme/7");
    assert_eq!(session.asks(), ["other/acme/7 in-transit"]);
}

#[test]
fn a_label_of_two_orders_asks_for_the_id() {
    let mut session = Session::with(&[("a", "b/c"), ("a/b", "c")]);
    has_one_with(&session.scan("a/b/c"), "type the order's own id");
    session.scan("b/c");
    assert_eq!(session.asked.len(), 1);
}
