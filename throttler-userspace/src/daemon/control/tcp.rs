//! The listener of `--metrics-listen`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// A peer that is silent for so long is asked whether it is still there, so that what follows events and is gone frees its
/// place within a minute and a half.
const SILENCE: Duration = Duration::from_secs(60);

/// An address as an argument: one with a port, or a port alone, which is of 127.0.0.1.
pub(in crate::daemon) fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let port = text.strip_prefix(':').unwrap_or(text).parse::<u16>();
    port.map(|port| (Ipv4Addr::LOCALHOST, port).into()).map_err(|_| {
        match text.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(ip) => format!("the port is missing: `{}`", SocketAddr::new(ip, 9464)),
            Err(_) => "this takes a numeric address with a port (`127.0.0.1:9464`, `[::1]:9464`), or a port alone, which is \
                       of 127.0.0.1"
                .to_owned(),
        }
    })
}

/// Takes the address, or says why it cannot be had.
///
/// # Errors
/// The kernel's.
pub(in crate::daemon) fn bind(
    address: SocketAddr,
    token_file: Option<&Path>,
) -> Result<TcpListener> {
    let listener = TcpListener::bind(address)
        .with_context(|| format!("listening on {address} (--metrics-listen)"))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let local = address.ip().to_canonical().is_loopback();
    if !local {
        log::warn!(
            "metrics are served on {address} to whoever reaches it; 127.0.0.1 keeps them to this host"
        );
    }
    log::info!("metrics on http://{address}/metrics");
    if let Some(file) = token_file {
        log::info!(
            "everything else on http://{address}/v1 for whoever sends the token of {}, who may change anything as root may",
            file.display()
        );
        if !local {
            log::warn!(
                "THE TOKEN TRAVELS IN CLEAR TEXT to {address}: whoever sees that traffic can change everything; listen on \
                 127.0.0.1, behind a TLS proxy or an ssh tunnel"
            );
        }
    }
    Ok(listener)
}

/// Has the kernel see to it that a peer that is gone is noticed.
pub(super) fn watch_over(stream: &mut TcpStream) {
    let keepalive = TcpKeepalive::new()
        .with_time(SILENCE)
        .with_interval(SILENCE / 6)
        .with_retries(3);
    if let Err(error) = SockRef::from(&*stream).set_tcp_keepalive(&keepalive) {
        log::debug!("keepalive: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn a_port_alone_is_of_this_host() {
        for (text, expected) in [
            ("9464", "127.0.0.1:9464"),
            (":9464", "127.0.0.1:9464"),
            ("0", "127.0.0.1:0"),
            ("[::1]:9464", "[::1]:9464"),
            ("0.0.0.0:9464", "0.0.0.0:9464"),
        ] {
            assert_eq!(
                address(text).map(|found| found.to_string()),
                Ok(expected.to_owned())
            );
        }
    }

    #[test]
    fn what_is_no_address_has_a_mend() {
        for (text, expected) in [
            ("127.0.0.1", "the port is missing: `127.0.0.1:9464`"),
            ("[::1]", "the port is missing: `[::1]:9464`"),
            ("::1", "the port is missing: `[::1]:9464`"),
            ("70000", "a port alone"),
            ("localhost:9464", "numeric address"),
            ("", "numeric address"),
        ] {
            let said = address(text).expect_err(text);
            assert!(said.contains(expected), "{text}: {said}");
        }
    }
}
