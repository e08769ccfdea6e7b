//! What the hub says, and when it says nothing.

use super::*;

#[test]
fn what_waits_at_the_start_is_counted_and_what_comes_later_is_announced_once() {
    let mut session = Session::of_acme(&["1", "2"]);
    session.scan.has(&which_of(&pickup("acme", "2", "{}")));
    assert_eq!(
        session
            .scan
            .opened()
            .words
            .iter()
            .flat_map(|word| said(std::slice::from_ref(word), false))
            .collect::<Vec<_>>(),
        ["orders that wait: 1; that you have: 1 (`help` says what you can do)"]
    );
    assert_eq!(session.hear("acme", "3"), ["waits acme/3  Ada"]);
    assert_eq!(session.hear("acme", "3"), [""; 0]);
}

#[test]
fn an_order_that_turns_out_to_be_mine_is_delivered_by_its_code() {
    let mut session = Session::of_acme(&["7"]);
    session.scan.has(&which_of(&pickup("acme", "7", "{}")));
    assert_eq!(session.scan("mine")[0], "acme/7  Ada: on the road");
    session.scan("7");
    assert!(session.asks()[0].starts_with("acme/7 delivered "));
}

#[test]
fn an_order_that_was_mine_without_my_knowing_is_said_when_it_is_scanned() {
    let mut session = Session::of_acme(&["7"]);
    session.scan("7");
    let had = Done { duplicate: true, ..Done::default() };
    has_one_with(&session.answer_with(Ok(had)), "which you had already; scan it again");
    session.scan("7");
    assert!(session.asks()[0].starts_with("acme/7 delivered "));
}

#[test]
fn scanning_goes_on_while_the_hub_is_away_and_says_what_waits() {
    let mut session = Session::of_acme(&["7", "8"]);
    session.scan("7");
    session.scan("7");
    session.scan("8");
    session.scan("undo");
    assert_eq!(session.asked.len(), 4);
    let late: Vec<_> =
        session.asked.iter().flat_map(|ask| session.scan.unanswered(ask).words).collect();
    let late = said(&late, false);
    for (line, words) in late.iter().zip([
        "7 is on the road; the hub has not answered yet",
        "7 is delivered; the hub",
        "8 is on the road; the hub",
        "8 is given back; the hub",
    ]) {
        assert!(line.starts_with(words) && line.ends_with(": 4"), "{line}");
    }
    assert_eq!(session.answer(), ["picked up 7"]);
    assert_eq!(session.answer(), ["delivered 7"]);
    assert_eq!(session.answer(), ["picked up 8"]);
    assert_eq!(session.answer(), ["gave back 8"]);
    assert_eq!(session.scan.unanswered, 0);
}

#[test]
fn a_refusal_is_said_once_although_more_was_asked_meanwhile() {
    let mut session = Session::of_acme(&["7"]);
    session.scan("7");
    session.scan("7");
    assert_eq!(session.refuse(Code::AlreadyClaimed), ["No."]);
    assert_eq!(session.refuse(Code::AlreadyClaimed), [""; 0]);
    assert_eq!(session.scan("mine"), ["orders that you have: 0"]);
}

#[test]
fn what_is_refused_for_another_reason_can_be_tried_again() {
    let mut session = Session::of_acme(&["7"]);
    session.scan("7");
    assert_eq!(session.refuse(Code::Forbidden), ["No."]);
    session.scan("7");
    assert_eq!(session.asks(), ["acme/7 in-transit"]);
    session.answer();
    session.scan("7");
    assert_eq!(session.refuse(Code::Forbidden), ["No."]);
    session.scan("7");
    assert!(session.asks()[0].starts_with("acme/7 delivered "));
}

#[test]
fn a_delivery_that_the_hub_has_forgotten_is_reported_again_with_its_proof_and_said_once() {
    let mut session = Session::of_acme(&["7"]);
    session.deliver("7");
    assert_eq!(session.hear("acme", "7"), [""; 0]);
    assert!(session.asks()[0].contains("scannedAt"), "{:?}", session.asks());
    assert_eq!(session.answer(), [""; 0]);
    assert_eq!(session.asks(), ["acme/7 received"]);
    session.answer_with(Ok(Done { removed: Some(1), ..Done::default() }));
    assert!(session.asks()[0].contains("scannedAt"), "{:?}", session.asks());
    session.answer();
    session.answer();
    assert_eq!((session.let_go.len(), session.asked.len()), (2, 0));
}

#[test]
fn another_order_under_the_id_of_a_delivered_one_waits() {
    let mut session = Session::of_acme(&["7"]);
    session.deliver("7");
    assert_eq!(session.hear_of("acme", "7", r#"{"customer":"Bob"}"#), ["waits acme/7  Bob"]);
    assert!(session.asked.is_empty());
}

#[test]
fn what_an_earlier_run_had_left_is_said_and_known() {
    let mut session = Session::of_acme(&[]);
    let step = session.scan.resent(resent(Verb::InTransit, Ok(Done::default())));
    assert_eq!(session.take_in(step), ["picked up 7"]);
    assert_eq!(session.hear("acme", "7"), [""; 0]);
    session.scan("7");
    assert!(session.asks()[0].starts_with("acme/7 delivered "));

    let mut session = Session::of_acme(&[]);
    let step = session.scan.resent(resent(Verb::Delivered, Ok(Done::default())));
    assert_eq!(session.take_in(step), ["delivered 7"]);

    let mut session = Session::of_acme(&["7"]);
    let refusal = Refusal::new(Code::AlreadyClaimed, "No.");
    let step = session.scan.resent(resent(Verb::InTransit, Err(refusal.into())));
    has_one_with(&session.take_in(step), "No.");
    has_one_with(&session.scan("7"), "another driver holds");
}

#[test]
fn a_session_forgets_what_has_long_been_over() {
    let mut session = Session::of_acme(&[]);
    session.scan.remembered = 3;
    for id in 0..5 {
        let id = id.to_string();
        session.hear("acme", &id);
        session.deliver(&id);
    }
    assert_eq!(session.scan.orders.len(), 3);
    has_one_with(&session.scan("0"), "`0` is no order");
    has_one_with(&session.scan("2"), "is delivered already");
}
