//! The application's wish that the client end, with a bound on the time that it takes.

use std::future::pending;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Hears the application's wish.
#[derive(Debug)]
pub(crate) struct Closing {
    asked: watch::Receiver<Option<Instant>>,
    deadline: Option<Instant>,
}

/// How far the wish has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Take nothing new, and send what is left.
    Finish,
    /// The time for that is up.
    GiveUp,
}

impl Closing {
    pub(crate) fn new(asked: watch::Receiver<Option<Instant>>) -> Self {
        Self { asked, deadline: None }
    }

    /// Waits for the next step; each comes once. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Step {
        if let Some(deadline) = self.deadline {
            sleep_until(deadline).await;
            return Step::GiveUp;
        }
        let asked = self.asked.wait_for(Option::is_some).await.map(|deadline| *deadline);
        match asked {
            Ok(deadline) => self.deadline = deadline,
            // Every handle is gone, and so is everyone who could ask.
            Err(_) => pending().await,
        }
        Step::Finish
    }
}
