//! What programs do with which arguments: the table that risk is told from. Options are listed, not
//! excluded: what a new version adds, or an abbreviation of a long option, is not known to be harmless.

use super::risk::{Arg, Told, has_destroying_words, ran_by_others};
use super::{kubectl, sql};

/// They run what they are given.
pub const RUNNERS: [&str; 34] = [
    "sudo",
    "doas",
    "env",
    "xargs",
    "timeout",
    "nice",
    "ionice",
    "stdbuf",
    "watch",
    "ssh",
    "chroot",
    "nsenter",
    "su",
    "flock",
    "parallel",
    "setsid",
    "strace",
    "busybox",
    "exec",
    "eval",
    "sh",
    "bash",
    "zsh",
    "dash",
    "ksh",
    "source",
    ".",
    "trap",
    "coproc",
    "unshare",
    "runuser",
    "script",
    "alias",
    "systemd-run",
];

/// What they do can't be undone.
pub const DESTROYERS: [&str; 16] = [
    "rm", "dd", "shred", "wipefs", "fdisk", "sfdisk", "parted", "mkswap", "truncate", "reboot", "shutdown",
    "halt", "poweroff", "dropdb", "unlink", "srm",
];

/// Programs that may stand behind one that runs others, and whose arguments say what they do.
pub const RUNS_OR_CHANGES: [&str; 26] = [
    "kubectl",
    "oc",
    "docker",
    "podman",
    "docker-compose",
    "redis-cli",
    "psql",
    "mysql",
    "terraform",
    "tofu",
    "helm",
    "aws",
    "git",
    "curl",
    "find",
    "sudo",
    "env",
    "xargs",
    "sh",
    "bash",
    "zsh",
    "dash",
    "eval",
    "ssh",
    "watch",
    "su",
];

/// They look, whatever their arguments are (and if they write, then to standard output).
const READERS: [&str; 57] = [
    "cat",
    "ls",
    "grep",
    "egrep",
    "fgrep",
    "zgrep",
    "zcat",
    "df",
    "du",
    "free",
    "uptime",
    "ps",
    "pgrep",
    "id",
    "whoami",
    "groups",
    "echo",
    "printf",
    "true",
    "false",
    ":",
    "sleep",
    "test",
    "[",
    "jq",
    "head",
    "tail",
    "wc",
    "cut",
    "tr",
    "column",
    "nl",
    "rev",
    "tac",
    "fold",
    "fmt",
    "paste",
    "join",
    "comm",
    "cmp",
    "diff",
    "stat",
    "readlink",
    "realpath",
    "basename",
    "dirname",
    "pwd",
    "which",
    "printenv",
    "md5sum",
    "sha256sum",
    "seq",
    "uname",
    "nproc",
    "arch",
    "vmstat",
    "lscpu",
];

/// They look; what they are asked is on the network.
const NETWORK_READERS: [&str; 9] =
    ["dig", "nslookup", "host", "ping", "ping6", "traceroute", "tracepath", "netstat", "pg_isready"];

/// Programs of which runbooks speak, so that inline code with them is a command.
const SPOKEN_OF: [&str; 42] = [
    "python",
    "python3",
    "pip",
    "node",
    "npm",
    "npx",
    "yarn",
    "java",
    "go",
    "cargo",
    "make",
    "ansible",
    "ansible-playbook",
    "systemctl",
    "journalctl",
    "service",
    "gcloud",
    "az",
    "openssl",
    "certbot",
    "velero",
    "pg_dump",
    "pg_restore",
    "mysqldump",
    "mongosh",
    "mongodump",
    "rabbitmqctl",
    "kafka-topics",
    "nginx",
    "kill",
    "pkill",
    "chmod",
    "chown",
    "cp",
    "mv",
    "mkdir",
    "tar",
    "gzip",
    "wget",
    "sort",
    "awk",
    "sed",
];

pub fn is_known(name: &str) -> bool {
    let tables: [&[&str]; 6] =
        [&RUNNERS, &DESTROYERS, &RUNS_OR_CHANGES, &READERS, &NETWORK_READERS, &SPOKEN_OF];
    // They are words of every language, too.
    let is_word = matches!(
        name,
        "." | ":" | "[" | "true" | "false" | "test" | "host" | "join" | "script" | "which" | "watch"
    );
    (!is_word && tables.iter().any(|table| table.contains(&name))) || name.starts_with("mkfs")
}

