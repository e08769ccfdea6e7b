//! What is typed besides codes.

use super::*;

#[test]
fn what_waits_and_what_is_mine_is_shown_in_order() {
    let mut session = Session::of_acme(&["1", "2", "3"]);
    session.hear_of("acme", "4", r#"{"customer":{"name":"Zoë"},"address":"Elm 1"}"#);
    session.scan("3");
    session.answer();
    session.scan("1");
    assert_eq!(
        session.scan("list"),
        [
            "acme/2  Ada",
            "acme/4  Zoë  Elm 1",
            "orders that wait: 2; what another driver has taken, the hub says when you scan it"
        ]
    );
    assert_eq!(
        session.scan("mine"),
        [
            "acme/3  Ada: on the road",
            "acme/1  Ada: on the road, not sent yet",
            "orders that you have: 2"
        ]
    );
    session.scan("3");
    assert_eq!(session.scan("mine")[0], "acme/3  Ada: delivered, not sent yet");
}

#[test]
fn the_order_that_was_taken_last_is_given_back_and_can_be_taken_again() {
    let mut session = Session::of_acme(&["1", "2"]);
    for id in ["1", "2"] {
        session.scan(id);
        session.answer();
    }
    session.scan("undo");
    assert_eq!(session.asks(), ["acme/2 release"]);
    assert_eq!(session.answer(), ["gave back 2"]);
    assert_eq!(session.scan("list")[0], "acme/2  Ada");
    session.scan("undo");
    assert_eq!(session.asks(), ["acme/1 release"]);
    session.answer();
    has_one_with(&session.scan("undo"), "nothing to give back");
    session.scan("1");
    assert_eq!(session.asks(), ["acme/1 in-transit"]);
}

#[test]
fn a_delivery_is_not_given_back_nor_anything_in_its_place() {
    let mut session = Session::of_acme(&["1", "2"]);
    session.scan("1");
    session.answer();
    session.deliver("2");
    has_one_with(&session.scan("undo"), "`acme/2` is delivered and cannot be given back");
    assert!(session.asked.is_empty());
    session.scan("undo 1");
    assert_eq!(session.asks(), ["acme/1 release"]);
}

#[test]
fn what_is_not_held_is_not_given_back() {
    let mut session = Session::of_acme(&["1"]);
    has_one_with(&session.scan("undo 1"), "this driver does not hold `acme/1`");
    has_one_with(&session.scan("undo 2"), "`2` is no order");
    assert!(session.asked.is_empty());
}

#[test]
fn an_order_that_cannot_be_given_back_is_said() {
    let mut session = Session::of_acme(&["1"]);
    session.scan("1");
    session.answer();
    session.scan("undo");
    assert_eq!(session.refuse(Code::Forbidden), ["No."]);
    assert_eq!(session.scan("mine")[0], "acme/1  Ada: on the road");
}

#[test]
fn help_and_the_end_are_there_at_any_time() {
    let mut session = Session::of_acme(&[]);
    session.scan.is_open = false;
    assert!(session.scan("help").len() > 5);
    session.scan("quit");
    assert_eq!(session.scan(""), [""; 0]);
    for line in ["7", "list", "mine", "undo"] {
        has_one_with(&session.scan(line), "the hub has not said yet");
    }
}
