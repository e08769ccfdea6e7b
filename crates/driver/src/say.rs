//! What a driver says, to people and to programs.

use std::io::{self, Write};

use caps_client::cli::{Lines, Record};
use caps_proto::{Event, Message, Order, OrderRef};

/// What speaks.
#[derive(Debug)]
pub(crate) struct Say<W> {
    pub(crate) lines: Lines<W>,
    pub(crate) is_json: bool,
}

impl<W: Write> Say<W> {
    /// Speaks in words, or in JSON.
    pub(crate) fn new(lines: Lines<W>, is_json: bool) -> Self {
        Self { lines, is_json }
    }

    /// What it speaks to, when all is said.
    #[cfg(test)]
    pub(crate) fn into_lines(self) -> Lines<W> {
        self.lines
    }

    /// Says that this driver has an order on the road, or has delivered it.
    pub(crate) fn happened(&self, event: Event, pickup: &Message) -> io::Result<()> {
        let Message { client_id, message_id, order, .. } = pickup;
        let which = OrderRef { client_id: client_id.clone(), message_id: message_id.clone() };
        self.told(event, &which, Some(order))
    }

    /// The same of an order of which no more is known than which it is.
    pub(crate) fn told(
        &self,
        event: Event,
        which: &OrderRef,
        order: Option<&Order>,
    ) -> io::Result<()> {
        let OrderRef { client_id, message_id } = which;
        if self.is_json {
            let message_id = Some(message_id);
            return self.lines.print_json(&Record {
                message_id,
                order,
                ..Record::new(event.name(), client_id)
            });
        }
        let words = if event == Event::Delivered { "delivered" } else { "picked up" };
        self.lines.print(format_args!("DRIVER: {words} {message_id}"))
    }
}
