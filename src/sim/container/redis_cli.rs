//! `redis-cli` in a pod of the cache: the same sessions as behind the socket, reached
//! without one.

use super::cli_format::{formatted, raw};
use super::{Container, OUTPUT_BYTES, Output};
use crate::sim::redis::inline::split;
use crate::sim::redis::resp::Reply;
use crate::sim::redis::session::Session;

/// What was asked for.
struct Asked {
    host: String,
    port: String,
    user: Option<String>,
    password: Option<String>,
    db: String,
    raw: Option<bool>,
    scan: bool,
    pattern: Option<String>,
    from_stdin: bool,
    exit_code: bool,
    /// A password on the command line is warned of.
    warn: bool,
    command: Vec<Vec<u8>>,
}

fn parse(args: &[String]) -> Result<Asked, Output> {
    let mut asked = Asked {
        host: "127.0.0.1".to_owned(),
        port: "6379".to_owned(),
        user: None,
        password: None,
        db: String::new(),
        raw: None,
        scan: false,
        pattern: None,
        from_stdin: false,
        exit_code: false,
        warn: false,
        command: Vec::new(),
    };
    let mut silent = false;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().cloned().ok_or_else(|| unknown(arg));
        match arg.as_str() {
            "-h" => asked.host = value()?,
            "-p" => asked.port = value()?,
            "-n" => asked.db = value()?,
            "-a" | "--pass" => {
                asked.password = Some(value()?);
                asked.warn = true;
            }
            "--user" => asked.user = Some(value()?),
            "--pattern" => asked.pattern = Some(value()?),
            "--count" => {
                value()?;
            }
            "--no-auth-warning" => silent = true,
            "--raw" => asked.raw = Some(true),
            "--no-raw" => asked.raw = Some(false),
            "--scan" => asked.scan = true,
            "-x" => asked.from_stdin = true,
            "-e" => asked.exit_code = true,
            "-2" | "-3" | "-c" => {}
            "-v" | "--version" => return Err(Output::text("redis-cli 8.2.3\n")),
            option if option.starts_with('-') && option.len() > 1 => return Err(unknown(option)),
            first => {
                asked.command = std::iter::once(first.as_bytes().to_vec())
                    .chain(args.by_ref().map(|a| a.as_bytes().to_vec()))
                    .collect();
            }
        }
    }
    asked.warn &= !silent;
    Ok(asked)
}

fn unknown(option: &str) -> Output {
    Output::failed(1, format!("Unrecognized option or bad number of args for: '{option}'\n"))
}

/// A redis-cli that is connected, or has said why not.
pub struct Cli {
    asked: Asked,
    session: Option<Session>,
    raw: bool,
}

/// The pod that a host name leads to, seen from a pod of the cache.
fn pod_of(c: &Container, host: &str) -> Option<String> {
    if matches!(host, "localhost" | "127.0.0.1" | "::1") || host == c.run.ip {
        return Some(c.run.name.clone());
    }
    let name = host.split('.').next().unwrap_or_default();
    let world = c.api.world();
    let found = world.cache_pods().find(|p| p.name == name || p.ip == host).map(|p| p.name.clone());
    // The headless service leads to any of its pods; the resolver gives the first one first.
    found.or_else(|| if name == "cache" { world.cache_pods().next().map(|p| p.name.clone()) } else { None })
}

impl Cli {
    /// Connects as the arguments say.
    ///
    /// # Errors
    /// What redis-cli prints when the arguments make no sense.
    pub fn new(c: &Container, env: &[(String, String)], args: &[String]) -> Result<Self, Output> {
        let mut asked = parse(args)?;
        if asked.password.is_none() {
            asked.password = env.iter().find(|(n, _)| n == "REDISCLI_AUTH").map(|(_, v)| v.clone());
        }
        let raw = asked.raw.unwrap_or(!c.tty);
        let pod = pod_of(c, &asked.host).filter(|_| asked.port == "6379");
        let session = pod.and_then(|pod| Session::new(&c.api.redis, &pod, format!("{}:40122", c.run.ip)));
        Ok(Self { asked, session, raw })
    }

