//! Guarantee 4, every way it can go: two drivers that act on every broadcast, whatever they are answered.

use crate::ConnId;
use crate::tests::world::World;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Act {
    Receive,
    Take,
    Deliver,
}
use Act::{Deliver, Receive, Take};

impl World {
    fn act(&mut self, driver: ConnId, act: Act) -> String {
        match act {
            Receive => self.receive(driver, "pickup acme/7"),
            Take => self.take(driver, "acme/7"),
            Deliver => self.deliver(driver, "acme/7"),
        }
    }

    /// Two drivers: both named, the first of them, or neither.
    fn two_drivers(&mut self, named: usize) -> [ConnId; 2] {
        ["dora", "emil"].map(|name| match named {
            0 => self.nameless_driver(),
            1 if name == "emil" => self.nameless_driver(),
            _ => self.driver(name),
        })
    }
}

/// Every order in which two sequences of three can be woven together.
fn weaves() -> Vec<[usize; 6]> {
    let patterns = (0..1_u32 << 6).filter(|bits| bits.count_ones() == 3);
    patterns.map(|bits| std::array::from_fn(|i| usize::from(bits & (1 << i) != 0))).collect()
}

/// Every order of six things.
fn permutations() -> Vec<Vec<usize>> {
    (0..6).fold(vec![vec![]], |shorter, next| {
        let longer = shorter.iter().flat_map(|order| {
            (0..=order.len()).map(move |at| {
                let mut order = order.clone();
                order.insert(at, next);
                order
            })
        });
        longer.collect()
    })
}

#[test]
fn in_every_interleaving_the_vendor_hears_of_transit_and_delivery_once() {
    let habits = [[Receive, Take, Deliver], [Take, Deliver, Receive]];
    let weaves = weaves();
    assert_eq!(weaves.len(), 20);
    for (named, first, second) in
        (0..3).flat_map(|n| habits.map(|a| habits.map(|b| (n, a, b)))).flatten()
    {
        for weave in &weaves {
            let mut world = World::new();
            let acme = world.vendor("acme");
            let drivers = world.two_drivers(named);
            world.place(acme, "acme/7");
            let mut acts = [first.into_iter(), second.into_iter()];
            let mut done = Vec::new();
            for i in *weave {
                let act = acts[i].next().unwrap();
                done.push((i, act, world.act(drivers[i], act)));
            }
            let heard = world.heard(acme);
            assert_eq!(heard, ["in-transit acme/7", "delivered acme/7"], "{named} named: {done:?}");
            let driver = done[0].0;
            for (i, act, verdict) in &done {
                let is_refused = verdict.starts_with("already_") || verdict == "removed 0";
                let is_idle_receive = *act == Receive && verdict == "removed 0";
                assert!(*i == driver || is_refused, "one driver an order: {done:?}");
                assert!(
                    *i != driver || !is_refused || is_idle_receive,
                    "the holder's own: {done:?}"
                );
            }
            assert_eq!(world.waiting("acme", "pickup"), [""; 0]);
            assert_eq!(world.waiting("acme", "delivered"), ["delivered acme/7"]);
        }
    }
}

#[test]
fn not_even_confused_drivers_make_the_vendor_hear_twice() {
    let permutations = permutations();
    assert_eq!(permutations.len(), 720);
    for (named, permutation) in (0..3).flat_map(|n| permutations.iter().map(move |p| (n, p))) {
        let mut world = World::new();
        let acme = world.vendor("acme");
        let drivers = world.two_drivers(named);
        world.place(acme, "acme/7");
        let mut done = Vec::new();
        for next in permutation {
            let (i, act) = (next / 3, [Receive, Take, Deliver][next % 3]);
            done.push((i, act, world.act(drivers[i], act)));
        }
        let mut heard = world.heard(acme);
        assert_eq!(heard.pop().as_deref(), Some("delivered acme/7"), "{named} named: {done:?}");
        assert!(heard.is_empty() || heard == ["in-transit acme/7"], "{named} named: {done:?}");
    }
}

#[test]
fn a_driver_that_goes_at_any_point_leaves_the_order_to_the_other() {
    for acts in [[Receive, Take], [Take, Receive]] {
        for goes_after in 0..=acts.len() {
            let mut world = World::new();
            let acme = world.vendor("acme");
            let [dora, emil] = world.two_drivers(0);
            world.place(acme, "acme/7");
            for act in &acts[..goes_after] {
                world.act(dora, *act);
                assert_ne!(world.act(emil, *act), "ok");
            }
            world.disconnect(dora);
            assert_eq!(world.take(emil, "acme/7"), "ok", "gone after {goes_after} of {acts:?}");
            assert_eq!(world.deliver(emil, "acme/7"), "ok");
            assert_eq!(world.heard(acme), ["in-transit acme/7", "delivered acme/7"]);
        }
    }
}