/// What `name` with these arguments does.
pub fn told(name: &str, args: &[Arg], depth: usize) -> Told {
    if DESTROYERS.contains(&name) || name.starts_with("mkfs") {
        return Told::Destroy;
    }
    let told = match name {
        _ if READERS.contains(&name) || NETWORK_READERS.contains(&name) => return Told::Read,
        "kubectl" | "oc" => kubectl::told(args, depth),
        "redis-cli" => sql::redis(args),
        "psql" => sql::psql(args),
        "mysql" | "mariadb" | "mongosh" | "mongo" | "clickhouse-client" | "sqlite3" => sql::other(args),
        "curl" => curl(args),
        "wget" => wget(args),
        "docker" | "podman" | "docker-compose" | "nerdctl" => docker(name, args, depth),
        "git" => git(args),
        "find" => find(args, depth),
        "systemctl" => first_of(
            args,
            &["status", "is-active", "is-enabled", "is-failed", "list-units", "list-timers", "show", "cat"],
        ),
        "helm" => helm(args),
        "terraform" | "tofu" => terraform(args),
        "aws" => aws(args),
        "journalctl" => options(
            args,
            &[
                "-u",
                "-n",
                "-p",
                "-t",
                "-o",
                "--since",
                "--until",
                "-S",
                "-U",
                "-k",
                "-b",
                "-f",
                "-r",
                "-e",
                "-x",
                "--no-pager",
                "--unit",
                "--lines",
                "-xe",
                "-xeu",
                "-fu",
                "-q",
            ],
            true,
        ),
        "sort" => sort(args),
        "uniq" => options(args, &["-c", "-d", "-u", "-i"], false),
        "date" => options(args, &["-u", "-R", "-Iseconds", "-I", "--utc", "--iso-8601=seconds"], false),
        "hostname" => options(args, &["-f", "-i", "-I", "-s", "-d", "--fqdn"], false),
        "top" => options(
            args,
            &["-b", "-n", "-bn1", "-bn", "1", "-o", "-c", "-H", "%CPU", "%MEM", "+%CPU", "+%MEM"],
            false,
        ),
        "ss" => options(
            args,
            &[
                "-t", "-l", "-n", "-p", "-a", "-u", "-s", "-x", "-tlnp", "-tulpn", "-tln", "-ltnp", "-lntp",
                "-tan", "-tnp", "-an", "-tulnp",
            ],
            false,
        ),
        "lsof" => options(args, &["-i", "-p", "-n", "-P", "-nP", "-iTCP"], true),
        "iostat" | "mpstat" => {
            options(args, &["-x", "-d", "-c", "-k", "-m", "-z", "-xz", "-t", "-P", "ALL"], true)
        }
        "lsblk" => options(args, &["-f", "-a", "-p"], true),
        "openssl" => openssl(args),
        "awk" => awk(args),
        "sed" => sed(args),
        _ => Told::Unknown,
    };
    if told == Told::Unknown && args.iter().any(|a| a.text == "--force" || a.text == "--force=true") {
        return Told::Destroy;
    }
    told
}

fn wild(args: &[Arg]) -> bool {
    args.iter().any(|arg| arg.wild)
}

/// Reads if every option is one of `known`; others may stand there only if `operands`.
fn options(args: &[Arg], known: &[&str], operands: bool) -> Told {
    let is_fine = |arg: &Arg| {
        if arg.text.starts_with('-') {
            known.contains(&arg.text.split('=').next().unwrap_or_default())
                || known.contains(&arg.text.as_str())
        } else {
            operands || known.contains(&arg.text.as_str()) || arg.text.starts_with('+')
        }
    };
    if !wild(args) && args.iter().all(is_fine) { Told::Read } else { Told::Unknown }
}

/// Long options are not known: one of them runs a program.
fn sort(args: &[Arg]) -> Told {
    let is_fine = |a: &Arg| {
        let flags = a.text.strip_prefix('-').unwrap_or_default();
        flags.starts_with('t') || flags.chars().all(|c| c.is_ascii_digit() || "nrkuhVfcgdbMsz.,t".contains(c))
    };
    if !wild(args) && args.iter().all(is_fine) { Told::Read } else { Told::Unknown }
}

