//! Commands on keys, whatever their value: SCAN and KEYS, TTLs, removal and flushes.

use std::sync::atomic::Ordering;

use super::glob::matches;
use super::resp::Reply;
use super::session::{Session, integer, word};
use crate::sim::world::World;
use crate::sim::world::cache::{ENTRY_BYTES, Entry, Eye};

/// Runs with the world and how the session's pod sees it. A pod that died in between
/// answers nothing more.
fn look(session: &mut Session, f: impl FnOnce(&mut World, Eye) -> Reply) -> Reply {
    let redis = session.redis.clone();
    let mut world = redis.world();
    match session.eye(&world) {
        Some(eye) => f(&mut world, eye),
        None => {
            session.over = true;
            Reply::error("ERR the server is shutting down")
        }
    }
}

pub fn entry(session: &mut Session, key: &[u8], f: impl FnOnce(Option<Entry>) -> Reply) -> Reply {
    look(session, |world, eye| f(world.cache().get(key, eye)))
}

pub fn size(session: &mut Session, _: &[Vec<u8>]) -> Reply {
    look(session, |world, eye| Reply::Int(world.cache().count(eye).keys as i64))
}

pub fn flush(session: &mut Session, args: &[Vec<u8>]) -> Reply {
    if args.len() > 2 || (args.len() == 2 && !matches!(word(args, 1).as_str(), "async" | "sync")) {
        return Reply::syntax();
    }
    let one = word(args, 0) == "flushdb";
    session.redis.flushes.fetch_add(u64::from(one), Ordering::Relaxed);
    look(session, |world, eye| {
        world.flush_database(one.then_some(eye.db), eye.now_ms);
        Reply::OK
    })
}

/// What a SCAN asks for.
struct Scan {
    cursor: u64,
    pattern: Option<Vec<u8>>,
    count: usize,
    kind: Option<String>,
}

/// More at once would keep everyone else waiting.
const SCAN_COUNT: i64 = 100_000;

impl Scan {
    fn parse(args: &[Vec<u8>]) -> Result<Self, Reply> {
        let cursor = std::str::from_utf8(&args[1]).ok().and_then(|c| c.parse().ok());
        let cursor = cursor.ok_or_else(|| Reply::error("ERR invalid cursor"))?;
        let mut scan = Self { cursor, pattern: None, count: 10, kind: None };
        let mut at = 2;
        while at < args.len() {
            let value = args.get(at + 1).ok_or_else(Reply::syntax)?;
            match word(args, at).as_str() {
                "match" => scan.pattern = Some(value.clone()),
                "count" => match integer(args, at + 1).ok_or_else(Reply::not_an_integer)? {
                    n if n < 1 => return Err(Reply::syntax()),
                    n => scan.count = n.min(SCAN_COUNT) as usize,
                },
                "type" => scan.kind = Some(word(args, at + 1)),
                _ => return Err(Reply::syntax()),
            }
            at += 2;
        }
        Ok(scan)
    }
}

pub fn scan(session: &mut Session, args: &[Vec<u8>]) -> Reply {
    let scan = match Scan::parse(args) {
        Ok(scan) => scan,
        Err(refusal) => return refusal,
    };
    look(session, |world, eye| {
        let cache = world.cache();
        let (next, mut keys) = cache.scan(scan.cursor, scan.count, eye);
        keys.retain(|key| scan.pattern.as_ref().is_none_or(|p| matches(p, key)));
        if let Some(kind) = &scan.kind {
            keys.retain(|key| cache.get(key, eye).is_some_and(|e| e.value.kind() == kind));
        }
        Reply::Array(vec![Reply::bulk(next.to_string()), Reply::bulks(keys)])
    })
}

pub fn keys(session: &mut Session, args: &[Vec<u8>]) -> Reply {
    look(session, |world, eye| {
        let (_, keys) = world.cache().scan(0, usize::MAX, eye);
        Reply::bulks(keys.into_iter().filter(|key| matches(&args[1], key)))
    })
}

