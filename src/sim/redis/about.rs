//! ROLE, COMMAND and CLUSTER: what clients ask before they do anything.

use super::commands::{COMMANDS, Command, Rights, named};
use super::info::{offset, pods, replicas};
use super::resp::Reply;
use super::session::Session;
use crate::sim::world::cache::MASTER;

pub fn role(session: &mut Session, _: &[Vec<u8>]) -> Reply {
    let all = pods(session);
    let offset = offset(session);
    if session.is_replica() {
        let up = all.iter().any(|p| p.name == MASTER && p.running_since().is_some());
        return Reply::Array(vec![
            Reply::bulk("slave"),
            Reply::bulk(format!("{MASTER}.cache")),
            Reply::Int(i64::from(super::PORT)),
            Reply::bulk(if up { "connected" } else { "connect" }),
            Reply::Int(if up { offset } else { -1 }),
        ]);
    }
    let followers = replicas(&all);
    let each = followers.iter().map(|p| Reply::bulks([p.ip.clone(), "6379".to_owned(), offset.to_string()]));
    Reply::Array(vec![Reply::bulk("master"), Reply::Int(offset), Reply::Array(each.collect())])
}

pub fn cluster(_: &mut Session, _: &[Vec<u8>]) -> Reply {
    Reply::error("ERR This instance has cluster support disabled")
}

fn details(command: &Command) -> Reply {
    let key = i64::from(command.keyed);
    let flags: &[&'static str] = match command.rights {
        _ if command.readonly() => &["readonly"],
        Rights::Anyone => &["noscript", "loading", "stale", "fast", "no_auth"],
        Rights::Write => &["write"],
        Rights::Admin => &["admin", "noscript", "loading", "stale"],
        Rights::Read => &["loading", "stale"],
    };
    let categories: &[&'static str] = match command.rights {
        Rights::Write => &["@write"],
        Rights::Admin => &["@admin", "@dangerous"],
        Rights::Read if command.keyed => &["@read"],
        _ => &["@fast", "@connection"],
    };
    let words = |all: &[&'static str]| Reply::Set(all.iter().map(|w| Reply::Simple(w)).collect());
    let many = matches!(command.name, "del" | "unlink" | "exists");
    Reply::Array(vec![
        Reply::bulk(command.name),
        Reply::Int(command.arity),
        words(flags),
        Reply::Int(key),
        Reply::Int(if many { -1 } else { key }),
        Reply::Int(key),
        words(categories),
        Reply::Array(Vec::new()),
        Reply::Array(Vec::new()),
        Reply::Array(Vec::new()),
    ])
}

fn docs(command: &Command) -> (Reply, Reply) {
    let about = [("summary", command.summary), ("since", command.since), ("group", command.group)];
    let about = about.into_iter().map(|(k, v)| (Reply::bulk(k), Reply::bulk(v)));
    (Reply::bulk(command.name), Reply::Map(about.collect()))
}

fn asked(args: &[Vec<u8>]) -> impl Iterator<Item = Option<&'static Command>> {
    args.iter().skip(2).map(|name| named(&String::from_utf8_lossy(name).to_ascii_lowercase()))
}

pub fn command(_: &mut Session, _: &[Vec<u8>]) -> Reply {
    Reply::Array(COMMANDS.iter().map(details).collect())
}

pub fn command_count(_: &mut Session, _: &[Vec<u8>]) -> Reply {
    Reply::Int(COMMANDS.len() as i64)
}

pub fn command_docs(_: &mut Session, args: &[Vec<u8>]) -> Reply {
    if args.len() > 2 {
        return Reply::Map(asked(args).flatten().map(docs).collect());
    }
    Reply::Map(COMMANDS.iter().filter(|c| !c.name.contains('|')).map(docs).collect())
}

pub fn command_info(_: &mut Session, args: &[Vec<u8>]) -> Reply {
    if args.len() > 2 {
        return Reply::Array(asked(args).map(|c| c.map_or(Reply::Null, details)).collect());
    }
    Reply::Array(COMMANDS.iter().map(details).collect())
}
