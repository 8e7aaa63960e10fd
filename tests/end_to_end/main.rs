//! The daemon on real interfaces, judged by real packets.
