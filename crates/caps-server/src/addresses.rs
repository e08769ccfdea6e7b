//! How many connections one address has, so that nobody takes all there are. A session of long polling counts as one,
//! too: one connection can open any number of them, and they outlive it.
//!
//! Behind a proxy, which has all of them, the address is the one that the proxy names in `X-Forwarded-For`. Anyone can
//! write that header, so it counts only where the proxy is one that the operator has named.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use ipnet::IpNet;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::edge::flow;

/// What is said to one whose address has all the connections that it may have.
pub(crate) const TOO_MANY: &str =
    "Your address has as many connections as it may have; close some of them.\n";

/// How one is refused who has got as far as a request.
const REFUSED: (StatusCode, &str) = (StatusCode::TOO_MANY_REQUESTS, TOO_MANY);

/// What is said when there are as many sessions as there may be.
const FULL: &str = "The hub has as many sessions as it may have; try again in a moment.\n";

/// The connections of every address.
pub(crate) struct Addresses {
    most: usize,
    proxies: Vec<IpNet>,
    open: Mutex<HashMap<IpAddr, usize>>,
    /// How often there was no place.
    turned_away: Counter,
    /// Places for sessions of long polling.
    sessions: Arc<Semaphore>,
}

/// The place of a session of long polling, for its life.
#[derive(Clone)]
pub(crate) struct Session {
    _place: Arc<(OwnedSemaphorePermit, Place)>,
}

/// One connection's place among those of its address, which is free again when it is dropped.
pub(crate) struct Place {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    /// At most `most` connections of an address, of which it counts those beyond, and `sessions` of long polling in all.
    pub(crate) fn new(
        most: usize,
        sessions: usize,
        proxies: Vec<IpNet>,
        turned_away: Counter,
    ) -> Arc<Self> {
        let sessions = Arc::new(Semaphore::new(sessions.min(Semaphore::MAX_PERMITS)));
        Arc::new(Self { most, proxies, open: Mutex::default(), turned_away, sessions })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // No step under the lock can panic and leave it half done.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|proxies| proxies.contains(&address))
    }

    fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = whole(address);
        let mut open = self.lock();
        let count = open.entry(address).or_default();
        if *count >= self.most {
            self.turned_away.inc();
            return None;
        }
        *count += 1;
        Some(Place { addresses: Arc::clone(self), address })
    }

    /// The address behind a proxy: the last one that no proxy of ours has written for another.
    fn behind(&self, proxy: IpAddr, headers: &HeaderMap) -> IpAddr {
        let written = headers.get_all("x-forwarded-for").into_iter().rev();
        let texts = written.filter_map(|value| value.to_str().ok());
        let addresses = texts.flat_map(|text| text.rsplit(','));
        let mut client = proxy;
        for address in addresses.map_while(|text| text.trim().parse().ok()) {
            client = address;
            if !self.is_proxy(address) {
                break;
            }
        }
        client
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.addresses.lock();
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

/// An address for one who has them by the million: of version 6, one is given 2⁶⁴ of them (RFC 6177).
fn whole(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
        address => address,
    }
}

/// The place of a connection, for the connection's life; it is known at the first request where that tells whose it is.
#[derive(Clone)]
pub(crate) struct Admission(Arc<Admitted>);

struct Admitted {
    addresses: Arc<Addresses>,
    peer: IpAddr,
    place: OnceLock<Place>,
}

/// The address has no place left.
#[derive(Debug)]
pub(crate) struct TooMany;

impl Admission {
    /// Lets a connection from `peer` in. A proxy has a place for each of its clients.
    pub(crate) fn of(addresses: &Arc<Addresses>, peer: IpAddr) -> Result<Self, TooMany> {
        let place = OnceLock::new();
        if !addresses.is_proxy(peer) {
            let _ = place.set(addresses.take(peer).ok_or(TooMany)?);
        }
        Ok(Self(Arc::new(Admitted { addresses: Arc::clone(addresses), peer, place })))
    }

    /// Whether the client's request came over TLS, which ends at a proxy of ours: the hub has none itself.
    pub(crate) fn is_over_tls(&self, headers: &HeaderMap) -> bool {
        let proto = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
        // Of several proxies the first is the one that the client has spoken to.
        let proto = proto.and_then(|value| value.split(',').next()).unwrap_or_default();
        self.0.addresses.is_proxy(self.0.peer) && proto.trim().eq_ignore_ascii_case("https")
    }

    /// Lets the client in whose request this is.
    fn admit(&self, headers: &HeaderMap) -> Result<(), TooMany> {
        let Admitted { addresses, peer, place } = &*self.0;
        if place.get().is_some() {
            return Ok(());
        }
        let client = addresses.behind(*peer, headers);
        // Who comes second on the same connection gives its own place back.
        let _ = place.set(addresses.take(client).ok_or(TooMany)?);
        Ok(())
    }

