//! Catching up with what waits, page by page.
//!
//! The hub replays a queue from its start, so a page is asked for when the application has acknowledged half of
//! what it holds: then at least half of the page is new, and all pages together are not much more than the
//! backlog. Where nothing is acknowledged, the next page comes after a silence.
//!
//! Between pages the hub sends what is new, ahead of what remains. It keeps that, too: a client that is behind
//! leaves it out and hears it in its turn.

use std::collections::{HashSet, VecDeque};

use caps_proto::{Done, Message};
use tokio::time::Instant;

use super::{Due, Session};
use crate::ask::{Ask, Scope};
use crate::inbox::key;

impl Session<'_> {
    /// The page to ask for, if it is time for one.
    pub(super) fn next_page(&mut self, now: Instant) -> Option<Scope> {
        let is_half_free = self.lasting.inbox.held() <= self.lasting.inbox.capacity() / 2;
        let is_time = (self.has_acknowledged && is_half_free)
            || self.page_at().is_some_and(|page_at| page_at <= now);
        // It stays behind until the page has come.
        self.behind.front().filter(|_| is_time).cloned()
    }

    /// When it is time for a page although nothing was acknowledged.
    pub(super) fn page_at(&self) -> Option<Instant> {
        let is_full = self.lasting.inbox.held() >= self.lasting.inbox.capacity();
        let waits = !self.behind.is_empty() && !is_full;
        waits.then(|| self.paged_at + self.lasting.options.silence)
    }

    /// Takes in a message: by itself, or of the page that is due. Which of the two it is, only the answer tells.
    pub(super) fn hear_message(&mut self, message: Message) {
        let page = self.lasting.inbox.capacity();
        match &mut self.due {
            Some(Due { ask: Ask::Page(scope), heard, .. }) if scope.covers(&message) => {
                heard.push_back(message);
                if heard.len() > page
                    && let Some(first) = heard.pop_front()
                {
                    // A whole page has come since, so it was not of it.
                    self.leave_out(&first);
                }
            }
            _ => self.offer(message),
        }
    }

    /// Hands a message to the application, unless older ones are to come before it, or there is no room for it.
    pub(super) fn offer(&mut self, message: Message) {
        if self.behind.iter().any(|scope| scope.covers(&message)) {
            self.leave_out(&message);
        } else if let Err(message) = self.lasting.inbox.offer(message) {
            tracing::debug!("the application is behind; the hub keeps what comes for later");
            self.leave_out(&message);
        }
    }

    /// A page has come. What was `heard` before it came by itself, and where nothing remains, it has come once
    /// more in its place; where something does, the page is full, and nothing else is left of what was heard.
    pub(super) fn hear_page(&mut self, scope: &Scope, heard: VecDeque<Message>, done: &Done) {
        let mut seen = HashSet::new();
        let latest = heard.into_iter().rev().filter(|message| seen.insert(key(message)));
        let page: Vec<_> = latest.collect();
        let is_whole = done.remaining.unwrap_or_default() == 0
            && done.count.unwrap_or_default() <= page.len() as u64;
        self.behind.retain(|other| other != scope);
        if !is_whole {
            self.fall_behind(|other| other == scope);
        }
        let mut page = page.into_iter().rev();
        let too_much = page.find_map(|message| self.lasting.inbox.offer(message).err());
        for message in too_much.into_iter().chain(page) {
            self.leave_out(&message);
        }
    }

    /// Compares what waits with what the application holds of it.
    pub(super) fn compare(&mut self, scope: &Scope, done: &Done) {
        if done.remaining.unwrap_or_default() > self.lasting.inbox.held() as u64 {
            self.fall_behind(|other| other == scope);
        }
    }

    /// Leaves `message` to the hub, which sends it again with one of the next pages.
    fn leave_out(&mut self, message: &Message) {
        self.fall_behind(|scope| scope.covers(message));
    }

    fn fall_behind(&mut self, falls: impl Fn(&Scope) -> bool) {
        for scope in self.lasting.replayed.iter().filter(|scope| falls(scope)) {
            if !self.behind.contains(scope) {
                self.behind.push_back(scope.clone());
            }
        }
    }
}
