//! Users and groups as arguments: names or numbers.
//!
//! Names are those of local files alone: a directory service that does not answer must not keep the daemon from starting.

use std::fs;

use crate::kernel::capabilities::User;

const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

/// A user as an argument, with its groups.
pub(super) fn user(text: &str) -> Result<User, String> {
    let users = read(USERS)?;
    let Some((uid, gid)) = ids(&users, text) else {
        return Err(format!(
            "there is no user `{text}` in {USERS}: make one with `useradd --system {text}`"
        ));
    };
    Ok(User {
        name: text.to_owned(),
        uid,
        gid,
        groups: memberships(&read(GROUPS)?, &name(&users, uid)),
    })
}

/// A group as an argument.
pub(super) fn group(text: &str) -> Result<u32, String> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    group_number(&read(GROUPS)?, text)
        .ok_or_else(|| format!("there is no group `{text}` in {GROUPS}; its number will do"))
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("reading {path}: {error}"))
}

/// A user's number and its group's, from its line `name:password:number:group:...` (passwd(5)).
fn ids(users: &str, user: &str) -> Option<(u32, u32)> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number = fields.nth(1)?;
        if name != user && number != user {
            return None;
        }
        Some((number.parse().ok()?, fields.next()?.parse().ok()?))
    })
}

fn name(users: &str, uid: u32) -> String {
    let uid = uid.to_string();
    let line = users
        .lines()
        .find(|line| line.split(':').nth(2) == Some(&uid));
    let name = line.and_then(|line| line.split(':').next());
    name.unwrap_or_default().to_owned()
}

/// The number in a group's line, `name:password:number:members` (group(5)).
fn group_number(groups: &str, name: &str) -> Option<u32> {
    let mut lines = groups.lines().map(|line| line.split(':'));
    lines.find_map(|mut fields| {
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    })
}

/// The groups that name a user as a member.
fn memberships(groups: &str, user: &str) -> Vec<u32> {
    let number = |line: &str| {
        let mut fields = line.split(':').skip(2);
        let number = fields.next()?.parse().ok()?;
        let mut members = fields.next()?.split(',');
        members.any(|member| member == user).then_some(number)
    };
    groups.lines().filter_map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_its_whole_name() {
        let groups = "root:x:0:\nadmins:x:27:ann,bob\nadmin:x:28:\n";
        assert_eq!(group_number(groups, "admin"), Some(28));
        assert_eq!(group_number(groups, "adm"), None);
        assert_eq!(group_number("broken\nadmin:x\n", "admin"), None);
    }

    #[test]
    fn a_user_is_found_by_name_or_number_with_its_groups() {
        let users = "root:x:0:0::/root:/bin/sh\nthr:x:990:991::/:/bin/false\nbroken\n";
        assert_eq!(ids(users, "thr"), Some((990, 991)));
        assert_eq!(ids(users, "990"), Some((990, 991)));
        assert_eq!(ids(users, "x"), None);
        assert_eq!(name(users, 990), "thr");
        let groups = "a:x:1:thr\nb:x:2:bob,thr\nc:x:3:thrx\nd:x:4:\nbroken\n";
        assert_eq!(memberships(groups, "thr"), [1, 2]);
    }
}
