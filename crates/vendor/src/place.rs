//! Placing orders: one after the other, without waiting for what the hub says of each.

use std::future::pending;
use std::io::Write;
use std::time::Duration;

use caps_client::cli::Failure;
use caps_client::{Error, Taken};
use caps_proto::{Code, Done, MessageId, Order};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::checkout;
use crate::orders::{self, Line, Source};
use crate::run::Open;
use crate::shop::Tally;

/// Where a shop's orders come from.
pub(crate) enum Orders {
    /// Nowhere.
    None,
    /// They are made up: so many, or without end.
    MadeUp(Option<u64>),
    /// They are written, one a line.
    Written(Source, mpsc::Receiver<Line>),
}

/// An order, and the line it stands on, if any.
struct Next {
    line: Option<u64>,
    id: MessageId,
    order: Order,
}

/// An order that the outbox has taken.
struct Sent {
    line: Option<u64>,
    id: MessageId,
    answer: Taken,
}

impl<W: Write> Open<'_, W> {
    /// Places orders, one every `pause`. While the hub is away they wait in the outbox, as many as there is room for.
    /// Returns only when the shop cannot go on.
    pub(crate) async fn place(&self, orders: Orders, pause: Duration) -> Result<(), Failure> {
        if matches!(orders, Orders::None) {
            return pending().await;
        }
        // Bounded by the outbox: one that was not answered takes its room.
        let (tell, sent) = mpsc::unbounded_channel();
        tokio::select! {
            failed = self.send(orders, pause, tell) => failed,
            failed = self.hear(sent) => failed,
        }
    }

    async fn send(
        &self,
        mut orders: Orders,
        pause: Duration,
        tell: mpsc::UnboundedSender<Sent>,
    ) -> Result<(), Failure> {
        let mut ticks = ticks(pause);
        let mut tally = self.shop.borrow().tally();
        while !tally.borrow().is_all {
            if let Some(ticks) = &mut ticks {
                ticks.tick().await;
            }
            self.wait_for_room(&mut tally).await;
            let Some(Next { line, id, order }) = self.next(&mut orders).await? else { continue };
            match self.client.pickup(&order).taken().await {
                // That it is not heard means that all is over.
                Ok(answer) => drop(tell.send(Sent { line, id, answer })),
                Err(why) => self.is_refused(line, &id, why)?,
            }
        }
        pending().await
    }

    async fn wait_for_room(&self, tally: &mut watch::Receiver<Tally>) {
        if !tally.borrow().has_room() {
            let under_way = tally.borrow().under_way();
            tracing::warn!(
                "{under_way} orders are under way; no more are placed until one arrives"
            );
            // An error means that all is over.
            drop(tally.wait_for(Tally::has_room).await);
        }
    }

    /// The next order that can be placed; none where there is no more, or the next is none.
    async fn next(&self, orders: &mut Orders) -> Result<Option<Next>, Failure> {
        match orders {
            Orders::None => Ok(None),
            Orders::MadeUp(count) => {
                let (id, order) = checkout::order(self.store);
                let mut shop = self.shop.borrow_mut();
                shop.place(&id, &order);
                if *count == Some(shop.tally().borrow().placed) {
                    shop.is_all();
                }
                Ok(Some(Next { line: None, id, order }))
            }
            Orders::Written(source, lines) => {
                let line = lines.recv().await;
                let mut shop = self.shop.borrow_mut();
                let (line, why) = match line {
                    None => {
                        shop.is_all();
                        return Ok(None);
                    }
                    Some(Err(why)) => {
                        shop.is_all();
                        (None, format!("`{source}` cannot be read to its end: {why}"))
                    }
                    Some(Ok((line, text))) => match orders::order(&text, self.store) {
                        Ok((id, order)) if shop.place(&id, &order) => {
                            return Ok(Some(Next { line: Some(line), id, order }));
                        }
                        Ok((id, _)) => {
                            let why = format!(
                                "line {line} of `{source}` has the id of an earlier one, `{id}`; \
                                 give each order an id of its own"
                            );
                            (Some(line), why)
                        }
                        Err(why) => (Some(line), format!("line {line} of `{source}` {why}")),
                    },
                };
                shop.has_failed();
                tracing::error!("{why}");
                self.say.failed(self.store, None, line, &why)?;
                Ok(None)
            }
        }
    }

    /// Hears what the hub says of each order.
    async fn hear(&self, mut sent: mpsc::UnboundedReceiver<Sent>) -> Result<(), Failure> {
        let mut due = FuturesUnordered::new();
        loop {
            tokio::select! {
                Some(Sent { line, id, answer }) = sent.recv() => {
                    due.push(async move { (line, id, answer.await) });
                }
                Some((line, id, answer)) = due.next() => match answer {
                    Ok(done) => self.is_placed(line, &id, &done)?,
                    Err(why) => self.is_refused(line, &id, why)?,
                },
                else => return pending().await,
            }
        }
    }

    fn is_placed(&self, line: Option<u64>, order: &MessageId, done: &Done) -> Result<(), Failure> {
        self.shop.borrow_mut().is_known(order);
        if done.over {
            // An earlier run was told, or this one, before this answer came.
            self.shop.borrow_mut().finish(order);
            tracing::info!(client = %self.store, %order, "the order has arrived before, and was thanked for");
        } else if let Some(line) = line.filter(|_| done.duplicate) {
            tracing::info!(client = %self.store, %order, line, "the hub has known this order before");
        } else {
            tracing::info!(client = %self.store, %order, "placed an order");
        }
        self.say.placed(self.store, order, line)?;
        Ok(())
    }

    /// A written order that the hub refuses is its writer's to mend. Whatever else goes wrong is not survived.
    fn is_refused(&self, line: Option<u64>, order: &MessageId, why: Error) -> Result<(), Failure> {
        let (Some(line), Error::Refused(refusal)) = (line, &why) else { return Err(why.into()) };
        if refusal.code == Code::Unauthorized {
            return Err(why.into());
        }
        self.shop.borrow_mut().is_refused(order);
        let why = format!("line {line}: the hub refuses order `{order}`: {refusal}");
        tracing::error!("{why}");
        self.say.failed(self.store, Some(order), Some(line), &why)?;
        Ok(())
    }
}

/// No ticks where there is no time between them.
fn ticks(pause: Duration) -> Option<Interval> {
    let mut ticks = (!pause.is_zero()).then(|| interval(pause))?;
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Some(ticks)
}
