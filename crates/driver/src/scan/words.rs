//! What is said to a driver who scans, and to a program in its place.

use std::io::{self, Write};
use std::sync::Arc;

use caps_client::cli::Record;
use caps_proto::{Event, Message, OrderRef, Verb};
use serde_json::Value;

use crate::say::Say;

const HELP: &[&str] = &[
    "scan or type the code of an order to take it, and once more to deliver it;",
    "a code is the order's id, or what stands on its label: `store/id`",
    "list       the orders that wait for a driver",
    "mine       the orders that you have on the road",
    "undo       give back the order that you took last, before it is delivered; `undo CODE` another one",
    "help       this",
    "quit       send what waits, and stop",
];

/// One thing to say.
#[derive(Debug, Clone)]
pub(super) enum Word {
    Help,
    /// The hub has said which orders there are.
    Opened {
        waiting: usize,
        mine: usize,
    },
    /// An order waits for a driver.
    Waits(Arc<Message>),
    List(Vec<Arc<Message>>),
    /// The orders that the driver has, how far it has brought each, and whether the hub knows.
    Mine(Vec<(Arc<Message>, Verb, bool)>),
    PickedUp {
        which: OrderRef,
        pickup: Option<Arc<Message>>,
        /// It was this driver's before.
        had: bool,
    },
    Delivered {
        which: OrderRef,
        pickup: Option<Arc<Message>>,
    },
    GaveBack {
        which: OrderRef,
        pickup: Option<Arc<Message>>,
    },
    /// The hub has not answered a report at once. With it, so many wait.
    Unanswered {
        verb: Verb,
        pickup: Arc<Message>,
        waiting: usize,
    },
    /// What was scanned or typed comes to nothing.
    Wrong {
        code: String,
        which: Option<OrderRef>,
        why: String,
    },
}

impl Word {
    pub(super) fn wrong(code: &str, which: Option<&OrderRef>, why: &str) -> Self {
        Self::Wrong { code: code.to_owned(), which: which.cloned(), why: why.to_owned() }
    }
}

impl<W: Write> Say<W> {
    /// Says it. `rings` where there is somebody who would hear a bell.
    pub(super) fn word(&self, word: &Word, rings: bool) -> io::Result<()> {
        if self.is_json { self.to_program(word) } else { self.to_person(word, rings) }
    }

    fn to_person(&self, word: &Word, rings: bool) -> io::Result<()> {
        let lines = &self.lines;
        match word {
            Word::Help => HELP.iter().try_for_each(|line| lines.print(line)),
            Word::Opened { waiting, mine } => lines.print(format_args!(
                "DRIVER: orders that wait: {waiting}; that you have: {mine} (`help` says what you can do)"
            )),
            Word::Waits(pickup) => lines.print(format_args!("DRIVER: waits {}", shown(pickup))),
            Word::List(orders) => {
                let count = orders.len();
                orders.iter().try_for_each(|pickup| lines.print(shown(pickup)))?;
                // It tells of claims to nobody.
                let note = if count > 0 { "; what another driver has taken, the hub says when you scan it" } else { "" };
                lines.print(format_args!("DRIVER: orders that wait: {count}{note}"))
            }
            Word::Mine(orders) => {
                for (pickup, verb, is_known) in orders {
                    let state = done(*verb);
                    let note = if *is_known { "" } else { ", not sent yet" };
                    lines.print(format_args!("{}: {state}{note}", shown(pickup)))?;
                }
                lines.print(format_args!("DRIVER: orders that you have: {}", orders.len()))
            }
            Word::PickedUp { which, had: true, .. } => lines.print(format_args!(
                "DRIVER: picked up {}, which you had already; scan it again to deliver it",
                which.message_id
            )),
            Word::PickedUp { which, .. } => self.told(Event::InTransit, which, None),
            Word::Delivered { which, .. } => self.told(Event::Delivered, which, None),
            Word::GaveBack { which, .. } => {
                lines.print(format_args!("DRIVER: gave back {}", which.message_id))
            }
            Word::Unanswered { verb, pickup, waiting } => lines.print(format_args!(
                "DRIVER: {} is {}; the hub has not answered yet, and what it has not is sent when it is there: {waiting}",
                pickup.message_id,
                done(*verb)
            )),
            Word::Wrong { why, .. } if rings => lines.print_with_bell(format_args!("DRIVER: {why}")),
            Word::Wrong { why, .. } => lines.print(format_args!("DRIVER: {why}")),
        }
    }

    fn to_program(&self, word: &Word) -> io::Result<()> {
        match word {
            Word::Help => {
                let text = HELP.join("\n");
                self.lines.print_json(&Record { text: Some(&text), ..Record::of_none("help") })
            }
            // Its `list` and `mine` tell.
            Word::Opened { .. } => self.lines.print_json(&Record::of_none("ready")),
            Word::Waits(pickup) => self.order("waits", pickup),
            Word::List(orders) => orders.iter().try_for_each(|pickup| self.order("list", pickup)),
            Word::Mine(orders) => {
                orders.iter().try_for_each(|(pickup, ..)| self.order("mine", pickup))
            }
            Word::PickedUp { which, pickup, .. } => {
                self.done(Event::InTransit.name(), which, pickup)
            }
            Word::Delivered { which, pickup } => self.done(Event::Delivered.name(), which, pickup),
            Word::GaveBack { which, pickup } => self.done("released", which, pickup),
            Word::Unanswered { pickup, waiting, .. } => self.lines.print_json(&Record {
                message_id: Some(&pickup.message_id),
                unanswered: Some(*waiting),
                ..Record::new("unanswered", &pickup.client_id)
            }),
            Word::Wrong { code, which, why } => self.lines.print_json(&Record {
                client_id: which.as_ref().map(|which| &which.client_id),
                message_id: which.as_ref().map(|which| &which.message_id),
                code: Some(code),
                error: Some(why),
                ..Record::of_none("failed")
            }),
        }
    }

    fn order(&self, event: &str, pickup: &Message) -> io::Result<()> {
        self.lines.print_json(&Record {
            message_id: Some(&pickup.message_id),
            order: Some(&pickup.order),
            ..Record::new(event, &pickup.client_id)
        })
    }

    fn done(&self, event: &str, which: &OrderRef, pickup: &Option<Arc<Message>>) -> io::Result<()> {
        self.lines.print_json(&Record {
            message_id: Some(&which.message_id),
            order: pickup.as_ref().map(|pickup| &pickup.order),
            ..Record::new(event, &which.client_id)
        })
    }
}

fn done(verb: Verb) -> &'static str {
    match verb {
        Verb::Delivered => "delivered",
        Verb::Release => "given back",
        _ => "on the road",
    }
}

/// An order's label, with the customer and the address, where the order tells.
fn shown(pickup: &Message) -> String {
    let mut shown = format!("{}/{}", pickup.client_id, pickup.message_id);
    let fields: Value = serde_json::from_str(pickup.order.text()).unwrap_or_default();
    let customer = &fields["customer"];
    let customer = customer.as_str().or_else(|| customer["name"].as_str());
    for text in [customer, fields["address"].as_str()].into_iter().flatten() {
        shown.push_str("  ");
        shown.push_str(text);
    }
    shown
}
