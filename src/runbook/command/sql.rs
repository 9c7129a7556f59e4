//! What is asked of data stores: Redis' commands, and SQL.

use super::programs::{destroying, wild};
use super::risk::{Arg, Told, has_destroying_words};

/// redis-cli's options that have a value, and those that have none.
pub const REDIS_WITH_VALUE: [&str; 8] = ["-h", "-p", "-a", "-n", "-u", "-s", "--user", "--pass"];
pub const REDIS_FLAGS: [&str; 7] =
    ["--no-auth-warning", "--raw", "--no-raw", "--tls", "--insecure", "-c", "--verbose"];

const REDIS_READS: [&str; 30] = [
    "PING", "INFO", "DBSIZE", "GET", "MGET", "TTL", "PTTL", "TYPE", "EXISTS", "STRLEN", "HGET", "HGETALL",
    "HLEN", "LLEN", "LRANGE", "SCARD", "SMEMBERS", "ZCARD", "ZRANGE", "SCAN", "KEYS", "ROLE", "TIME",
    "LASTSAVE", "ECHO", "MEMORY", "CONFIG", "CLIENT", "SLOWLOG", "CLUSTER",
];

/// Of commands with subcommands, those that look.
const REDIS_SUBCOMMANDS: [(&str, &[&str]); 5] = [
    ("MEMORY", &["USAGE", "STATS", "DOCTOR", "MALLOC-STATS"]),
    ("CONFIG", &["GET"]),
    ("CLIENT", &["LIST", "INFO", "GETNAME", "ID"]),
    ("SLOWLOG", &["GET", "LEN"]),
    ("CLUSTER", &["INFO", "NODES", "SLOTS", "SHARDS"]),
];

/// The words of Redis' command behind redis-cli's options; None where an option is not known.
pub fn redis_words(args: &[Arg]) -> Option<&[Arg]> {
    if wild(args) {
        return None;
    }
    let mut at = 0;
    while let Some(arg) = args.get(at) {
        let text = arg.text.as_str();
        match text {
            _ if !text.starts_with('-') => break,
            _ if REDIS_WITH_VALUE.contains(&text) => at += 2,
            _ if REDIS_FLAGS.contains(&text) => at += 1,
            _ => return None,
        }
    }
    args.get(at..)
}

pub fn redis(args: &[Arg]) -> Told {
    let is = |a: &Arg, words: &[&str]| words.iter().any(|w| a.text.eq_ignore_ascii_case(w));
    if args.iter().any(|a| is(a, &["FLUSHALL", "FLUSHDB", "SHUTDOWN"])) {
        return Told::Destroy;
    }
    if let [only] = args
        && matches!(only.text.as_str(), "--stat" | "--bigkeys" | "--latency" | "--scan" | "--memkeys")
    {
        return Told::Read;
    }
    let Some(words) = redis_words(args) else { return Told::Unknown };
    let Some(command) = words.first().and_then(Arg::literal).map(str::to_ascii_uppercase) else {
        return Told::Unknown;
    };
    let subcommands = REDIS_SUBCOMMANDS.iter().find(|(c, _)| *c == command).map(|(_, s)| *s);
    match subcommands {
        Some(known) if words.get(1).is_some_and(|a| is(a, known) && a.literal().is_some()) => Told::Read,
        Some(_) => Told::Change,
        None if REDIS_READS.contains(&command.as_str()) => Told::Read,
        None if matches!(command.as_str(), "DEL" | "UNLINK" | "SET" | "EXPIRE" | "RENAME") => Told::Change,
        None => Told::Unknown,
    }
}

/// `psql -c SELECT …`.
pub fn psql(args: &[Arg]) -> Told {
    const WITH_VALUE: [&str; 8] = ["-U", "-d", "-h", "-p", "--username", "--dbname", "--host", "--port"];
    const FLAGS: [&str; 14] = [
        "-t",
        "-A",
        "-x",
        "-q",
        "-X",
        "-w",
        "-At",
        "-tA",
        "-tAX",
        "-Atq",
        "-tq",
        "-P",
        "--csv",
        "--no-psqlrc",
    ];
    if wild(args) {
        return destroying(args);
    }
    let mut asked = false;
    let mut told = Told::Read;
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let option = arg.text.split('=').next().unwrap_or_default();
        let statement = match arg.text.as_str() {
            "-c" | "--command" => rest.next().map(|a| a.text.clone()),
            "-tc" | "-Atc" | "-tAc" | "-qc" | "-xc" | "-qtc" => rest.next().map(|a| a.text.clone()),
            text if text.starts_with("--command=") => text.split_once('=').map(|(_, s)| s.to_owned()),
            text if WITH_VALUE.contains(&text) => {
                rest.next();
                None
            }
            text if FLAGS.contains(&text) || WITH_VALUE.contains(&option) || !text.starts_with('-') => None,
            _ => return destroying(args),
        };
        if let Some(statement) = statement {
            asked = true;
            told = told.max(statements(&statement));
        }
    }
    // What it is asked comes from elsewhere.
    if asked { told } else { told.max(destroying(args)) }
}

