//! Handing a batch to a command: no shell, the batch on its standard input.
//!
//! The command has an environment of its own (`PATH`, `THROTTLER_NOTIFY`, `THROTTLER_DELIVERY`), no descriptors but the
//! three, no capabilities, for the thread that starts it has none ([`super::office`]), and leads a process group, which is
//! killed when its time is over.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use super::batch::Batch;
use super::failure::{Failure, Kind};

/// Where commands of a command are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What is kept of what it prints.
const KEPT: usize = 8 * 1024;
/// What is shown of its last line.
const SHOWN: usize = 200;
/// For what it printed to be read once it has ended: a process that it left behind may hold the other end.
const REST: Duration = Duration::from_secs(1);

/// Runs it once.
///
/// # Errors
/// Why the batch is not delivered.
pub(super) async fn run(
    words: &[String],
    notify: &str,
    batch: &Batch,
    time: Duration,
) -> Result<(), Failure> {
    let failed = |text: String| Failure::new(Kind::Failed, text);
    let (program, arguments) = words
        .split_first()
        .ok_or_else(|| failed("there is no command".to_owned()))?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("THROTTLER_NOTIFY", notify)
        .env("THROTTLER_DELIVERY", &batch.id)
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Failure::new(Kind::Unreachable, format!("cannot start it: {error}")))?;
    let group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
    if let Some(id) = child.id() {
        // When memory is short, the daemon is to be spared, not what it starts. To be spared less needs no privilege.
        let _ = std::fs::write(format!("/proc/{id}/oom_score_adj"), "0");
    }
    let input = child.stdin.take();
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let reading = tokio::spawn(async { tokio::join!(read(output), read(errors)) });
    let Ok(status) = timeout(time, finish(&mut child, input, &batch.body)).await else {
        drop(group);
        let _ = child.wait().await;
        reading.abort();
        return Err(failed("killed: not done within the `timeout`".to_owned()));
    };
    group.forget();
    let abort = reading.abort_handle();
    let (output, errors) = match timeout(REST, reading).await {
        Ok(Ok(both)) => both,
        _ => Default::default(),
    };
    abort.abort();
    for (stream, text) in [("stdout", &output), ("stderr", &errors)] {
        if !text.is_empty() {
            let text = String::from_utf8_lossy(text);
            log::debug!(
                "notify `{notify}`: {program}: {stream}: {}",
                text.trim_end()
            );
        }
    }
    let status = status.map_err(|error| failed(format!("waiting for it: {error}")))?;
    match status.success() {
        true => Ok(()),
        false => Err(failed(format!(
            "it ended with {status}{}",
            last_line(&errors)
        ))),
    }
}

/// The processes of a command. They are killed on drop: at the time limit, and where the daemon ends meanwhile.
struct Group(Option<Pid>);

impl Group {
    /// The command was waited for, so its number may be another's.
    fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0.take() {
            // There may be nobody left.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Hands it the batch and waits for its end. Who does not read all of it, or closes the pipe, is told nothing.
async fn finish(
    child: &mut Child,
    input: Option<ChildStdin>,
    body: &Bytes,
) -> io::Result<std::process::ExitStatus> {
    let write = async {
        if let Some(mut input) = input {
            let _ = input.write_all(body).await;
        }
    };
    let mut write = std::pin::pin!(write);
    tokio::select! {
        status = child.wait() => status,
        () = &mut write => child.wait().await,
    }
}

/// Reads all, so that who writes is never held up, and keeps the last.
async fn read(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut stream) = stream else {
        return kept;
    };
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut piece).await {
        kept.extend_from_slice(&piece[..read]);
        let excess = kept.len().saturating_sub(KEPT);
        kept.drain(..excess);
    }
    kept
}

fn last_line(errors: &[u8]) -> String {
    let text = String::from_utf8_lossy(errors);
    let Some(line) = text.trim_end().lines().next_back() else {
        return String::new();
    };
    let plain = line.chars().filter(|c| !c.is_control()).take(SHOWN);
    format!(": {}", plain.collect::<String>())
}
