//! `psql` and `pg_isready` against the shop's database: a handful of statements that an
//! on-call engineer types, with the numbers that the physics have.

use super::{Container, Output};
use crate::sim::world::physics::POOL_SIZE;

const VERSION: &str = "PostgreSQL 17.6 (Debian 17.6-1.pgdg13+1) on x86_64-pc-linux-gnu, compiled by gcc (Debian 14.2.0-19) 14.2.0, 64-bit";
/// What the full backups are made of.
const DATABASE_BYTES: i64 = 61_847_529_472;
const HOST: &str = "db.internal";

/// What was asked, and how it is to be written.
#[derive(Default)]
struct Asked {
    statements: Vec<String>,
    tuples_only: bool,
    unaligned: bool,
    separator: String,
    host: Option<String>,
    database: Option<String>,
}

fn parse(args: &[String]) -> Result<Asked, Output> {
    let mut asked = Asked { separator: "|".to_owned(), ..Asked::default() };
    let mut args = args.iter();
    let mut plain = Vec::new();
    while let Some(arg) = args.next() {
        let letters = arg.strip_prefix('-').filter(|l| !l.is_empty() && !l.starts_with('-'));
        let Some(letters) = letters else {
            match arg.split_once('=') {
                Some(("--command", statement)) => asked.statements.push(statement.to_owned()),
                Some(("--host", host)) => asked.host = Some(host.to_owned()),
                _ if arg == "--tuples-only" => asked.tuples_only = true,
                _ if arg == "--no-align" => asked.unaligned = true,
                _ if arg.starts_with("--") => {}
                _ => plain.push(arg.clone()),
            }
            continue;
        };
        for (i, letter) in letters.char_indices() {
            match letter {
                't' => asked.tuples_only = true,
                'A' => asked.unaligned = true,
                'c' | 'h' | 'd' | 'U' | 'p' | 'F' | 'v' | 'P' | 'f' => {
                    let rest = &letters[i + 1..];
                    let value = if rest.is_empty() { args.next().cloned() } else { Some(rest.to_owned()) };
                    let missing =
                        || Output::failed(1, format!("psql: option requires an argument -- '{letter}'\n"));
                    let value = value.ok_or_else(missing)?;
                    match letter {
                        'c' => asked.statements.push(value),
                        'h' => asked.host = Some(value),
                        'd' => asked.database = Some(value),
                        'F' => asked.separator = value,
                        _ => {}
                    }
                    break;
                }
                'q' | 'X' | 'w' | 'W' | 'a' | 'e' => {}
                other => {
                    let text = format!(
                        "psql: invalid option -- '{other}'\npsql: hint: Try \"psql --help\" for more information.\n"
                    );
                    return Err(Output::failed(1, text));
                }
            }
        }
    }
    asked.database = asked.database.or_else(|| plain.into_iter().next());
    Ok(asked)
}

/// Whether statements come from what is sent to it.
pub fn reads(args: &[String]) -> bool {
    !args.iter().any(|a| a.starts_with("--command") || (a.starts_with('-') && a.ends_with('c')))
}

/// The name of the database and whether the host is the one that there is.
fn target(c: &Container, asked: &Asked) -> Result<String, Output> {
    let url = asked.database.clone().filter(|d| d.contains("://"));
    let known = c.env.iter().find(|(n, _)| n == "DATABASE_URL").map(|(_, v)| v.clone());
    let url = url.or_else(|| known.filter(|_| asked.host.is_none()));
    let (host, database) = match &url {
        Some(url) => {
            let rest = url.split_once("://").map(|(_, r)| r).unwrap_or_default();
            let rest = rest.rsplit_once('@').map_or(rest, |(_, r)| r);
            let (host, database) = rest.split_once('/').unwrap_or((rest, "shop"));
            (
                host.split(':').next().unwrap_or_default().to_owned(),
                database.split('?').next().unwrap_or_default().to_owned(),
            )
        }
        None => (asked.host.clone().unwrap_or_default(), "shop".to_owned()),
    };
    let database = asked.database.clone().filter(|d| !d.contains("://")).unwrap_or(database);
    if host.is_empty() {
        let socket = "/var/run/postgresql/.s.PGSQL.5432";
        let text = format!(
            "psql: error: connection to server on socket \"{socket}\" failed: No such file or directory\n\tIs the server \
             running locally and accepting connections on that socket?\n"
        );
        return Err(Output::failed(2, text));
    }
    if host != HOST {
        let text = format!(
            "psql: error: could not translate host name \"{host}\" to address: Name or service not known\n"
        );
        return Err(Output::failed(2, text));
    }
    if database != "shop" && database != "postgres" {
        let text = format!(
            "psql: error: connection to server at \"{HOST}\" (10.0.1.20), port 5432 failed: FATAL:  database \"{database}\" does not exist\n"
        );
        return Err(Output::failed(2, text));
    }
    Ok(database)
}

