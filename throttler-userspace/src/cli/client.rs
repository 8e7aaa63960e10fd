//! The other end of the control socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;

use super::failure::{Failure, Status};

/// The daemon behind a socket.
pub(super) struct Client {
    path: PathBuf,
}

/// What came of an order, by interface.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub(super) interfaces: Vec<Interface>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Interface {
    pub(super) iface: String,
    pub(super) generation: u32,
    /// Of what operators say, how much is new.
    #[serde(default)]
    pub(super) changed: usize,
    /// Bans of the datapath that were taken back.
    #[serde(default)]
    pub(super) lifted: usize,
    /// Banned prefixes around what was taken back.
    #[serde(default)]
    pub(super) still_within: Vec<IpNet>,
}

/// The part of RFC 9457 that says it.
#[derive(Debug, Deserialize)]
struct Problem {
    detail: String,
}

impl Client {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// Asks for something to be done, and reads the answer.
    ///
    /// # Errors
    /// Status 3 where no daemon listens; what the daemon says, with the status that fits.
    pub(super) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        self.done("POST", path, serde_json::to_vec(body)?)
    }

    /// The same of what is to be taken back.
    ///
    /// # Errors
    /// As [`Client::post`].
    pub(super) fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.done("DELETE", path, Vec::new())
    }

    /// Asks for something whose answer does not matter, and waits for it no longer than that.
    ///
    /// # Errors
    /// As [`Client::post`], and that it took too long.
    pub(super) fn ask_for(&self, path: &str, longest: Duration) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("starting the runtime")?;
        let asked =
            async { tokio::time::timeout(longest, self.ask("GET", path, Vec::new())).await };
        let (status, body) = runtime
            .block_on(asked)
            .with_context(|| format!("waiting for the daemon's answer from {path}"))??;
        if status.is_success() {
            return Ok(());
        }
        Err(refused(status, &body).into())
    }

    /// Hands over an answer piece by piece, as it comes, until it ends or `each` has had enough.
    ///
    /// # Errors
    /// As [`Client::post`], and those of `each`.
    pub(super) fn stream(&self, path: &str, each: impl FnMut(&[u8]) -> Result<bool>) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("starting the runtime")?;
        runtime.block_on(self.pieces(path, each))
    }

    async fn pieces(&self, path: &str, mut each: impl FnMut(&[u8]) -> Result<bool>) -> Result<()> {
        let mut response = self.send("GET", path, Vec::new()).await?;
        if !response.status().is_success() {
            let status = response.status();
            let body = response.into_body().collect().await;
            let body = body.context("reading the daemon's answer")?.to_bytes();
            return Err(refused(status, &body).into());
        }
        while let Some(frame) = response.body_mut().frame().await {
            let frame = frame.context("reading the daemon's answer")?;
            if let Some(piece) = frame.data_ref()
                && !each(piece)?
            {
                break;
            }
        }
        Ok(())
    }

    fn done<T: DeserializeOwned>(&self, method: &str, path: &str, body: Vec<u8>) -> Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("starting the runtime")?;
        let (status, body) = runtime.block_on(self.ask(method, path, body))?;
        if status.is_success() {
            return serde_json::from_slice(&body)
                .with_context(|| format!("reading the daemon's answer from {path}"));
        }
        Err(refused(status, &body).into())
    }

    async fn ask(&self, method: &str, path: &str, body: Vec<u8>) -> Result<(StatusCode, Bytes)> {
        let response = self.send(method, path, body).await?;
        let status = response.status();
        let body = response
            .into_body()
            .collect()
            .await
            .context("reading the daemon's answer")?
            .to_bytes();
        Ok((status, body))
    }

    async fn send(&self, method: &str, path: &str, body: Vec<u8>) -> Result<Response<Incoming>> {
        let stream = UnixStream::connect(&self.path)
            .await
            .map_err(|error| self.unreachable(&error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .context("speaking to the daemon")?;
        // It ends with the answer; an error after that changes nothing.
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "throttler")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))?;
        sender
            .send_request(request)
            .await
            .context("asking the daemon")
    }

    fn unreachable(&self, error: &std::io::Error) -> Failure {
        let path = self.path.display();
        match error.kind() {
            std::io::ErrorKind::PermissionDenied => Failure::new(
                Status::Privilege,
                format!(
                    "{path}: only root and the socket's group may connect (`run --socket-group`)"
                ),
            ),
            _ => Failure::new(
                Status::NothingAttached,
                format!(
                    "no daemon listens on {path} ({error}): is it running, and with this --socket?"
                ),
            ),
        }
    }
}

/// What the daemon says, with the exit status that fits.
fn refused(status: StatusCode, body: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(body);
    let detail = serde_json::from_slice(body).map_or_else(
        |_| format!("the daemon answered {status}: {text}"),
        |Problem { detail }| detail,
    );
    let status = match status {
        StatusCode::SERVICE_UNAVAILABLE => Status::NothingAttached,
        StatusCode::NOT_FOUND => Status::NotFound,
        StatusCode::UNPROCESSABLE_ENTITY => Status::BadPolicy,
        StatusCode::FORBIDDEN => Status::Privilege,
        _ => Status::Runtime,
    };
    Failure::new(status, detail)
}
