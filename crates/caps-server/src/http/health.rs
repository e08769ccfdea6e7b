//! Whether the hub is alive, and whether it can keep what it is told.

use axum::extract::State;
use caps_proto::{Code, Refusal};

use super::Sources;
use super::problem::Problem;
use crate::journal::Trouble;

/// Alive. Says nothing of whether messages can be kept.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// Can keep what it is told.
pub(super) async fn ready(State(sources): State<Sources>) -> Result<&'static str, Problem> {
    match &sources.progress.borrow().trouble {
        None => Ok("ok\n"),
        Some(Trouble::ForNow(why) | Trouble::ForGood(why)) => {
            Err(Refusal::new(Code::Busy, format!("Nothing can be kept: {why}.")).into())
        }
    }
}
