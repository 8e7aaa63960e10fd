//! The daemon as nobody with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON and nothing else: it does all that it does, and
//! without any of the three it says which one is missing. Needs root, to give up everything else.

mod confined;
mod daemon;
mod missing;
