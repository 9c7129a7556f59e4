//! INFO: what a server says of itself, with the numbers that the world has.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use super::access::DATABASES;
use super::clients;
use super::config::MAX_MEMORY_BYTES;
use super::resp::Reply;
use super::session::{Session, word};
use crate::sim::world::cache::MASTER;
use crate::sim::world::pod::{PodRun, fnv};

/// The sections of INFO in Redis' order.
const SECTIONS: [&str; 11] = [
    "server",
    "clients",
    "memory",
    "persistence",
    "stats",
    "replication",
    "cpu",
    "modules",
    "errorstats",
    "cluster",
    "keyspace",
];
/// Told only when it is asked for by name.
const NAMED_ONLY: [&str; 1] = ["commandstats"];
/// What of a pod's memory the server counts as its own.
const USED_SHARE: f64 = 0.94;

pub fn pods(session: &Session) -> Vec<PodRun> {
    session.redis.world().cache_pods().cloned().collect()
}

fn own(session: &Session) -> Option<PodRun> {
    pods(session).into_iter().find(|p| p.name == session.pod)
}

/// The version that the image's tag names.
pub fn version(session: &Session) -> String {
    let image = own(session).and_then(|p| p.containers.first().map(|c| c.1.clone())).unwrap_or_default();
    let tag = image.rsplit_once(':').map(|(_, tag)| tag).unwrap_or_default();
    if tag.starts_with(|c: char| c.is_ascii_digit()) { tag.to_owned() } else { "8.2.3".to_owned() }
}

pub fn info(session: &mut Session, args: &[Vec<u8>]) -> Reply {
    let asked: Vec<String> = (1..args.len()).map(|i| word(args, i)).collect();
    let all =
        asked.is_empty() || asked.iter().any(|a| matches!(a.as_str(), "all" | "default" | "everything"));
    let named = |section: &str| asked.iter().any(|a| a == section);
    let parts: Vec<String> = SECTIONS
        .iter()
        .filter(|section| all || named(section))
        .chain(NAMED_ONLY.iter().filter(|section| named(section)))
        .map(|section| part(session, section))
        .collect();
    Reply::Text(parts.join("\r\n"))
}

fn part(session: &Session, section: &str) -> String {
    let mut title = section.to_owned();
    title.get_mut(..1).map(str::make_ascii_uppercase);
    if section == "cpu" {
        title = "CPU".to_owned();
    }
    let mut out = format!("# {title}\r\n");
    let lines: Vec<(String, String)> = match section {
        "server" => server(session),
        "clients" => clients_lines(session),
        "memory" => memory(session),
        "persistence" => persistence(session),
        "stats" => stats(session),
        "replication" => replication(session),
        "cpu" => cpu(session),
        "cluster" => lines([("cluster_enabled", "0".to_owned())]),
        "keyspace" => keyspace(session),
        "commandstats" => command_stats(session),
        _ => Vec::new(),
    };
    for (key, value) in lines {
        let _ = write!(out, "{key}:{value}\r\n");
    }
    out
}

/// Of the commands only the one by which it is known what became of a flush.
fn command_stats(session: &Session) -> Vec<(String, String)> {
    match session.redis.flushes.load(Ordering::Relaxed) {
        // A command that was never sent has no line.
        0 => Vec::new(),
        n => {
            let usec = n * 12;
            lines([(
                "cmdstat_flushdb",
                format!("calls={n},usec={usec},usec_per_call=12.00,rejected_calls=0,failed_calls=0"),
            )])
        }
    }
}

fn lines<const N: usize>(all: [(&str, String); N]) -> Vec<(String, String)> {
    all.map(|(k, v)| (k.to_owned(), v)).into()
}

/// The id that a server makes up at its start.
fn run_id(session: &Session, pod: &str) -> String {
    let id = |n: u32| fnv(&format!("{pod}/{}/{n}", session.server_since_ms));
    format!("{:016x}{:016x}{:08x}", id(0), id(1), id(2) >> 32)
}

