//! Why a file of a hub cannot be used.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why the file cannot be opened, in a sentence that says the mend.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory cannot be used.
    #[error(
        "cannot use the data directory `{dir}`: {why}; set `--data-dir` (CAPS_DATA_DIR) to a folder that this user may write to"
    )]
    Directory {
        /// Which.
        dir: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// There is no file.
    #[error("there is no `{file}`; set `--data-dir` (CAPS_DATA_DIR) to the folder of a hub")]
    Missing {
        /// Which.
        file: PathBuf,
    },
    /// Another hub uses it.
    #[error(
        "another hub uses the data directory `{dir}`; stop that one first, or set `--data-dir` (CAPS_DATA_DIR) to a folder of this one's own"
    )]
    InUse {
        /// Which.
        dir: PathBuf,
    },
    /// A later release has written the file.
    #[error(
        "`{file}` was written by a later release of CAPS (its version is {version}); start that release, or set `--data-dir` (CAPS_DATA_DIR) to another folder"
    )]
    Newer {
        /// Which.
        file: PathBuf,
        /// The version of its schema.
        version: usize,
    },
    /// It is some other program's file.
    #[error(
        "`{file}` is not a file of CAPS; move it away, or set `--data-dir` (CAPS_DATA_DIR) to another folder"
    )]
    Foreign {
        /// Which.
        file: PathBuf,
    },
    /// The file is damaged.
    #[error(
        "`{file}` is damaged: {why}; put a backup in its place, or save what is whole with `caps-server salvage <NEW DIRECTORY>` and start with that"
    )]
    Damaged {
        /// Which.
        file: PathBuf,
        /// What was found.
        why: String,
    },
    /// The file cannot be read or written for another reason.
    #[error("cannot open `{file}`: {why}")]
    File {
        /// Which.
        file: PathBuf,
        /// What SQLite says.
        why: rusqlite::Error,
    },
}

/// Tells damage from other trouble.
pub(super) fn explain(file: &Path, why: rusqlite::Error) -> OpenError {
    let file = file.to_owned();
    if is_damage(&why) {
        return OpenError::Damaged { file, why: why.to_string() };
    }
    match why.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::Foreign { file },
        _ => OpenError::File { file, why },
    }
}

/// Whether the file holds what SQLite or this program cannot have written.
fn is_damage(why: &rusqlite::Error) -> bool {
    match why.sqlite_error_code() {
        Some(code) => code == ErrorCode::DatabaseCorrupt,
        None => matches!(
            why,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::Utf8Error(..)
        ),
    }
}
