//! The daemon as nobody with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON and nothing else: it does all that it does, and
//! without any of the three it says which one is missing. As root, and with `--user`, it gives all others up by itself. Needs
//! root.

mod confined;
mod daemon;
mod missing;
mod notify;
mod root;
