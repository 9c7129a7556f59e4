//! The real program in a real pseudo-terminal, under a shell with job control: what is on the
//! screen, which bytes made it, and what the terminal's modes are before and after.
//!
//! The shell leads the session, as over SSH: the kernel resets the modes of a terminal whose
//! session leader ends, and then nothing could be said of what midwatch left behind.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::support::{PATIENCE, program};

/// Runs its arguments in the foreground, says how they ended, and continues what was stopped
/// when the line 'fg' is typed.
const SHELL: &str = r#"set -m; "$@"; echo "[left $?]"
while read -r word; do if [ "$word" = fg ]; then fg >/dev/null; echo "[left $?]"; fi; done"#;

/// Descriptors of a pseudo-terminal are for a moment inherited by whatever is started then; a
/// terminal that another child holds open would never be gone.
static SPAWN: Mutex<()> = Mutex::new(());

/// Held while any child is started.
pub fn spawning() -> MutexGuard<'static, ()> {
    SPAWN.lock().unwrap_or_else(|e| e.into_inner())
}

struct Seen {
    parser: vt100::Parser,
    /// Everything that was written to the terminal.
    bytes: Vec<u8>,
    /// Bytes a second that the terminal takes, as over a slow link.
    rate: Option<u32>,
    /// The terminal takes nothing more, as on a link that stalls.
    paused: bool,
    /// The terminal is to be given up.
    closing: bool,
    closed: bool,
}

type Shared = Arc<(Mutex<Seen>, Condvar)>;

pub struct Terminal {
    master: Option<Box<dyn MasterPty + Send>>,
    writer: Option<Box<dyn Write + Send>>,
    shell: Box<dyn Child + Send + Sync>,
    seen: Shared,
    /// The modes before anything ran, in words that can be compared.
    before: String,
    pid: Option<Pid>,
    home: Arc<tempfile::TempDir>,
}

fn lock(seen: &Shared) -> MutexGuard<'_, Seen> {
    seen.0.lock().unwrap_or_else(|e| e.into_inner())
}

fn cells(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).expect("a terminal has cells")
}

fn pty_size(columns: u16, rows: u16) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }
}

/// What is started in a terminal, and how.
#[derive(Default)]
pub struct Start<'a> {
    /// midwatch where it is not said.
    pub program: Option<&'a str>,
    pub args: &'a [&'a str],
    /// Over what is set for all: TERM, LANG, HOME, PATH.
    pub env: &'a [(&'a str, &'a str)],
    /// 80×24 where it is not said.
    pub size: Option<(u16, u16)>,
    /// The cluster: the text of its kubeconfig.
    pub kubeconfig: Option<&'a str>,
    /// The shell's script, which runs its arguments.
    pub shell: Option<&'a str>,
    /// That of another, to come back to.
    pub home: Option<Arc<tempfile::TempDir>>,
    /// Files of the home directory.
    pub files: &'a [(&'a str, &'a [u8])],
}

impl Terminal {
    /// midwatch with `args`, in a terminal of 80×24.
    pub fn midwatch(args: &[&str]) -> Self {
        Self::start(Start { args, ..Start::default() })
    }

    /// midwatch over the cluster of `kubeconfig`.
    pub fn over(kubeconfig: &str) -> Self {
        Self::start(Start { kubeconfig: Some(kubeconfig), ..Start::default() })
    }

    /// The same once more: in a new terminal, in the same home.
    pub fn again(&self) -> Self {
        let args = ["--kubeconfig", "kubeconfig"];
        Self::start(Start { args: &args, home: Some(self.home.clone()), ..Start::default() })
    }

    /// A line of the screen.
    pub fn row(&self, row: u16) -> String {
        let seen = lock(&self.seen);
        let screen = seen.parser.screen();
        screen.contents_between(row, 0, row, screen.size().1.get())
    }

