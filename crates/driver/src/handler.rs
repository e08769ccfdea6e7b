//! The way of one order, from the first word of it to its door.

use std::io::Write;
use std::time::Duration;

use caps_client::Error;
use caps_client::cli::Failure;
use caps_proto::{Code, Event, Message};
use tokio::time::sleep;

use crate::hub::Hub;
use crate::say::Say;

/// How long things take on the road.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// From hearing of an order to having it on the road.
    pub(crate) pickup_delay: Duration,
    /// On the road.
    pub(crate) delivery_delay: Duration,
}

/// What came of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It has arrived, and the hub knows.
    Delivered,
    /// It had arrived before, and the hub knows again.
    ReportedAgain,
    /// It is not this driver's.
    LeftAlone,
}

/// Delivers an order, unless another driver has it.
pub(crate) async fn deliver(
    pickup: &Message,
    pace: Pace,
    hub: &impl Hub,
    say: &Say<impl Write>,
) -> Result<Outcome, Failure> {
    sleep(pace.pickup_delay).await;
    if let Err(why) = hub.in_transit(pickup).await {
        return leave_alone(pickup, why);
    }
    say.happened(Event::InTransit, pickup)?;

    sleep(pace.delivery_delay).await;
    if let Err(why) = hub.delivered(pickup).await {
        return leave_alone(pickup, why);
    }
    say.happened(Event::Delivered, pickup)?;

    acknowledge(pickup, hub).await?;
    Ok(Outcome::Delivered)
}

/// Reports again on an order that was delivered and came again: the hub has lost its memory of the delivery, or
/// it does no harm.
pub(crate) async fn report_again(pickup: &Message, hub: &impl Hub) -> Result<Outcome, Failure> {
    if let Err(why) = hub.delivered(pickup).await {
        return leave_alone(pickup, why);
    }
    acknowledge(pickup, hub).await?;
    Ok(Outcome::ReportedAgain)
}

/// Says `received` for the pickup of an order that was delivered. Said last, so that whatever happens before,
/// the hub keeps the order for whoever takes it up where this driver stopped.
async fn acknowledge(pickup: &Message, hub: &impl Hub) -> Result<(), Failure> {
    let removed = match hub.received(pickup).await {
        Ok(done) => done.removed.unwrap_or_default(),
        Err(why) => return leave_alone(pickup, why).map(drop),
    };
    // A delivery takes its pickup out of the queue. Where one was left, the hub has lost the delivery with its
    // memory and heard of the order anew; and it now believes that this driver will deliver it.
    if removed > 0
        && let Err(why) = hub.delivered(pickup).await
    {
        leave_alone(pickup, why)?;
    }
    Ok(())
}