/// Reads if the first argument is one of `known`.
fn first_of(args: &[Arg], known: &[&str]) -> Told {
    let first = args.iter().find(|a| a.wild || a.text != "--no-pager");
    match first.and_then(Arg::literal) {
        Some(verb) if known.contains(&verb) => Told::Read,
        _ => Told::Unknown,
    }
}

/// A request without a body, with a method that asks, whose answer is shown.
fn curl(args: &[Arg]) -> Told {
    const FLAGS: &str = "sSfLkviI46NgG#";
    const LONG: [&str; 15] = [
        "--silent",
        "--show-error",
        "--fail",
        "--fail-with-body",
        "--location",
        "--insecure",
        "--verbose",
        "--include",
        "--head",
        "--compressed",
        "--http1.1",
        "--http2",
        "--no-progress-meter",
        "--ipv4",
        "--globoff",
    ];
    const WITH_VALUE: [&str; 21] = [
        "-H",
        "-u",
        "-m",
        "-A",
        "-e",
        "-b",
        "-x",
        "-w",
        "--header",
        "--user",
        "--max-time",
        "--connect-timeout",
        "--retry",
        "--retry-delay",
        "--cacert",
        "--cert",
        "--key",
        "--resolve",
        "--user-agent",
        "--write-out",
        "--url",
    ];
    let mut rest = args.iter();
    let mut told = Told::Read;
    while let Some(arg) = rest.next() {
        if arg.wild {
            told = told.max(Told::Unknown);
            continue;
        }
        let (option, attached) = match arg.text.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, Some(value.to_owned())),
            _ if arg.text.starts_with("-X") && arg.text.len() > 2 => {
                ("-X", arg.text.get(2..).map(str::to_owned))
            }
            _ => (arg.text.as_str(), None),
        };
        let mut value = || {
            attached
                .clone()
                .or_else(|| rest.next().map(|a| if a.wild { "\0".into() } else { a.text.clone() }))
        };
        told = told.max(match option {
            "-X" | "--request" => match value().as_deref() {
                Some("GET" | "HEAD" | "OPTIONS") => Told::Read,
                Some("DELETE") => return Told::Destroy,
                _ => Told::Change,
            },
            "-d" | "-F" | "-T" | "--data" | "--data-raw" | "--data-binary" | "--data-urlencode"
            | "--json" | "--form" | "--upload-file" => {
                value();
                Told::Change
            }
            "-o" | "--output" => match value().as_deref() {
                Some("/dev/null" | "-") => Told::Read,
                _ => Told::Unknown,
            },
            _ if WITH_VALUE.contains(&option) => {
                let value = value().unwrap_or_default();
                // curl writes files that a format names.
                let is_writing = matches!(option, "-w" | "--write-out")
                    && (value.contains("output{") || value.contains(['\0', '@']));
                if is_writing || (option == "--url" && !is_http(&value)) { Told::Unknown } else { Told::Read }
            }
            _ if LONG.contains(&option) => Told::Read,
            _ if option.starts_with("--") => Told::Unknown,
            _ if option.starts_with('-') => match option.strip_prefix('-') {
                Some(flags) if !flags.is_empty() && flags.chars().all(|c| FLAGS.contains(c)) => Told::Read,
                Some(flags) => cluster(flags, FLAGS, &mut value),
                None => Told::Unknown,
            },
            _ if is_http(option) => Told::Read,
            _ => Told::Unknown,
        });
    }
    told
}

/// Several flags in one, of which the last has a value: `-sSo /dev/null`, `-sw '%{http_code}'`.
fn cluster(flags: &str, known: &str, value: &mut dyn FnMut() -> Option<String>) -> Told {
    let mut flags = flags.chars();
    let last = flags.next_back();
    if !flags.all(|c| known.contains(c)) {
        return Told::Unknown;
    }
    let value = value().unwrap_or_default();
    match last {
        Some('o') if matches!(value.as_str(), "/dev/null" | "-") => Told::Read,
        Some('w') if !value.contains("output{") && !value.contains(['\0', '@']) => Told::Read,
        Some('H' | 'u' | 'm') => Told::Read,
        Some('X') if matches!(value.as_str(), "GET" | "HEAD") => Told::Read,
        Some('X') => Told::Change,
        _ => Told::Unknown,
    }
}

