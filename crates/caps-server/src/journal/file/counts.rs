//! What the log tells in numbers and names.

use caps_hub::{Seq, Timestamp};
use caps_proto::ClientId;
use rusqlite::{Connection, named_params};

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
        self.read(move |db| {
            // From one to the next, without reading what each has done.
            let mut statement = db.prepare_cached(
                "WITH RECURSIVE vendor (name) AS ( \
                   SELECT min(client_id) FROM log \
                   UNION ALL \
                   SELECT (SELECT min(client_id) FROM log WHERE client_id > name) FROM vendor \
                   WHERE name IS NOT NULL LIMIT ?1 \
                 ) SELECT name FROM vendor WHERE name IS NOT NULL",
            )?;
            statement.query_map([limit], |row| row.get(0))?.collect()
        })
        .await
    }
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
    let mut counts = Vec::new();
    for bound in bounds.windows(2) {
        counts.push(count(db, client_id, bound[0], bound[1])?);
    }
    Ok(counts)
}

/// Of the events from `low` on, before `high`. Reads an index alone: without its name, SQLite would rather read all rows
/// between.
fn count(
    db: &Connection,
    client_id: Option<&ClientId>,
    low: Seq,
    high: Seq,
) -> rusqlite::Result<u64> {
    let (low, high) = (low.0, high.0);
    let range = "event = 'delivered' AND seq >= :low AND seq < :high";
    match client_id {
        None => {
            let statement =
                format!("SELECT count(*) FROM log INDEXED BY log_by_event WHERE {range}");
            let params = named_params! { ":low": low, ":high": high };
            db.prepare_cached(&statement)?.query_row(params, |row| row.get(0))
        }
        Some(client_id) => {
            let statement = format!(
                "SELECT count(*) FROM log INDEXED BY log_by_client_and_event \
                 WHERE client_id = :client AND {range}"
            );
            let params =
                named_params! { ":client": client_id.as_str(), ":low": low, ":high": high };
            db.prepare_cached(&statement)?.query_row(params, |row| row.get(0))
        }
    }
}
