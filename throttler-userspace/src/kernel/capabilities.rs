//! What the daemon may do, and giving up all the rest (capabilities(7)).
//!
//! | capability | for |
//! |---|---|
//! | `CAP_BPF` | making, reading and writing maps, loading programs, reading their descriptions |
//! | `CAP_NET_ADMIN` | loading a program that reads and drops packets, and putting it on an interface |
//! | `CAP_PERFMON` | the verifier's leave for arithmetic on pointers, without which no parser passes it |

use std::io;

use rustix::process::{Gid, Uid, getgroups};
use rustix::thread::{self, CapabilitySet, CapabilitySets};

/// What the daemon needs, and keeps.
pub const NEEDED: CapabilitySet = CapabilitySet::BPF
    .union(CapabilitySet::NET_ADMIN)
    .union(CapabilitySet::PERFMON);

/// What it takes to become another user.
const BECOME: CapabilitySet = CapabilitySet::SETUID.union(CapabilitySet::SETGID);

/// Whom to act as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// As it was asked for, for messages.
    pub name: String,
    /// The user's number.
    pub uid: u32,
    /// Its own group's.
    pub gid: u32,
    /// The other groups that it is a member of.
    pub groups: Vec<u32>,
}

/// What this process may do now.
///
/// # Errors
/// The kernel's.
pub fn effective() -> io::Result<CapabilitySet> {
    Ok(thread::capabilities(None)?.effective)
}

/// Gives up, for good and for everything that comes after, all but [`NEEDED`], and becomes `user`, if one is named. With
/// `group` among its groups, so that it may give its socket to that. To be called before there is a second thread.
///
/// # Errors
/// The kernel's: to become another user takes CAP_SETUID and CAP_SETGID.
pub fn give_up(user: Option<&User>, group: Option<u32>) -> io::Result<()> {
    let had = thread::capabilities(None)?;
    let kept = kept(had.permitted);
    if had.effective.contains(CapabilitySet::SETPCAP) {
        bound(kept)?;
    }
    if had.effective.contains(BECOME) {
        thread::set_keep_capabilities(true)?;
        set_groups(user, group)?;
        if let Some(user) = user {
            let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
            thread::set_thread_res_gid(gid, gid, gid)?;
            thread::set_thread_res_uid(uid, uid, uid)?;
        }
        thread::set_keep_capabilities(false)?;
    } else if user.is_some_and(|user| user.uid != super::sys::effective_user()) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    thread::clear_ambient_capability_set()?;
    thread::set_capabilities(
        None,
        CapabilitySets {
            effective: kept,
            permitted: kept,
            inheritable: CapabilitySet::empty(),
        },
    )?;
    thread::set_no_new_privs(true)?;
    Ok(())
}

/// Gives up all that this thread has, for good and for all that it starts: `no_new_privs`, which [`give_up`] has set, keeps
/// programs from gaining any, also root's.
///
/// # Errors
/// The kernel's.
pub fn give_up_all() -> io::Result<()> {
    let none = CapabilitySet::empty();
    let sets = CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    Ok(thread::set_capabilities(None, sets)?)
}

/// Of what a process has. A container that was granted CAP_SYS_ADMIN instead of the newer ones keeps that.
fn kept(permitted: CapabilitySet) -> CapabilitySet {
    let kept = permitted & NEEDED;
    let newer = CapabilitySet::BPF.union(CapabilitySet::PERFMON);
    if kept.contains(newer) {
        kept
    } else {
        kept | permitted & CapabilitySet::SYS_ADMIN
    }
}

/// Takes all others out of the bounding set: no program that is executed can gain them.
fn bound(kept: CapabilitySet) -> io::Result<()> {
    for number in 0..u64::BITS {
        let one = CapabilitySet::from_bits_retain(1 << number);
        match thread::capability_is_in_bounding_set(one) {
            Ok(true) if !kept.contains(one) => thread::remove_capability_from_bounding_set(one)?,
            Ok(_) => {}
            // Beyond the last that this kernel knows.
            Err(_) => break,
        }
    }
    Ok(())
}

fn set_groups(user: Option<&User>, group: Option<u32>) -> io::Result<()> {
    let mut groups = match user {
        Some(user) => user.groups.iter().copied().map(Gid::from_raw).collect(),
        None => getgroups()?,
    };
    groups.extend(group.map(Gid::from_raw));
    Ok(thread::set_thread_groups(&groups)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_needed_is_kept() {
        assert_eq!(kept(CapabilitySet::all()), NEEDED);
        assert_eq!(kept(CapabilitySet::empty()), CapabilitySet::empty());
        let old = CapabilitySet::SYS_ADMIN | CapabilitySet::NET_ADMIN;
        assert_eq!(kept(old | CapabilitySet::CHOWN), old);
    }
}
