//! How a stopping hub parts with its clients: one after the other, so that they do not all come at once to the hub that
//! follows.
//!
//! A client is served until its turn comes. Then nothing more is heard of it; what was heard is decided, kept and
//! answered; and its transport is closed. So an event is either answered, or its client sends it again.
//!
//! It is told nothing over Socket.IO, because clients would take that for a reason not to come back.

use std::time::Duration;

use caps_hub::ConnId;
use rand::seq::SliceRandom as _;
use socketioxide::socket::Sid;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::edge::flow::Flow;
use crate::inbox::{Command, Inbox};

/// So few come back without anybody's noticing.
const HANDFUL: usize = 50;

/// Of more, so many are sent away in a second, if there is time for it.
const A_SECOND: u32 = 500;

/// How long each part of the end may take. Together less than the drain time, so that some is left for the files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Until everybody has had their turn.
    pub(crate) turns: Duration,
    /// From then on until all have been answered and are gone.
    pub(crate) goodbyes: Duration,
    /// Until everything is kept, and answers have been handed over to those who were not gone.
    pub(crate) last_answers: Duration,
    /// Until connections have ended by themselves.
    pub(crate) rest: Duration,
    /// Until they have ended when they are hung up.
    pub(crate) hang_up: Duration,
}

impl Patience {
    pub(crate) fn of(drain_time: Duration) -> Self {
        Self {
            turns: drain_time / 2,
            goodbyes: drain_time / 8,
            last_answers: drain_time / 8,
            rest: drain_time / 16,
            hang_up: drain_time / 16,
        }
    }
}

/// Parts with everyone who is there, in no order. Returns how many are not gone in time.
pub(crate) async fn say(flow: &Flow, inbox: &Inbox, patience: Patience) -> usize {
    let mut sessions = flow.sessions();
    sessions.shuffle(&mut rand::rng());
    let spread = spread(sessions.len()).min(patience.turns);
    let mut turns = Vec::with_capacity(sessions.len());
    for (nth, session) in (0..).zip(&sessions) {
        turns.push((spread * nth / (sessions.len() as u32), *session));
    }
    let began = Instant::now();
    let mut goodbyes = JoinSet::new();
    for (turn, (session, conn)) in turns {
        sleep_until(began + turn).await;
        goodbyes.spawn(part(flow.clone(), inbox.clone(), session, conn));
    }
    let all = async { while goodbyes.join_next().await.is_some() {} };
    match timeout(patience.goodbyes, all).await {
        Ok(()) => 0,
        Err(_late) => goodbyes.len(),
    }
}

/// Over how much time so many are sent away.
fn spread(clients: usize) -> Duration {
    let beyond = u32::try_from(clients.saturating_sub(HANDFUL)).unwrap_or(u32::MAX);
    Duration::from_secs(1) * beyond / A_SECOND
}

async fn part(flow: Flow, inbox: Inbox, session: Sid, conn: ConnId) {
    flow.stop_hearing(session);
    let (said, all_is_said) = oneshot::channel();
    inbox.submit(Command::Goodbye { conn, said });
    // Where the line is gone, there is nobody to wait for.
    let _ = all_is_said.await;
    flow.hang_up(session);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handful_is_gone_at_once_and_a_crowd_at_a_steady_pace() {
        let seconds = |clients| spread(clients).as_secs_f64();
        assert_eq!([0, 1, 50].map(seconds), [0.0; 3]);
        assert_eq!([150, 550, 20_050].map(seconds), [0.2, 1.0, 40.0]);
    }

    #[test]
    fn all_parts_of_the_end_leave_some_of_the_drain_time() {
        let drain_time = Duration::from_secs(10);
        let Patience { turns, goodbyes, last_answers, rest, hang_up } = Patience::of(drain_time);
        assert!(turns + goodbyes + last_answers + rest + hang_up < drain_time);
    }
}
