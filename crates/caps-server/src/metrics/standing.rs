//! How the hub stands: what waits, and who is there.

use std::sync::atomic::{AtomicU64, Ordering};

use caps_hub::{Hub, Identity, Replayed};
use caps_proto::Event;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::each;

/// What is read of the hub when it is asked for.
pub(super) struct Standing {
    depth: [Gauge; Event::ALL.len()],
    age: [Gauge<f64, AtomicU64>; Event::ALL.len()],
    orders_open: Gauge,
    clients: [Gauge; ROLES.len()],
    clients_behind: Gauge,
    replayed: [Counter; 2],
}

const ROLES: [&str; 5] = ["anyone", "vendor", "driver", "observer", "admin"];

impl Standing {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let events = Event::ALL.map(Event::name);
        let orders_open = Gauge::default();
        let help = "Orders that are placed and not delivered, or delivered and not yet received by their vendor";
        registry.register("caps_orders_open", help, orders_open.clone());
        let clients_behind = Gauge::default();
        let help =
            "Clients that are catching up: something that they are to be sent waits for their line";
        registry.register("caps_clients_behind", help, clients_behind.clone());
        Self {
            depth: each(
                registry,
                "caps_queue_messages",
                "Messages that wait in the queues of all vendors",
                None,
                "event",
                events,
            ),
            age: each(
                registry,
                "caps_queue_oldest_message_age",
                "For how long the oldest message has waited",
                Some(Unit::Seconds),
                "event",
                events,
            ),
            orders_open,
            clients: each(
                registry,
                "caps_clients",
                "Clients that are connected over Socket.IO, by role",
                None,
                "role",
                ROLES,
            ),
            clients_behind,
            replayed: each(
                registry,
                "caps_messages_replayed",
                "Messages sent out of a queue, to clients that asked with getAll or were behind",
                None,
                "reason",
                ["get_all", "behind"],
            ),
        }
    }

    /// Takes as long as it takes to go through all connections, however much waits.
    pub(super) fn observe(&self, hub: &Hub) {
        let now = hub.now();
        for (event, (depth, age)) in Event::ALL.into_iter().zip(self.depth.iter().zip(&self.age)) {
            let backlog = hub.backlog(event);
            depth.set(whole(backlog.depth));
            age.set(backlog.oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64()));
        }
        self.orders_open.set(whole(hub.open()));
        let (mut clients, mut behind) = ([0; ROLES.len()], 0);
        for connection in hub.connections() {
            clients[role(connection.identity)] += 1;
            behind += usize::from(connection.is_behind);
        }
        for (gauge, count) in self.clients.iter().zip(clients) {
            gauge.set(whole(count));
        }
        self.clients_behind.set(whole(behind));
        let Replayed { asked_for, behind } = hub.replayed();
        for (counter, count) in self.replayed.iter().zip([asked_for, behind]) {
            counter.inner().store(count, Ordering::Relaxed);
        }
    }
}

/// Its place in [`ROLES`].
fn role(identity: &Identity) -> usize {
    match identity {
        Identity::Anyone { .. } => 0,
        Identity::Vendor(_) => 1,
        Identity::Driver { .. } => 2,
        Identity::Observer => 3,
        Identity::Admin { .. } => 4,
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
