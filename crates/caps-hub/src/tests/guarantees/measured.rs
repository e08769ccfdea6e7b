//! Those who watch over the hub are told how it stands, in numbers.

use std::time::Duration;

use caps_proto::Event;
use serde_json::json;

use crate::tests::world::World;
use crate::{Backlog, Identity, Limits, Replayed};

fn backlogs(world: &World) -> [Backlog; 3] {
    Event::ALL.map(|event| world.hub.backlog(event))
}

#[test]
fn what_waits_of_all_vendors_is_counted_with_the_time_since_when_the_oldest_waits() {
    let mut world = World::new();
    let (acme, books) = (world.vendor("acme"), world.vendor("books"));
    let dora = world.driver("dora");
    let nothing = Backlog::default();
    assert_eq!(backlogs(&world), [nothing; 3]);
    let begin = world.now;
    let second = Duration::from_secs(1);
    for (vendor, order) in [(acme, "acme/1"), (books, "books/1"), (acme, "acme/2")] {
        world.place(vendor, order);
        world.wait(second);
    }
    let since = |depth, seconds| Backlog { depth, oldest: Some(begin + seconds * second) };
    assert_eq!(backlogs(&world), [since(3, 0), nothing, nothing]);
    world.receive(dora, "pickup acme/1");
    assert_eq!(backlogs(&world), [since(2, 1), nothing, nothing]);
    world.take(dora, "acme/1");
    assert_eq!(backlogs(&world), [since(2, 1), since(1, 3), nothing]);
    world.deliver(dora, "books/1");
    let stands = [since(1, 2), since(1, 3), since(1, 3)];
    assert_eq!(backlogs(&world), stands);
    world.restart();
    assert_eq!(backlogs(&world), stands, "read back");
    world.snapshot_all();
    world.restart();
    assert_eq!(backlogs(&world), stands, "from snapshots");
}

#[test]
fn those_who_are_connected_are_told_apart_by_who_they_are_and_whether_they_are_behind() {
    let mut world = World::with(Limits { window_messages: 4, ..Limits::default() });
    let (acme, slow, _olga) = (world.vendor("acme"), world.driver("dora"), world.observer());
    world.stall(slow);
    for id in 0..5 {
        world.place(acme, &format!("acme/{id}"));
    }
    let behind = |world: &World| -> Vec<_> {
        let connections = world.hub.connections();
        connections.filter(|view| view.is_behind).map(|view| view.identity.clone()).collect()
    };
    assert_eq!(world.hub.connections().count(), 3);
    assert!(matches!(behind(&world)[..], [Identity::Driver { .. }]));
    while world.drain(slow) {}
    assert_eq!(behind(&world), []);
    world.disconnect(slow);
    assert_eq!(world.hub.connections().count(), 2);
}

#[test]
fn what_is_sent_out_of_a_queue_is_counted_and_what_is_sent_at_once_is_not() {
    let mut world = World::with(Limits { window_messages: 4, ..Limits::default() });
    let (acme, dora) = (world.vendor("acme"), world.driver("dora"));
    for id in 0..3 {
        world.place(acme, &format!("acme/{id}"));
    }
    assert_eq!(world.hub.replayed(), Replayed::default());
    world.get_all(dora, json!({}));
    assert_eq!(world.hub.replayed(), Replayed { asked_for: 3, behind: 0 });
    world.stall(dora);
    for id in 3..10 {
        world.place(acme, &format!("acme/{id}"));
    }
    while world.drain(dora) {}
    assert_eq!(world.hub.replayed(), Replayed { asked_for: 3, behind: 3 });
}
