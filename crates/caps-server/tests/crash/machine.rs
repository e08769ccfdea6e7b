//! A machine of which a test says how its disk and its clock behave: see `machine.c`, which is loaded into the hub.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _};
use tempfile::TempDir;

use crate::hub::{Hub, program, run};

/// What the disk does to the hub's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is full. The last write before it is may be done by half.
    Full = 1,
    /// Every write is an I/O error.
    WriteError,
    /// Every sync is one, and what it was to sync is not on the disk, even if a later sync does not fail.
    SyncError,
    /// The file system may only be read any more.
    ReadOnly,
    /// The file may only be read by who opens it from now on.
    MayNotOpen,
}

/// Those that a hub meets while it runs.
pub(crate) const FAULTS: [Fault; 4] =
    [Fault::Full, Fault::WriteError, Fault::SyncError, Fault::ReadOnly];

/// The words of the control file, as `machine.c` has them.
#[derive(Debug, Clone, Copy)]
enum Word {
    Fault,
    LetThrough,
    ClockOffset,
    Places,
    /// The first of four for each place.
    Place,
}

const WORD: u64 = size_of::<i64>() as u64;
const PLACES: u64 = 65536;

/// Where something was written that is not on the disk yet.
#[derive(Debug)]
struct Place {
    is_wal: bool,
    start: u64,
    end: u64,
}

pub(crate) struct Machine {
    dir: TempDir,
    control: File,
}

impl Machine {
    /// One that does as it should.
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/crash/machine.c");
        let library = dir.path().join("machine.so");
        run(&format!("cc -shared -fPIC -O1 -Wall -o '{}' '{source}'", library.display()));
        let control = OpenOptions::new()
            .create_new(true)
            .read(true)
            .write(true)
            .open(dir.path().join("control"))
            .unwrap();
        control.set_len((Word::Place as u64 + 4 * PLACES) * WORD).unwrap();
        Self { dir, control }
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The hub's program on this machine.
    pub(crate) fn program(&self) -> Command {
        let mut program = program(&self.data());
        program.env("LD_PRELOAD", self.dir.path().join("machine.so"));
        program.env("MACHINE", self.dir.path().join("control"));
        program
    }

    /// Starts a hub, which must come up.
    pub(crate) fn start(&self) -> Hub {
        Hub::run(self.program())
    }

    /// Lets so many calls through, and fails all that follow.
    pub(crate) fn fail(&self, fault: Fault, let_through: i64) {
        self.set(Word::LetThrough, let_through);
        self.set(Word::Fault, fault as i64);
    }

    /// From now on nothing fails.
    pub(crate) fn mend(&self) {
        self.set(Word::Fault, 0);
    }

    /// Sets its clock so many seconds ahead of what it is, or back.
    pub(crate) fn set_clock(&self, ahead: i64) {
        self.set(Word::ClockOffset, ahead);
    }

    /// The power is gone: what was written and is not on the disk may be there, or not, or in parts, or be anything.
    /// Returns in how many places that was so.
    pub(crate) fn lose_power(&self, dice: &mut StdRng) -> usize {
        let places = self.unsynced();
        for place in &places {
            tear(&self.data(), place, dice);
        }
        self.set(Word::Places, 0);
        places.len()
    }

    /// Empty ones are those whose content was written anew.
    fn unsynced(&self) -> Vec<Place> {
        let count = u64::try_from(self.get(Word::Places)).unwrap();
        let places = (0..count).map(|place| {
            let first = Word::Place as u64 + 4 * place;
            let [file, start, end] = [0, 1, 2].map(|word| self.word(first + word));
            Place {
                is_wal: file == 1,
                start: start.try_into().unwrap(),
                end: end.try_into().unwrap(),
            }
        });
        places.filter(|place| place.start < place.end).collect()
    }

    fn get(&self, word: Word) -> i64 {
        self.word(word as u64)
    }

    fn word(&self, word: u64) -> i64 {
        let mut bytes = [0; WORD as usize];
        self.control.read_exact_at(&mut bytes, word * WORD).unwrap();
        i64::from_ne_bytes(bytes)
    }

    fn set(&self, word: Word, value: i64) {
        self.control.write_all_at(&value.to_ne_bytes(), word as u64 * WORD).unwrap();
    }
}

fn tear(data: &Path, place: &Place, dice: &mut StdRng) {
    let Place { is_wal, start, end } = *place;
    let path = data.join(if is_wal { "caps.db-wal" } else { "caps.db" });
    let Ok(file) = OpenOptions::new().write(true).open(path) else { return };
    let from = dice.random_range(start..end);
    let mut junk = vec![0; usize::try_from(end - from).unwrap()];
    match dice.random_range(0..4) {
        0 => {}
        1 if is_wal => file.set_len(from).unwrap(),
        1 | 2 => file.write_all_at(&junk, from).unwrap(),
        _ => {
            dice.fill_bytes(&mut junk);
            file.write_all_at(&junk, from).unwrap();
        }
    }
}

/// Adds something to the end of a write-ahead log: junk, or frames that have been in it before, the last of them cut
/// off.
pub(crate) fn add_junk(data: &Path, dice: &mut StdRng) {
    let path = data.join("caps.db-wal");
    let mut wal = fs::read(&path).unwrap();
    let mut junk = vec![0; dice.random_range(1..10_000)];
    dice.fill_bytes(&mut junk);
    if dice.random() {
        const HEADER: usize = 32;
        junk = wal.iter().skip(HEADER).take(junk.len()).copied().collect();
    }
    wal.extend(junk);
    fs::write(path, wal).unwrap();
}
