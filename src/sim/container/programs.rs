//! Which programs an image has, and the small ones among them.

use super::shell::Shell;
use super::{Container, Output, Role, curl, environment, files, filters, postgres, redis_cli};

/// Words that the shell itself understands; they are also programs where there is a shell.
const EVERYWHERE: [&str; 25] = [
    "sh", "env", "printenv", "ls", "cat", "echo", "printf", "hostname", "date", "whoami", "id", "ps", "df",
    "true", "false", "sleep", "pwd", "head", "tail", "wc", "grep", "sort", "uniq", "xargs", "uname",
];

/// Whether the image has a program. `name` may be its path.
pub fn has(role: Role, name: &str) -> bool {
    let program = base(name);
    match role {
        Role::Bare => false,
        _ if EVERYWHERE.contains(&program) => true,
        Role::Api | Role::Worker => matches!(program, "bash" | "curl" | "psql" | "pg_isready"),
        Role::Web => matches!(program, "bash" | "curl"),
        Role::Cache => matches!(program, "bash" | "redis-cli"),
        Role::Backup => matches!(program, "bash" | "psql" | "pg_isready"),
        Role::Monitoring | Role::Other => false,
    }
}

/// The program that a path leads to.
fn base(name: &str) -> &str {
    let directories = ["/usr/local/bin/", "/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/"];
    directories.iter().find_map(|d| name.strip_prefix(d)).unwrap_or(name)
}

/// Whether a program reads what it is sent, so that it has to be waited for.
pub fn reads(args: &[String]) -> bool {
    let plain = args.iter().skip(1).filter(|a| !a.starts_with('-') || a.len() == 1);
    match args.first().map(|a| base(a)).unwrap_or_default() {
        "cat" => plain.clone().next().is_none() || plain.clone().any(|a| a == "-"),
        "grep" => plain.count() < 2,
        "head" | "tail" | "wc" | "sort" | "uniq" | "xargs" => true,
        "psql" => postgres::reads(args),
        "redis-cli" => args.iter().any(|a| a == "-x"),
        _ => false,
    }
}

/// Runs a program that the image has.
pub fn start(shell: &mut Shell, args: &[String], stdin: &[u8]) -> Output {
    let rest = args.get(1..).unwrap_or_default();
    let c = shell.container.clone();
    let directory = shell.directory.clone();
    match args.first().map(|a| base(a)).unwrap_or_default() {
        "sh" | "bash" => nested(shell, rest, stdin),
        "env" => env(shell, rest, stdin),
        "printenv" => printenv(shell, rest),
        "ls" => files::ls(&c, &directory, rest),
        "cat" => files::cat(&c, &directory, rest, stdin),
        "echo" => echo(rest),
        "printf" => printf(rest),
        "pwd" => Output::text(directory + "\n"),
        "hostname" => Output::text(hostname(&c, rest)),
        "date" => date(&c, rest),
        "whoami" => Output::text(format!("{}\n", c.user().0)),
        "id" => id(&c, rest),
        "uname" => uname(&c, rest),
        "ps" => ps(&c),
        "df" => df(&c, rest),
        "false" => Output::failed(1, ""),
        "head" | "tail" | "wc" | "grep" | "sort" | "uniq" => filters::filter(&c, &directory, args, stdin),
        "xargs" => filters::xargs(shell, rest, stdin),
        "curl" => curl::curl(&c, rest),
        "psql" => postgres::psql(&c, rest, stdin),
        "pg_isready" => postgres::is_ready(&c, rest),
        "redis-cli" => redis_cli::run(&c, &shell.variables, rest, stdin),
        // `true`; and `sleep`, which nobody practises to wait for.
        _ => Output::default(),
    }
}

/// `sh -c '…'`, in a shell of its own.
fn nested(shell: &mut Shell, args: &[String], stdin: &[u8]) -> Output {
    let at = args.iter().position(|a| a.starts_with('-') && a.contains('c'));
    let script = match at {
        Some(at) => args.get(at + 1).cloned(),
        None => args.first().map(|file| {
            let out = files::cat(&shell.container, &shell.directory, std::slice::from_ref(file), b"");
            String::from_utf8_lossy(&out.stdout).into_owned()
        }),
    };
    let Some(script) = script else {
        return match at {
            Some(_) => Output::failed(2, "sh: 0: -c requires an argument\n"),
            None => shell.child(|child| child.script(&String::from_utf8_lossy(stdin), b"")),
        };
    };
    shell.child(|child| child.script(&script, stdin))
}

/// `env` with assignments and a command runs that; else it prints.
fn env(shell: &mut Shell, args: &[String], stdin: &[u8]) -> Output {
    let set = args.iter().take_while(|a| a.contains('=')).count();
    let (assignments, command) = args.split_at(set);
    shell.child(|child| {
        for assignment in assignments {
            if let Some((name, value)) = assignment.split_once('=') {
                environment::put(&mut child.variables, name, value.to_owned());
            }
        }
        match command.first() {
            None => {
                Output::text(child.variables.iter().map(|(k, v)| format!("{k}={v}\n")).collect::<String>())
            }
            Some(name) if has(child.container.role(), name) => start(child, command, stdin),
            Some(name) => Output::failed(127, format!("env: '{name}': No such file or directory\n")),
        }
    })
}

fn printenv(shell: &Shell, args: &[String]) -> Output {
    let value = |name: &str| shell.variables.iter().find(|(n, _)| n == name).map(|(_, v)| format!("{v}\n"));
    if args.is_empty() {
        return Output::text(shell.variables.iter().map(|(k, v)| format!("{k}={v}\n")).collect::<String>());
    }
    let found: Vec<Option<String>> = args.iter().map(|name| value(name)).collect();
    let code = i32::from(found.iter().any(Option::is_none));
    Output { code, ..Output::text(found.into_iter().flatten().collect::<String>()) }
}

