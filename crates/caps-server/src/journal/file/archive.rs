//! A data directory's file as it is looked at by others than its hub: read, and never written to.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::error::explain;
use super::schema::{self, Kind};
use super::{FILE, OpenError, reader, rows};

/// A file that may have a hub at work on it.
pub(super) struct Archive {
    pub(super) file: PathBuf,
    pub(super) db: Connection,
}

impl Archive {
    pub(super) fn open(data_dir: &Path) -> Result<Self, OpenError> {
        let file = data_dir.join(FILE);
        if !file.exists() {
            return Err(OpenError::Missing { file });
        }
        let db = reader::open(&file).map_err(|why| explain(&file, why))?;
        match schema::kind(&db).map_err(|why| explain(&file, why))? {
            Kind::Ours => {
                rows::show_as_blocks(&db).map_err(|why| explain(&file, why))?;
                Ok(Self { file, db })
            }
            Kind::Newer { version } => Err(OpenError::Newer { file, version }),
            Kind::Foreign => Err(OpenError::Foreign { file }),
        }
    }

    pub(super) fn explain(&self, why: rusqlite::Error) -> OpenError {
        explain(&self.file, why)
    }
}
