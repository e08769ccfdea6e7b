//! What the log tells in numbers and names.

use caps_hub::{Seq, Timestamp};
use caps_proto::ClientId;
use rusqlite::{Connection, params};

use super::reader::{LAST, ReadError, Reader, first_since};

impl Reader {
    /// How many deliveries a vendor, or all, had from each of these times, which go up, to the next. After the last
    /// time come all that are left.
    pub(crate) async fn deliveries(
        &self,
        client_id: Option<ClientId>,
        times: Vec<Timestamp>,
    ) -> Result<Vec<u64>, ReadError> {
        self.read(move |db| deliveries(db, client_id.as_ref(), &times)).await
    }

    /// The vendors in the log, in order, at most `limit`.
    pub(crate) async fn vendors(&self, limit: usize) -> Result<Vec<String>, ReadError> {
        self.read(move |db| vendors(db, limit)).await
    }
}

pub(super) fn vendors(db: &Connection, limit: usize) -> rusqlite::Result<Vec<String>> {
    // From one to the next, without reading what each has done.
    let mut next = db.prepare_cached("SELECT min(client_id) FROM log WHERE client_id > ?1")?;
    let mut vendors: Vec<String> = Vec::new();
    while vendors.len() < limit {
        let last = vendors.last().map_or("", String::as_str);
        let Some(vendor) = next.query_row([last], |row| row.get(0))? else { break };
        vendors.push(vendor);
    }
    Ok(vendors)
}

fn deliveries(
    db: &Connection,
    client_id: Option<&ClientId>,
    times: &[Timestamp],
) -> rusqlite::Result<Vec<u64>> {
    let mut bounds = Vec::new();
    for time in times {
        bounds.push(first_since(db, *time)?);
    }
    bounds.push(LAST);
    let vendors = match client_id {
        Some(client_id) => vec![client_id.to_string()],
        None => vendors(db, usize::MAX)?,
    };
    let mut counts = vec![0; times.len()];
    for vendor in vendors {
        // Few vendors have deliveries in every hour, and some have none at all.
        if count(db, &vendor, bounds[0], LAST)? == 0 {
            continue;
        }
        for (hour, bound) in counts.iter_mut().zip(bounds.windows(2)) {
            *hour += count(db, &vendor, bound[0], bound[1])?;
        }
    }
    Ok(counts)
}

/// Of a vendor's deliveries from the event `low` on, before `high`. Reads an index alone: without its name, SQLite would
/// rather read all rows between.
fn count(db: &Connection, vendor: &str, low: Seq, high: Seq) -> rusqlite::Result<u64> {
    if low == high {
        return Ok(0);
    }
    let mut count = db.prepare_cached(
        "SELECT count(*) FROM log INDEXED BY log_by_client_and_event \
         WHERE client_id = ?1 AND event = 'delivered' AND seq >= ?2 AND seq < ?3",
    )?;
    count.query_row(params![vendor, low.0, high.0], |row| row.get(0))
}
