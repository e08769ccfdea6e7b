//! What a session says and asks, in every case.

mod codes;
mod commands;
mod the_hub;

use std::time::{Duration, UNIX_EPOCH};

use caps_client::cli::{Lines, Progress};
use caps_client::{Error, Resent};
use caps_proto::{Done, Refusal};
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
