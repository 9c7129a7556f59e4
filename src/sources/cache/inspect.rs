//! What one instance of a cache says of itself before anybody flushes it: its role, how much is in
//! it, whether it looks like a store, and whether we may.

use super::cluster::{self, Node};
use super::error::{CacheError, Reason};
use super::info::Info;
use super::{Link, Reply};
use crate::config::CacheKind;

/// Of a cache nearly every key has a TTL; where half of them have none they are meant to stay.
const STORE_WITHOUT_TTL: f64 = 0.5;
/// Of fewer keys nothing can be said.
const FEW_KEYS: u64 = 20;

/// Who may be written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    Master,
    /// And of whom, `host:port`.
    Replica(String),
    /// A sentinel, or what does not say.
    Other(String),
}

/// Whether a command may be sent, as far as the cache tells without it being sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    Yes,
    No(String),
    /// It can't be asked, and why.
    Unasked(String),
}

/// What an instance says of itself. None is what it does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    pub kind: CacheKind,
    pub version: Option<String>,
    pub role: Role,
    /// Another one after each start.
    pub run_id: Option<String>,
    pub uptime_s: Option<u64>,
    /// Of the database that the link is in.
    pub keys: Option<u64>,
    /// Those of them that have a TTL.
    pub expiring: Option<u64>,
    pub memory_bytes: Option<u64>,
    /// 0: no limit.
    pub memory_limit_bytes: Option<u64>,
    pub policy: Option<String>,
    pub hits: Option<u64>,
    pub misses: Option<u64>,
    pub evictions: Option<u64>,
    pub replicas: Option<u64>,
    /// Every write goes to a file.
    pub append_only: Option<bool>,
    /// The `save` rules of snapshots; empty: none.
    pub snapshots: Option<String>,
    /// How often it was flushed since it started, by whomever: what became of a flush whose answer
    /// was lost is known by it.
    pub flushes: Option<u64>,
    /// The nodes of a cluster; None where it is none.
    pub cluster: Option<Vec<Node>>,
    pub may_flush: Allowed,
    pub may_unlink: Allowed,
    pub may_scan: Allowed,
}

impl Inspected {
    /// Hits of all reads since it started, 0…1.
    pub fn hit_ratio(&self) -> Option<f64> {
        let (hits, misses) = (self.hits? as f64, self.misses? as f64);
        (hits + misses > 0.0).then(|| hits / (hits + misses))
    }

    /// Keys without a TTL, of all, 0…1.
    pub fn without_ttl(&self) -> Option<f64> {
        let (keys, expiring) = (self.keys?, self.expiring?);
        (keys > 0).then(|| keys.saturating_sub(expiring) as f64 / keys as f64)
    }
}

/// Why this is perhaps no cache but a store, whose data is nowhere else. None where nothing says so.
pub fn looks_like_a_store(seen: &Inspected) -> Option<String> {
    let mut signs = Vec::new();
    if seen.policy.as_deref() == Some("noeviction") && seen.memory_limit_bytes.is_some_and(|m| m > 0) {
        signs.push("it evicts nothing when it is full (noeviction)".to_owned());
    }
    let many = seen.keys.is_some_and(|k| k >= FEW_KEYS);
    if let Some(ratio) = seen.without_ttl().filter(|r| many && *r >= STORE_WITHOUT_TTL) {
        signs.push(format!("{:.0} % of its keys have no TTL", ratio * 100.0));
    }
    if seen.append_only == Some(true) {
        signs.push("every write goes to a file (appendonly)".to_owned());
    }
    (!signs.is_empty()).then(|| signs.join(", "))
}

/// Asks an instance; reads only.
///
/// # Errors
/// When it does not answer, or neither INFO nor ROLE may be asked.
pub async fn inspect(link: &mut Link, kind: CacheKind, database: u32) -> Result<Inspected, CacheError> {
    match kind {
        CacheKind::Redis => redis(link, database).await,
        CacheKind::Memcached => memcached(link).await,
    }
}

async fn redis(link: &mut Link, database: u32) -> Result<Inspected, CacheError> {
    let info = match link.ask(&["INFO"]).await {
        Ok(reply) => Some(Info::parse(&reply.text().unwrap_or_default())),
        Err(error) if matches!(error.reason(), Some(Reason::NotPermitted | Reason::UnknownCommand)) => None,
        Err(error) => return Err(error),
    };
    let mut seen = match &info {
        Some(info) => of_info(info, database),
        None => of_role(link).await?,
    };
    if let Some(info) = &info {
        // Of a cluster the line is there from 3.0 on; elsewhere the command is an error.
        seen.cluster = match info.flag("cluster_enabled") {
            Some(true) => {
                Some(cluster::nodes(&link.ask(&["CLUSTER", "NODES"]).await?.text().unwrap_or_default()))
            }
            _ => None,
        };
    }
    seen.snapshots = config(link, "save").await;
    seen.flushes = flushes(link).await;
    permissions(link, &mut seen).await?;
    Ok(seen)
}

fn of_info(info: &Info, database: u32) -> Inspected {
    let text = |name: &str| info.text(name).map(str::to_owned);
    let role = match info.text("role") {
        Some("master") => Role::Master,
        Some("slave" | "replica") => Role::Replica(format!(
            "{}:{}",
            info.text("master_host").unwrap_or("?"),
            info.text("master_port").unwrap_or("?")
        )),
        other => Role::Other(other.unwrap_or("unknown").to_owned()),
    };
    let keys = info.keys(database);
    Inspected {
        kind: CacheKind::Redis,
        version: text("redis_version"),
        role,
        run_id: text("run_id"),
        uptime_s: info.number("uptime_in_seconds"),
        keys: keys.map(|k| k.0),
        expiring: keys.map(|k| k.1),
        memory_bytes: info.number("used_memory"),
        memory_limit_bytes: info.number("maxmemory"),
        policy: text("maxmemory_policy"),
        hits: info.number("keyspace_hits"),
        misses: info.number("keyspace_misses"),
        evictions: info.number("evicted_keys"),
        replicas: info.number("connected_slaves"),
        append_only: info.flag("aof_enabled"),
        ..Inspected::unknown(CacheKind::Redis)
    }
}

