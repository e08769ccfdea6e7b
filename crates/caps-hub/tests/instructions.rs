//! What the hot operations of the core cost, in instructions, which do not depend on who else uses the machine: none may
//! grow by more than a tenth over `benches/instructions.txt`.
//!
//! `CAPS_RENEW=1 cargo test -p caps-hub --test instructions` writes that file anew.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// How often each is done in one count.
const TIMES: u64 = 2000;

/// What may be over.
const TOLERANCE: f64 = 0.10;

/// Each, with how many messages wait besides.
const COUNTED: [(&str, u64); 9] = [
    ("Parse", 0),
    ("Pickup", 0),
    ("InTransit", 0),
    ("Delivered", 0),
    ("Received", 0),
    ("Replay", 0),
    ("Pickup", 20_000),
    ("InTransit", 20_000),
    ("ReceivedPickup", 20_000),
];

#[test]
fn no_hot_operation_of_the_core_takes_a_tenth_more_instructions_than_it_did() {
    if let Some(why) = reason_to_skip() {
        let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1");
        assert!(!is_ci, "{why}");
        return eprintln!("skipped: {why}");
    }
    let program = escargot::CargoBuild::new().package("caps-hub").example("hot").release();
    let program = program.run().unwrap();
    let counts: Vec<_> = COUNTED
        .iter()
        .map(|(operation, waiting)| {
            let name = format!("{operation}, {waiting} waiting");
            (name, count(program.path(), operation, *waiting))
        })
        .collect();

    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.txt");
    if std::env::var_os("CAPS_RENEW").is_some() {
        let lines = counts.iter().fold(String::new(), |mut lines, (name, count)| {
            writeln!(lines, "{name}: {count}").unwrap();
            lines
        });
        return fs::write(file, lines).unwrap();
    }
    let before = fs::read_to_string(file).unwrap();
    let before: BTreeMap<_, _> = before
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, count)| (name, count.parse::<u64>().unwrap()))
        .collect();
    let mut grown = Vec::new();
    for (name, count) in &counts {
        let was = before.get(name.as_str()).copied().unwrap_or_default();
        let change = *count as f64 / was as f64 - 1.0;
        println!("{name}: {count} instructions, {:+.1} %", change * 100.0);
        if change > TOLERANCE {
            grown.push(format!("{name}: from {was} to {count} instructions"));
        }
    }
    assert!(
        grown.is_empty(),
        "{}: make it as cheap as it was, or renew `benches/instructions.txt` by \
         `CAPS_RENEW=1 cargo test -p caps-hub --test instructions` and say why in the commit",
        grown.join(", ")
    );
}

/// Why nothing can be counted here, or compared.
fn reason_to_skip() -> Option<&'static str> {
    let valgrind = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return Some("the counts are those of Linux on x86_64");
    }
    (!valgrind.is_ok_and(|status| status.success())).then_some(
        "valgrind is missing: install it by your package manager, to count the core's instructions",
    )
}

/// The instructions of one operation.
fn count(program: &Path, operation: &str, waiting: u64) -> u64 {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg("--toggle-collect=hot::measured*").arg(program);
    valgrind.args([operation, &TIMES.to_string(), &waiting.to_string()]);
    let output = valgrind.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    // Its last lines are `==7== Collected : 123`, and the same for each kind of event that it counts.
    let collected = said.lines().find_map(|line| line.split_once("Collected : "));
    let collected: u64 = collected.unwrap().1.trim().parse().unwrap();
    assert!(collected > TIMES, "nothing was counted: {said}");
    collected / TIMES
}
