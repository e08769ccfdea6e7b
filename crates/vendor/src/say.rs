//! What a shop says of its orders, to people and to programs.

use std::cell::Cell;
use std::io::{self, Write};

use caps_client::cli::{Lines, Record, now};
use caps_proto::{ClientId, Event, Message, MessageId, Order};
use serde_json::Value;

/// How wide the table's column of orders is at first: as wide as most ids.
const ORDER_WIDTH: usize = 36;

/// How a shop speaks.
#[derive(Debug)]
pub(crate) enum Style {
    /// To its customers.
    Words,
    /// To people who watch a terminal: a table. It grows as wide as its ids.
    Table { width: Cell<usize>, is_begun: Cell<bool> },
    /// To programs: the same, with tabs between.
    Fields,
    /// To programs: all that there is to know.
    Json,
}

impl Style {
    pub(crate) fn table() -> Self {
        Self::Table { width: Cell::new(ORDER_WIDTH), is_begun: Cell::new(false) }
    }
}

/// What speaks.
#[derive(Debug)]
pub(crate) struct Say<W> {
    lines: Lines<W>,
    style: Style,
}

impl<W: Write> Say<W> {
    pub(crate) fn new(lines: Lines<W>, style: Style) -> Self {
        Self { lines, style }
    }

    /// What it speaks to, when all is said.
    #[cfg(test)]
    pub(crate) fn into_lines(self) -> Lines<W> {
        self.lines
    }

    /// Says what has happened to an order.
    pub(crate) fn happened(&self, message: &Message) -> io::Result<()> {
        let Message { event, message_id, client_id, order, proof } = message;
        match &self.style {
            Style::Words if *event == Event::Delivered => {
                let customer = customer(order);
                let customer = customer.as_deref().unwrap_or("dear customer");
                self.lines.print(format_args!("Thank you for your order {customer}"))?;
                self.lines.print(format_args!("{message_id} {}", order.text()))
            }
            Style::Words => self.lines.print(format_args!("Your order {message_id} is on its way")),
            Style::Table { width, is_begun } => {
                width.set(width.get().max(message_id.as_str().chars().count()));
                let width = width.get();
                if !is_begun.replace(true) {
                    let (time, event, order) = ("TIME", "EVENT", "ORDER");
                    self.lines
                        .print(format_args!("{time:20}  {event:10}  {order:width$}  CUSTOMER"))?;
                }
                let (time, event, id) = (now(), event.name(), message_id.as_str());
                let customer = customer(order).unwrap_or_default();
                self.lines.print(format_args!("{time:20}  {event:10}  {id:width$}  {customer}"))
            }
            Style::Fields => {
                let (time, customer) = (now(), customer(order).unwrap_or_default());
                self.lines.print_fields([&time, event.name(), message_id.as_str(), &customer])
            }
            Style::Json => self.json(&Record {
                message_id: Some(message_id),
                order: Some(order),
                proof: proof.as_ref(),
                ..Record::new(event.name(), client_id)
            }),
        }
    }

    /// Tells programs that the hub has kept an order. People read it in the log.
    pub(crate) fn placed(
        &self,
        store: &ClientId,
        order: &MessageId,
        line: Option<u64>,
    ) -> io::Result<()> {
        self.json(&Record { message_id: Some(order), line, ..Record::new("placed", store) })
    }

    /// Tells programs why an order cannot be placed.
    pub(crate) fn failed(
        &self,
        store: &ClientId,
        order: Option<&MessageId>,
        line: Option<u64>,
        why: &str,
    ) -> io::Result<()> {
        let error = Some(why);
        self.json(&Record { message_id: order, line, error, ..Record::new("failed", store) })
    }

    fn json(&self, record: &Record<'_>) -> io::Result<()> {
        if matches!(self.style, Style::Json) {
            self.lines.print_json(record)?;
        }
        Ok(())
    }
}

/// The customer's name, where the order tells. Other shops of the same name may write orders of their own.
fn customer(order: &Order) -> Option<String> {
    let fields: Value = serde_json::from_str(order.text()).ok()?;
    let customer = &fields["customer"];
    let name = customer.as_str().or_else(|| customer["name"].as_str());
    name.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use caps_client::cli::Progress;

    fn message(event: &str, id: &str, order: &str) -> Message {
        let text = format!(
            r#"{{"event":"{event}","messageId":"{id}","clientId":"acme","order":{order}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    /// What is said of these orders in this style.
    fn said(style: Style, messages: &[Message]) -> Vec<String> {
        let say = Say::new(Lines::new(Vec::new(), Progress::default()), style);
        for message in messages {
            say.happened(message).unwrap();
        }
        let text = String::from_utf8(say.into_lines().into_inner()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_customer_is_told_and_thanked() {
        let order = r#"{"customer":"Ada"}"#;
        let messages = [message("in-transit", "7", order), message("delivered", "7", order)];
        assert_eq!(
            said(Style::Words, &messages),
            [
                "Your order 7 is on its way",
                "Thank you for your order Ada",
                r#"7 {"customer":"Ada"}"#
            ]
        );
    }

    #[test]
    fn an_order_of_another_make_is_thanked_for_as_well_as_it_can_be() {
        let orders = [r#"{"customer":{"name":"Ada\n"}}"#, r#"{"customer":7}"#, "{}"];
        let messages = orders.map(|order| message("delivered", "7", order));
        let thanks: Vec<_> = said(Style::Words, &messages).into_iter().step_by(2).collect();
        assert_eq!(
            thanks,
            [
                r"Thank you for your order Ada\u000a",
                "Thank you for your order dear customer",
                "Thank you for your order dear customer"
            ]
        );
    }

    #[test]
    fn a_table_is_aligned_and_grows_with_its_ids() {
        let long = "x".repeat(40);
        let order = r#"{"customer":"Zoë & söhne"}"#;
        let messages = [
            message("in-transit", "7", order),
            message("delivered", &long, "{}"),
            message("delivered", "7", order),
        ];
        let lines = said(Style::table(), &messages);
        let from_21: Vec<_> = lines.iter().map(|line| &line[20..]).collect();
        assert_eq!(
            from_21,
            [
                format!("  EVENT       {:36}  CUSTOMER", "ORDER"),
                format!("  in-transit  {:36}  Zoë & söhne", "7"),
                format!("  delivered   {long}  "),
                format!("  delivered   {:40}  Zoë & söhne", "7"),
            ]
        );
        assert!(lines[1].starts_with("20") && lines[1][..20].ends_with('Z'), "{}", lines[1]);
    }

    #[test]
    fn a_program_gets_fields_and_nothing_that_an_order_says_forges_one() {
        let lines = said(Style::Fields, &[message("delivered", "7", r#"{"customer":"A\tB"}"#)]);
        let fields: Vec<_> = lines[0].split('\t').skip(1).collect();
        assert_eq!(fields, ["delivered", "7", r"A\u0009B"]);
    }
}
