//! What the log tells in numbers and names.

use caps_hub::Timestamp;
use caps_proto::ClientId;
use rusqlite::Connection;

use super::listing::{self, ALL};
use super::reader::{LAST, ReadError, Reader, Sort, first_since};

const DELIVERED: &str = "delivered";

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
        self.read(move |db| listing::vendors(db, limit)).await
    }
}

fn deliveries(
    db: &Connection,
    client_id: Option<&ClientId>,
    times: &[Timestamp],
) -> rusqlite::Result<Vec<u64>> {
    let bounds: Vec<_> =
        times.iter().map(|time| first_since(db, *time)).collect::<Result<_, _>>()?;
    let Some(first) = bounds.first().copied() else { return Ok(Vec::new()) };
    let mut counts = vec![0; bounds.len()];
    let mut count = |seqs: Vec<u64>| {
        for seq in seqs {
            let begun = bounds.partition_point(|bound| bound.0 <= seq);
            counts[begun - 1] += 1;
        }
    };
    let listed = listing::listed(db)?;
    let vendors = match client_id {
        Some(client_id) => vec![client_id.to_string()],
        None => listing::vendors(db, ALL)?,
    };
    for vendor in vendors {
        let range = (first, listed);
        count(listing::listed_of(db, &vendor, DELIVERED, range, Sort::Oldest, ALL)?);
    }
    let vendor = client_id.map(ClientId::as_str);
    let range = (first.max(listed.next()), LAST);
    count(listing::unlisted_of(db, vendor, &[DELIVERED], range, Sort::Oldest, ALL)?);
    Ok(counts)
}