/// Other schemes (gopher, telnet, smtp) send what they are told to.
fn is_http(url: &str) -> bool {
    let (scheme, _) = url.split_once("://").unwrap_or(("http", ""));
    let is_known_host = url.contains("://") || !url.starts_with('\0');
    matches!(scheme, "http" | "https") && is_known_host
}

/// It saves what it gets, unless it is told not to.
fn wget(args: &[Arg]) -> Told {
    let known = [
        "-q",
        "-S",
        "-nv",
        "-T",
        "-t",
        "--spider",
        "--timeout",
        "--tries",
        "--server-response",
        "-qO-",
        "-O-",
        "-qO",
        "-O",
        "--no-check-certificate",
        "--header",
    ];
    let shows = args.iter().enumerate().any(|(i, a)| match a.text.as_str() {
        "--spider" | "-qO-" | "-O-" => true,
        "-O" | "-qO" => args.get(i + 1).is_some_and(|a| matches!(a.text.as_str(), "-" | "/dev/null")),
        _ => false,
    });
    let outputs = args.iter().filter(|a| a.text.contains('O') && a.text.starts_with('-')).count();
    if shows && outputs <= 1 { options(args, &[&known[..], &["-"]].concat(), true) } else { Told::Unknown }
}

fn docker(name: &str, args: &[Arg], depth: usize) -> Told {
    let mut rest = args;
    let mut is_compose = name == "docker-compose";
    // Options before the verb, of which these have a value.
    loop {
        match rest {
            [option, _, after @ ..]
                if matches!(option.text.as_str(), "-f" | "--file" | "-p" | "--context" | "-H") =>
            {
                rest = after;
            }
            [verb, after @ ..] if verb.text == "compose" => {
                is_compose = true;
                rest = after;
            }
            _ => break,
        }
    }
    let word = |at: usize| rest.get(at).and_then(Arg::literal).unwrap_or("\0");
    match (word(0), word(1)) {
        ("ps" | "logs" | "images" | "top" | "version" | "port", _) => Told::Read,
        ("inspect" | "stats" | "info" | "events" | "diff" | "history", _) if !is_compose => Told::Read,
        ("container" | "image" | "volume" | "network", "ls" | "inspect" | "logs" | "top" | "stats") => {
            Told::Read
        }
        ("system", "df" | "info" | "events") => Told::Read,
        ("rm" | "rmi", _) | (_, "prune" | "rm") => Told::Destroy,
        ("down", _) if rest.iter().any(|a| matches!(a.text.as_str(), "-v" | "--volumes")) => Told::Destroy,
        ("exec" | "run", _) => ran_by_others(rest, depth).max(Told::Unknown),
        ("\0", _) => Told::Unknown,
        _ => Told::Change,
    }
}

fn git(args: &[Arg]) -> Told {
    let mut rest = args;
    while let [option, after @ ..] = rest
        && option.text == "--no-pager"
    {
        rest = after;
    }
    let Some((verb, after)) = rest.split_first() else { return Told::Read };
    // Options that write a file or run a program, and their abbreviations.
    let writes = |a: &Arg| {
        ["--o", "--ex", "--te", "--up", "-o", "-c"].iter().any(|o| a.text.starts_with(o))
            && a.text != "--oneline"
    };
    match verb.literal() {
        Some(
            "log" | "status" | "diff" | "show" | "blame" | "rev-parse" | "describe" | "ls-files" | "shortlog",
        ) if !wild(after) && !after.iter().any(writes) => Told::Read,
        Some("branch") => options(after, &["-a", "-r", "-v", "-vv", "--list", "--show-current"], false),
        Some("remote") => options(after, &["-v"], false),
        Some("push" | "reset" | "clean")
            if after
                .iter()
                .any(|a| matches!(a.text.as_str(), "--force" | "-f" | "--hard" | "-fd" | "-fdx")) =>
        {
            Told::Destroy
        }
        Some("push" | "commit" | "checkout" | "reset" | "merge" | "rebase" | "revert" | "pull") => {
            Told::Change
        }
        _ => Told::Unknown,
    }
}

