//! Names of XDP programs that are not ours. To ask for one takes CAP_SYS_ADMIN (kernel/bpf/syscall.c,
//! `bpf_prog_get_fd_by_id`), which the daemon gives up: it asks before, for the interfaces that it is to protect.

use std::collections::BTreeMap;
use std::os::fd::AsFd as _;
use std::sync::OnceLock;

use super::{interface, sys};

/// By identifier; of those that ran when [`remember`] was called.
static KNOWN: OnceLock<BTreeMap<u32, String>> = OnceLock::new();

/// Notes what runs on these interfaces now. A second call does nothing.
pub fn remember(ifaces: &[String]) {
    let ids = ifaces.iter().filter_map(|iface| {
        // What is wrong with an interface is said by whoever needs it.
        let (_, id) = interface::find(iface).ok()?.xdp?;
        Some((id, ask(id)?))
    });
    let _ = KNOWN.set(ids.collect());
}

/// A program for messages: its name where it is to be had, and its identifier.
#[must_use]
pub fn describe(id: u32) -> String {
    let known = || KNOWN.get()?.get(&id).cloned();
    match ask(id).or_else(known) {
        Some(name) => format!("`{name}` (id {id})"),
        None => format!("with id {id} (`bpftool prog show id {id}` says more)"),
    }
}

fn ask(id: u32) -> Option<String> {
    let program = sys::program_by_id(id).ok()?;
    let name = sys::program_info(program.as_fd()).ok()?.name;
    let name = name.split(|byte| *byte == 0).next()?;
    Some(String::from_utf8_lossy(name).into_owned())
}
