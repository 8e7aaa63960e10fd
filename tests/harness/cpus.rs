//! Two CPUs at the same time.

use std::process::Command;
use std::thread;

/// Runs `work` on two threads at the same time, each kept on a CPU of its own if wanted.
pub(crate) fn on_two_cpus(pinned: bool, work: impl Fn(usize) + Sync) {
    let work = &work;
    thread::scope(|scope| {
        for cpu in 0..2 {
            scope.spawn(move || {
                if pinned {
                    pin_to(cpu);
                }
                work(cpu);
            });
        }
    });
}

fn pin_to(cpu: usize) {
    // Its last part is the thread's identifier.
    let thread = std::fs::read_link("/proc/thread-self").expect("procfs");
    let id = thread.file_name().expect("a thread identifier");
    let taskset = Command::new("taskset")
        .args(["-cp", &cpu.to_string()])
        .arg(id)
        .output();
    let done = taskset.expect("taskset, of util-linux").status.success();
    assert!(done, "pinning to CPU {cpu}: two CPUs are needed");
}
