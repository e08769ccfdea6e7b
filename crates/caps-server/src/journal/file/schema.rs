//! The tables in the file, and how one release's become the next's.

use rusqlite::{Connection, OptionalExtension as _};

use super::rows;

/// "CAPS", by which the file is known for ours.
const APPLICATION_ID: i32 = 0x4341_5053;

/// The steps from each version of the schema to the next. The file says in `user_version` how many were taken.
/// A step that was released is never changed.
const MIGRATIONS: [Step; 6] = [
    Step::Sql(
        "
    -- All that has happened, oldest first.
    CREATE TABLE log (
        seq INTEGER PRIMARY KEY, -- 1, 2, 3, …
        at INTEGER NOT NULL, -- when, in milliseconds since 1970, UTC
        event TEXT NOT NULL, -- pickup, claimed, in-transit, delivered, received, released, offered, abandoned, refused
        client_id TEXT NOT NULL, -- the vendor
        message_id TEXT NOT NULL, -- the order
        previous INTEGER, -- the seq of the same order's event before this one
        by ANY, -- who: a driver's name, or the number of a nameless client's connection
        of TEXT, -- what was received, or refused
        code TEXT, -- why it was refused
        payload TEXT, -- the order, as its vendor wrote it
        proof TEXT -- what the driver had to show for a delivery
    ) STRICT;
    CREATE INDEX log_by_client_and_event ON log (client_id, event);

    -- The hub's orders as they were after the event `as_of`, in parts. A restart needs these and the log since.
    CREATE TABLE snapshot (
        part INTEGER PRIMARY KEY,
        as_of INTEGER NOT NULL,
        orders TEXT NOT NULL -- JSON
    ) STRICT;
",
    ),
    Step::Sql(
        "
    -- Orders that began otherwise than with their pickup: few, so it costs next to nothing.
    CREATE INDEX log_unannounced ON log (client_id) WHERE previous IS NULL AND event <> 'pickup';
",
    ),
    Step::Sql(
        "
    -- Which events are of which vendor, thousands at a time. Those after the greatest `up_to` are not listed yet.
    CREATE TABLE listing (
        client_id TEXT NOT NULL,
        event TEXT NOT NULL,
        up_to INTEGER NOT NULL, -- the last of all events that were listed at the same time
        seqs TEXT NOT NULL, -- JSON: the numbers of the vendor's events of that name, oldest first
        PRIMARY KEY (client_id, event, up_to)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX listing_by_up_to ON listing (up_to);
    DROP INDEX log_by_client_and_event;
",
    ),
    Step::Sql(
        "
    -- All that has happened, oldest first. What was kept together is together.
    CREATE TABLE block (
        first INTEGER PRIMARY KEY, -- the seq of its first event,
        last INTEGER NOT NULL, -- and that of its last, without a gap
        at INTEGER NOT NULL, -- when the last was, in milliseconds since 1970, UTC
        events TEXT NOT NULL, -- JSON: an array for each event, which `log` takes apart
        sizes TEXT NOT NULL -- how many bytes each of these arrays has, with commas between them
    ) STRICT;

    -- Events with which orders began otherwise than with their pickup.
    CREATE TABLE unannounced (
        seq INTEGER PRIMARY KEY,
        client_id TEXT NOT NULL
    ) STRICT;
    CREATE INDEX unannounced_by_client ON unannounced (client_id);
",
    ),
    Step::Rust(rows::copy_into_blocks),
    Step::Sql(
        "
    DROP TABLE log;

    -- An event a row, for whoever looks into the file: it is slow where much is left out.
    CREATE VIEW log (seq, at, event, client_id, message_id, previous, by, of, code, payload, proof) AS
    SELECT first + key,
        value ->> 0, -- when, in milliseconds since 1970, UTC
        value ->> 1, -- pickup, claimed, in-transit, delivered, received, released, offered, abandoned, refused
        value ->> 2, -- the vendor
        value ->> 3, -- the order
        value ->> 4, -- the seq of the same order's event before this one
        value ->> 5, -- who: a driver's name, or the number of a nameless client's connection
        value ->> 6, -- what was received, or refused
        value ->> 9, -- why it was refused
        nullif(value -> 7, 'null'), -- the order, as its vendor wrote it
        nullif(value -> 8, 'null') -- what the driver had to show for a delivery
    FROM block, json_each(events);
",
    ),
];

/// A step from one version of the schema to the next.
enum Step {
    Sql(&'static str),
    Rust(fn(&Connection) -> rusqlite::Result<()>),
}

/// What kind of file it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One of ours, of this release or an earlier one.
    Ours,
    /// One of ours, written by a later release.
    Newer {
        /// Its version.
        version: usize,
    },
    /// Something else.
    Foreign,
}

pub(super) fn kind(db: &Connection) -> rusqlite::Result<Kind> {
    let version: usize = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let id: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let any = db.query_row("SELECT 1 FROM sqlite_schema", [], |_| Ok(())).optional()?;
    let is_empty = any.is_none();
    Ok(match id {
        APPLICATION_ID if version > MIGRATIONS.len() => Kind::Newer { version },
        APPLICATION_ID => Kind::Ours,
        _ if is_empty && id == 0 && version == 0 => Kind::Ours,
        _ => Kind::Foreign,
    })
}

/// Brings a file of ours up to this release.
pub(super) fn migrate(db: &mut Connection) -> rusqlite::Result<()> {
    migrate_to(MIGRATIONS.len(), db)
}

/// Brings a file of ours up to a version, if it is of an earlier one.
pub(super) fn migrate_to(version: usize, db: &mut Connection) -> rusqlite::Result<()> {
    let current: usize = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (number, step) in MIGRATIONS[..version].iter().enumerate().skip(current) {
        let change = db.transaction()?;
        match step {
            Step::Sql(sql) => change.execute_batch(sql)?,
            Step::Rust(run) => run(&change)?,
        }
        change.pragma_update(None, "application_id", APPLICATION_ID)?;
        change.pragma_update(None, "user_version", number + 1)?;
        change.commit()?;
    }
    Ok(())
}
