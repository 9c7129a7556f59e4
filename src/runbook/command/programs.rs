//! What programs do with which arguments: the table that risk is told from. Options are listed, not
//! excluded: what a new version adds, or an abbreviation of a long option, is not known to be harmless.

use super::risk::{Arg, Told, has_destroying_words, ran_by_others};
use super::{kubectl, sql, tools, transfer};

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
        "curl" => transfer::curl(args),
        "wget" => transfer::wget(args),
        "docker" | "podman" | "docker-compose" | "nerdctl" => tools::docker(name, args, depth),
        "git" => tools::git(args),
        "find" => find(args, depth),
        "systemctl" => first_of(
            args,
            &["status", "is-active", "is-enabled", "is-failed", "list-units", "list-timers", "show", "cat"],
        ),
        "helm" => tools::helm(args),
        "terraform" | "tofu" => tools::terraform(args),
        "aws" => tools::aws(args),
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

/// Whether an argument may be several, options among them.
pub fn wild(args: &[Arg]) -> bool {
    args.iter().any(|arg| arg.wild)
}

/// Reads if every option is one of `known`; others may stand there only if `operands`.
pub fn options(args: &[Arg], known: &[&str], operands: bool) -> Told {
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
