//! A clock that is set back, or stands still, confuses nobody.

use std::time::Duration;

use crate::Timestamp;
use crate::tests::world::World;

const CLAIM_TIME: Duration = Duration::from_secs(10 * 60);

#[test]
fn time_never_goes_back_in_the_facts() {
    let mut world = World::new();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    world.place(acme, "acme/1");
    let before = world.now;
    world.now = Timestamp::from_millis(7);
    world.place(acme, "acme/2");
    world.deliver(driver, "acme/1");
    assert!(world.facts.iter().all(|fact| fact.at == before));
    world.now = before + Duration::from_secs(1);
    world.deliver(driver, "acme/2");
    assert_eq!(world.facts.last().map(|fact| fact.at), Some(world.now));
}

#[test]
fn a_claim_made_while_the_clock_is_wrong_lapses_when_it_is_right_again() {
    let mut world = World::new();
    let (acme, dora, emil) = (world.vendor("acme"), world.driver("dora"), world.driver("emil"));
    world.place(acme, "acme/1");
    let right = world.now;
    world.now = Timestamp::from_millis(7);
    world.receive(dora, "pickup acme/1");
    world.heard(emil);
    world.wait(CLAIM_TIME);
    assert_eq!(world.heard(emil), [""; 0], "the hub's time has stood still");
    world.now = right + CLAIM_TIME;
    world.advance();
    assert_eq!(world.heard(emil), ["pickup acme/1"]);
}

#[test]
fn a_clock_at_the_end_of_time_lapses_nothing_early() {
    let mut world = World::new();
    world.now = Timestamp::from_millis(u64::MAX - 1);
    let (acme, dora, emil) = (world.vendor("acme"), world.driver("dora"), world.driver("emil"));
    world.place(acme, "acme/1");
    world.receive(dora, "pickup acme/1");
    assert_eq!(world.take(emil, "acme/1"), "already_claimed");
}
