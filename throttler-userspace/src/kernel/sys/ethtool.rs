//! What ethtool(8) asks a driver over `SIOCETHTOOL` (include/uapi/linux/ethtool.h).

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

const SIOCETHTOOL: libc::c_ulong = 0x8946;
const GET_DRIVER: u32 = 0x03;
const GET_FLAGS: u32 = 0x25;
const GET_CHANNELS: u32 = 0x3c;
/// `ETH_FLAG_LRO`.
const LARGE_RECEIVE_OFFLOAD: u32 = 1 << 15;

/// `struct ethtool_drvinfo`.
#[repr(C)]
struct DriverInfo {
    command: u32,
    driver: [u8; 32],
    version: [u8; 32],
    firmware: [u8; 32],
    bus: [u8; 32],
    expansion_rom: [u8; 32],
    reserved: [u8; 12],
    counts: [u32; 5],
}

/// `struct ethtool_channels`.
#[repr(C)]
#[derive(Default)]
struct RawChannels {
    command: u32,
    most_receive: u32,
    most_transmit: u32,
    most_other: u32,
    most_combined: u32,
    receive: u32,
    transmit: u32,
    other: u32,
    combined: u32,
}

/// Queues that receive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Channels {
    /// In use, for one or both directions.
    pub used: u32,
    /// What the driver can have.
    pub most: u32,
    /// Whether its queues are for both directions, as ethtool(8) has to be told.
    pub are_combined: bool,
}

/// `struct ethtool_value`.
#[repr(C)]
struct Value {
    command: u32,
    value: u32,
}

/// `struct ifreq` as far as it is used.
#[repr(C)]
struct Request<T> {
    name: [u8; libc::IFNAMSIZ],
    data: *mut T,
    rest: [u8; 16],
}

/// Has the kernel fill an answer in whose first word is the command.
fn ask<T>(name: &str, answer: &mut T) -> io::Result<()> {
    let mut request = Request {
        name: [0; libc::IFNAMSIZ],
        data: answer,
        rest: [0; 16],
    };
    if name.len() >= request.name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    request.name[..name.len()].copy_from_slice(name.as_bytes());
    // SAFETY: socket(2) takes three integers.
    let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if socket < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    // SAFETY: an `ifreq` of at least the kernel's size, which points to the structure of the command in its first word;
    // both live until the call returns.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, &raw mut request) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// The name of an interface's driver.
///
/// # Errors
/// The kernel's; `EOPNOTSUPP` where it does not say.
pub fn driver(name: &str) -> io::Result<String> {
    let mut info = DriverInfo {
        command: GET_DRIVER,
        driver: [0; 32],
        version: [0; 32],
        firmware: [0; 32],
        bus: [0; 32],
        expansion_rom: [0; 32],
        reserved: [0; 12],
        counts: [0; 5],
    };
    ask(name, &mut info)?;
    let text = info.driver.split(|byte| *byte == 0).next();
    Ok(String::from_utf8_lossy(text.unwrap_or_default()).into_owned())
}

/// An interface's queues.
///
/// # Errors
/// The kernel's; `EOPNOTSUPP` where the driver has no such thing.
pub fn channels(name: &str) -> io::Result<Channels> {
    let mut raw = RawChannels {
        command: GET_CHANNELS,
        ..RawChannels::default()
    };
    ask(name, &mut raw)?;
    Ok(Channels {
        used: raw.receive + raw.combined,
        most: raw.most_receive.max(raw.most_combined),
        are_combined: raw.most_combined > 0,
    })
}

/// Whether the driver joins packets to larger ones before XDP could see them.
///
/// # Errors
/// The kernel's.
pub fn joins_packets(name: &str) -> io::Result<bool> {
    let mut flags = Value {
        command: GET_FLAGS,
        value: 0,
    };
    ask(name, &mut flags)?;
    Ok(flags.value & LARGE_RECEIVE_OFFLOAD != 0)
}

const _: () = assert!(size_of::<DriverInfo>() == 196);
const _: () = assert!(size_of::<RawChannels>() == 36);
const _: () = assert!(size_of::<Request<u8>>() == 40);
