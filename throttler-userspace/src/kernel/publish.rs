//! Publishes a generation: everything into the bank that is not in force, then one word.
//!
//! A packet reads the word once and uses that bank's tables to its end. The publisher waits after the
//! flip until all packets that may have read the old word are done; only then is the old bank free
//! for the next generation. So no packet sees half of a policy, however fast reloads follow.

use std::io;

use anyhow::{Context as _, Result, bail};
use throttler_common::abi::{
    DESCRIPTION_CHUNK_BYTES, DESCRIPTION_CHUNKS, DescriptionChunk, MAX_DESTINATIONS, MAX_ROWS,
    active,
};

use super::sys;
use super::tables::Tables;
use crate::compile::{Description, PolicyTables, Previous, row_count, verify};

/// Publishes `policy` as the generation in force.
///
/// # Errors
/// The kernel's. The generation in force stays as it was.
pub fn publish(tables: &Tables, policy: &PolicyTables) -> Result<()> {
    let bank = policy.bank();
    let unclean = |mark: u64| {
        let marked = tables.active.set(&active::UNCLEAN, &mark);
        marked.context("marking the publish")
    };
    if tables.active.get(&active::UNCLEAN)?.unwrap_or(1) != 0 {
        // What an interrupted publish has left in this bank.
        clear_classes(tables, bank).context("clearing the source classes")?;
    }
    unclean(1)?;
    write_tables(tables, policy, bank).context("writing the policy tables")?;
    write_description(tables, &policy.description, bank)?;
    let generation = u64::from(policy.head.generation);
    tables
        .active
        .set(&active::GENERATION, &generation)
        .context("putting the generation in force")?;
    wait_for_packets().context("waiting for packets under the old policy")?;
    clear_classes(tables, 1 - bank).context("clearing the old source classes")?;
    unclean(0)
}

/// Waits until no packet uses the old bank.
fn wait_for_packets() -> io::Result<()> {
    match sys::wait_for_readers() {
        // A kernel with `nohz_full` refuses, and has no other call for it. No packet takes a
        // thousandth of this.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            std::thread::sleep(std::time::Duration::from_millis(100));
            Ok(())
        }
        result => result,
    }
}

fn write_tables(tables: &Tables, policy: &PolicyTables, bank: u32) -> Result<()> {
    tables.port_classes.set(&bank, &policy.port_table())?;
    tables.cells.set(&bank, &policy.cell_table())?;
    for (family, listed) in policy.destinations.iter().enumerate() {
        let run = (bank * 2 + family as u32) * MAX_DESTINATIONS as u32;
        for (index, destination) in listed.iter().enumerate() {
            tables
                .destinations
                .set(&(run + index as u32), destination)?;
        }
    }
    let first = bank * MAX_ROWS as u32;
    let keys: Vec<u32> = (first..).take(policy.rows.len()).collect();
    tables.rows.set_all(&keys, &policy.rows)?;
    tables.histories.set_all(&keys, &policy.histories)?;
    let (keys, chains): (Vec<_>, Vec<_>) = policy
        .classes
        .iter()
        .map(|(key, chain)| {
            let mut key = *key;
            key.bank = bank as u8;
            (key, *chain)
        })
        .unzip();
    tables.classes.set_all(&keys, &chains)?;
    tables.heads.set(&bank, &policy.head)?;
    Ok(())
}

fn clear_classes(tables: &Tables, bank: u32) -> Result<()> {
    let mut stale = Vec::new();
    tables.classes.for_each(|key, _| {
        if u32::from(key.bank) == bank {
            stale.push(*key);
        }
    })?;
    tables.classes.remove_all(&stale)?;
    Ok(())
}

fn write_description(tables: &Tables, description: &Description, bank: u32) -> Result<()> {
    for (index, chunk) in (0..).zip(chunks(description)?) {
        let key = bank * DESCRIPTION_CHUNKS as u32 + index;
        tables
            .description
            .set(&key, &chunk)
            .context("writing the policy's description")?;
    }
    Ok(())
}