    /// Says who it is; what goes wrong with that goes to the second output.
    fn greet(&mut self) -> Output {
        let mut out = Output::default();
        if self.asked.warn {
            let warning = "Warning: Using a password with '-a' or '-u' option on the command line interface may not be safe.\n";
            out.stderr.extend(warning.bytes());
        }
        let Some(session) = &mut self.session else {
            let text = format!(
                "Could not connect to Redis at {}:{}: Connection refused\n",
                self.asked.host, self.asked.port
            );
            out.stderr.extend(text.bytes());
            out.code = 1;
            return out;
        };
        if let Some(password) = &self.asked.password {
            let mut auth = vec![b"AUTH".to_vec()];
            auth.extend(self.asked.user.iter().map(|u| u.as_bytes().to_vec()));
            auth.push(password.as_bytes().to_vec());
            if let Reply::Error(text) = session.answer(&auth) {
                out.stderr.extend(format!("AUTH failed: {text}\n").bytes());
            }
        }
        if !self.asked.db.is_empty()
            && let Reply::Error(text) =
                session.answer(&[b"SELECT".to_vec(), self.asked.db.clone().into_bytes()])
        {
            out.stderr.extend(format!("SELECT {} failed: {text}\n", self.asked.db).bytes());
        }
        out
    }

    fn ask(&mut self, args: &[Vec<u8>]) -> (Reply, Vec<u8>) {
        let reply = match &mut self.session {
            Some(session) if session.alive() => session.answer(args),
            _ => Reply::error("Server closed the connection"),
        };
        let word = |i: usize| args.get(i).map(|a| a.to_ascii_lowercase()).unwrap_or_default();
        // Texts for people are never quoted.
        let plain =
            word(0) == b"info" || (word(0) == b"client" && matches!(word(1).as_slice(), b"list" | b"info"));
        let text = if self.raw || plain { raw(&reply) } else { formatted(&reply) };
        (reply, text)
    }

    /// One line that was typed.
    pub fn line(&mut self, line: &str) -> Output {
        let Some(words) = split(line.as_bytes()) else { return Output::text("Invalid argument(s)\n") };
        match words.first().map(|w| w.to_ascii_lowercase()) {
            None => Output::default(),
            Some(word) if word == b"exit" || word == b"quit" => Output { code: -1, ..Output::default() },
            Some(_) => {
                let (_, stdout) = self.ask(&words);
                Output { stdout, ..Output::default() }
            }
        }
    }

    pub fn prompt(&self) -> String {
        match &self.session {
            Some(session) if session.db > 0 => {
                format!("{}:{}[{}]> ", self.asked.host, self.asked.port, session.db)
            }
            Some(_) => format!("{}:{}> ", self.asked.host, self.asked.port),
            None => "not connected> ".to_owned(),
        }
    }

    /// Whether it was started without anything to do, and so asks for it.
    pub fn asks(&self) -> bool {
        self.asked.command.is_empty() && !self.asked.scan
    }

    /// What it says first when a person sits before it.
    pub fn begin(&mut self) -> Output {
        self.greet()
    }

    fn scan(&mut self) -> Output {
        let mut out = Output::default();
        let mut cursor = b"0".to_vec();
        loop {
            let mut args = vec![b"SCAN".to_vec(), cursor, b"COUNT".to_vec(), b"1000".to_vec()];
            if let Some(pattern) = &self.asked.pattern {
                args.extend([b"MATCH".to_vec(), pattern.clone().into_bytes()]);
            }
            let (reply, _) = self.ask(&args);
            let parts = match reply {
                Reply::Array(parts) => parts,
                Reply::Error(text) => return Output::failed(1, format!("ERROR: {text}\n")),
                _ => return out,
            };
            let [Reply::Bulk(next), Reply::Array(keys)] = parts.as_slice() else { return out };
            for key in keys {
                out.stdout.extend(if self.raw { raw(key) } else { formatted(key) });
            }
            if next == b"0" || out.stdout.len() > OUTPUT_BYTES {
                return out;
            }
            cursor = next.clone();
        }
    }
}

/// Runs redis-cli to its end.
pub fn run(c: &Container, env: &[(String, String)], args: &[String], stdin: &[u8]) -> Output {
    let mut cli = match Cli::new(c, env, args) {
        Ok(cli) => cli,
        Err(out) => return out,
    };
    let mut out = cli.greet();
    if out.code != 0 {
        return out;
    }
    let text = String::from_utf8_lossy(stdin).into_owned();
    if cli.asked.scan {
        let scanned = cli.scan();
        out.stdout.extend(scanned.stdout);
        out.stderr.extend(scanned.stderr);
        out.code = scanned.code;
    } else if cli.asked.command.is_empty() {
        for line in text.lines() {
            let one = cli.line(line);
            if one.code < 0 {
                break;
            }
            out.stdout.extend(one.stdout);
        }
    } else {
        let mut command = std::mem::take(&mut cli.asked.command);
        if cli.asked.from_stdin {
            command.push(stdin.to_vec());
        }
        let (reply, printed) = cli.ask(&command);
        out.stdout.extend(printed);
        out.code = i32::from(cli.asked.exit_code && matches!(reply, Reply::Error(_)));
    }
    out
}
