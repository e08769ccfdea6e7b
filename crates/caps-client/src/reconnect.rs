//! Connects again and again, until the application or the hub wants no more.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::State;
use crate::backoff::Backoff;
use crate::closing::Step;
use crate::line::{Endpoint, Line};
use crate::session::{End, Lasting, Session};

/// How often an outage that goes on is told.
const REMIND_EVERY: Duration = Duration::from_secs(60);

/// The life of a client. `open` makes one attempt to connect.
pub(crate) async fn run(
    mut lasting: Lasting,
    endpoint: Endpoint,
    open: impl Fn(&Endpoint) -> Line,
) {
    let mut backoff = Backoff::new(lasting.options.backoff_base, lasting.options.backoff_cap);
    let mut outage = Outage::default();
    let end = loop {
        let sessions = lasting.sessions;
        let since = Instant::now();
        let (end, stood) = Session::new(&mut lasting, open(&endpoint)).run().await;
        if lasting.sessions != sessions {
            outage = Outage::default();
        }
        let End::Lost(why) = end else { break end };
        lasting.state.send_replace(State::Connecting);
        // A hub that takes clients in only to lose them is not hammered either: it is given as much time as it gave.
        if stood > backoff.bound() {
            backoff.reset();
        }
        outage.tell(&endpoint.url, &why);
        // An attempt that nobody has answered has waited by itself.
        let waited = if stood.is_zero() { since.elapsed() } else { Duration::ZERO };
        if rest(&mut lasting, backoff.next().saturating_sub(waited)).await == Next::End {
            break End::Closed;
        }
    };
    finish(lasting, end).await;
}

#[derive(Debug, PartialEq, Eq)]
enum Next {
    Connect,
    End,
}

/// Waits between two attempts, for as long as the application has something to wait for.
async fn rest(lasting: &mut Lasting, pause: Duration) -> Next {
    let paused = sleep(pause);
    tokio::pin!(paused);
    loop {
        tokio::select! {
            () = &mut paused => return Next::Connect,
            is_there_more = lasting.outbox.fill() => if !is_there_more {
                return Next::End;
            },
            step = lasting.closing.next() => match step {
                Step::Finish => lasting.finish(),
                Step::GiveUp => return Next::End,
            },
        }
    }
}

async fn finish(lasting: Lasting, end: End) {
    let Lasting { outbox, inbox, state, .. } = lasting;
    let unanswered = outbox.into_unanswered().await;
    let unsent = unanswered.len();
    state.send_replace(match end {
        End::Refused(refusal) => State::Refused(refusal),
        End::Closed | End::Lost(_) => State::Closed { unsent },
    });
    // The state says why, so it is set before anyone learns that nothing more will come.
    drop((unanswered, inbox));
}

/// What was said of an outage: at first a warning, then a reminder from time to time.
#[derive(Debug, Default)]
struct Outage {
    told: Option<Instant>,
}

impl Outage {
    fn tell(&mut self, url: &str, why: &str) {
        if self.told.is_some_and(|told| told.elapsed() < REMIND_EVERY) {
            tracing::debug!(url, why, "still no connection");
            return;
        }
        self.told = Some(Instant::now());
        tracing::warn!(
            "no connection to the hub at `{url}`: {why}; trying again until it is there"
        );
    }
}