fn server(session: &Session) -> Vec<(String, String)> {
    let now_ms = session.redis.now_ms();
    let up_s = (now_ms - session.server_since_ms).max(0) / 1_000;
    lines([
        ("redis_version", version(session)),
        ("redis_git_sha1", "00000000".to_owned()),
        ("redis_git_dirty", "0".to_owned()),
        ("redis_mode", "standalone".to_owned()),
        ("os", "Linux 6.12.48 x86_64".to_owned()),
        ("arch_bits", "64".to_owned()),
        ("multiplexing_api", "epoll".to_owned()),
        ("process_id", "1".to_owned()),
        ("run_id", run_id(session, &session.pod)),
        ("tcp_port", super::PORT.to_string()),
        ("server_time_usec", (now_ms * 1_000).to_string()),
        ("uptime_in_seconds", up_s.to_string()),
        ("uptime_in_days", (up_s / 86_400).to_string()),
        ("hz", "10".to_owned()),
        ("configured_hz", "10".to_owned()),
        ("executable", "/data/redis-server".to_owned()),
        ("config_file", String::new()),
    ])
}

fn clients_lines(session: &Session) -> Vec<(String, String)> {
    lines([
        ("connected_clients", clients::count(session).to_string()),
        ("cluster_connections", "0".to_owned()),
        ("maxclients", "10000".to_owned()),
        ("blocked_clients", "0".to_owned()),
        ("tracking_clients", "0".to_owned()),
    ])
}

fn human(bytes: f64) -> String {
    match bytes {
        b if b >= 1_073_741_824.0 => format!("{:.2}G", b / 1_073_741_824.0),
        b if b >= 1_048_576.0 => format!("{:.2}M", b / 1_048_576.0),
        b if b >= 1_024.0 => format!("{:.2}K", b / 1_024.0),
        b => format!("{b:.0}B"),
    }
}

fn memory(session: &Session) -> Vec<(String, String)> {
    let resident = own(session).map_or(0.0, |p| p.memory);
    let used = (resident * USED_SHARE).min(MAX_MEMORY_BYTES as f64);
    let peak = used.max(MAX_MEMORY_BYTES as f64 * 0.83);
    let bytes = |b: f64| format!("{b:.0}");
    lines([
        ("used_memory", bytes(used)),
        ("used_memory_human", human(used)),
        ("used_memory_rss", bytes(resident)),
        ("used_memory_rss_human", human(resident)),
        ("used_memory_peak", bytes(peak)),
        ("used_memory_peak_human", human(peak)),
        ("used_memory_peak_perc", format!("{:.2}%", used / peak * 100.0)),
        ("used_memory_dataset", bytes(used * 0.97)),
        ("total_system_memory", "68719476736".to_owned()),
        ("total_system_memory_human", "64.00G".to_owned()),
        ("maxmemory", MAX_MEMORY_BYTES.to_string()),
        ("maxmemory_human", human(MAX_MEMORY_BYTES as f64)),
        ("maxmemory_policy", "allkeys-lru".to_owned()),
        ("mem_fragmentation_ratio", format!("{:.2}", resident / used.max(1.0))),
        ("mem_allocator", "jemalloc-5.3.0".to_owned()),
        ("active_defrag_running", "0".to_owned()),
        ("lazyfree_pending_objects", "0".to_owned()),
    ])
}

fn persistence(session: &Session) -> Vec<(String, String)> {
    let now_s = session.redis.now_ms() / 1_000;
    lines([
        ("loading", "0".to_owned()),
        ("rdb_changes_since_last_save", ((now_s % 300) * 3).to_string()),
        ("rdb_bgsave_in_progress", "0".to_owned()),
        ("rdb_last_save_time", (now_s - now_s % 300).to_string()),
        ("rdb_last_bgsave_status", "ok".to_owned()),
        ("rdb_last_bgsave_time_sec", "1".to_owned()),
        ("aof_enabled", "0".to_owned()),
        ("aof_last_bgrewrite_status", "ok".to_owned()),
        ("aof_last_write_status", "ok".to_owned()),
    ])
}

