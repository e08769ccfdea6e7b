//! Finds orders in the log, and asks the hub how far they have come.

use std::time::{Duration, Instant};

use caps_hub::{OrderState, OrderView, Seq};
use caps_proto::ClientId;

use super::{ENOUGH_BYTES, Listed};
use crate::http::Sources;
use crate::http::problem::Problem;
use crate::journal::file::{Beginnings, Begun, Course, Reader};
use crate::order_text::Needle;

/// How long one page may look for orders that are rare.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many orders are looked at in one go, when some states alone are wanted.
const BATCH: usize = 1000;

/// An order that the log has, and what the hub knows of it, unless that has forgotten it.
pub(super) struct Found {
    begun: Begun,
    known: Option<(OrderView, Option<Course>)>,
}

impl Found {
    fn state(&self) -> OrderState {
        self.known.as_ref().map_or(OrderState::Delivered, |(view, _)| view.state)
    }
}

pub(super) struct Search<'a> {
    pub(super) sources: &'a Sources,
    pub(super) log: &'a Reader,
    pub(super) client_id: Option<ClientId>,
    /// `None` for all.
    pub(super) states: Option<Vec<OrderState>>,
    pub(super) needle: Option<Needle>,
}

impl Search<'_> {
    fn wants(&self, state: OrderState) -> bool {
        self.states.as_ref().is_none_or(|states| states.contains(&state))
    }

    /// Finds orders that began before `before`, at most `limit`; and where to go on, unless there are no more.
    pub(super) async fn from(
        &self,
        mut before: Option<Seq>,
        limit: usize,
    ) -> Result<(Vec<Found>, Option<Seq>), Problem> {
        let began = Instant::now();
        let (mut found, mut bytes) = (Vec::<Found>::new(), 0);
        loop {
            // One more than is left, to know whether there are more.
            let batch = if self.states.is_some() { BATCH } else { limit - found.len() + 1 };
            let (client_id, needle) = (self.client_id.clone(), self.needle.clone());
            let Beginnings { orders, next } =
                self.log.beginnings(client_id, needle, before, batch).await?;
            for order in self.look_at(orders).await? {
                if !self.wants(order.state()) {
                    continue;
                }
                if found.len() == limit || bytes >= ENOUGH_BYTES {
                    let last = found.last().map(|found| found.begun.seq);
                    return Ok((found, last));
                }
                bytes += order.begun.bytes;
                found.push(order);
            }
            if next.is_none() || began.elapsed() > PATIENCE {
                return Ok((found, next));
            }
            before = next;
        }
    }

    /// Asks the hub of each of these orders, and the log how those have gone on that it knows.
    async fn look_at(&self, orders: Vec<Begun>) -> Result<Vec<Found>, Problem> {
        let whiches: Vec<_> = orders.iter().map(|order| order.which.clone()).collect();
        let views = self
            .sources
            .look(move |hub| -> Vec<_> { whiches.iter().map(|which| hub.order(which)).collect() });
        let views = views.await?;
        self.sources.are_kept(views.iter().flatten()).await?;
        let may_be_past = self.wants(OrderState::Delivered);
        let is_wanted = |view: &OrderView| may_be_past || self.wants(view.state);
        let wanted = views.iter().flatten().filter(|view| is_wanted(view));
        let courses = self.log.courses(wanted.map(|view| view.latest).collect()).await?;
        let mut courses = courses.into_iter();
        let found = orders.into_iter().zip(views).map(|(begun, view)| {
            let course = view.as_ref().filter(|view| is_wanted(view)).and_then(|_| courses.next());
            // An order that began later under the same id has taken this one's place.
            let is_past = course.flatten().is_some_and(|course| course.began > begun.seq);
            let known = view.filter(|_| !is_past).map(|view| (view, course.flatten()));
            Found { begun, known }
        });
        Ok(found.collect())
    }

    /// Tells what there is to tell of them.
    pub(super) async fn tell(&self, found: Vec<Found>) -> Result<Vec<Listed>, Problem> {
        let began = found.iter().map(|found| found.begun.seq).collect();
        let ended = found.iter().filter(|found| found.known.is_none());
        let ended = ended.map(|found| found.begun.clone()).collect();
        let mut pasts = self.log.pasts(began, ended).await?;
        let listed = found.into_iter().map(|Found { begun, known }| {
            let Begun { seq, at, which, .. } = begun;
            let past = pasts.remove(&seq);
            let (order, delivered) = past.map_or((None, None), |past| (past.order, past.delivered));
            let mut listed = match known {
                Some((view, course)) => Listed::of(which, view, course),
                None => Listed::delivered(which, delivered),
            };
            listed.placed_at = Some(at.to_string());
            listed.changed_at = listed.changed_at.or(Some(at.to_string()));
            listed.seq = Some(seq.0);
            listed.order = order.or(listed.order);
            listed
        });
        Ok(listed.collect())
    }
}
