//! A flood that never stops: every source on both ports, round after round, far over its limit.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use throttler_lab::{
    Volley, frames,
    topology::{SERVER_V4, SERVER_V6},
};

use crate::policy::{CHANGING, STEADY};

/// Sources of each family.
const EACH: u8 = 64;
/// Sources on each port.
pub(crate) const SOURCES: u64 = 2 * EACH as u64;

/// Sources of each family that take no part in the flood.
const PATIENT_EACH: u8 = 16;
/// All of them.
pub(crate) const PATIENT: u64 = 2 * PATIENT_EACH as u64;

/// The sources that take part.
pub(crate) fn sources() -> impl Iterator<Item = IpAddr> {
    hosts(1, EACH)
}

/// Those that do not.
pub(crate) fn patient() -> impl Iterator<Item = IpAddr> {
    hosts(100, PATIENT_EACH)
}

fn hosts(first: u8, each: u8) -> impl Iterator<Item = IpAddr> {
    (first..first + each).flat_map(|host| {
        let v6 = [0x2001, 0xdb8, 0, host.into(), 0, 0, 0, 1];
        [[192, 0, 2, host].into(), v6.into()]
    })
}

/// A datagram of a source to a port of the server.
pub(crate) fn frame(source: IpAddr, port: u16) -> Vec<u8> {
    let server = match source {
        IpAddr::V4(_) => SERVER_V4.into(),
        IpAddr::V6(_) => SERVER_V6.into(),
    };
    frames::udp(source, server, 1024, port, 18)
}

/// A frame of every source that takes part, on both ports.
pub(crate) fn round() -> Vec<Vec<u8>> {
    let ports = |source| [STEADY, CHANGING].map(|port| frame(source, port));
    sources().flat_map(ports).collect()
}

/// Sends rounds while `work` runs, and gives what came of it; whatever it is, the flood ends.
pub(crate) fn during<T>(volley: &mut Volley, work: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let sender = scope.spawn(|| send(volley, &stop));
        let _stop = Stop(&stop);
        let done = work();
        stop.store(true, Ordering::Relaxed);
        sender.join().expect("a sender");
        done
    })
}

fn send(volley: &mut Volley, stop: &AtomicBool) {
    let round = round();
    while !stop.load(Ordering::Relaxed) {
        for frame in &round {
            volley.push(frame).expect("a frame");
        }
        // The daemon is to get a share of the CPUs as well.
        thread::yield_now();
    }
}

/// A panic must end the sender as well, or the scope would wait for it forever.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
