//! Sending what is queued: live to those who are up to date, from a cursor to those who are behind.
//!
//! The queue is the buffer. A connection whose line is full falls behind in the queue, and is fed from there as
//! its line drains; nothing is copied for it but its place. `getAll` is the same thing, started by the client.

use std::ops::Bound;
use std::sync::Arc;

use caps_proto::{Answer, Code, Done, Message, Refusal, Verb};

use crate::audience::{Audience, Replayed, Rooms};
use crate::book::Book;
use crate::connection::{Connection, Replay};
use crate::effect::{Effect, Step};
use crate::fact::Seq;
use crate::input::ConnId;
use crate::limits::Limits;
use crate::queue::{QueueKey, Slot};
use crate::scope::Scope;

/// How many messages of one queue are sent before the next queue has its turn.
const TURN: usize = 64;

/// Sends a message that has just been queued to all who listen, but for its sender.
pub(crate) fn announce(
    seq: Seq,
    message: Arc<Message>,
    sender: Option<ConnId>,
    audience: &mut Audience,
    limits: &Limits,
    step: &mut Step,
) {
    let key = queue_of(&message);
    let Audience { connections, rooms, .. } = audience;
    let mut to = Vec::new();
    let mut to_watch = Vec::new();
    for conn in rooms.listeners(&key) {
        let Some(connection) = connections.get_mut(&conn) else { continue };
        let is_served = connection.identity.serves(&key.client_id);
        if Some(conn) == sender || !is_served || connection.lags.contains_key(&key) {
            continue;
        }
        if !connection.line.has_room(limits) {
            connection.lags.insert(key.clone(), seq);
            continue;
        }
        to.push(conn);
        if connection.line.load(&message, limits) {
            to_watch.push(conn);
        }
    }
    if !to.is_empty() {
        step.effects.push(Effect::Emit { to, seq, message });
    }
    step.effects.extend(to_watch.into_iter().map(|conn| Effect::Watch { conn }));
}

/// The queue that a message is in.
fn queue_of(message: &Message) -> QueueKey {
    QueueKey { client_id: message.client_id.clone(), event: message.event }
}

/// Sets `conn` back to before messages that it was to be sent and was not. What it waits for with `getAll`, it is to
/// ask for again.
pub(crate) fn take_back(
    conn: ConnId,
    unsent: &[(Seq, Arc<Message>)],
    audience: &mut Audience,
    step: &mut Step,
) {
    let Audience { connections, rooms, .. } = audience;
    let Some(connection) = connections.get_mut(&conn) else { return };
    let Connection { lags, replays, line, .. } = connection;
    for Replay { ack, queues, .. } in replays.drain(..) {
        for (key, stood) in queues.into_iter().flatten() {
            if let Some(lag) = lags.get_mut(&key) {
                *lag = stood.max(*lag);
            }
        }
        let answer = Answer::Error(Refusal::new(
            Code::Busy,
            "What this was to show cannot be kept for now; ask again, and see what is kept.",
        ));
        step.effects.push(Effect::Answer { conn, ack, verb: Some(Verb::GetAll), answer });
    }
    for (seq, message) in unsent {
        line.unload(message);
        let lag = lags.entry(queue_of(message)).or_insert(*seq);
        *lag = (*seq).min(*lag);
    }
    lags.retain(|key, _| rooms.hears(conn, key));
}

/// Sends `conn` what it is behind with, as far as its line can take it.
pub(crate) fn feed(
    conn: ConnId,
    book: &Book,
    horizon: Option<Seq>,
    audience: &mut Audience,
    limits: &Limits,
    step: &mut Step,
) {
    let Audience { connections, rooms, replayed, .. } = audience;
    let Some(connection) = connections.get_mut(&conn) else { return };
    let mut feed = Feed { conn, connection, book, horizon, rooms, replayed, limits, step };
    while feed.replay() || feed.catch_up() {}
}

struct Feed<'a> {
    conn: ConnId,
    connection: &'a mut Connection,
    book: &'a Book,
    /// The first message that is not to be shown for now.
    horizon: Option<Seq>,
    rooms: &'a Rooms,
    replayed: &'a mut Replayed,
    limits: &'a Limits,
    step: &'a mut Step,
}