fn find(args: &[Arg], depth: usize) -> Told {
    const ACTIONS: [&str; 8] =
        ["-delete", "-exec", "-execdir", "-ok", "-okdir", "-fprint", "-fprintf", "-fls"];
    if args.iter().any(|a| a.text == "-delete") {
        return Told::Destroy;
    }
    if args.iter().any(|a| ACTIONS.iter().any(|action| a.text.starts_with(action))) {
        return ran_by_others(args, depth).max(Told::Unknown);
    }
    // A pattern without quotes becomes names of files, which may begin with '-'.
    if wild(args) { Told::Unknown } else { Told::Read }
}

fn helm(args: &[Arg]) -> Told {
    match args.first().and_then(Arg::literal) {
        Some("list" | "ls" | "status" | "history" | "get" | "version" | "show" | "search")
            if !args.iter().any(|a| a.text.starts_with("--post-r")) =>
        {
            Told::Read
        }
        Some("uninstall" | "delete") => Told::Destroy,
        Some("install" | "upgrade" | "rollback") => Told::Change,
        _ => Told::Unknown,
    }
}

fn terraform(args: &[Arg]) -> Told {
    let is_destroying = args.iter().any(|a| matches!(a.text.as_str(), "destroy" | "-destroy"));
    match args.first().and_then(Arg::literal) {
        _ if is_destroying => Told::Destroy,
        Some("show" | "output" | "version" | "validate") => Told::Read,
        Some("apply" | "import" | "taint") => Told::Change,
        _ => Told::Unknown,
    }
}

fn aws(args: &[Arg]) -> Told {
    let word = |at: usize| args.get(at).and_then(Arg::literal).unwrap_or("\0");
    match (word(0), word(1)) {
        ("s3", "ls") | ("sts", "get-caller-identity") => Told::Read,
        ("s3", "rm" | "rb") => Told::Destroy,
        (_, verb) if verb.starts_with("delete-") || verb.starts_with("terminate-") => Told::Destroy,
        (service, verb)
            if !service.starts_with('-') && (verb.starts_with("describe-") || verb.starts_with("list-")) =>
        {
            Told::Read
        }
        _ => Told::Unknown,
    }
}

fn openssl(args: &[Arg]) -> Told {
    let Some((verb, rest)) = args.split_first() else { return Told::Unknown };
    match verb.literal() {
        Some("x509") => options(
            rest,
            &[
                "-noout",
                "-dates",
                "-enddate",
                "-startdate",
                "-subject",
                "-issuer",
                "-text",
                "-in",
                "-checkend",
                "-serial",
                "-fingerprint",
                "-ext",
                "-sha256",
            ],
            true,
        ),
        Some("s_client") => options(
            rest,
            &["-connect", "-servername", "-showcerts", "-brief", "-starttls", "-verify_return_error"],
            true,
        ),
        _ => Told::Unknown,
    }
}

/// Programs of awk can write files and run commands.
fn awk(args: &[Arg]) -> Told {
    let harmless = |a: &Arg| {
        let text = a.text.as_str();
        let is_option = text.starts_with('-');
        let is_fine =
            !["system", "|", ">", "getline", "@", "close", "\0"].iter().any(|word| text.contains(word));
        !a.wild && is_fine && (!is_option || text.starts_with("-F"))
    };
    if args.iter().all(harmless) { Told::Read } else { Told::Unknown }
}

/// Only `sed -n 1,20p`: its scripts can write files and run commands.
fn sed(args: &[Arg]) -> Told {
    match args {
        [option, script, files @ ..]
            if option.literal() == Some("-n")
                && script
                    .literal()
                    .is_some_and(|s| s.chars().all(|c| c.is_ascii_digit() || "$,p;".contains(c)))
                && files.iter().all(|f| !f.wild && !f.text.starts_with('-')) =>
        {
            Told::Read
        }
        _ => Told::Unknown,
    }
}

/// What is known of a client that is not: what can't be undone.
pub fn destroying(args: &[Arg]) -> Told {
    if args.iter().any(|a| has_destroying_words(&a.text)) { Told::Destroy } else { Told::Unknown }
}