    pub fn run(program: &str, args: &[&str], env: &[(&str, &str)]) -> Self {
        Self::start(Start { program: Some(program), args, env, ..Start::default() })
    }

    pub fn start(start: Start<'_>) -> Self {
        let home = start.home.unwrap_or_else(|| Arc::new(tempfile::tempdir().unwrap()));
        for (name, content) in start.files {
            let path = home.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let mut command = CommandBuilder::new("/bin/sh");
        command.args(["-c", start.shell.unwrap_or(SHELL), "sh", start.program.unwrap_or(program())]);
        if let Some(text) = start.kubeconfig {
            let path = home.path().join("kubeconfig");
            std::fs::write(&path, text).unwrap();
            command.args(["--kubeconfig".as_ref(), path.as_os_str()]);
        }
        command.args(start.args);
        command.env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.env("HOME", home.path());
        command.cwd(home.path());
        for (name, value) in start.env {
            command.env(name, value);
        }
        let (columns, rows) = start.size.unwrap_or((80, 24));
        let _alone = spawning();
        let pair = native_pty_system().openpty(pty_size(columns, rows)).unwrap();
        let before = modes(&*pair.master);
        let shell = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let seen = Seen {
            parser: vt100::Parser::new(cells(rows), cells(columns), 0),
            bytes: Vec::new(),
            rate: None,
            paused: false,
            closing: false,
            closed: false,
        };
        let seen: Shared = Arc::new((Mutex::new(seen), Condvar::new()));
        let reader = pair.master.try_clone_reader().unwrap();
        let theirs = seen.clone();
        std::thread::spawn(move || read(reader, &theirs));
        let writer = pair.master.take_writer().unwrap();
        Self { master: Some(pair.master), writer: Some(writer), shell, seen, before, pid: None, home }
    }

    /// Waits until `condition` holds for the screen.
    pub fn until(&mut self, what: &str, condition: impl Fn(&vt100::Screen) -> bool) {
        self.until_seen(what, |seen| condition(seen.parser.screen()));
        self.remember();
    }

    fn until_seen(&self, what: &str, condition: impl Fn(&Seen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = lock(&self.seen);
        while !condition(&seen) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && !seen.closed,
                "waited in vain for {what}; the screen:\n{}",
                seen.parser.screen().contents()
            );
            seen = self.seen.1.wait_timeout(seen, left.min(Duration::from_secs(1))).unwrap().0;
        }
    }

    pub fn until_shown(&mut self, text: &str) {
        self.until(&format!("'{text}'"), |screen| screen.contents().contains(text));
    }

    /// Waits until midwatch has ended by itself and the shell has said so.
    pub fn until_left(&mut self) {
        self.until("the end of midwatch", |screen| screen.contents().contains("[left "));
    }

    /// The job that has the terminal, once it is not the shell.
    fn remember(&mut self) {
        let leader = self.master.as_ref().and_then(|master| master.process_group_leader());
        let leader = leader.filter(|pid| Some(*pid as u32) != self.shell.process_id());
        if let Some(pid) = leader {
            self.pid = Pid::from_raw(pid);
        }
    }

    /// midwatch's own process.
    pub fn pid(&self) -> Pid {
        self.pid.expect("midwatch has the terminal")
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let writer = self.writer.as_mut().expect("the terminal is there");
        writer.write_all(bytes.as_ref()).unwrap();
        writer.flush().unwrap();
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        lock(&self.seen).parser.set_size(cells(rows), cells(columns));
        let master = self.master.as_ref().expect("the terminal is there");
        master.resize(pty_size(columns, rows)).unwrap();
    }

    /// From now on the terminal takes no bytes, except those that are being read.
    pub fn stall(&self) {
        lock(&self.seen).paused = true;
    }

    /// From now on the terminal takes so many bytes a second.
    pub fn slow_down(&self, bytes_per_s: u32) {
        lock(&self.seen).rate = Some(bytes_per_s);
    }

