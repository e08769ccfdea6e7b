//! An outbox file, as a test finds it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::in_time;

/// How often to look whether a program has kept something.
const LOOK: Duration = Duration::from_millis(2);

/// A place for an outbox file.
pub(crate) struct OutboxFile {
    folder: TempDir,
}

impl OutboxFile {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("outbox")
    }

    /// The path, for a command line.
    pub(crate) fn arg(&self) -> String {
        self.path().to_str().unwrap().to_owned()
    }

    /// The orders that it has calls of this kind about, answered or not, oldest first.
    pub(crate) fn orders(&self, verb: &str) -> Vec<String> {
        // There is no file before there is a program.
        let text = fs::read_to_string(self.path()).unwrap_or_default();
        // What is being written is no line yet.
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
        let calls = lines.filter(|line| line["verb"] == verb);
        calls.map(|line| line["messageId"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until it has so many calls of this kind.
    pub(crate) async fn has(&self, count: usize, verb: &str) {
        self.until(verb, |orders| orders.len() >= count).await;
    }

    /// Waits until something is so of the orders that it has calls of this kind about.
    pub(crate) async fn until(&self, verb: &str, is_so: impl Fn(&[String]) -> bool) {
        in_time(async {
            while !is_so(&self.orders(verb)) {
                tokio::time::sleep(LOOK).await;
            }
        })
        .await;
    }
}