/// Clients whose options are not known: only what can't be undone.
pub fn other(args: &[Arg]) -> Told {
    if args.iter().any(|a| a.text.to_ascii_lowercase().contains("dropdatabase")) {
        return Told::Destroy;
    }
    destroying(args)
}

/// Functions and words before a bracket that only look. Others act: pg_terminate_backend, nextval.
const HARMLESS: [&str; 60] = [
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "now",
    "round",
    "coalesce",
    "extract",
    "date_trunc",
    "pg_size_pretty",
    "pg_database_size",
    "pg_total_relation_size",
    "pg_relation_size",
    "pg_table_size",
    "pg_indexes_size",
    "age",
    "version",
    "to_char",
    "length",
    "lower",
    "upper",
    "pg_is_in_recovery",
    "pg_last_wal_receive_lsn",
    "pg_last_wal_replay_lsn",
    "pg_last_xact_replay_timestamp",
    "pg_current_wal_lsn",
    "pg_wal_lsn_diff",
    "pg_postmaster_start_time",
    "pg_blocking_pids",
    "in",
    "any",
    "all",
    "exists",
    "over",
    "filter",
    "and",
    "or",
    "not",
    "where",
    "from",
    "on",
    "by",
    "as",
    "select",
    "cast",
    "nullif",
    "greatest",
    "least",
    "row_number",
    "rank",
    "array_agg",
    "string_agg",
    "abs",
    "ceil",
    "floor",
    "substring",
    "left",
    "current_setting",
    "when",
];

/// What SQL does; of several statements, the worst.
pub fn statements(sql: &str) -> Told {
    if has_destroying_words(sql) || sql.to_ascii_lowercase().contains("drop\n") {
        return Told::Destroy;
    }
    sql.split(';').map(str::trim).filter(|s| !s.is_empty()).map(statement).max().unwrap_or(Told::Unknown)
}

fn statement(sql: &str) -> Told {
    // \d, \dt, \l, \conninfo describe; other backslashes write files and run programs.
    if let Some(meta) = sql.strip_prefix('\\') {
        let name = meta.split_whitespace().next().unwrap_or_default();
        let describes = name.starts_with('d') && name.len() <= 3 || matches!(name, "l" | "l+" | "conninfo");
        return if describes && !meta.contains(['\\', '|', '`']) { Told::Read } else { Told::Unknown };
    }
    let lower = sql.to_ascii_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let first = words.first().copied().unwrap_or_default();
    let is_plain = !lower.contains('\\');
    let acts = [
        "into", "update", "insert", "delete", "share", "alter", "create", "grant", "revoke", "set", "copy",
        "call", "do", "analyze", "lock", "vacuum", "reindex", "merge", "execute",
    ];
    match first {
        "select" | "table" | "values" | "explain" | "show" | "with"
            if is_plain && !words.iter().any(|w| acts.contains(w)) && calls_only_harmless(&lower) =>
        {
            Told::Read
        }
        "select" | "with" | "explain" => Told::Unknown,
        "vacuum" | "reindex" | "analyze" | "insert" | "update" | "alter" | "create" | "grant" | "set" => {
            Told::Change
        }
        "delete" => Told::Destroy,
        _ => Told::Unknown,
    }
}

/// Whether all that stands before an opening bracket is known: a function, a keyword, an operator.
fn calls_only_harmless(sql: &str) -> bool {
    sql.match_indices('(').all(|(at, _)| {
        let before = sql.get(..at).unwrap_or_default().trim_end();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.' || !c.is_ascii();
        let name = before.rsplit(|c| !is_name(c)).next().unwrap_or_default();
        let operator = before.ends_with(['(', ',', '=', '+', '-', '>', '<']);
        if name.is_empty() { operator } else { HARMLESS.contains(&name) }
    })
}
