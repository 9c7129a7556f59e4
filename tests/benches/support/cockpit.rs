//! The cockpit as a process, in a pseudo-terminal of 200×60.

use std::io::{Read, Write};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::simulation::Simulation;

const PATIENCE: Duration = Duration::from_secs(120);

pub struct Cockpit {
    pub started: Instant,
    process: Box<dyn Child + Send + Sync>,
    pid: u32,
    keys: Box<dyn Write + Send>,
    seen: Arc<Shared>,
    _pty: Box<dyn MasterPty + Send>,
}

struct Shared {
    seen: Mutex<Seen>,
    changed: Condvar,
}

struct Seen {
    parser: vt100::Parser,
    bytes: usize,
    first_frame: Option<Instant>,
    last: Instant,
}

fn watch(mut reader: Box<dyn Read + Send>, shared: &Shared) {
    let mut buffer = [0_u8; 65536];
    while let Ok(read @ 1..) = reader.read(&mut buffer) {
        let mut seen = shared.seen.lock().unwrap();
        seen.last = Instant::now();
        seen.bytes += read;
        seen.parser.process(&buffer[..read]);
        if seen.first_frame.is_none() && seen.parser.screen().contents().contains("midwatch") {
            seen.first_frame = Some(seen.last);
        }
        shared.changed.notify_all();
    }
}

impl Cockpit {
    pub fn start(sim: &Simulation) -> Self {
        let size = PtySize { rows: 60, cols: 200, pixel_width: 0, pixel_height: 0 };
        let pty = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(super::program());
        command.args(["--kubeconfig", &sim.kubeconfig(), "-A"]);
        command.env("TERM", "xterm-256color");
        command.env("COLORTERM", "truecolor");
        for home in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"] {
            command.env(home, sim.directory.path());
        }
        let started = Instant::now();
        let parser = vt100::Parser::new(60.try_into().unwrap(), 200.try_into().unwrap(), 0);
        let seen = Seen { parser, bytes: 0, first_frame: None, last: started };
        let seen = Arc::new(Shared { seen: Mutex::new(seen), changed: Condvar::new() });
        let (reader, theirs) = (pty.master.try_clone_reader().unwrap(), seen.clone());
        std::thread::spawn(move || watch(reader, &theirs));
        let process = pty.slave.spawn_command(command).unwrap();
        let pid = process.process_id().unwrap();
        let keys = pty.master.take_writer().unwrap();
        Self { started, process, pid, keys, seen, _pty: pty.master }
    }

    /// When what the terminal shows first fulfilled the condition.
    pub fn until(&self, what: &str, condition: impl Fn(&str) -> bool) -> Instant {
        let begun = Instant::now();
        let mut seen = self.seen.seen.lock().unwrap();
        while !condition(&seen.parser.screen().contents()) {
            let screen = || seen.parser.screen().contents();
            assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}:\n{}", screen());
            seen = self.seen.changed.wait_timeout(seen, Duration::from_secs(1)).unwrap().0;
        }
        seen.last
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// How long it took from a key to a screen that differs as the condition says.
    pub fn answered(&mut self, key: &str, differs: impl Fn(&str, &str) -> bool) -> Duration {
        let before = self.screen();
        let pressed = Instant::now();
        self.press(key);
        self.until("an answer to a key", |now| differs(&before, now)).duration_since(pressed)
    }

    pub fn first_frame(&self) -> Instant {
        self.until("the first frame", |screen| screen.contains("midwatch"));
        self.seen.seen.lock().unwrap().first_frame.unwrap()
    }

    pub fn screen(&self) -> String {
        self.seen.seen.lock().unwrap().parser.screen().contents()
    }

    /// Processor time in % of a core, and bytes a second, over this time.
    pub fn spent(&self, time: Duration) -> (f64, f64) {
        let bytes = || self.seen.seen.lock().unwrap().bytes;
        let (begun, cpu, written) = (Instant::now(), self.processor(), bytes());
        std::thread::sleep(time);
        let seconds = begun.elapsed().as_secs_f64();
        (100.0 * (self.processor() - cpu) / seconds, (bytes() - written) as f64 / seconds)
    }

    /// Processor time used so far, in seconds.
    pub fn processor(&self) -> f64 {
        super::processor(self.pid)
    }

    pub fn mib(&self, name: &str) -> f64 {
        super::mib(self.pid, name)
    }

    pub fn quit(mut self) {
        // Its own way out is tested elsewhere; here nothing may be waited for without end.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
