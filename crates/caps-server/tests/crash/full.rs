//! A file system that is really full.

use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use caps_proto::Answer;
use tempfile::TempDir;

use crate::hub::{HUB, Hub, set_up};
use crate::ledger::Word;
use crate::plain::{VENDOR, connect, order, say, say_again, say_in_vain, waiting};
use crate::socket::Socket;

/// In MiB.
const SIZE: usize = 2;

/// A small file system in memory. Only its keeper sees it, and who enters where that is; it goes when the keeper does.
struct SmallDisk {
    keeper: Child,
    mounted_on: TempDir,
}

impl SmallDisk {
    /// Fails where the system lets nobody do this.
    fn new() -> Option<Self> {
        let mounted_on = TempDir::new().unwrap();
        let mount =
            format!("mount -t tmpfs -o size={SIZE}m none \"$0\" && echo mounted && exec cat");
        let mut keeper = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount])
            .arg(mounted_on.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        let stdout = keeper.stdout.take().unwrap();
        let disk = Self { keeper, mounted_on };
        BufReader::new(stdout).read_line(&mut line).unwrap();
        (line == "mounted\n").then_some(disk)
    }

    /// The hub's program, with its data on this disk.
    fn program(&self) -> Command {
        let mut program = Command::new("nsenter");
        let keeper = self.keeper.id().to_string();
        program.args(["--target", &keeper, "--user", "--preserve-credentials", "--mount", HUB]);
        set_up(program, &self.mounted_on.path().join("data"))
    }

    /// A file as seen from here.
    fn ballast(&self) -> PathBuf {
        let inside = self.mounted_on.path().join("ballast");
        let root = PathBuf::from(format!("/proc/{}/root", self.keeper.id()));
        root.join(inside.strip_prefix("/").unwrap())
    }

    fn fill(&self) {
        let ballast = OpenOptions::new().create(true).append(true).open(self.ballast());
        let mut ballast = ballast.unwrap();
        let full = (0..=SIZE * 256).find_map(|_| ballast.write_all(&[1; 4096]).err());
        assert_eq!(full.expect("it is full").kind(), ErrorKind::StorageFull);
    }

    fn make_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Fails where it has ended already.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

/// Fills the disk, and then what room the hub's own files have left. Returns the first order that had none.
async fn fill(disk: &SmallDisk, vendor: &mut Socket, mut next: usize) -> usize {
    disk.fill();
    while let Answer::Ok(_) = vendor.say(order(next), Word::Pickup).await {
        next += 1;
    }
    say_in_vain(vendor, next, Word::Pickup).await;
    next
}

#[tokio::test]
async fn a_hub_on_a_full_disk_serves_readers_and_goes_on_when_there_is_room_again() {
    let Some(disk) = SmallDisk::new() else {
        println!("skipped: this machine lets nobody mount a file system of their own");
        return;
    };
    let pickups = |all: Range<usize>| [all.collect(), vec![], vec![]];
    let hub = Hub::run(disk.program());
    let mut vendor = connect(&hub, VENDOR).await;
    say(&mut vendor, 0, Word::Pickup).await;
    let next = fill(&disk, &mut vendor, 1).await;
    assert_eq!(waiting(&hub).await, pickups(0..next));
    hub.kill();

    let hub = Hub::run(disk.program());
    assert_eq!(waiting(&hub).await, pickups(0..next));
    let mut vendor = connect(&hub, VENDOR).await;
    let next = fill(&disk, &mut vendor, next).await;
    assert_eq!(waiting(&hub).await, pickups(0..next));
    disk.make_room();
    say_again(&mut vendor, next, Word::Pickup).await;
    assert_eq!(waiting(&hub).await, pickups(0..next + 1));
    hub.kill();

    let hub = Hub::run(disk.program());
    assert_eq!(waiting(&hub).await, pickups(0..next + 1));
    let mut vendor = connect(&hub, VENDOR).await;
    fill(&disk, &mut vendor, next + 1).await;
    drop(vendor);
    // A hub that is killed may take the last lines of its log with it.
    let log = hub.terminate().log;
    assert!(log.contains("is full") && log.contains("make room"), "{log}");
}