pub fn psql(c: &Container, args: &[String], stdin: &[u8]) -> Output {
    if args.iter().any(|a| a == "--version" || a == "-V") {
        return Output::text("psql (PostgreSQL) 17.6 (Debian 17.6-1.pgdg13+1)\n");
    }
    let mut asked = match parse(args) {
        Ok(asked) => asked,
        Err(problem) => return problem,
    };
    let database = match target(c, &asked) {
        Ok(database) => database,
        Err(problem) => return problem,
    };
    if asked.statements.is_empty() {
        asked.statements.push(String::from_utf8_lossy(stdin).into_owned());
    }
    let mut out = Output::default();
    let each = asked.statements.iter().flat_map(|s| s.split(';')).map(str::trim).filter(|s| !s.is_empty());
    for statement in each {
        match answer(c, &database, statement) {
            Ok(table) => out.stdout.extend(table.render(&asked).bytes()),
            Err(problem) => {
                out.stderr.extend(problem.bytes());
                out.code = 1;
                break;
            }
        }
    }
    out
}

struct Table {
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    /// Numbers stand at the right.
    right: bool,
}

impl Table {
    fn one(column: &'static str, value: impl ToString, right: bool) -> Self {
        Self { columns: vec![column], rows: vec![vec![value.to_string()]], right }
    }

