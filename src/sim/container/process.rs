//! A command from its start to its end: with its input and output as they come, and a shell
//! or redis-cli that a person types into.

use std::sync::Arc;

use axum::body::Bytes;
use tokio::sync::mpsc;

use super::redis_cli::Cli;
use super::shell::Shell;
use super::terminal::{Terminal, Typed, returned};
use super::{Container, INPUT_BYTES, OUTPUT_BYTES, Output, Role, programs};

/// One write to a client at most.
const CHUNK_BYTES: usize = 32 * 1024;

/// How a command ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// With an exit code.
    Exit(i32),
    /// It could not be started, in the runtime's words.
    NotStarted(String),
}

/// The ends of a command's pipes.
pub struct Io {
    /// Ends when the client closes it; `None` when it has none.
    pub stdin: Option<mpsc::Receiver<Bytes>>,
    /// `true`: the second output.
    pub out: mpsc::Sender<(bool, Bytes)>,
}

impl Io {
    async fn write(&self, tty: bool, out: &Output) {
        for (second, bytes) in [(false, &out.stdout), (true, &out.stderr)] {
            let bytes = &bytes[..bytes.len().min(OUTPUT_BYTES)];
            // A terminal is one output.
            let bytes = if tty { returned(bytes) } else { bytes.to_vec() };
            for chunk in bytes.chunks(CHUNK_BYTES) {
                if self.out.send((second && !tty, Bytes::copy_from_slice(chunk))).await.is_err() {
                    return;
                }
            }
        }
    }

    async fn read(&mut self) -> Option<Bytes> {
        match &mut self.stdin {
            Some(stdin) => stdin.recv().await,
            None => None,
        }
    }

    async fn read_all(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(bytes) = self.read().await {
            let room = INPUT_BYTES.saturating_sub(all.len());
            all.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        all
    }
}

fn not_there(container: &Container, name: &str) -> Ended {
    let id = container.runtime_id("exec");
    let why = if name.contains('/') {
        format!("stat {name}: no such file or directory")
    } else {
        "executable file not found in $PATH".to_owned()
    };
    Ended::NotStarted(format!(
        "failed to exec in container: failed to start exec \"{id}\": OCI runtime exec failed: exec failed: unable to \
         start container process: exec: \"{name}\": {why}: unknown"
    ))
}

/// What a person types into.
enum Sits {
    Shell(Box<Shell>),
    Cli(Box<Cli>),
}

impl Sits {
    /// `None` for what does its work and ends.
    fn before(container: &Arc<Container>, command: &[String]) -> Option<Self> {
        let name = command.first()?.rsplit('/').next()?;
        let rest = &command[1..];
        match name {
            "sh" | "bash" if rest.iter().all(|a| matches!(a.as_str(), "-i" | "-l" | "--login")) => {
                Some(Self::Shell(Box::new(Shell::new(container))))
            }
            "redis-cli" => {
                let cli = Cli::new(container, &container.env, rest).ok()?;
                cli.asks().then(|| Self::Cli(Box::new(cli)))
            }
            _ => None,
        }
    }

    fn prompt(&self, container: &Container) -> String {
        match self {
            Self::Shell(shell) => {
                let (user, id) = container.user();
                let sign = if id == 0 { '#' } else { '$' };
                format!("{user}@{}:{}{sign} ", container.run.name, shell.directory)
            }
            Self::Cli(cli) => cli.prompt(),
        }
    }

    /// Runs one line; the exit code, when it was the last.
    fn line(&mut self, line: &str) -> (Output, Option<i32>) {
        match self {
            Self::Shell(shell) => {
                let out = shell.script(line, b"");
                let over = shell.over;
                (out, over)
            }
            Self::Cli(cli) => {
                let out = cli.line(line);
                let over = (out.code < 0).then_some(0);
                (out, over)
            }
        }
    }
}

/// Runs a command to its end.
pub async fn run(container: Arc<Container>, command: &[String], mut io: Io) -> Ended {
    let name = command.first().map(String::as_str).unwrap_or_default();
    if container.role() == Role::Bare || !programs::has(container.role(), name) {
        return not_there(&container, name);
    }
    if let Some(sits) = Sits::before(&container, command) {
        return Ended::Exit(sit(&container, sits, io).await);
    }
    let stdin = if io.stdin.is_some() && programs::reads(command) { io.read_all().await } else { Vec::new() };
    let mut shell = Shell::new(&container);
    let out = programs::start(&mut shell, command, &stdin);
    io.write(container.tty, &out).await;
    Ended::Exit(out.code)
}

async fn sit(container: &Arc<Container>, mut sits: Sits, io: Io) -> i32 {
    let tty = container.tty;
    if let Sits::Cli(cli) = &mut sits {
        let first = cli.begin();
        io.write(tty, &first).await;
        if first.code != 0 && !tty {
            return first.code;
        }
    }
    if tty { at_terminal(container, sits, io).await } else { lines(sits, io).await }
}

/// Lines from a pipe: no prompt, and the end of the input is the end.
async fn lines(mut sits: Sits, mut io: Io) -> i32 {
    let mut rest = Vec::new();
    let mut last = 0;
    loop {
        let chunk = io.read().await;
        let ended = chunk.is_none();
        rest.extend_from_slice(&chunk.unwrap_or_default());
        if ended && !rest.is_empty() {
            rest.push(b'\n');
        }
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            let line = String::from_utf8_lossy(&rest[..end]).into_owned();
            rest.drain(..=end);
            let (out, over) = sits.line(&line);
            io.write(false, &out).await;
            last = out.code.max(0);
            if let Some(code) = over {
                return code;
            }
        }
        if ended || rest.len() > INPUT_BYTES {
            return last;
        }
    }
}

async fn at_terminal(container: &Container, mut sits: Sits, mut io: Io) -> i32 {
    let mut terminal = Terminal::default();
    let prompt = |sits: &Sits| Output::text(sits.prompt(container));
    io.write(true, &prompt(&sits)).await;
    while let Some(bytes) = io.read().await {
        for one in terminal.feed(&bytes) {
            let (out, over) = match one {
                Typed::Echo(shown) => {
                    if io.out.send((false, Bytes::from(shown))).await.is_err() {
                        return 129;
                    }
                    continue;
                }
                Typed::Line(line) => sits.line(&line),
                Typed::Interrupt => (Output::default(), None),
                Typed::End => (Output::text("exit\n"), Some(0)),
            };
            io.write(true, &out).await;
            if let Some(code) = over {
                return code;
            }
            io.write(true, &prompt(&sits)).await;
        }
    }
    // The terminal was hung up.
    129
}
