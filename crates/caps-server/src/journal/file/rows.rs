//! Files of releases that wrote each event of the log as a row of its own, in a table `log`.

use rusqlite::{Connection, OptionalExtension as _};

use super::block::{Appender, Block};

/// Each row as a block of one event.
const AS_BLOCKS: &str = "SELECT first, first AS last, '[' || event || ']' AS events, \
    CAST(length(CAST(event AS BLOB)) AS TEXT) AS sizes, at FROM ( \
        SELECT seq AS first, at, '[' || at || ',' || json_quote(event) || ',' || json_quote(client_id) \
            || ',' || json_quote(message_id) || ',' || json_quote(previous) || ',' || json_quote(by) \
            || ',' || json_quote(of) || ',' || coalesce(payload, 'null') || ',' || coalesce(proof, 'null') \
            || ',' || json_quote(code) || ']' AS event \
        FROM log)";

/// Lets a file that is only looked at be read as if it had blocks.
pub(super) fn show_as_blocks(db: &Connection) -> rusqlite::Result<()> {
    let rows = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'log'";
    if db.query_row(rows, [], |_| Ok(())).optional()?.is_some() {
        db.execute_batch(&format!("CREATE TEMP VIEW block AS {AS_BLOCKS}"))?;
    }
    Ok(())
}

/// Copies the rows into blocks. Fails for a row that makes no sense.
///
/// It writes blocks as this release does: a step that changes the table `block` has to come before this one.
pub(super) fn copy_into_blocks(db: &Connection) -> rusqlite::Result<()> {
    let mut rows = db.prepare(&format!("{AS_BLOCKS} ORDER BY first"))?;
    let mut rows = rows.query([])?;
    let mut log = Appender::new(db)?;
    while let Some(row) = rows.next()? {
        let block = Block::read(row)?;
        log.add(&block.event(block.first)?.fact()?)?;
    }
    log.finish()
}
