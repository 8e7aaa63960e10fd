//! Changes of what lies in the maps, and their undoing.

use throttler::kernel::map::Map;
use throttler::kernel::{geometry, sys};
use throttler_common::abi::{
    Addr, CLASS_KEY_LEAD, ClassChain, ClassKey, DESCRIPTION_CHUNKS, MAX_DESTINATIONS, MAX_ROWS,
    SET_WORDS, TableHead,
};
use throttler_common::table::Words as _;

use super::events;
use super::world::World;
use crate::bytes::Tape;

/// Puts something back.
type Undo = Box<dyn FnOnce(&mut World)>;

/// What was changed.
#[derive(Default)]
pub(super) struct Changes {
    undo: Vec<Undo>,
    made: usize,
    asked: u8,
}

impl Changes {
    pub(super) fn len(&self) -> usize {
        self.made
    }

    /// Which questions are asked of the maps afterwards.
    pub(super) fn questions(&self) -> u8 {
        self.asked
    }

    pub(super) fn undo(self, world: &mut World) {
        self.undo.into_iter().rev().for_each(|undo| undo(world));
    }

    /// The next one on the tape.
    pub(super) fn make(&mut self, world: &mut World, tape: &mut Tape<'_>) {
        self.made += 1;
        let what = tape.u8();
        let bank = world.published.bank();
        let row = u32::from(tape.u16());
        let rows = bank * MAX_ROWS as u32 + row % world.published.rows.len() as u32;
        match what % 12 {
            0 => self.record(world, tape, |world| &world.attached.tables.heads, bank),
            1 => self.record(world, tape, |world| &world.attached.tables.rows, rows),
            2 => self.record(world, tape, |world| &world.attached.tables.histories, rows),
            3 => {
                let key = bank * DESCRIPTION_CHUNKS as u32 + row % 2;
                self.record(world, tape, |world| &world.attached.tables.description, key);
            }
            4 => self.text(world, tape, bank * DESCRIPTION_CHUNKS as u32),
            5 => self.class(world, tape, row),
            6 => self.words(world, tape, row),
            7 => self.layout(world, tape),
            8 => self.record(world, tape, |world| &world.attached.tables.active, row % 3),
            9 => {
                let key = bank * 2 * MAX_DESTINATIONS as u32 + row % 128;
                self.record(
                    world,
                    tape,
                    |world| &world.attached.tables.destinations,
                    key,
                );
            }
            10 => events::tell(world, tape),
            _ => self.asked = tape.u8(),
        }
    }

    /// Some bytes of a map's value.
    fn record<T: sys::Record>(
        &mut self,
        world: &mut World,
        tape: &mut Tape<'_>,
        map: fn(&World) -> &Map<u32, T>,
        key: u32,
    ) {
        let old = Box::new(map(world).get(&key).expect("a read").expect("an element"));
        map(world)
            .set(&key, &*patched(&*old, tape))
            .expect("a write");
        self.undo.push(Box::new(move |world| {
            map(world).set(&key, &old).expect("a write");
        }));
    }

    /// A stretch of a description's text, another one in its place.
    fn text(&mut self, world: &mut World, tape: &mut Tape<'_>, key: u32) {
        let map = |world: &World| world.attached.tables.description.get(&key);
        let old = Box::new(map(world).expect("a read").expect("an element"));
        let (from, skip) = (usize::from(tape.u16()), usize::from(tape.u8()));
        let length = usize::from(tape.u8());
        let mut text = old.bytes.to_vec();
        let from = from % text.len();
        let end = (from + skip).min(text.len());
        text.splice(from..end, tape.take(length).iter().copied());
        text.resize(old.bytes.len(), 0);
        let mut new = old.clone();
        new.bytes.copy_from_slice(&text);
        world
            .attached
            .tables
            .description
            .set(&key, &new)
            .expect("a write");
        self.undo.push(Box::new(move |world| {
            world
                .attached
                .tables
                .description
                .set(&key, &old)
                .expect("a write");
        }));
    }

    /// An entry of the trie, such as the kernel takes.
    fn class(&mut self, world: &mut World, tape: &mut Tape<'_>, row: u32) {
        let flags = tape.u8();
        let key = ClassKey {
            prefix_len: row % (CLASS_KEY_LEAD + 129),
            bank: flags & 1,
            family: if flags & 2 == 0 { 4 } else { 6 },
            reserved: [0; 2],
            addr: if flags & 4 == 0 {
                Addr::from_v4([192, 0, 2, tape.u8()])
            } else {
                Addr {
                    words: [tape.u64(), tape.u64()],
                }
            },
        };
        let old = world.attached.tables.classes.get(&key).expect("a read");
        let chain = patched(&old.unwrap_or_default(), tape);
        world
            .attached
            .tables
            .classes
            .set(&key, &chain)
            .expect("a write");
        self.undo.push(Box::new(move |world| {
            let classes = &world.attached.tables.classes;
            classes.remove(&key).expect("a removal");
            // What a shorter prefix said is not what this one did.
            let put = |chain: &ClassChain| classes.set(&key, chain).expect("a write");
            let own = world.published.classes.iter().find(|(own, _)| {
                let own = ClassKey {
                    bank: world.published.bank() as u8,
                    ..*own
                };
                own == key
            });
            if let Some((_, chain)) = own {
                put(chain);
            }
        }));
    }

    /// Words of the source table.
    fn words(&mut self, world: &mut World, tape: &mut Tape<'_>, row: u32) {
        let index = row % world.sets;
        let first = usize::from(tape.u8()) % SET_WORDS;
        let count = usize::from(tape.u8() & 7) + 1;
        let Some(set) = world.attached.tables.sources.set(index) else {
            // The head was changed, and has another number of sets.
            return;
        };
        for word in (first..SET_WORDS).take(count) {
            let old = set.load(word);
            set.store(word, tape.u64());
            self.undo.push(Box::new(move |world| {
                let set = world.attached.tables.sources.set(index).expect("a set");
                set.store(word, old);
            }));
        }
    }

    /// The layout of the source table, as far as the daemon takes it.
    fn layout(&mut self, world: &mut World, tape: &mut Tape<'_>) {
        let old = world.attached.tables.sources.head;
        let new: TableHead = *patched(&old, tape);
        if geometry::check(&new, world.sets).is_ok() {
            world.attached.tables.sources.head = new;
            self.undo.push(Box::new(move |world| {
                world.attached.tables.sources.head = old;
            }));
        }
    }
}

/// A record with other bytes from an offset on.
fn patched<T: sys::Record>(record: &T, tape: &mut Tape<'_>) -> Box<T> {
    let mut bytes = sys::as_bytes(record).to_vec();
    let from = usize::from(tape.u16()) % bytes.len();
    let length = usize::from(tape.u8());
    for (to, byte) in bytes[from..].iter_mut().zip(tape.take(length)) {
        *to = *byte;
    }
    Box::new(sys::from_bytes(&bytes).expect("as many bytes"))
}