    pub fn flow(&self) {
        lock(&self.seen).paused = false;
        self.seen.1.notify_all();
    }

    /// The window is closed: no descriptor of the terminal's own side is left.
    pub fn vanish(&mut self) {
        lock(&self.seen).closing = true;
        self.until_seen("the reader to stop", |seen| seen.closed || !seen.closing);
        self.writer = None;
        self.master = None;
    }

    pub fn contents(&self) -> String {
        lock(&self.seen).parser.screen().contents()
    }

    pub fn bytes(&self) -> Vec<u8> {
        lock(&self.seen).bytes.clone()
    }

    /// How many bytes the terminal has got.
    pub fn received(&self) -> usize {
        lock(&self.seen).bytes.len()
    }

    /// Has everything drawn anew and waits for it: the keys before it have been taken, too.
    pub fn repaint(&mut self) {
        let before = self.received();
        self.send("\x0c");
        self.until_whole(before);
    }

    /// Waits until more has come than so many bytes.
    #[allow(dead_code, reason = "for the benchmark, which shares this file")]
    pub fn until_received(&self, received: usize) {
        self.until_seen("a frame", |seen| seen.bytes.len() > received);
    }

    /// Waits for a frame that is drawn whole after so many bytes.
    pub fn until_whole(&mut self, received: usize) {
        self.until_seen("a whole frame", |seen| {
            let end = b"\x1b[?2026l";
            let new = &seen.bytes[received..];
            let cleared = new.windows(4).position(|w| w == b"\x1b[2J");
            cleared.is_some_and(|at| new[at..].windows(end.len()).any(|w| w == end))
        });
        self.remember();
    }

    /// The directory that it runs in, which is its home, too.
    pub fn home(&self) -> &std::path::Path {
        self.home.path()
    }

    /// True where the modes are not those from before.
    pub fn is_taken(&self) -> bool {
        modes(self.master.as_deref().expect("the terminal is there")) != self.before
    }

    /// Everything is as it was before midwatch.
    pub fn assert_given_back(&self) {
        let master = self.master.as_deref().expect("the terminal is there");
        assert_eq!(modes(master), self.before);
        let seen = lock(&self.seen);
        let screen = seen.parser.screen();
        assert!(!screen.alternate_screen(), "the alternate screen is left on");
        assert!(!screen.bracketed_paste(), "bracketed paste is left on");
        assert!(!screen.hide_cursor(), "the cursor is left hidden");
        let last = |needle: &[u8]| seen.bytes.windows(needle.len()).rposition(|w| w == needle);
        assert!(last(b"\x1b[?2026l") >= last(b"\x1b[?2026h"), "an update is left open");
    }
}

fn modes(master: &(dyn MasterPty + Send)) -> String {
    format!("{:?}", master.get_termios().expect("a terminal has modes"))
}

fn read(mut reader: Box<dyn Read + Send>, seen: &Shared) {
    let mut buffer = [0_u8; 4096];
    loop {
        let rate = lock(seen).rate;
        // A slow link delivers a little, often.
        let most = if rate.is_some() { 256 } else { buffer.len() };
        let read = reader.read(&mut buffer[..most]).unwrap_or(0);
        if let Some(rate) = rate {
            std::thread::sleep(Duration::from_secs_f64(read as f64 / f64::from(rate)));
        }
        let mut now = lock(seen);
        let bytes = &buffer[..read];
        now.parser.process(bytes);
        now.bytes.extend_from_slice(bytes);
        now.closed = read == 0;
        seen.1.notify_all();
        while now.paused && !now.closing {
            now = seen.1.wait(now).unwrap_or_else(|e| e.into_inner());
        }
        if now.closed || now.closing {
            drop(reader);
            now.closing = false;
            now.closed = true;
            seen.1.notify_all();
            return;
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Only what this terminal started; failures: it has ended already.
        if let Some(pid) = self.pid.filter(|_| self.master.is_some()) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}
