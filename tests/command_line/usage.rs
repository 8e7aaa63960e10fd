//! Wrong usage: status 2, nothing on standard output, and a hint on standard error.

use crate::said::{say, shown, snapshot};

macro_rules! usage {
    ($($name:ident: $args:expr,)*) => {$(
        #[test]
        fn $name() {
            let output = say(&$args);
            assert_eq!((output.code(), output.stdout.as_str()), (Some(2), ""));
            snapshot!(concat!("usage_", stringify!($name)), shown(&output));
        }
    )*};
}

usage! {
    no_command: [],
    unknown_command: ["stauts"],
    unknown_flag: ["status", "--ifcae", "eth0"],
    run_without_iface: ["run"],
    run_bad_mode: ["run", "--iface", "eth0", "--xdp-mode", "offload"],
    dump_unknown: ["dump", "bukets"],
    dump_bad_format: ["dump", "counters", "-o", "yaml"],
    dump_bad_source: ["dump", "buckets", "--source", "10.0.0.1/8"],
    dump_source_no_address: ["dump", "buckets", "--source", "everyone"],
    dump_bad_top: ["dump", "buckets", "--top", "-1"],
    pause_bad_for: ["pause", "--for", "soon"],
    pause_for_without_unit: ["pause", "--for", "30"],
    explain_no_address: ["explain"],
    explain_bad_address: ["explain", "10.0.0.300"],
    explain_bad_proto: ["explain", "10.0.0.1", "--proto", "sctp"],
    explain_bad_port: ["explain", "10.0.0.1", "--port", "65536"],
    check_no_file: ["check"],
    report_bad_by: ["report", "--by", "planet"],
    report_bad_format: ["report", "-o", "html"],
    report_bad_since: ["report", "--since", "yesterday"],
    report_bad_time: ["report", "--until", "2026-13-01T00:00:00Z"],
    report_backwards: ["report", "--since", "2026-11-20T00:00:00Z", "--until", "2026-11-19T00:00:00Z"],
    report_no_rows: ["report", "--top", "0"],
    report_page_as_json: ["report", "--html", "a.html", "-o", "json"],
    top_no_terminal: ["top"],
    top_bad_interval: ["top", "--interval", "soon"],
}

#[test]
fn help_and_version_are_results() {
    for args in [
        &["--help"][..],
        &["-h"],
        &["run", "--help"],
        &["--version"],
        &["help", "dump"],
    ] {
        let output = say(args);
        assert_eq!(
            (output.code(), output.stderr.as_str()),
            (Some(0), ""),
            "{args:?}"
        );
        assert!(
            output.stdout.contains("throttler"),
            "{args:?}: {}",
            output.stdout
        );
    }
    snapshot!("help", say(&["--help"]).stdout.trim_end());
}
