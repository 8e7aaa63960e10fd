//! Directories that belong to nobody, a BPF file system among them, and commands that run as nobody.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;
use throttler_lab::{CliOutput, Lab};

/// Any user that is not root does.
pub(crate) const NOBODY: u32 = 65_534;
/// As setpriv names them.
pub(crate) const NEEDED: [&str; 3] = ["bpf", "net_admin", "perfmon"];
/// CAP_NET_ADMIN (12), CAP_PERFMON (38) and CAP_BPF (39) of include/uapi/linux/capability.h.
const MASK: u64 = 1 << 12 | 1 << 38 | 1 << 39;
const LIMIT: Duration = Duration::from_secs(30);

/// All that a confined daemon has.
pub(crate) struct Confined {
    bpffs: Mount,
    files: TempDir,
}

impl Confined {
    pub(crate) fn new() -> Self {
        throttler_lab::require_root().expect("root");
        let files = TempDir::with_prefix("thr-confined-").expect("a directory");
        fs::set_permissions(files.path(), Permissions::from_mode(0o755)).expect("a mode");
        let own = |name: &str| {
            let path = files.path().join(name);
            fs::create_dir(&path).expect("a directory");
            chown(&path, Some(NOBODY), Some(NOBODY)).expect("an owner");
            path
        };
        own("state");
        own("run");
        let bpffs = Mount::new(own("bpf"));
        chown(&bpffs.0, Some(NOBODY), Some(NOBODY)).expect("an owner");
        let binary = Path::new(env!("CARGO_BIN_EXE_throttler"));
        // By another process: a copy that is open for writing here while a test beside this one forks could not be run.
        done(Command::new("cp").arg(binary).arg(files.path()));
        Self { bpffs, files }
    }

    /// Writes the policy.
    pub(crate) fn policy(&self, text: &str) {
        let path = self.path("policy.toml");
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("a mode");
    }

    /// `throttler` in the lab's server with these capabilities and no others, now or later.
    pub(crate) fn command(&self, lab: &Lab, capabilities: &[&str], args: &[&str]) -> Command {
        let set: String = capabilities
            .iter()
            .map(|name| format!(",+{name}"))
            .collect();
        let set = format!("-all{set}");
        let mut command = lab.server().command("setpriv");
        let user = NOBODY.to_string();
        command.args(["--reuid", &user, "--regid", &user]);
        command.args(["--clear-groups", "--no-new-privs"]);
        for sets in ["--bounding-set", "--inh-caps", "--ambient-caps"] {
            command.args([sets, &set]);
        }
        command.arg(self.path("throttler"));
        self.complete(command, args)
    }

    /// The same as root, with all that root may do.
    pub(crate) fn root_command(&self, lab: &Lab, args: &[&str]) -> Command {
        self.complete(lab.server().command(self.path("throttler")), args)
    }

    fn complete(&self, mut command: Command, args: &[&str]) -> Command {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("THROTTLER_") {
                command.env_remove(name);
            }
        }
        // As where the test is not started over ssh.
        command.env("THROTTLER_NO_LOCKOUT_GUARD", "true");
        command.args(args);
        command.arg("--bpffs").arg(&self.bpffs.0);
        command.arg("--state-dir").arg(self.path("state"));
        command.arg("--socket").arg(self.path("run/socket"));
        command.current_dir(self.files.path());
        command
    }

    /// Runs `throttler` with the three capabilities to its end.
    pub(crate) fn say(&self, lab: &Lab, args: &[&str]) -> CliOutput {
        self.say_with(lab, &NEEDED, args)
    }

    pub(crate) fn say_with(&self, lab: &Lab, capabilities: &[&str], args: &[&str]) -> CliOutput {
        let mut command = self.command(lab, capabilities, args);
        throttler_lab::run(&mut command, LIMIT).expect("an end by itself")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }
}

/// That a process is nobody and has exactly the three: otherwise it would show nothing.
pub(crate) fn assert_confined(pid: u32) {
    assert_least(pid, NOBODY);
}

/// That a process is this user, has exactly the three, can gain no more and hands none on.
pub(crate) fn assert_least(pid: u32, user: u32) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let field = |name: &str| {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name} in {status}"))
            .trim()
    };
    for (set, mask) in [
        ("CapPrm", MASK),
        ("CapEff", MASK),
        ("CapBnd", MASK),
        ("CapInh", 0),
        ("CapAmb", 0),
    ] {
        let found = u64::from_str_radix(field(set), 16);
        assert_eq!(found, Ok(mask), "{set}: {status}");
    }
    for id in ["Uid", "Gid"] {
        let all = field(id)
            .split_whitespace()
            .all(|one| one == user.to_string());
        assert!(all, "{status}");
    }
    assert_eq!(field("NoNewPrivs"), "1", "{status}");
    if user != 0 {
        assert_eq!(field("Groups"), "", "{status}");
    }
}

impl Confined {
    /// What is pinned.
    pub(crate) fn bpffs(&self) -> &Path {
        &self.bpffs.0
    }
}

/// A BPF file system, until dropped: the host's own is often root's alone.
struct Mount(PathBuf);

impl Mount {
    fn new(path: PathBuf) -> Self {
        done(Command::new("mount").args(["-t", "bpf", "bpf"]).arg(&path));
        Self(path)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: whatever a failed test left running may still hold it.
        let status = Command::new("umount").arg("--lazy").arg(&self.0).status();
        if !status.is_ok_and(|status| status.success()) {
            eprintln!("{} stays mounted", self.0.display());
        }
    }
}

/// Runs a command that must succeed.
pub(crate) fn done(command: &mut Command) {
    let output = throttler_lab::run(command, LIMIT).expect("an end by itself");
    assert!(output.status.success(), "{command:?}: {output:?}");
}
