//! How long the core takes for what it does most: `cargo bench -p caps-hub`.

mod town;

use divan::Bencher;
use divan::counter::ItemsCount;

use town::{Operation, Scene};

/// Operations of one kind that are timed together.
const TIMES: u64 = 1000;

fn main() {
    divan::main();
}

/// With nothing else in the queue.
#[divan::bench(args = Operation::ALL, sample_count = 100, sample_size = 1)]
fn alone(bencher: Bencher<'_, '_>, operation: &Operation) {
    behind(bencher, *operation, 0);
}

/// With 1,000,000 messages in the queue before those that are measured.
#[divan::bench(
    args = [Operation::Pickup, Operation::InTransit, Operation::ReceivedPickup],
    sample_count = 5,
    sample_size = 1
)]
fn behind_a_million(bencher: Bencher<'_, '_>, operation: &Operation) {
    behind(bencher, *operation, 1_000_000);
}

/// A queue of 1,000,000 messages is sent again.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn replay_of_a_million(bencher: Bencher<'_, '_>) {
    bencher
        .counter(ItemsCount::new(1_000_000_u64))
        .with_inputs(|| Scene::new(Operation::Replay, 1_000_000, 0))
        .bench_local_refs(Scene::play);
}

fn behind(bencher: Bencher<'_, '_>, operation: Operation, waiting: u64) {
    bencher
        .counter(ItemsCount::new(TIMES))
        .with_inputs(|| Scene::new(operation, TIMES, waiting))
        .bench_local_refs(Scene::play);
}