    fn render(&self, asked: &Asked) -> String {
        let count = format!("({} row{})\n", self.rows.len(), if self.rows.len() == 1 { "" } else { "s" });
        if asked.unaligned {
            let mut out = String::new();
            if !asked.tuples_only {
                out += &(self.columns.join(&asked.separator) + "\n");
            }
            self.rows.iter().for_each(|r| out += &(r.join(&asked.separator) + "\n"));
            return if asked.tuples_only { out } else { out + &count };
        }
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|i| {
                self.rows
                    .iter()
                    .map(|r| r[i].chars().count())
                    .chain([self.columns[i].len()])
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let mut out = String::new();
        if !asked.tuples_only {
            let titles: Vec<String> =
                self.columns.iter().zip(&widths).map(|(c, w)| format!(" {c:^w$} ")).collect();
            let lines: Vec<String> = widths.iter().map(|w| "-".repeat(w + 2)).collect();
            out = format!("{}\n{}\n", titles.join("|"), lines.join("+"));
        }
        for row in &self.rows {
            let last = row.len() - 1;
            let cells = row.iter().zip(&widths).enumerate().map(|(i, (cell, w))| {
                match (self.right && i == last, i == last) {
                    (true, _) => format!(" {cell:>w$}"),
                    (_, true) => format!(" {cell}"),
                    _ => format!(" {cell:<w$} "),
                }
            });
            out += &(cells.collect::<Vec<_>>().join("|") + "\n");
        }
        if asked.tuples_only { out + "\n" } else { out + &count + "\n" }
    }
}

/// A statement without what makes no difference.
fn plain(statement: &str) -> String {
    let words: Vec<&str> = statement.split_whitespace().collect();
    words
        .join(" ")
        .to_ascii_lowercase()
        .replace(" (", "(")
        .replace("( ", "(")
        .replace(" )", ")")
        .replace(" = ", "=")
        .replace(", ", ",")
}

/// Connections by state, as `pg_stat_activity_count` has them.
fn activity(c: &Container) -> (i64, i64) {
    let pool = c.api.world().flow().pool;
    ((pool * 0.62).round() as i64, (pool * 0.38).round() as i64)
}

/// What the oldest of the active connections do.
fn longest(active: i64) -> Table {
    let row = |n: i64| {
        let age = format!("00:00:00.{:06}", 480_000 / (n + 1));
        let query = "SELECT * FROM orders WHERE customer_id = $1 ORDER BY created".to_owned();
        vec![(2_400 + n * 7).to_string(), age, "active".to_owned(), query]
    };
    Table {
        columns: vec!["pid", "age", "state", "query"],
        rows: (0..active.min(10)).map(row).collect(),
        right: false,
    }
}

fn answer(c: &Container, database: &str, statement: &str) -> Result<Table, String> {
    let asked = plain(statement);
    let (active, idle) = activity(c);
    let by_state = |rows: Vec<(&str, i64)>| Table {
        columns: vec!["state", "count"],
        rows: rows.into_iter().map(|(s, n)| vec![s.to_owned(), n.to_string()]).collect(),
        right: true,
    };
    let now = || c.api.clock.now().strftime("%Y-%m-%d %H:%M:%S%.6f+00").to_string();
    if asked.starts_with("select state,count(*) from pg_stat_activity group by") {
        return Ok(by_state(vec![("active", active), ("idle", idle)]));
    }
    if asked.starts_with("select pid,") && asked.contains(" from pg_stat_activity") {
        return Ok(longest(active));
    }
    if let Some(rest) = asked.strip_prefix("select count(*) from pg_stat_activity") {
        return Ok(Table::one(
            "count",
            match rest.trim() {
                "" => active + idle,
                "where state='active'" => active,
                "where state='idle'" => idle,
                r if r.starts_with("where datname='shop'") => active + idle,
                r if r.starts_with("where wait_event_type='lock'") => 0,
                _ => return Err(syntax(statement)),
            },
            true,
        ));
    }
    Ok(match asked.as_str() {
        "select 1" => Table::one("?column?", 1, true),
        "select version()" => Table::one("version", VERSION, false),
        "select now()" => Table::one("now", now(), false),
        "select current_database()" => Table::one("current_database", database, false),
        "select current_user" => Table::one("current_user", "shop", false),
        "select pg_is_in_recovery()" => Table::one("pg_is_in_recovery", "f", false),
        "show max_connections" => Table::one("max_connections", POOL_SIZE, false),
        "show server_version" => Table::one("server_version", "17.6 (Debian 17.6-1.pgdg13+1)", false),
        "show statement_timeout" => Table::one("statement_timeout", "30s", false),
        "select pg_database_size('shop')" | "select pg_database_size(current_database())" => {
            Table::one("pg_database_size", DATABASE_BYTES, true)
        }
        "select pg_size_pretty(pg_database_size('shop'))"
        | "select pg_size_pretty(pg_database_size(current_database()))" => Table::one(
            "pg_size_pretty",
            format!("{} GB", (DATABASE_BYTES as f64 / 1_073_741_824.0).round()),
            false,
        ),
        _ => return Err(syntax(statement)),
    })
}

/// What PostgreSQL says of a statement that cannot be run.
fn syntax(statement: &str) -> String {
    let asked = plain(statement);
    let line: String = statement.lines().next().unwrap_or_default().chars().take(200).collect();
    let at = |what: &str| " ".repeat(line.to_ascii_lowercase().find(what).unwrap_or(0) + 8) + "^\n";
    let denied = ["insert", "update", "delete", "drop", "alter", "create", "truncate", "vacuum", "reindex"];
    let first = asked.split(' ').next().unwrap_or_default().to_owned();
    if denied.contains(&first.as_str()) {
        return format!("ERROR:  cannot execute {} in a read-only transaction\n", first.to_ascii_uppercase());
    }
    if first == "select"
        && let Some((_, table)) = asked.split_once(" from ")
    {
        let table: String = table.chars().take_while(|c| c.is_alphanumeric() || "_.".contains(*c)).collect();
        let position = at(&format!("from {table}")).replacen("        ", "             ", 1);
        return format!("ERROR:  relation \"{table}\" does not exist\nLINE 1: {line}\n{position}");
    }
    format!("ERROR:  syntax error at or near \"{first}\"\nLINE 1: {line}\n{}", at(&first))
}

pub fn is_ready(c: &Container, args: &[String]) -> Output {
    let host =
        args.iter().position(|a| a == "-h").and_then(|at| args.get(at + 1)).map_or(HOST, String::as_str);
    if host != HOST || c.env.iter().all(|(n, _)| n != "DATABASE_URL") && !args.iter().any(|a| a == "-h") {
        return Output { code: 2, ..Output::text(format!("{host}:5432 - no response\n")) };
    }
    Output::text(format!("{host}:5432 - accepting connections\n"))
}
