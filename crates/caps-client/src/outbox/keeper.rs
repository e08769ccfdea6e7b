//! Stands between the application and the outbox where there is a file: a call goes on when it is in there.
//!
//! Whatever has come meanwhile is kept in one go, and the disk is waited for on a thread that may wait.

use std::ops::Range;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::spawn_blocking;

use super::call::Call;
use super::file::{Entry, OutboxFile, OutboxFileError};

/// How many calls are kept in one go at most.
const GROUP: usize = 1024;

/// What the outbox tells.
#[derive(Debug)]
pub(super) enum Note {
    /// The call of this number needs to be kept no longer.
    Answered(u64),
    /// No more calls are taken.
    Close,
}

/// Keeps calls until the outbox is gone and the last of them has come, and sees to it that the disk has all.
pub(super) async fn keep(
    mut file: OutboxFile,
    mut calls: UnboundedReceiver<Call>,
    mut notes: UnboundedReceiver<Note>,
    kept: UnboundedSender<Call>,
) {
    // Dropped when the last call has come, so that the outbox learns of it.
    let mut kept = Some(kept);
    let mut is_outbox_there = true;
    let (mut made, mut noted) = (Vec::new(), Vec::new());
    while kept.is_some() || is_outbox_there {
        tokio::select! {
            count = calls.recv_many(&mut made, GROUP), if kept.is_some() => if count == 0 {
                kept = None;
            },
            count = notes.recv_many(&mut noted, GROUP), if is_outbox_there => if count == 0 {
                is_outbox_there = false;
                calls.close();
            },
        }
        while let Ok(note) = notes.try_recv() {
            noted.push(note);
        }
        let mut answered = Vec::new();
        for note in noted.drain(..) {
            match note {
                Note::Answered(number) => answered.push(number),
                Note::Close => calls.close(),
            }
        }
        let entries: Vec<_> = made.iter().filter_map(Call::entry).collect();
        if entries.is_empty() && answered.is_empty() {
            hand_on(&mut made, kept.as_ref(), Ok(0..0));
            continue;
        }
        let Some((back, result)) = on_disk(file, entries, answered).await else { return };
        file = back;
        hand_on(&mut made, kept.as_ref(), result);
    }
    // Whether it ends well is in the log.
    drop(spawn_blocking(move || file.close()).await);
}

/// Nothing when the program ends.
async fn on_disk(
    mut file: OutboxFile,
    entries: Vec<Entry>,
    answered: Vec<u64>,
) -> Option<(OutboxFile, Result<Range<u64>, OutboxFileError>)> {
    let task = spawn_blocking(move || {
        let result = file.keep(entries, &answered);
        (file, result)
    });
    match task.await {
        Ok(kept) => Some(kept),
        Err(why) if why.is_panic() => std::panic::resume_unwind(why.into_panic()),
        Err(_) => None,
    }
}

/// Hands calls on that are kept, and those that need not be; tells the callers of those that could not be.
fn hand_on(
    made: &mut Vec<Call>,
    to: Option<&UnboundedSender<Call>>,
    mut result: Result<Range<u64>, OutboxFileError>,
) {
    if let Err(why) = &result {
        tracing::error!(%why, "the outbox file does not keep what it should");
    }
    for mut call in made.drain(..) {
        if call.entry().is_some() {
            match &mut result {
                Ok(numbers) => call.number = numbers.next(),
                Err(why) => {
                    call.answer(Err(why.clone().into()));
                    continue;
                }
            }
        }
        call.is_taken();
        if let Some(to) = to {
            // An error means that the client has ended. A call that is kept waits for the next one.
            drop(to.send(call));
        }
    }
}
