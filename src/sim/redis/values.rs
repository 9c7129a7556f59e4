//! Commands on strings and hashes.

use super::keys::{entry, put};
use super::resp::Reply;
use super::session::{Session, integer, word};
use crate::sim::world::cache::Entry;
use crate::sim::world::cache::catalogue::Value;

fn wrong_type() -> Reply {
    Reply::error("WRONGTYPE Operation against a key holding the wrong kind of value")
}

fn text(session: &mut Session, key: &[u8], none: Reply, f: impl FnOnce(Vec<u8>) -> Reply) -> Reply {
    entry(session, key, |e| match e.map(|e| e.value) {
        None => none,
        Some(Value::Text(text)) => f(text),
        Some(_) => wrong_type(),
    })
}

fn hash(session: &mut Session, key: &[u8], f: impl FnOnce(Vec<(String, String)>) -> Reply) -> Reply {
    entry(session, key, |e| match e.map(|e| e.value) {
        None => f(Vec::new()),
        Some(Value::Hash(fields)) => f(fields),
        Some(_) => wrong_type(),
    })
}

pub fn get(session: &mut Session, args: &[Vec<u8>]) -> Reply {
    text(session, &args[1], Reply::Null, Reply::Bulk)
}

pub fn length(session: &mut Session, args: &[Vec<u8>]) -> Reply {
    text(session, &args[1], Reply::Int(0), |t| Reply::Int(t.len() as i64))
}

pub fn field(session: &mut Session, args: &[Vec<u8>]) -> Reply {
    hash(session, &args[1], |fields| {
        let found = fields.into_iter().find(|(name, _)| name.as_bytes() == args[2].as_slice());
        found.map_or(Reply::Null, |(_, value)| Reply::bulk(value))
    })
}

pub fn fields(session: &mut Session, args: &[Vec<u8>]) -> Reply {
    hash(session, &args[1], |fields| {
        Reply::Map(fields.into_iter().map(|(k, v)| (Reply::bulk(k), Reply::bulk(v))).collect())
    })
}

pub fn field_count(session: &mut Session, args: &[Vec<u8>]) -> Reply {
    hash(session, &args[1], |fields| Reply::Int(fields.len() as i64))
}

/// What a SET asks for beside key and value.
#[derive(Default)]
struct Options {
    only_new: bool,
    only_old: bool,
    lives_ms: Option<i64>,
    keep: bool,
}

impl Options {
    fn parse(args: &[Vec<u8>]) -> Result<Self, Reply> {
        let mut options = Self::default();
        let mut at = 3;
        while at < args.len() {
            match (word(args, at).as_str(), args.len() > at + 1) {
                ("nx", _) if !options.only_old => options.only_new = true,
                ("xx", _) if !options.only_new => options.only_old = true,
                ("keepttl", _) if options.lives_ms.is_none() => options.keep = true,
                (unit @ ("ex" | "px"), true) if options.lives_ms.is_none() && !options.keep => {
                    let factor = if unit == "ex" { 1_000 } else { 1 };
                    let n = integer(args, at + 1).ok_or_else(Reply::not_an_integer)?;
                    let lives = n.checked_mul(factor).filter(|ms| (1..i64::MAX / 2).contains(ms));
                    let invalid = || Reply::error("ERR invalid expire time in 'set' command");
                    options.lives_ms = Some(lives.ok_or_else(invalid)?);
                    at += 1;
                }
                _ => return Err(Reply::syntax()),
            }
            at += 1;
        }
        Ok(options)
    }
}

pub fn set(session: &mut Session, args: &[Vec<u8>]) -> Reply {
    let options = match Options::parse(args) {
        Ok(options) => options,
        Err(refusal) => return refusal,
    };
    put(session, &args[1], |old, now_ms| {
        if (options.only_new && old.is_some()) || (options.only_old && old.is_none()) {
            return Err(Reply::Null);
        }
        let kept = old.filter(|_| options.keep).and_then(|e| e.expires_ms);
        let expires_ms = options.lives_ms.map(|ms| now_ms.saturating_add(ms)).or(kept);
        Ok(Entry { value: Value::Text(args[2].clone()), expires_ms })
    })
}
