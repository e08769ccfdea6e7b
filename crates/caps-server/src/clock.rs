//! The time that the hub is told.

use std::time::{Instant, SystemTime};

use caps_hub::Timestamp;

/// Goes with the machine's clock, and never back. While that is behind, because it was set back or the hub before
/// this one ran ahead of it, this clock goes on at half its speed: what is to happen after some time, such as the
/// lapse of a claim, then happens after twice that at the latest, and the two clocks meet again.
#[derive(Debug)]
pub(crate) struct Clock {
    /// When they last met, or this clock was ahead from the start.
    since: (Timestamp, Instant),
}

impl Clock {
    /// Begins no earlier than `earliest`.
    pub(crate) fn new(earliest: Timestamp) -> Self {
        Self { since: (earliest, Instant::now()) }
    }

    pub(crate) fn now(&mut self) -> Timestamp {
        self.at(SystemTime::now().into(), Instant::now())
    }

    fn at(&mut self, machine: Timestamp, instant: Instant) -> Timestamp {
        let (met, then) = self.since;
        let slow = met + instant.saturating_duration_since(then) / 2;
        if machine >= slow {
            self.since = (machine, instant);
        }
        machine.max(slow)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_795_381_200_000);
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn it_goes_with_the_machines_clock_and_ahead_with_it() {
        let began = Instant::now();
        let mut clock = Clock { since: (NOON, began) };
        assert_eq!(clock.at(NOON + MINUTE, began + MINUTE), NOON + MINUTE);
        assert_eq!(clock.at(NOON + 60 * MINUTE, began + MINUTE), NOON + 60 * MINUTE);
    }

    #[test]
    fn when_that_is_set_back_it_goes_on_at_half_its_speed_until_they_meet_again() {
        let began = Instant::now();
        let mut clock = Clock { since: (NOON, began) };
        let mut times = Vec::new();
        for minute in 0..=12 {
            let machine = Timestamp::from_millis(NOON.as_millis() - 300_000) + minute * MINUTE;
            times.push(clock.at(machine, began + minute * MINUTE));
        }
        let half = MINUTE / 2;
        let expected: Vec<_> = (0..=10).map(|minute| NOON + minute * half).collect();
        assert_eq!(times[..=10], expected);
        assert_eq!(times[11..], [NOON + 6 * MINUTE, NOON + 7 * MINUTE]);
    }

    #[test]
    fn however_often_it_is_asked_it_goes_on() {
        let began = Instant::now();
        let mut clock = Clock { since: (NOON, began) };
        let micros = (0..=2_000_000).step_by(50);
        let last = micros
            .map(|micros| clock.at(Timestamp::default(), began + Duration::from_micros(micros)));
        assert_eq!(last.last(), Some(NOON + Duration::from_secs(1)));
    }
}