/// A description as its map holds it.
///
/// # Errors
/// It is longer than the map.
pub fn chunks(description: &Description) -> Result<Vec<Box<DescriptionChunk>>> {
    let mut json = serde_json::to_vec(description)?;
    let room = DESCRIPTION_CHUNKS * DESCRIPTION_CHUNK_BYTES;
    if json.len() >= room {
        bail!(
            "the policy's names and rates take {} bytes, {room} are kept: use fewer plans or shorter reasons",
            json.len()
        );
    }
    // The zero behind the text ends it, so that a longer one before does not show through.
    json.push(0);
    let chunk = |bytes: &[u8]| {
        let mut chunk = Box::new(sys::zeroed::<DescriptionChunk>());
        chunk.bytes[..bytes.len()].copy_from_slice(bytes);
        chunk
    };
    Ok(json.chunks(DESCRIPTION_CHUNK_BYTES).map(chunk).collect())
}

/// The generation in force; 0 where nothing has been published.
///
/// # Errors
/// The kernel's.
pub fn generation(tables: &Tables) -> Result<u32> {
    let word = tables.active.get(&active::GENERATION)?;
    Ok(word.unwrap_or(0) as u32)
}

/// The description of the generation in force; `None` where nothing has been published.
///
/// # Errors
/// The kernel's, or a description that this version cannot read.
pub fn description(tables: &Tables) -> Result<Option<Description>> {
    // A publish may overwrite the bank while it is read: the generation must be the same afterwards.
    for _ in 0..16 {
        let generation = generation(tables)?;
        if generation == 0 {
            return Ok(None);
        }
        let read = read_description(tables, generation % 2);
        if self::generation(tables)? == generation {
            return read.map(Some);
        }
    }
    bail!("the policy is being reloaded too fast to be read; try again")
}

fn read_description(tables: &Tables, bank: u32) -> Result<Description> {
    let first = bank * DESCRIPTION_CHUNKS as u32;
    joined(
        (first..)
            .take(DESCRIPTION_CHUNKS)
            .map(|key| tables.description.get(&key)),
    )
}

/// The description in the chunks that its map holds; reads no further than its end.
///
/// # Errors
/// The kernel's, or bytes that are no description of this version.
pub fn joined(
    chunks: impl Iterator<Item = io::Result<Option<DescriptionChunk>>>,
) -> Result<Description> {
    let mut json = Vec::new();
    for chunk in chunks {
        let Some(chunk) = chunk? else {
            break;
        };
        match chunk.bytes.iter().position(|byte| *byte == 0) {
            Some(end) => {
                json.extend_from_slice(&chunk.bytes[..end]);
                break;
            }
            None => json.extend_from_slice(&chunk.bytes),
        }
    }
    serde_json::from_slice(&json).context("reading the published policy's description")
}

/// What the next generation goes on from.
///
/// # Errors
/// The kernel's, a description that this version cannot read, or tables that it contradicts.
pub fn previous(tables: &Tables) -> Result<Option<Previous>> {
    let Some(description) = description(tables)? else {
        return Ok(None);
    };
    let bank = description.generation % 2;
    let Some(head) = tables.heads.get(&bank)? else {
        return Ok(None);
    };
    let plans = description
        .plans
        .iter()
        .map(|p| u32::from(p.id))
        .max()
        .unwrap_or(0)
        + 1;
    let count = row_count(&head, plans);
    let (mut rows, mut histories) = (Vec::new(), Vec::new());
    for index in 0..count {
        let key = bank * MAX_ROWS as u32 + index;
        rows.extend(tables.rows.get(&key)?);
        histories.extend(tables.histories.get(&key)?);
    }
    verify(&description, &head, &rows, &histories)?;
    Ok(Some(Previous {
        description,
        rows,
        histories,
        row_stride: head.row_stride,
        global_rows: head.global_rows,
        reserved_rows: head.reserved_rows,
    }))
}