    /// Lets a session in beside its connections.
    fn open_session(&self, headers: &HeaderMap) -> Result<Session, (StatusCode, &'static str)> {
        let Admitted { addresses, peer, .. } = &*self.0;
        let permit = Arc::clone(&addresses.sessions).try_acquire_owned();
        let permit = permit.map_err(|_| (StatusCode::SERVICE_UNAVAILABLE, FULL))?;
        let client = addresses.behind(*peer, headers);
        let client = if addresses.is_proxy(*peer) { client } else { *peer };
        let place = addresses.take(client).ok_or(REFUSED)?;
        Ok(Session { _place: Arc::new((permit, place)) })
    }
}

/// Answers requests only of those who have a place.
pub(crate) async fn watch(mut request: Request, next: Next) -> Response {
    let Some(admission) = request.extensions().get::<Admission>().cloned() else {
        return next.run(request).await;
    };
    if let Err(TooMany) = admission.admit(request.headers()) {
        return REFUSED.into_response();
    }
    if flow::opens_polling(request.method(), request.uri()) {
        match admission.open_session(request.headers()) {
            // Instead of the connection's, which the session would hold for longer than that lasts.
            Ok(session) => {
                request.extensions_mut().remove::<Admission>();
                request.extensions_mut().insert(session);
            }
            Err(refused) => return refused.into_response(),
        }
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn forwarded(values: &[&'static str]) -> HeaderMap {
        values
            .iter()
            .map(|value| ("x-forwarded-for".parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn an_address_has_so_many_connections_and_no_more() {
        let addresses = Addresses::new(2, 1, Vec::new(), Counter::default());
        let admit = |text| Admission::of(&addresses, ip(text));
        let first = admit("10.0.0.1").unwrap();
        let _second = admit("10.0.0.1").unwrap();
        assert!(admit("10.0.0.1").is_err());
        assert!(admit("10.0.0.2").is_ok(), "another one has its own");
        drop(first);
        assert!(admit("10.0.0.1").is_ok());
        // A network of version 6 is one address, and so is one of version 4 that is written as such.
        let _sixth = [admit("2001:db8::1").unwrap(), admit("2001:db8::2").unwrap()];
        assert!(admit("2001:db8::3").is_err() && admit("2001:db8:0:1::1").is_ok());
        let _fourth = admit("10.0.0.1").unwrap();
        assert!(admit("::ffff:10.0.0.1").is_err());
        drop(addresses.lock());
    }

    #[test]
    fn behind_a_proxy_of_ours_it_is_the_clients_address_that_counts() {
        let addresses =
            Addresses::new(1, 1, vec!["10.0.0.0/8".parse().unwrap()], Counter::default());
        let behind = |values| addresses.behind(ip("10.0.0.1"), &forwarded(values));
        assert_eq!(behind(&[]), ip("10.0.0.1"));
        assert_eq!(behind(&["1.2.3.4"]), ip("1.2.3.4"));
        assert_eq!(
            behind(&["6.6.6.6, 1.2.3.4, 10.1.1.1"]),
            ip("1.2.3.4"),
            "what a client writes is passed over"
        );
        assert_eq!(behind(&["6.6.6.6", "1.2.3.4", "10.1.1.1"]), ip("1.2.3.4"));
        assert_eq!(behind(&["1.2.3.4, nonsense"]), ip("10.0.0.1"));

        let connect = |client| {
            let admission = Admission::of(&addresses, ip("10.0.0.1")).unwrap();
            admission.admit(&forwarded(&[client])).map(|()| admission)
        };
        let first = connect("1.2.3.4").unwrap();
        assert!(connect("1.2.3.4").is_err());
        assert!(connect("1.2.3.5").is_ok());
        assert!(first.admit(&forwarded(&["1.2.3.5"])).is_ok(), "it has its place already");
    }

    #[test]
    fn a_request_came_over_tls_where_a_proxy_of_ours_says_so() {
        let addresses =
            Addresses::new(9, 1, vec!["10.0.0.0/8".parse().unwrap()], Counter::default());
        let of = |peer| Admission::of(&addresses, ip(peer)).unwrap();
        for (peer, proto, is_over_tls) in [
            ("10.0.0.1", Some("https"), true),
            ("10.0.0.1", Some("HTTPS, http"), true),
            ("10.0.0.1", Some("http"), false),
            ("10.0.0.1", None, false),
            ("6.6.6.6", Some("https"), false),
        ] {
            let value =
                |proto: &str| ("x-forwarded-proto".parse().unwrap(), proto.parse().unwrap());
            let headers: HeaderMap = proto.map(value).into_iter().collect();
            assert_eq!(of(peer).is_over_tls(&headers), is_over_tls, "{peer} {proto:?}");
        }
    }

    #[test]
    fn what_a_stranger_forwards_counts_for_nothing() {
        let addresses = Addresses::new(1, 1, Vec::new(), Counter::default());
        let first = Admission::of(&addresses, ip("6.6.6.6")).unwrap();
        assert!(first.admit(&forwarded(&["1.2.3.4"])).is_ok());
        assert!(Admission::of(&addresses, ip("6.6.6.6")).is_err());
    }
}
