//! How often a client tries, and how soon it is back.

use super::*;
use played_hub::Door;

/// The longest that a hub that is back may wait for its clients.
const SOON: Duration = Duration::from_secs(5);

/// Attempts to connect, each of which fails at once, for so long. Returns how many there were.
async fn fail_for(door: &mut Door, outage: Duration) -> usize {
    let mut attempts = 0;
    let fails = async {
        loop {
            door.knock().await.tell(Heard::Lost("refused".into())).await;
            attempts += 1;
        }
    };
    assert!(tokio::time::timeout(outage, fails).await.is_err());
    attempts
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_was_away_for_ten_minutes_has_its_clients_back_in_five_seconds() {
    for _ in 0..100 {
        let (client, _incoming, mut door) = connect();
        let hub = door.open().await;
        let placed = place(&client, 1);
        drop(hub);
        let attempts = fail_for(&mut door, Duration::from_secs(600)).await;
        // One every two seconds, were the jitter even.
        assert!((200..500).contains(&attempts), "{attempts} attempts");

        let back = Instant::now();
        let mut hub = door.open().await;
        assert!(back.elapsed() <= SOON, "{:?}", back.elapsed());
        hub.accept("pickup").await;
        placed.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_swallowed_attempts_for_ten_minutes_has_its_clients_back_in_five_seconds() {
    for _ in 0..20 {
        let (client, _incoming, mut door) = connect();
        let placed = place(&client, 1);
        let start = Instant::now();
        let mut attempts = 0;
        let mut swallowed = vec![];
        while start.elapsed() < Duration::from_secs(600) {
            swallowed.push(door.knock().await);
            attempts += 1;
        }
        assert!((60..=125).contains(&attempts), "{attempts} attempts");
        // The last one was made just before the hub is back, and is swallowed as well.
        let back = Instant::now();
        let mut hub = door.open().await;
        assert!(back.elapsed() <= SOON, "{:?}", back.elapsed());
        hub.accept("pickup").await;
        placed.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_that_stood_for_a_while_is_soon_tried_again_and_one_that_did_not_is_left_alone() {
    let (_client, _incoming, mut door) = connect();
    let attempts_in = async |door: &mut Door, stands: Duration| {
        let start = Instant::now();
        let mut attempts = 0;
        while start.elapsed() < Duration::from_secs(600) {
            let hub = door.open().await;
            tokio::time::sleep(stands).await;
            drop(hub);
            attempts += 1;
        }
        attempts
    };
    // It waits a tenth of a second, and not two.
    let attempts = attempts_in(&mut door, Duration::from_secs(2)).await;
    assert!(attempts > 270, "{attempts} attempts");
    let attempts = attempts_in(&mut door, Duration::from_millis(1)).await;
    assert!(attempts < 500, "{attempts} attempts");
}
