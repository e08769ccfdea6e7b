//! What a session says and asks, in every case.

use std::time::{Duration, UNIX_EPOCH};

use caps_client::Error;
use caps_client::cli::{Lines, Progress};
use serde_json::Value;

use super::*;
use crate::say::Say;

/// A session with a hub that is played by the test.
struct Session {
    scan: Scan,
    /// What was asked and is not answered yet, the oldest first.
    asked: VecDeque<Ask>,
    let_go: Vec<String>,
}

impl Session {
    /// A session in which these orders wait, by their labels.
    fn with(labels: &[(&str, &str)]) -> Self {
        let scan = Scan::new(DriverName::new("ann").unwrap());
        let mut session = Self { scan, asked: VecDeque::new(), let_go: vec![] };
        for (store, id) in labels {
            assert_eq!(session.hear(store, id), [""; 0], "there are more to come");
        }
        let opened = session.scan.opened();
        session.take_in(opened);
        session
    }

    fn of_acme(ids: &[&str]) -> Self {
        Self::with(&ids.iter().map(|id| ("acme", *id)).collect::<Vec<_>>())
    }

    fn take_in(&mut self, step: Step) -> Vec<String> {
        self.asked.extend(step.ask);
        self.let_go.extend(step.lets_go.map(|which| which.to_string()));
        said(&step.words, false)
    }

    fn hear(&mut self, store: &str, id: &str) -> Vec<String> {
        self.hear_of(store, id, r#"{"customer":"Ada"}"#)
    }

    fn hear_of(&mut self, store: &str, id: &str, order: &str) -> Vec<String> {
        let step = self.scan.heard(pickup(store, id, order));
        self.take_in(step)
    }

    /// Scans or types, at half a second past midnight.
    fn scan(&mut self, line: &str) -> Vec<String> {
        let now = UNIX_EPOCH + Duration::from_millis(1_767_225_600_500);
        let step = self.scan.line(line, now);
        assert_eq!(step.quits, line == "quit");
        self.take_in(step)
    }

    /// The oldest thing that was asked, in words.
    fn asks(&self) -> Vec<String> {
        let in_words = |ask: &Ask| {
            let verb = match &ask.what {
                What::Take => "in-transit".to_owned(),
                What::Deliver { proof, .. } => {
                    format!("delivered {}", proof.as_ref().map_or("", Proof::text))
                }
                What::GiveBack => "release".to_owned(),
                What::Receive => "received".to_owned(),
            };
            format!("{} {verb}", which_of(&ask.pickup))
        };
        self.asked.iter().map(in_words).collect()
    }

    fn answer_with(&mut self, answer: Result<Done, Refusal>) -> Vec<String> {
        let ask = self.asked.pop_front().expect("nothing was asked");
        let step = self.scan.answered(ask, answer);
        self.take_in(step)
    }

    fn answer(&mut self) -> Vec<String> {
        self.answer_with(Ok(Done { removed: Some(0), ..Done::default() }))
    }

    fn refuse(&mut self, code: Code) -> Vec<String> {
        self.answer_with(Err(Refusal::new(code, "No.")))
    }

    /// Takes an order all the way.
    fn deliver(&mut self, code: &str) {
        for _ in 0..2 {
            self.scan(code);
            self.answer();
        }
        self.answer();
        assert!(self.asked.is_empty());
    }
}

fn pickup(store: &str, id: &str, order: &str) -> Message {
    let text =
        format!(r#"{{"event":"pickup","messageId":"{id}","clientId":"{store}","order":{order}}}"#);
    serde_json::from_str(&text).unwrap()
}

fn resent(verb: Verb, result: Result<Done, Error>) -> Resent {
    Resent { verb, order: which_of(&pickup("acme", "7", "{}")), result }
}

/// The words, without the name that each line begins with.
fn said(words: &[Word], is_json: bool) -> Vec<String> {
    let say = Say::new(Lines::new(Vec::new(), Progress::default()), is_json);
    for word in words {
        say.word(word, false).unwrap();
    }
    let text = String::from_utf8(say.into_lines().into_inner()).unwrap();
    let lines = text.lines();
    lines.map(|line| line.strip_prefix("DRIVER: ").unwrap_or(line).to_owned()).collect()
}

fn has_one_with(said: &[String], words: &str) {
    assert!(said.len() == 1 && said[0].contains(words), "{said:?}");
}

mod codes {
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
}

mod commands {
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
}

mod the_hub {
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
}

#[test]
fn a_program_reads_one_object_for_each_thing() {
    let pickup = Arc::new(pickup("acme", "7", r#"{"customer":"Ada"}"#));
    let which = which_of(&pickup);
    let words = [
        Word::Waits(Arc::clone(&pickup)),
        Word::PickedUp { which: which.clone(), pickup: Some(Arc::clone(&pickup)), had: true },
        Word::Unanswered { verb: Verb::Delivered, pickup: Arc::clone(&pickup), waiting: 2 },
        Word::Delivered { which: which.clone(), pickup: None },
        Word::GaveBack { which, pickup: Some(pickup) },
        Word::wrong("8", None, "No."),
        Word::Help,
    ];
    let records: Vec<Value> =
        said(&words, true).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<_> = records.iter().map(|record| record["event"].as_str().unwrap()).collect();
    assert_eq!(
        events,
        ["waits", "in-transit", "unanswered", "delivered", "released", "failed", "help"]
    );
    for record in &records[..5] {
        assert_eq!((&record["clientId"], &record["messageId"]), (&"acme".into(), &"7".into()));
    }
    assert_eq!(records[0]["order"]["customer"], "Ada");
    assert_eq!(records[2]["unanswered"], 2);
    assert_eq!((&records[5]["code"], &records[5]["error"]), (&"8".into(), &"No.".into()));
}

#[test]
fn a_wrong_code_rings_the_bell_where_there_is_one() {
    for (rings, line) in [(true, "\u{7}DRIVER: No.\n"), (false, "DRIVER: No.\n")] {
        let say = Say::new(Lines::new(Vec::new(), Progress::default()), false);
        say.word(&Word::wrong("8", None, "No."), rings).unwrap();
        assert_eq!(String::from_utf8(say.into_lines().into_inner()).unwrap(), line);
    }
}
