//! Where the figures come from.

use std::fs;
use std::thread;

use crate::figures::Machine;
use crate::options::Options;

pub(crate) fn here(options: &Options, effort: String) -> Machine {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    Machine {
        cpu: model.to_owned(),
        cores: thread::available_parallelism().map_or(1, usize::from),
        // The release without what names the build.
        kernel: read("/proc/sys/kernel/osrelease")
            .split(['-', '+', '\n'])
            .next()
            .unwrap_or("unknown")
            .to_owned(),
        date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
        effort: if options.quick {
            format!("A quick run, good for nothing but to see that it works: {effort}.")
        } else {
            format!("{effort}.")
        },
    }
}