fn stats(session: &Session) -> Vec<(String, String)> {
    let (reads, flow) = {
        let world = session.redis.world();
        (world.cache_reads(), world.flow())
    };
    // The same share of the counters as `redis_keyspace_hits_total` has of each pod.
    let (hits, misses) = ((reads.0 / 4.0).floor(), (reads.1 / 4.0).floor());
    let done = session.redis.commands_done.load(Ordering::Relaxed) as f64;
    lines([
        ("total_connections_received", (session.id).to_string()),
        ("total_commands_processed", format!("{:.0}", hits + 2.0 * misses + done)),
        ("instantaneous_ops_per_sec", format!("{:.0}", flow.rps * 2.0 / 4.0)),
        ("rejected_connections", "0".to_owned()),
        ("expired_keys", format!("{:.0}", hits * 0.004)),
        ("evicted_keys", "0".to_owned()),
        ("keyspace_hits", format!("{hits:.0}")),
        ("keyspace_misses", format!("{misses:.0}")),
        ("pubsub_channels", "0".to_owned()),
        ("pubsub_patterns", "0".to_owned()),
        ("latest_fork_usec", "1874".to_owned()),
    ])
}

pub fn offset(session: &Session) -> i64 {
    // About two hundred bytes of writes a second.
    (session.redis.now_ms() / 1_000 % 1_000_000_000) * 200
}

fn replication(session: &Session) -> Vec<(String, String)> {
    let all = pods(session);
    let master = all.iter().find(|p| p.name == MASTER && p.running_since().is_some());
    let mut out = Vec::new();
    let mut put = |key: &str, value: String| out.push((key.to_owned(), value));
    if session.is_replica() {
        put("role", "slave".to_owned());
        put("master_host", format!("{MASTER}.cache"));
        put("master_port", super::PORT.to_string());
        put("master_link_status", if master.is_some() { "up" } else { "down" }.to_owned());
        put("master_last_io_seconds_ago", if master.is_some() { "0" } else { "-1" }.to_owned());
        put("master_sync_in_progress", "0".to_owned());
        put("slave_read_repl_offset", offset(session).to_string());
        put("slave_repl_offset", offset(session).to_string());
        put("slave_priority", "100".to_owned());
        put("slave_read_only", "1".to_owned());
        put("connected_slaves", "0".to_owned());
    } else {
        put("role", "master".to_owned());
        let replicas = replicas(&all);
        put("connected_slaves", replicas.len().to_string());
        for (i, pod) in replicas.iter().enumerate() {
            let at = format!("ip={},port=6379,state=online,offset={},lag=0", pod.ip, offset(session));
            put(&format!("slave{i}"), at);
        }
    }
    put("master_failover_state", "no-failover".to_owned());
    put("master_replid", run_id(session, MASTER));
    put("master_replid2", "0".repeat(40));
    put("master_repl_offset", offset(session).to_string());
    put("second_repl_offset", "-1".to_owned());
    put("repl_backlog_active", "1".to_owned());
    put("repl_backlog_size", "1048576".to_owned());
    out
}

pub fn replicas(all: &[PodRun]) -> Vec<&PodRun> {
    all.iter().filter(|p| p.name != MASTER && p.running_since().is_some()).collect()
}

fn cpu(session: &Session) -> Vec<(String, String)> {
    let used = own(session).map_or(0.0, |p| p.cpu_seconds);
    lines([("used_cpu_sys", format!("{:.6}", used * 0.4)), ("used_cpu_user", format!("{:.6}", used * 0.6))])
}

fn keyspace(session: &Session) -> Vec<(String, String)> {
    let world = session.redis.world();
    let Some(eye) = session.eye(&world) else { return Vec::new() };
    (0..DATABASES as u8)
        .map(|db| (db, world.cache().count(crate::sim::world::cache::Eye { db, ..eye })))
        .filter(|(_, count)| count.keys > 0)
        .map(|(db, c)| {
            (format!("db{db}"), format!("keys={},expires={},avg_ttl={}", c.keys, c.expires, c.average_ttl_ms))
        })
        .collect()
}
