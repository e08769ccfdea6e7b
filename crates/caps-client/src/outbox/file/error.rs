//! Why an outbox file cannot be used.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why an outbox file cannot be used, and what to do about it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum OutboxFileError {
    /// It is in use.
    #[error("another process uses the outbox file `{path}`; stop it, or name another file")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It holds what another client has left.
    #[error("`{path}` is the outbox file of `{of}`; name a file of this client's own")]
    OfAnother {
        /// The file.
        path: PathBuf,
        /// The client that it says it is of.
        of: String,
    },
    /// It is something else.
    #[error("`{path}` is no outbox file; name another file, or one that does not exist yet")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It was written by a later release.
    #[error(
        "the outbox file `{path}` has format {version}, which this release does not know; use the \
         release that has written it, or name another file"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        version: u32,
    },
    /// A line of it says nothing that is known, and it is not the last one, which a crash may leave unfinished.
    #[error(
        "line {line} of the outbox file `{path}` cannot be read ({why}); take that line out, or \
         move the file away"
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The system does not let it be opened.
    #[error(
        "cannot open the outbox file `{path}`: {why}; name a file in a folder that exists and that \
         may be written"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: Arc<io::Error>,
    },
    /// The system does not let it be written. What was to be kept was not taken.
    #[error("cannot write the outbox file `{path}`: {why}; make room on its disk, and try again")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: Arc<io::Error>,
    },
}