/// Where INFO may not be asked.
async fn of_role(link: &mut Link) -> Result<Inspected, CacheError> {
    let reply = link.ask(&["ROLE"]).await?;
    let word = |i: usize| reply.items().get(i).and_then(Reply::text);
    let role = match word(0).as_deref() {
        Some("master") => Role::Master,
        Some("slave") => {
            let port = reply.items().get(2).and_then(Reply::int).unwrap_or_default();
            Role::Replica(format!("{}:{port}", word(1).unwrap_or_default()))
        }
        other => Role::Other(other.unwrap_or("unknown").to_owned()),
    };
    let keys = link.ask(&["DBSIZE"]).await.ok().and_then(|r| r.int()).and_then(|n| u64::try_from(n).ok());
    Ok(Inspected { role, keys, ..Inspected::unknown(CacheKind::Redis) })
}

impl Inspected {
    fn unknown(kind: CacheKind) -> Self {
        let unasked = || Allowed::Unasked("it was not asked".to_owned());
        Self {
            kind,
            version: None,
            role: Role::Other("unknown".to_owned()),
            run_id: None,
            uptime_s: None,
            keys: None,
            expiring: None,
            memory_bytes: None,
            memory_limit_bytes: None,
            policy: None,
            hits: None,
            misses: None,
            evictions: None,
            replicas: None,
            append_only: None,
            snapshots: None,
            flushes: None,
            cluster: None,
            may_flush: unasked(),
            may_unlink: unasked(),
            may_scan: unasked(),
        }
    }
}

async fn flushes(link: &mut Link) -> Option<u64> {
    let stats = link.ask(&["INFO", "commandstats"]).await.ok()?.text()?;
    // A command that was never sent has no line.
    match Info::parse(&stats).text("cmdstat_flushdb") {
        Some(line) => line.strip_prefix("calls=")?.split(',').next()?.parse().ok(),
        None => stats.contains("# Commandstats").then_some(0),
    }
}

async fn config(link: &mut Link, name: &str) -> Option<String> {
    let reply = link.ask(&["CONFIG", "GET", name]).await.ok()?;
    reply.items().get(1)?.text()
}

/// ACL DRYRUN (Redis 7) of the three commands; before it, whether they are there at all.
async fn permissions(link: &mut Link, seen: &mut Inspected) -> Result<(), CacheError> {
    let user = link.ask(&["ACL", "WHOAMI"]).await;
    let user = match user {
        Err(error @ (CacheError::Lost(_) | CacheError::Garbled(_))) => return Err(error),
        other => other.ok().and_then(|r| r.text()),
    };
    seen.may_flush = allowed(link, user.as_deref(), &["FLUSHDB", "ASYNC"]).await;
    seen.may_unlink = allowed(link, user.as_deref(), &["UNLINK", "midwatch"]).await;
    seen.may_scan = allowed(link, user.as_deref(), &["SCAN", "0"]).await;
    Ok(())
}

async fn allowed(link: &mut Link, user: Option<&str>, command: &[&str]) -> Allowed {
    let name = command.first().copied().unwrap_or_default();
    if let Ok(Reply::List(found)) = link.ask(&["COMMAND", "INFO", name]).await
        && matches!(found.as_slice(), [Reply::Nil] | [])
    {
        return Allowed::No(format!("there is no {name} there: it is renamed or switched off"));
    }
    let Some(user) = user else {
        return Allowed::Unasked("it does not say who we are to it (ACL WHOAMI)".to_owned());
    };
    let dry_run = [&["ACL", "DRYRUN", user], command].concat();
    match link.ask(&dry_run).await {
        Ok(Reply::Bytes(said)) if said == b"OK" => Allowed::Yes,
        Ok(reply) => Allowed::No(reply.text().unwrap_or_default().chars().take(200).collect()),
        Err(CacheError::Refused(refusal)) => Allowed::Unasked(refusal.text.to_string()),
        Err(error) => Allowed::Unasked(error.to_string()),
    }
}

async fn memcached(link: &mut Link) -> Result<Inspected, CacheError> {
    let reply = link.ask(&["stats"]).await?;
    let text = |name: &str| {
        let pairs = reply.items().chunks_exact(2);
        pairs
            .filter_map(|p| Some((p.first()?.text()?, p.get(1)?.text()?)))
            .find(|(n, _)| n == name)
            .map(|p| p.1)
    };
    let number = |name: &str| text(name).and_then(|v| v.parse().ok());
    Ok(Inspected {
        version: text("version"),
        role: Role::Master,
        // It has no other identity; a restarted one is empty anyway.
        run_id: text("pid"),
        uptime_s: number("uptime"),
        keys: number("curr_items"),
        memory_bytes: number("bytes"),
        memory_limit_bytes: number("limit_maxbytes"),
        hits: number("get_hits"),
        misses: number("get_misses"),
        evictions: number("evictions"),
        flushes: number("cmd_flush"),
        may_flush: Allowed::Unasked("memcached has no permissions that could be asked".to_owned()),
        may_unlink: Allowed::No("memcached can't be flushed by a pattern".to_owned()),
        may_scan: Allowed::No("memcached can't list its keys".to_owned()),
        ..Inspected::unknown(CacheKind::Memcached)
    })
}