impl Feed<'_> {
    /// Goes on with the `getAll` that is under way. False when there is none, or the line is full.
    fn replay(&mut self) -> bool {
        let Some(mut replay) = self.connection.replays.pop_front() else { return false };
        let queues = replay.queues.take().unwrap_or_else(|| self.set_back(&replay.scope));
        while let Some((key, _)) = queues.get(replay.done).cloned() {
            let left = replay.limit.map(|limit| limit - replay.sent);
            let at_most = left.and_then(|left| usize::try_from(left).ok()).unwrap_or(usize::MAX);
            let (sent, stop) = self.send(&key, Some(replay.until), at_most);
            replay.sent += sent as u64;
            self.replayed.asked_for += sent as u64;
            match stop {
                Stop::NotNow => {
                    replay.queues = Some(queues);
                    self.connection.replays.push_front(replay);
                    return false;
                }
                Stop::Enough => break,
                Stop::End => replay.done += 1,
            }
        }
        self.finish(&replay, queues);
        true
    }

    /// Sets the connection's places in the queues of a replay to their start, and notes where it stood.
    fn set_back(&mut self, scope: &Scope) -> Vec<(QueueKey, Seq)> {
        let queues =
            scope.queues(self.book, self.rooms, self.conn, &self.connection.identity).into_iter();
        let set_back = queues.map(|key| {
            let lag = self.connection.lags.insert(key.clone(), Seq::default());
            (key, lag.unwrap_or(self.book.end()))
        });
        set_back.collect()
    }

    /// Answers, and goes back to where the connection stood, or on from where the replay has brought it.
    fn finish(&mut self, replay: &Replay, queues: Vec<(QueueKey, Seq)>) {
        let mut remaining = 0;
        for (key, stood) in queues {
            let Some(lag) = self.connection.lags.get_mut(&key) else { continue };
            if replay.limit.is_some() {
                let who = &self.connection.who;
                remaining += self.book.count_visible(&key, *lag, replay.until, who);
            }
            *lag = stood.max(*lag);
            if !self.rooms.hears(self.conn, &key) {
                self.connection.lags.remove(&key);
            }
        }
        let done =
            Done { count: Some(replay.sent), remaining: Some(remaining as u64), ..Done::default() };
        self.step.effects.push(Effect::Answer {
            conn: self.conn,
            ack: replay.ack,
            verb: Some(Verb::GetAll),
            answer: Answer::Ok(done),
        });
    }

    /// Goes on with one of the queues that the connection listens to and is behind in. False when there is
    /// none, the line is full, or a `getAll` is under way, whose places in the queues these are.
    fn catch_up(&mut self) -> bool {
        if !self.connection.replays.is_empty() {
            return false;
        }
        let Some(key) = self.next_lag() else { return false };
        self.connection.fed = Some(key.clone());
        let (sent, stop) = self.send(&key, None, TURN);
        self.replayed.behind += sent as u64;
        match stop {
            Stop::NotNow => false,
            Stop::Enough => true,
            Stop::End => {
                self.connection.lags.remove(&key);
                true
            }
        }
    }

    /// The next queue in turn.
    fn next_lag(&self) -> Option<QueueKey> {
        let Connection { lags, fed, .. } = &*self.connection;
        let after = fed.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let in_turn = lags.range::<QueueKey, _>((after, Bound::Unbounded)).chain(lags);
        in_turn.map(|(key, _)| key.clone()).next()
    }

    /// Sends at most `at_most` messages of `key` from where the connection stands: those before `until`, which
    /// the client has asked for, or all that others have sent.
    fn send(&mut self, key: &QueueKey, until: Option<Seq>, at_most: usize) -> (usize, Stop) {
        let Connection { who, line, lags, .. } = &mut *self.connection;
        let (Some(lag), Some(queue)) = (lags.get_mut(key), self.book.queue(key)) else {
            return (0, Stop::End);
        };
        let mut sent = 0;
        for slot in self.book.visible(queue, *lag, who) {
            let Slot { seq, sender, .. } = *slot;
            if until.is_some_and(|until| seq >= until) {
                break;
            }
            let is_own_broadcast = until.is_none() && sender == Some(self.conn);
            if is_own_broadcast {
                continue;
            }
            if sent == at_most {
                *lag = seq;
                return (sent, Stop::Enough);
            }
            if !line.has_room(self.limits) || self.horizon.is_some_and(|horizon| seq >= horizon) {
                *lag = seq;
                return (sent, Stop::NotNow);
            }
            *lag = seq.next();
            let Some(message) = self.book.message(key.event, slot) else { continue };
            let watch = line.load(&message, self.limits);
            emit(self.conn, seq, message, watch, self.step);
            sent += 1;
        }
        *lag = (*lag).max(until.unwrap_or_default());
        (sent, Stop::End)
    }
}

/// Why no more messages of a queue are sent for now.
enum Stop {
    /// There are none.
    End,
    /// It is enough.
    Enough,
    /// The line can take no more, or what comes next is not to be shown for now.
    NotNow,
}

fn emit(conn: ConnId, seq: Seq, message: Arc<Message>, watch: bool, step: &mut Step) {
    step.effects.push(Effect::Emit { to: vec![conn], seq, message });
    if watch {
        step.effects.push(Effect::Watch { conn });
    }
}
