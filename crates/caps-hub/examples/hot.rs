//! Does one hot operation of the core many times, for `tests/instructions.rs` to count what it takes.
//!
//! ```text
//! cargo run --release -p caps-hub --example hot -- Pickup 2000 0
//! ```

#[path = "../benches/town/mod.rs"]
mod town;

use std::error::Error;
use std::hint::black_box;

use town::{Operation, Scene};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [name, times, waiting] = arguments.as_slice() else {
        return Err(
            format!("give one of {:?}, how often, and how many wait", Operation::ALL).into()
        );
    };
    let operation = Operation::ALL.into_iter().find(|operation| format!("{operation:?}") == *name);
    let operation = operation.ok_or_else(|| format!("`{name}` is no operation"))?;
    let mut scene = Scene::new(operation, times.parse()?, waiting.parse()?);
    println!("{} were emitted or read", measured(&mut scene));
    Ok(())
}

/// What is counted, which is to have a name of its own in the program.
#[inline(never)]
fn measured(scene: &mut Scene) -> usize {
    black_box(scene.play())
}