pub fn random(session: &mut Session, _: &[Vec<u8>]) -> Reply {
    let from = rand::random_range(0..1_u64 << 48);
    look(session, |world, eye| {
        let cache = world.cache();
        let (_, keys) = cache.scan(from, 64, eye);
        let first = keys.into_iter().next().or_else(|| cache.scan(0, usize::MAX, eye).1.into_iter().next());
        first.map_or(Reply::Null, Reply::Bulk)
    })
}

pub fn kind(session: &mut Session, args: &[Vec<u8>]) -> Reply {
    entry(session, &args[1], |e| Reply::Simple(e.map_or("none", |e| e.value.kind())))
}

pub fn ttl(session: &mut Session, args: &[Vec<u8>]) -> Reply {
    let now_ms = session.redis.now_ms();
    let unit = if word(args, 0) == "ttl" { 1_000 } else { 1 };
    entry(session, &args[1], |e| match e {
        None => Reply::Int(-2),
        Some(Entry { expires_ms: None, .. }) => Reply::Int(-1),
        // Rounded, as Redis does.
        Some(Entry { expires_ms: Some(at), .. }) => Reply::Int((at - now_ms + unit / 2) / unit),
    })
}

pub fn exists(session: &mut Session, args: &[Vec<u8>]) -> Reply {
    look(session, |world, eye| {
        Reply::Int(args.iter().skip(1).filter(|key| world.cache().get(key, eye).is_some()).count() as i64)
    })
}

pub fn remove(session: &mut Session, args: &[Vec<u8>]) -> Reply {
    look(session, |world, eye| {
        Reply::Int(args.iter().skip(1).filter(|key| world.cache_remove(key, eye)).count() as i64)
    })
}

pub fn expire(session: &mut Session, args: &[Vec<u8>]) -> Reply {
    let Some(seconds) = integer(args, 2) else { return Reply::not_an_integer() };
    let option = word(args, 3);
    if args.len() > 4 || !matches!(option.as_str(), "" | "nx" | "xx" | "gt" | "lt") {
        return Reply::Error(format!("ERR Unsupported option {}", String::from_utf8_lossy(&args[3])));
    }
    look(session, |world, eye| {
        let at = seconds.checked_mul(1_000).and_then(|ms| eye.now_ms.checked_add(ms));
        let Some(at) = at else { return Reply::error("ERR invalid expire time in 'expire' command") };
        let Some(mut entry) = world.cache().get(&args[1], eye) else { return Reply::Int(0) };
        let now_has = entry.expires_ms;
        let wanted = match option.as_str() {
            "nx" => now_has.is_none(),
            "xx" => now_has.is_some(),
            "gt" => now_has.is_some_and(|old| at > old),
            "lt" => now_has.is_none_or(|old| at < old),
            _ => true,
        };
        if !wanted {
            return Reply::Int(0);
        }
        if seconds <= 0 {
            world.cache_remove(&args[1], eye);
            return Reply::Int(1);
        }
        entry.expires_ms = Some(at);
        match world.cache_put(&args[1], entry, eye) {
            Ok(()) => Reply::Int(1),
            Err(_) => full(),
        }
    })
}

/// Redis' word for a cache that is full.
pub fn full() -> Reply {
    Reply::error("OOM command not allowed when used memory > 'maxmemory'.")
}

pub fn put(
    session: &mut Session,
    key: &[u8],
    make: impl FnOnce(Option<Entry>, i64) -> Result<Entry, Reply>,
) -> Reply {
    look(session, |world, eye| {
        let old = world.cache().get(key, eye);
        match make(old, eye.now_ms).map(|entry| world.cache_put(key, entry, eye)) {
            Ok(Ok(())) => Reply::OK,
            Ok(Err(_)) => full(),
            Err(reply) => reply,
        }
    })
}

pub fn usage(session: &mut Session, args: &[Vec<u8>]) -> Reply {
    match (args.len(), word(args, 3).as_str(), integer(args, 4)) {
        (3, ..) => {}
        (5, "samples", Some(0..)) => {}
        (5, "samples", None) => return Reply::not_an_integer(),
        _ => return Reply::syntax(),
    }
    let key = &args[2];
    entry(session, key, |e| {
        e.map_or(Reply::Null, |e| Reply::Int((ENTRY_BYTES + key.len() + e.value.size()) as i64))
    })
}
