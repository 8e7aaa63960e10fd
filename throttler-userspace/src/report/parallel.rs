//! Work on many entries by all CPUs.

use std::io::{self, Write};
use std::sync::mpsc::sync_channel;
use std::thread;

/// Entries rendered at a time: some hundred kilobytes of text, which stay in a CPU's cache.
const CHUNK: usize = 1024;
/// Rendered and not yet written, a worker.
const AHEAD: usize = 2;
/// More of them would wait for memory, not for each other.
const MOST: usize = 8;

/// How many threads `parts` of work are worth.
pub(super) fn workers(parts: usize) -> usize {
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    cpus.min(MOST).min(parts.max(1))
}

/// The results of `part` for each number below `workers`, each on a thread of its own.
pub(super) fn each<T: Send>(workers: usize, part: impl Fn(usize) -> T + Sync) -> Vec<T> {
    if workers == 1 {
        return vec![part(0)];
    }
    let part = &part;
    thread::scope(|scope| {
        let spawned: Vec<_> = (0..workers)
            .map(|worker| scope.spawn(move || part(worker)))
            .collect();
        let results = spawned.into_iter().map(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        results.collect()
    })
}

/// Renders the items on all CPUs and writes them in their order. `render` puts `separator` in front of every
/// entry, the first one's is left out. Whether anything was written.
///
/// # Errors
/// The writer's.
pub(super) fn in_order<T: Sync>(
    out: &mut impl Write,
    items: &[T],
    separator: &str,
    render: impl Fn(&[T], &mut Vec<u8>) + Sync,
) -> io::Result<bool> {
    let chunks: Vec<&[T]> = items.chunks(CHUNK).collect();
    let workers = workers(chunks.len());
    let mut any = false;
    let mut write = |buffer: &[u8]| {
        let skip = if any { 0 } else { separator.len() };
        any |= !buffer.is_empty();
        out.write_all(buffer.get(skip..).unwrap_or_default())
    };
    if workers == 1 {
        let mut buffer = Vec::new();
        for chunk in chunks {
            buffer.clear();
            render(chunk, &mut buffer);
            write(&buffer)?;
        }
        return Ok(any);
    }
    let (chunks, render) = (&chunks, &render);
    thread::scope(|scope| -> io::Result<()> {
        let mut queues = Vec::new();
        for first in 0..workers {
            let (sender, receiver) = sync_channel::<Vec<u8>>(AHEAD);
            queues.push(receiver);
            scope.spawn(move || {
                let mut largest = 0;
                for chunk in chunks.iter().skip(first).step_by(workers) {
                    let mut buffer = Vec::with_capacity(largest);
                    render(chunk, &mut buffer);
                    largest = largest.max(buffer.len());
                    // Nobody takes it: writing has failed.
                    if sender.send(buffer).is_err() {
                        return;
                    }
                }
            });
        }
        for queue in queues.iter().cycle().take(chunks.len()) {
            // A worker that panicked sends nothing; the scope passes its panic on.
            let Ok(buffer) = queue.recv() else { break };
            write(&buffer)?;
        }
        Ok(())
    })?;
    Ok(any)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(count: u32, wanted: impl Fn(u32) -> bool + Sync) -> (bool, String) {
        let items: Vec<u32> = (0..count).collect();
        let mut out = Vec::new();
        let any = in_order(&mut out, &items, ", ", |items, out| {
            for item in items.iter().filter(|item| wanted(**item)) {
                out.extend_from_slice(format!(", {item}").as_bytes());
            }
        });
        (any.unwrap(), String::from_utf8(out).unwrap())
    }

    #[test]
    fn everything_is_written_once_and_in_order() {
        for count in [0, 1, 1024, 1025, 10_000] {
            let all: Vec<String> = (0..count).map(|item| item.to_string()).collect();
            assert_eq!(rendered(count, |_| true), (count > 0, all.join(", ")));
        }
    }

    #[test]
    fn what_is_gone_meanwhile_leaves_no_separator() {
        let (any, text) = rendered(5_000, |item| item >= 3_000);
        assert!(any && text.starts_with("3000, 3001, ") && text.ends_with(", 4999"));
        assert_eq!(rendered(5_000, |_| false), (false, String::new()));
    }

    #[test]
    fn a_writer_that_fails_ends_it() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let items = vec![0; 100_000];
        let render = |items: &[i32], out: &mut Vec<u8>| out.resize(items.len(), b'x');
        assert!(in_order(&mut Full, &items, "", render).is_err());
    }
}
