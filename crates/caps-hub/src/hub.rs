//! The hub itself: what each input means.

use std::sync::Arc;

use caps_proto::{Answer, Code, Done, Event, Message, OrderRef, Refusal, Request};

use crate::audience::Audience;
use crate::book::{Book, Found};
use crate::connection::Replay;
use crate::effect::{AckId, Effect, Step};
use crate::fact::{Change, Fact, Seq, Who};
use crate::input::{ConnId, Input};
use crate::limits::Limits;
use crate::queue::QueueKey;
use crate::replay;
use crate::rights;
use crate::scope::Scope;
use crate::snapshot::Snapshot;
use crate::time::Timestamp;

mod orders;

/// The core: one owner, no locks. See the [crate's page](crate).
#[derive(Debug, Default)]
pub struct Hub {
    pub(crate) limits: Limits,
    pub(crate) book: Book,
    pub(crate) audience: Audience,
    /// The latest time that the hub was told. A clock that is set back does not turn it back.
    now: Timestamp,
    /// The first message that is not to be shown for now.
    horizon: Option<Seq>,
}

impl Hub {
    /// An empty hub.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    pub(crate) fn restored(limits: Limits, book: Book, now: Timestamp) -> Self {
        Self { limits, book, now, ..Self::default() }
    }

    /// Decides what `input` comes to at the time `now`, and adds it to `step`.
    pub fn handle(&mut self, input: Input, now: Timestamp, step: &mut Step) {
        self.advance(now, step);
        match input {
            Input::Connected { conn, identity, until } => {
                self.audience.connect(conn, identity, until);
            }
            Input::Asked { conn, ack, request } => self.asked(conn, ack, request, step),
            Input::Drained { conn } => {
                if let Some(connection) = self.audience.connections.get_mut(&conn)
                    && connection.line.drained(&self.limits)
                {
                    step.effects.push(Effect::Watch { conn });
                }
                self.feed(conn, step);
            }
            Input::Disconnected { conn } => self.disconnected(conn, step),
        }
    }

    /// Looks at the orders of requests that are about to be handled one by one, which takes less time then where very many
    /// orders wait.
    pub fn look_ahead<'a>(&self, requests: impl Iterator<Item = &'a Request>) {
        self.book.look_ahead(requests);
    }

    /// Does what the passing of time alone brings: connections end whose rights do, claims lapse, and orders that are
    /// over are forgotten.
    pub fn advance(&mut self, now: Timestamp, step: &mut Step) {
        self.now = self.now.max(now);
        while let Some((until, conn)) = self.audience.next_end()
            && until <= self.now
        {
            self.disconnected(conn, step);
            step.effects.push(Effect::HangUp { conn });
        }
        while let Some(id) = self.book.claims.lapsed(self.now) {
            if let Some(which) = self.book.which(id) {
                self.change(self.book.find(&which), which, Change::Offered, None, step);
            }
        }
        self.book.forget(self.now, &self.limits);
    }

    /// When [`advance`](Self::advance) next has something to do, if nothing else happens.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let lapse = self.book.claims.next_lapse();
        let forget = self.book.next_forget(&self.limits);
        let end = self.audience.next_end().map(|(until, _)| until);
        lapse.into_iter().chain(forget).chain(end).min()
    }

    /// The number of the last fact that was decided.
    pub fn last(&self) -> Seq {
        self.book.last()
    }

    /// The latest time that the hub was told.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// How many orders the hub knows of, those included that are over and still remembered.
    pub fn known(&self) -> usize {
        self.book.known()
    }

    /// How many orders are placed and not delivered, or delivered and not yet received by their vendor.
    pub fn open(&self) -> usize {
        self.book.open()
    }

    /// The orders of one part, as they are now. Takes time and memory in proportion to their number.
    pub fn snapshot(&self, partition: u8) -> Snapshot {
        let orders = self.book.partition(partition);
        let orders = orders.map(|(which, life)| (which, life.clone())).collect();
        Snapshot { partition, as_of: self.last(), orders }
    }

    /// Shows readers nothing that was queued by facts after `kept`, because those cannot be kept for now. With
    /// `None`, shows everything again, and sends on what was held back.
    pub fn show_up_to(&mut self, kept: Option<Seq>, step: &mut Step) {
        self.horizon = kept.map(Seq::next);
        let Some(horizon) = self.horizon else {
            for conn in self.audience.connections.keys().copied().collect::<Vec<_>>() {
                self.feed(conn, step);
            }
            return;
        };
        // A `getAll` that is under way ends there, too.
        for connection in self.audience.connections.values_mut() {
            for replay in &mut connection.replays {
                replay.until = replay.until.min(horizon);
            }
        }
    }

    /// Takes back messages that were to be sent to `conn` and were not, because they come after what cannot be kept
    /// for now, or are that themselves. Those of them that are shown are sent again, the others when they are shown
    /// again. `unsent` is all that was to be sent since the last that was; [`show_up_to`](Self::show_up_to) comes
    /// first.
    pub fn take_back(&mut self, conn: ConnId, unsent: &[(Seq, Arc<Message>)], step: &mut Step) {
        replay::take_back(conn, unsent, &mut self.audience, step);
        self.feed(conn, step);
    }

    /// The first message that a `getAll` asked for now is not to show.
    pub(crate) fn shown(&self) -> Seq {
        self.horizon.unwrap_or(self.book.end())
    }

    /// Whether some of it is shown to nobody for now.
    #[cfg(test)]
    pub(crate) fn is_held_back(&self) -> bool {
        self.horizon.is_some()
    }

    fn asked(&mut self, conn: ConnId, ack: Option<AckId>, request: Request, step: &mut Step) {
        let verb = Some(request.verb());
        let Some(connection) = self.audience.connections.get(&conn) else {
            let why = "The token has expired; connect again with a new one.";
            let answer = Answer::Error(Refusal::new(Code::Unauthorized, why));
            step.effects.push(Effect::Answer { conn, ack, verb, answer });
            return;
        };
        let allowed = rights::check(&connection.identity, &request);
        let who = connection.who.clone();
        let begun = step.effects.len();
        let result = allowed.and_then(|()| match request {
            Request::Join(client_id) => {
                let keys = [Event::InTransit, Event::Delivered]
                    .map(|event| QueueKey { client_id: client_id.clone(), event });
                self.listen(conn, keys).map(Some)
            }
            Request::Subscribe(client_id, event) => {
                self.listen(conn, [QueueKey { client_id, event }]).map(Some)
            }
            Request::Pickup(which, order) => self.pickup(conn, which, order, step).map(Some),
            Request::InTransit(which, order) => {
                self.in_transit(conn, &who, which, order, step).map(Some)
            }
            Request::Delivered(which, order, proof) => {
                self.delivered(conn, &who, which, order, proof, step).map(Some)
            }
            Request::Release(which) => self.release(conn, &who, which, step).map(Some),
            Request::Received(event, which) => self.received(&who, event, which, step).map(Some),
            Request::ReceivedAll(event, client_id, message_ids) => {
                let whiches = message_ids
                    .into_iter()
                    .map(|message_id| OrderRef { client_id: client_id.clone(), message_id });
                self.received_all(&who, event, whiches, step).map(Some)
            }
            Request::GetAll { client_id, event, limit } => {
                let connection = &self.audience.connections[&conn];
                let rooms = &self.audience.rooms;
                let scope = Scope::of(rooms, conn, connection, client_id, event);
                // It is answered after its messages.
                scope.and_then(|scope| self.get_all(conn, ack, scope, limit, step)).map(|()| None)
            }
        });
        if let Some(result) = result.transpose() {
            // Before what it brings to others, of whom there may be many.
            let answer = Effect::Answer { conn, ack, verb, answer: Answer::from(result) };
            step.effects.insert(begun, answer);
        }
    }

    fn listen<const N: usize>(
        &mut self,
        conn: ConnId,
        keys: [QueueKey; N],
    ) -> Result<Done, Refusal> {
        let rooms = &self.audience.rooms;
        let new = keys.iter().filter(|key| !rooms.has_asked_for(conn, key)).count();
        let limit = self.limits.max_subscriptions;
        if rooms.of(conn).len() + new > limit {
            return Err(Refusal::new(
                Code::Forbidden,
                format!("A connection listens to at most {limit} queues; open another for more."),
            ));
        }
        for key in keys {
            self.audience.listen(conn, key);
        }
        Ok(Done::default())
    }

    fn get_all(
        &mut self,
        conn: ConnId,
        ack: Option<AckId>,
        scope: Scope,
        limit: Option<u64>,
        step: &mut Step,
    ) -> Result<(), Refusal> {
        let until = self.shown();
        let Some(connection) = self.audience.connections.get_mut(&conn) else { return Ok(()) };
        let waiting = connection.replays.len();
        if waiting >= self.limits.max_replays {
            return Err(Refusal::new(
                Code::Busy,
                format!(
                    "{waiting} `getAll`s of this connection wait; ask again when they are answered."
                ),
            ));
        }
        connection.replays.push_back(Replay {
            ack,
            scope,
            queues: None,
            until,
            limit,
            done: 0,
            sent: 0,
        });
        self.feed(conn, step);
        Ok(())
    }

    fn disconnected(&mut self, conn: ConnId, step: &mut Step) {
        self.audience.disconnect(conn);
        self.give_back(conn, step);
    }

    /// Ends the claims of a nameless driver that is gone.
    pub(crate) fn give_back(&mut self, conn: ConnId, step: &mut Step) {
        let mut held: Vec<_> = self.held_by(&Who::Nameless(conn)).collect();
        // In a fixed order.
        held.sort_unstable();
        for which in held {
            let found = self.book.find(&which);
            let unreceived = self.book.get(found).is_some_and(|life| life.waits(Event::Pickup));
            let change = if unreceived { Change::Offered } else { Change::Abandoned };
            self.change(found, which, change, None, step);
        }
    }

    /// Folds a change of the order that was `found` in, notes it as a fact, and sends what it queued to those who
    /// listen.
    fn change(
        &mut self,
        found: Found,
        which: OrderRef,
        change: Change,
        sender: Option<ConnId>,
        step: &mut Step,
    ) {
        let previous = self.book.get(found).map(|life| life.latest);
        let fact = Fact { seq: self.book.end(), at: self.now, which, previous, change };
        let queued = self.book.fold(&fact, found, sender, &self.limits);
        step.facts.push(fact);
        if let Some((seq, message)) = queued.and_then(|queued| self.book.queued(queued)) {
            replay::announce(seq, message, sender, &mut self.audience, &self.limits, step);
        }
    }

    fn feed(&mut self, conn: ConnId, step: &mut Step) {
        replay::feed(conn, &self.book, self.horizon, &mut self.audience, &self.limits, step);
    }
}
