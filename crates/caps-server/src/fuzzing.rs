//! Where bytes of anybody come in, for the fuzz targets in `fuzz/` and for the test that replays what these have found.
//!
//! Each takes bytes, whatever they are, and panics where a promise is broken.

mod packet;
mod query;

use std::path::Path;

use crate::journal::file;

/// A packet of a client.
pub fn packet(bytes: &[u8]) {
    packet::take(bytes);
}

/// A request over HTTP: which, and the rest of its path or the query.
pub fn query(bytes: &[u8]) {
    query::take(bytes);
}

/// Rows of the journal's file.
pub fn rows(bytes: &[u8]) {
    file::fuzzing::rows(bytes);
}

/// The journal's file, in a folder where nothing else is.
pub fn file(bytes: &[u8], folder: &Path) {
    file::fuzzing::file(bytes, folder);
}

#[cfg(test)]
mod tests {
    use std::fs;

    /// What the fuzz targets have come upon, each of which once was new to them or wrong.
    fn corpus(target: &str) -> Vec<Vec<u8>> {
        let folder = format!("{}/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
        let mut files: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty());
        files.iter().map(|file| fs::read(file).unwrap()).collect()
    }

    #[test]
    fn whatever_a_client_sends_is_understood_or_refused_and_an_orders_text_stays() {
        corpus("packet").iter().for_each(|bytes| super::packet(bytes));
    }

    #[test]
    fn whatever_is_asked_over_http_is_answered() {
        corpus("query").iter().for_each(|bytes| super::query(bytes));
    }

    #[test]
    fn whatever_rows_are_in_the_journal_they_are_brought_back_or_named_as_damaged() {
        corpus("rows").iter().for_each(|bytes| super::rows(bytes));
    }

    #[test]
    fn whatever_file_is_there_it_is_read_or_named_as_damaged() {
        for bytes in corpus("file") {
            let folder = tempfile::TempDir::new().unwrap();
            super::file(&bytes, folder.path());
        }
    }
}
