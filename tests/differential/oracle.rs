//! The parser against etherparse: where etherparse accepts a frame, both read the same of it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use etherparse::{InternetSlice, LaxNetSlice, NetSlice, SlicedPacket, TransportSlice, ip_number};
use throttler::host::SliceFrame;
use throttler_common::abi::Addr;
use throttler_common::parse::{Kind, packet_flag, parse};

use crate::generator::frame;
use crate::harness::Rng;
