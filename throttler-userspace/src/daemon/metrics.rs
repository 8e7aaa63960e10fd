//! `--metrics-listen`: `GET /metrics`, and nothing else. Requests are small, answers are one document,
//! and every connection is closed after it: that much HTTP (RFC 9112) needs no framework.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::vitals::{self, Vitals};
use crate::report;

/// Longer requests are not for us.
const REQUEST: usize = 8 * 1024;
/// A client gets this long for its request and for taking the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the endpoint tells of.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) bpffs: PathBuf,
    pub(super) ifaces: Vec<String>,
    pub(super) reloaded: Arc<AtomicBool>,
    pub(super) vitals: Arc<[Arc<Vitals>]>,
}

/// Takes the address, or says why it cannot be had.
pub(super) fn bind(addr: SocketAddr) -> Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(addr)
        .with_context(|| format!("listening on {addr} (--metrics-listen)"))?;
    listener.set_nonblocking(true)?;
    if !addr.ip().is_loopback() {
        log::warn!(
            "metrics are served on {addr} to whoever reaches it; 127.0.0.1 keeps them to this host"
        );
    }
    log::info!("metrics on http://{}/metrics", listener.local_addr()?);
    Ok(listener)
}

/// Serves one client after the other until told to stop.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    source: Source,
    mut stopped: watch::Receiver<bool>,
) -> Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => match timeout(PATIENCE, answer(stream, &source)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => log::debug!("metrics for {peer}: {error:#}"),
                    Err(_) => log::debug!("metrics for {peer}: too slow"),
                },
                // Out of descriptors, or a client that went away: neither ends the endpoint.
                Err(error) => log::debug!("metrics: {error}"),
            },
            _ = stopped.changed() => return Ok(()),
        }
    }
}

async fn answer(mut stream: TcpStream, source: &Source) -> Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") && request.len() < REQUEST {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            break;
        }
        request.extend_from_slice(&buffer[..read]);
    }
    let (bpffs, ifaces) = (source.bpffs.clone(), source.ifaces.clone());
    let reloaded = source.reloaded.load(Ordering::Relaxed);
    // A table of a million sources takes a while to count, and events are to be logged meanwhile.
    let vitals = Arc::clone(&source.vitals);
    let respond = move || respond(&request, &bpffs, &ifaces, reloaded, &vitals);
    let (status, body) = spawn_blocking(respond).await.context("counting")?;
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(())
}

fn respond(
    request: &[u8],
    bpffs: &Path,
    ifaces: &[String],
    reloaded: bool,
    vitals: &[Arc<Vitals>],
) -> (&'static str, String) {
    let line = request
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    match (words.next(), words.next()) {
        (Some("GET"), Some("/metrics")) => {
            let metrics = report::attachments_so_far(bpffs, ifaces)
                .and_then(|attached| report::metrics(&attached, reloaded));
            match metrics {
                Ok(body) => ("200 OK", body + &vitals::metrics(vitals)),
                Err(error) => ("503 Service Unavailable", format!("{error:#}\n")),
            }
        }
        (Some("GET"), _) => ("404 Not Found", "only /metrics is here\n".to_owned()),
        _ => ("405 Method Not Allowed", "only GET /metrics\n".to_owned()),
    }
}
