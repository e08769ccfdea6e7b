//! The core, tested by plain calls.
//!
//! `guarantees` says in plain words what every client may rely on. `model` compares random calls with a model
//! that is too simple to be wrong. `simulation` lets many clients live on a bad network. All of them run in a
//! `World`, where after every step an audit of the hub's state and a witness of all that was sent look on.

mod guarantees;
mod model;
mod seed;
mod simulation;
mod witness;
mod world;