fn echo(args: &[String]) -> Output {
    let (quiet, words) = match args.split_first() {
        Some((first, rest)) if first == "-n" => (true, rest),
        _ => (false, args),
    };
    Output::text(words.join(" ") + if quiet { "" } else { "\n" })
}

/// `%s`, `%d` and the escapes that are used most.
fn printf(args: &[String]) -> Output {
    let Some((format, values)) = args.split_first() else {
        return Output::failed(2, "printf: missing operand\n");
    };
    let mut values = values.iter();
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            '%' => match chars.next() {
                Some('%') | None => out.push('%'),
                Some(_) => out.push_str(values.next().map(String::as_str).unwrap_or_default()),
            },
            c => out.push(c),
        }
    }
    Output::text(out)
}

fn hostname(c: &Container, args: &[String]) -> String {
    match args.first().map(String::as_str) {
        Some("-i" | "-I") => format!("{}\n", c.run.ip),
        _ => format!("{}\n", c.run.name),
    }
}

fn date(c: &Container, args: &[String]) -> Output {
    let now = c.api.clock.now();
    let format = args.iter().find_map(|a| a.strip_prefix('+'));
    // What people and scripts ask for; anything else would have to be checked for safety.
    let text = match format {
        None if args.iter().any(|a| a == "-Is" || a == "-Iseconds") => {
            now.strftime("%Y-%m-%dT%H:%M:%S+00:00")
        }
        None => now.strftime("%a %b %e %H:%M:%S UTC %Y"),
        Some("%s") => now.strftime("%s"),
        Some("%F") => now.strftime("%F"),
        Some("%T") => now.strftime("%T"),
        Some("%FT%TZ" | "%Y-%m-%dT%H:%M:%SZ") => now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        Some(_) => now.strftime("%Y-%m-%d %H:%M:%S"),
    };
    Output::text(format!("{text}\n"))
}

fn id(c: &Container, args: &[String]) -> Output {
    let (name, id) = c.user();
    Output::text(match args.first().map(String::as_str) {
        Some("-u") => format!("{id}\n"),
        Some("-un") => format!("{name}\n"),
        _ => format!("uid={id}({name}) gid={id}({name}) groups={id}({name})\n"),
    })
}

fn uname(c: &Container, args: &[String]) -> Output {
    Output::text(match args.first().map(String::as_str) {
        Some("-a") => format!("Linux {} 6.12.48 #1 SMP PREEMPT_DYNAMIC x86_64 GNU/Linux\n", c.run.name),
        Some("-r") => "6.12.48\n".to_owned(),
        _ => "Linux\n".to_owned(),
    })
}

fn ps(c: &Container) -> Output {
    let (user, _) = c.user();
    let minutes = (c.run.cpu_seconds / 60.0) as u64;
    let main = c.main_process();
    Output::text(format!(
        "PID   USER     TIME  COMMAND\n    1 {user:<8} {:>2}:{:02}  {main}\n   43 {user:<8}  0:00  ps\n",
        minutes / 60,
        minutes % 60
    ))
}

fn df(c: &Container, args: &[String]) -> Output {
    let human = args.iter().any(|a| a.starts_with('-') && a.contains('h'));
    let (retention, world_now) = {
        let world = c.api.world();
        (world.retention_days(), world.now_ms())
    };
    let node = f64::from(u32::try_from(world_now.rem_euclid(86_400_000)).unwrap_or(0)) / 86_400_000.0;
    let gib = 1_073_741_824.0;
    let mut rows = vec![
        ("overlay", 200.0 * gib, 200.0 * gib * (0.42 + 0.005 * node), "/"),
        ("tmpfs", 64.0 * 1_048_576.0, 0.0, "/dev"),
        ("/dev/nvme0n1p1", 200.0 * gib, 200.0 * gib * (0.42 + 0.005 * node), "/etc/hosts"),
    ];
    if c.role() == Role::Backup {
        use crate::sim::world::cast::{BACKUP_VOLUME_BYTES, FULL_BACKUP_BYTES};
        let used = (retention * FULL_BACKUP_BYTES).min(BACKUP_VOLUME_BYTES * 0.9999);
        rows.push(("/dev/nvme1n1", BACKUP_VOLUME_BYTES, used, "/backup"));
    }
    let size = |bytes: f64| if human { short(bytes) } else { format!("{:.0}", bytes / 1_024.0) };
    let mut out = format!(
        "{:<20} {:>10} {:>10} {:>10} {:>4} {}\n",
        "Filesystem",
        if human { "Size" } else { "1K-blocks" },
        "Used",
        if human { "Avail" } else { "Available" },
        "Use%",
        "Mounted on"
    );
    let paths: Vec<&String> = args.iter().filter(|a| !a.starts_with('-')).collect();
    for (name, total, used, mount) in rows {
        if paths.is_empty() || paths.iter().any(|p| *p == mount) {
            let percent = (used / total * 100.0).ceil();
            out += &format!(
                "{name:<20} {:>10} {:>10} {:>10} {percent:>3}% {mount}\n",
                size(total),
                size(used),
                size(total - used)
            );
        }
    }
    Output::text(out)
}

/// Bytes as `df -h` writes them.
fn short(bytes: f64) -> String {
    let (value, unit) = match bytes {
        b if b >= 1.0e12 => (b / 1_099_511_627_776.0, "T"),
        b if b >= 1.0e9 => (b / 1_073_741_824.0, "G"),
        b if b >= 1.0e6 => (b / 1_048_576.0, "M"),
        b => return format!("{b:.0}"),
    };
    if value < 10.0 { format!("{value:.1}{unit}") } else { format!("{value:.0}{unit}") }
}
