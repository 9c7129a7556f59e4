//! What the kernel has counted of a process: time, memory, and the writes that its frames took.

use rustix::process::Pid;

fn read(pid: Pid, name: &str) -> Option<String> {
    std::fs::read_to_string(format!("/proc/{}/{name}", pid.as_raw_nonzero())).ok()
}

/// The fields of its stat after the name, which may hold anything.
fn stat(pid: Pid) -> Option<Vec<String>> {
    let stat = read(pid, "stat")?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

/// Its state's letter; None when it is gone.
pub fn state(pid: Pid) -> Option<char> {
    stat(pid)?.first()?.chars().next().filter(|c| *c != 'Z' && *c != 'X')
}

/// Processor time that it has used, in milliseconds, to the next 10.
pub fn cpu_ms(pid: Pid) -> Option<u64> {
    let stat = stat(pid)?;
    let field = |at: usize| stat.get(at)?.parse::<u64>().ok();
    // A tick of the kernel's accounts is 10 ms everywhere (sysconf(_SC_CLK_TCK) is 100).
    Some((field(11)? + field(12)?) * 10)
}

/// A line of /proc/PID/status, such as 'VmRSS:', in KiB.
pub fn status_kib(pid: Pid, name: &str) -> u64 {
    let status = read(pid, "status").expect("the process is there");
    let line = status.lines().find_map(|l| l.strip_prefix(name)).expect("its status has the line");
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse().expect("a number")
}

fn io(pid: Pid, file: &str, name: &str) -> Option<u64> {
    let io = read(pid, file)?;
    io.lines().find_map(|l| l.strip_prefix(name))?.trim().parse().ok()
}

/// Writes of the thread that writes frames, and nothing else but what takes the terminal over.
pub fn frame_writes(pid: Pid) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero())).expect("its threads");
    let writer = tasks
        .flatten()
        .map(|t| t.file_name().to_string_lossy().into_owned())
        .find(|task| read(pid, &format!("task/{task}/comm")).is_some_and(|name| name.trim() == "writer"));
    let writer = writer.expect("a thread named writer");
    io(pid, &format!("task/{writer}/io"), "syscw:").expect("its writes are counted")
}
