//! CONFIG GET: the settings that an on-call engineer looks at.

use super::glob::matches;
use super::resp::Reply;
use super::session::Session;

/// Three quarters of what the pods may use, so that a background save fits in.
pub const MAX_MEMORY_BYTES: u64 = 1536 * 1024 * 1024;

/// Settings as they are in every pod.
const SETTINGS: [(&str, &str); 31] = [
    ("activedefrag", "no"),
    ("appendfsync", "everysec"),
    ("appendonly", "no"),
    ("bind", "* -::*"),
    ("client-output-buffer-limit", "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"),
    ("cluster-enabled", "no"),
    ("databases", "16"),
    ("dbfilename", "dump.rdb"),
    ("dir", "/data"),
    ("hz", "10"),
    ("io-threads", "1"),
    ("lazyfree-lazy-eviction", "no"),
    ("lazyfree-lazy-expire", "no"),
    ("lazyfree-lazy-user-flush", "no"),
    ("loglevel", "notice"),
    ("maxclients", "10000"),
    ("maxmemory", "1610612736"),
    ("maxmemory-clients", "0"),
    ("maxmemory-eviction-tenacity", "10"),
    ("maxmemory-policy", "allkeys-lru"),
    ("maxmemory-samples", "5"),
    ("notify-keyspace-events", ""),
    ("port", "6379"),
    ("protected-mode", "yes"),
    ("replica-read-only", "yes"),
    ("save", "3600 1 300 100 60 10000"),
    ("slowlog-log-slower-than", "10000"),
    ("slowlog-max-len", "128"),
    ("stop-writes-on-bgsave-error", "yes"),
    ("tcp-keepalive", "300"),
    ("timeout", "0"),
];

pub fn get(_: &mut Session, args: &[Vec<u8>]) -> Reply {
    let wanted: Vec<Vec<u8>> = args.iter().skip(2).map(|p| p.to_ascii_lowercase()).collect();
    let found = SETTINGS.iter().filter(|(name, _)| wanted.iter().any(|p| matches(p, name.as_bytes())));
    Reply::Map(found.map(|(name, value)| (Reply::bulk(name), Reply::bulk(value))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_same_wherever_it_is_told() {
        assert!(SETTINGS.contains(&("maxmemory", &*MAX_MEMORY_BYTES.to_string())));
    }
}
