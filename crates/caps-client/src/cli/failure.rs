//! Why a program gives up.

use std::io;

use crate::Error;

/// Why a program gives up.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The hub has refused what the program cannot do without.
    #[error(transparent)]
    Hub(#[from] Error),
    /// Nobody reads what the program says.
    #[error("cannot write to stdout: {0}; keep its reader open, or send it to a file")]
    Output(#[from] io::Error),
}
