//! Whatever lies in the maps, reading it neither panics nor goes on for ever, and what is printed as JSON is JSON.
//!
//! The maps are the kernel's: root and a BPF file system are needed. A policy is published into them and frames have
//! left sources behind; an input changes bytes of that, reads all that `dump`, `status`, `explain`, the metrics, the
//! abuse log and the next publish read, and everything is put back.

mod change;
mod events;
mod readers;
mod world;

use self::change::Changes;
use self::world::World;
use crate::bytes::Tape;

/// Changes to the maps, one after the other, and then an event.
pub fn run(bytes: &[u8]) {
    World::with(|world| {
        let mut tape = Tape::new(bytes);
        let mut changes = Changes::default();
        while !tape.is_empty() && changes.len() < 64 {
            changes.make(world, &mut tape);
        }
        readers::all(world, changes.questions());
        changes.undo(world);
    });
}
