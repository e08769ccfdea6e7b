//! Who may ask for what, in one table: `docs/protocol.md`, "Handshake".

use caps_proto::{Code, Event, Refusal, Request};

use crate::input::Identity;
use crate::scope::means_all;

/// What a request does, as far as rights go.
enum Act {
    Read,
    Place,
    Report,
    Receive(Event),
}

impl Act {
    fn of(request: &Request) -> Self {
        match request {
            Request::Join(_) | Request::Subscribe(..) | Request::GetAll { .. } => Self::Read,
            Request::Pickup(..) => Self::Place,
            Request::InTransit(..) | Request::Delivered(..) | Request::Release(_) => Self::Report,
            Request::Received(event, _) | Request::ReceivedAll(event, ..) => Self::Receive(*event),
        }
    }
}

/// Checks that `identity` may ask for `request`.
pub(crate) fn check(identity: &Identity, request: &Request) -> Result<(), Refusal> {
    let forbid = |why: String| Err(Refusal::new(Code::Forbidden, why));
    match (identity, Act::of(request)) {
        (Identity::Anyone { .. } | Identity::Admin { .. }, _) => Ok(()),
        (identity @ Identity::Driver { .. }, _)
            if !names_all(identity, request)
                && request.client_id().is_some_and(|named| !identity.serves(named)) =>
        {
            forbid("This driver does not serve that vendor; ask for a token that names it.".into())
        }
        (Identity::Driver { .. } | Identity::Observer, Act::Read)
        | (Identity::Driver { .. }, Act::Report | Act::Receive(Event::Pickup)) => Ok(()),

        (Identity::Vendor(own), act) => {
            if let Some(other) = request.client_id().filter(|named| *named != own) {
                return forbid(format!(
                    "This connection speaks for `{own}` alone; connect as `{other}` to do this."
                ));
            }
            match act {
                Act::Report | Act::Receive(Event::Pickup) => {
                    forbid("A vendor takes no orders; connect as a driver to report on one.".into())
                }
                Act::Read | Act::Place | Act::Receive(_) => Ok(()),
            }
        }
        (Identity::Driver { .. }, Act::Place) => {
            forbid("A driver places no orders; connect as a vendor to place one.".into())
        }
        (Identity::Driver { .. }, Act::Receive(event)) => forbid(format!(
            "The `{event}` queue is its vendor's; a driver says `received` for pickups alone."
        )),
        (Identity::Observer, Act::Place | Act::Report | Act::Receive(_)) => forbid(
            "An observer changes nothing; connect as a vendor or a driver to do this.".into(),
        ),
    }
}

/// Whether a `getAll` names every vendor that the driver serves, by a word that looks like a vendor.
fn names_all(identity: &Identity, request: &Request) -> bool {
    match request {
        Request::GetAll { client_id: Some(named), event, .. } => means_all(named, identity, *event),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caps_proto::{ClientId, MessageId, Order, OrderRef};

    fn requests(client: &str) -> [(&'static str, Request); 11] {
        let client_id = ClientId::new(client).unwrap();
        let which =
            OrderRef { client_id: client_id.clone(), message_id: MessageId::new("7").unwrap() };
        let order: Order = serde_json::from_str("{}").unwrap();
        [
            ("join", Request::Join(client_id.clone())),
            ("subscribe", Request::Subscribe(client_id.clone(), Event::Delivered)),
            (
                "getAll",
                Request::GetAll { client_id: Some(client_id.clone()), event: None, limit: None },
            ),
            ("pickup", Request::Pickup(which.clone(), order.clone())),
            ("in-transit", Request::InTransit(which.clone(), order.clone())),
            ("delivered", Request::Delivered(which.clone(), order, None)),
            ("release", Request::Release(which.clone())),
            ("received pickup", Request::Received(Event::Pickup, which.clone())),
            ("received in-transit", Request::Received(Event::InTransit, which.clone())),
            ("received delivered", Request::Received(Event::Delivered, which)),
            ("received list", Request::ReceivedAll(Event::Delivered, client_id, vec![])),
        ]
    }

    /// What `identity` may do with `acme`'s orders.
    fn allowed(identity: &Identity) -> Vec<&'static str> {
        let requests = requests("acme").into_iter();
        requests
            .filter(|(_, request)| check(identity, request).is_ok())
            .map(|(name, _)| name)
            .collect()
    }

    #[test]
    fn every_role_may_do_its_own_job_and_no_other() {
        let all: Vec<_> = requests("acme").iter().map(|(name, _)| *name).collect();
        assert_eq!(allowed(&Identity::Anyone { name: None }), all);
        assert_eq!(
            allowed(&Identity::Vendor(ClientId::new("acme").unwrap())),
            [
                "join",
                "subscribe",
                "getAll",
                "pickup",
                "received in-transit",
                "received delivered",
                "received list"
            ],
        );
        assert_eq!(allowed(&Identity::Vendor(ClientId::new("other").unwrap())), [""; 0]);
        assert_eq!(
            allowed(&Identity::Driver { name: None, vendors: None }),
            [
                "join",
                "subscribe",
                "getAll",
                "in-transit",
                "delivered",
                "release",
                "received pickup"
            ],
        );
        assert_eq!(allowed(&Identity::Observer), ["join", "subscribe", "getAll"]);
        let name = "ann".parse().unwrap();
        assert_eq!(allowed(&Identity::Admin { name }), all);
    }

    #[test]
    fn a_driver_of_some_vendors_has_nothing_to_do_with_the_others() {
        let serves = |store| {
            let vendors = Some([ClientId::new(store).unwrap()].into());
            allowed(&Identity::Driver { name: Some("dora".parse().unwrap()), vendors })
        };
        let of_all = allowed(&Identity::Driver { name: None, vendors: None });
        assert_eq!(serves("acme"), of_all);
        assert_eq!(serves("flowers"), [""; 0]);
        let everything = Request::GetAll {
            client_id: Some(ClientId::new("driver").unwrap()),
            event: None,
            limit: None,
        };
        let driver = Identity::Driver { name: None, vendors: Some([].into()) };
        assert!(check(&driver, &everything).is_ok());
    }
}