/// What to do when the hub does not take a report: a driver whose report is refused has no right to the order.
fn leave_alone(pickup: &Message, why: Error) -> Result<Outcome, Failure> {
    let Error::Refused(refusal) = why else { return Err(why.into()) };
    let Message { client_id: client, message_id: order, .. } = pickup;
    match refusal.code {
        Code::AlreadyClaimed | Code::AlreadyDelivered => {
            tracing::debug!(%client, %order, %refusal, "left an order alone");
        }
        Code::Unauthorized => return Err(Error::Refused(refusal).into()),
        _ => tracing::warn!(%client, %order, %refusal, "left an order alone"),
    }
    Ok(Outcome::LeftAlone)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use caps_client::cli::{Lines, Progress};
    use caps_proto::{Done, Refusal};

    const PACE: Pace =
        Pace { pickup_delay: Duration::from_secs(1), delivery_delay: Duration::from_secs(2) };

    /// Notes what is emitted, and refuses what it is told to.
    #[derive(Default)]
    struct Noted {
        emits: Mutex<Vec<String>>,
        refuses: Option<(&'static str, Code)>,
        /// How many pickups `received` removes.
        removes: u64,
    }

    impl Noted {
        fn refusing(event: &'static str, code: Code) -> Self {
            Self { refuses: Some((event, code)), ..Self::default() }
        }

        fn note(&self, event: &str, pickup: &Message) -> Result<Done, Error> {
            let emit = format!("{event} {}/{}", pickup.client_id, pickup.message_id);
            self.emits.lock().unwrap().push(emit);
            match self.refuses {
                Some((refused, code)) if refused == event => Err(Refusal::new(code, "No.").into()),
                _ => Ok(Done { removed: Some(self.removes), ..Done::default() }),
            }
        }

        fn emits(&self) -> Vec<String> {
            self.emits.lock().unwrap().clone()
        }
    }

    impl Hub for Noted {
        async fn in_transit(&self, pickup: &Message) -> Result<Done, Error> {
            self.note("in-transit", pickup)
        }

        async fn delivered(&self, pickup: &Message) -> Result<Done, Error> {
            self.note("delivered", pickup)
        }

        async fn received(&self, pickup: &Message) -> Result<Done, Error> {
            self.note("received", pickup)
        }
    }

    fn pickup() -> Message {
        let text = r#"{"event":"pickup","messageId":"7","clientId":"acme","order":{}}"#;
        serde_json::from_str(text).unwrap()
    }

    fn printed(say: Say<Vec<u8>>) -> Vec<String> {
        let text = String::from_utf8(say.into_lines().into_inner()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Delivers order 7, and says what came of it, what was emitted, and what was printed.
    async fn deliver_with(hub: &Noted) -> (Result<Outcome, Failure>, Vec<String>, Vec<String>) {
        let say = Say::new(Lines::new(Vec::new(), Progress::default()), false);
        let outcome = deliver(&pickup(), PACE, hub, &say).await;
        (outcome, hub.emits(), printed(say))
    }

    mod deliver {
        use super::*;
        use tokio::time::Instant;

        #[tokio::test(start_paused = true)]
        async fn an_order_goes_its_way_and_the_pickup_is_acknowledged_last() {
            let start = Instant::now();
            let (outcome, emits, printed) = deliver_with(&Noted::default()).await;
            assert_eq!(outcome.unwrap(), Outcome::Delivered);
            assert_eq!(emits, ["in-transit acme/7", "delivered acme/7", "received acme/7"]);
            assert_eq!(printed, ["DRIVER: picked up 7", "DRIVER: delivered 7"]);
            assert_eq!(start.elapsed(), Duration::from_secs(3));
        }

        #[tokio::test(start_paused = true)]
        async fn an_order_that_another_driver_has_is_left_alone() {
            for code in [Code::AlreadyClaimed, Code::AlreadyDelivered, Code::Forbidden] {
                let hub = Noted::refusing("in-transit", code);
                let (outcome, emits, printed) = deliver_with(&hub).await;
                assert_eq!(outcome.unwrap(), Outcome::LeftAlone, "{code}");
                assert_eq!(emits, ["in-transit acme/7"]);
                assert_eq!(printed, [""; 0]);
            }
        }

        #[tokio::test(start_paused = true)]
        async fn an_order_that_another_driver_has_taken_over_is_not_told_as_delivered() {
            let hub = Noted::refusing("delivered", Code::AlreadyDelivered);
            let (outcome, emits, printed) = deliver_with(&hub).await;
            assert_eq!(outcome.unwrap(), Outcome::LeftAlone);
            assert_eq!(emits, ["in-transit acme/7", "delivered acme/7"]);
            assert_eq!(printed, ["DRIVER: picked up 7"]);
        }

        #[tokio::test(start_paused = true)]
        async fn a_delivery_that_the_hub_has_forgotten_is_reported_again() {
            let hub = Noted { removes: 1, ..Noted::default() };
            let (outcome, emits, printed) = deliver_with(&hub).await;
            assert_eq!(outcome.unwrap(), Outcome::Delivered);
            assert_eq!(emits[1..], ["delivered acme/7", "received acme/7", "delivered acme/7"]);
            assert_eq!(printed, ["DRIVER: picked up 7", "DRIVER: delivered 7"]);
        }

        #[tokio::test(start_paused = true)]
        async fn a_pickup_that_another_driver_has_taken_since_is_left_to_it() {
            let hub = Noted::refusing("received", Code::AlreadyClaimed);
            let (outcome, emits, _) = deliver_with(&hub).await;
            assert_eq!(outcome.unwrap(), Outcome::Delivered);
            assert_eq!(emits.len(), 3);
        }

        #[tokio::test(start_paused = true)]
        async fn a_driver_that_nobody_knows_gives_up() {
            let hub = Noted::refusing("in-transit", Code::Unauthorized);
            assert!(deliver_with(&hub).await.0.is_err());
        }
    }

    mod report_again {
        use super::*;

        #[tokio::test]
        async fn a_delivery_is_reported_and_acknowledged_once_more() {
            let hub = Noted::default();
            assert_eq!(report_again(&pickup(), &hub).await.unwrap(), Outcome::ReportedAgain);
            assert_eq!(hub.emits(), ["delivered acme/7", "received acme/7"]);
        }

        #[tokio::test]
        async fn an_order_that_another_driver_has_meanwhile_is_left_alone() {
            let hub = Noted::refusing("delivered", Code::AlreadyClaimed);
            assert_eq!(report_again(&pickup(), &hub).await.unwrap(), Outcome::LeftAlone);
            assert_eq!(hub.emits(), ["delivered acme/7"]);
        }
    }
}
