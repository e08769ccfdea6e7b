//! What every client may rely on, in plain words: each test is one promise of `docs/protocol.md`.

mod apart;
mod bounds;
mod catch_up;
mod claim_time;
mod claims;
mod clock;
mod events;
mod expiry;
mod get_all;
mod in_order;
mod listening;
mod looking;
mod measured;
mod nothing_lost;
mod once;
mod pages;
mod proof;
mod received;
mod release;
mod slow_readers;
mod two_drivers;
