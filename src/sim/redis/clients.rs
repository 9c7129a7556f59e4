//! Who is connected: our own clients by what they say of themselves, and the shop's pods.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::resp::Reply;
use super::session::{Session, word};
use super::{Redis, User};
use crate::sim::world::physics::deployment_of;
use crate::sim::world::pod::fnv;

#[derive(Clone, Debug)]
struct Client {
    pod: String,
    address: String,
    name: String,
    user: &'static str,
    db: u8,
    protocol: u8,
    command: &'static str,
    since_ms: i64,
    seen_ms: i64,
}

/// The clients of all pods, by id.
#[derive(Default)]
pub struct Clients(Mutex<(u64, BTreeMap<u64, Client>)>);

impl Clients {
    fn with<T>(&self, f: impl FnOnce(&mut (u64, BTreeMap<u64, Client>)) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(|e| e.into_inner()))
    }

    pub fn enter(&self, pod: &str, address: &str, now_ms: i64) -> u64 {
        let client = Client {
            pod: pod.to_owned(),
            address: address.to_owned(),
            name: String::new(),
            user: "default",
            db: 0,
            protocol: 2,
            command: "NULL",
            since_ms: now_ms,
            seen_ms: now_ms,
        };
        self.with(|(last, all)| {
            // The shop's pods were there before.
            *last = (*last).max(SHOPS_LAST_ID) + 1;
            all.insert(*last, client);
            *last
        })
    }

    pub fn leave(&self, id: u64) {
        self.with(|(_, all)| all.remove(&id));
    }

    pub fn seen(&self, id: u64, session: &Session, command: &'static str) {
        let now_ms = session.redis.now_ms();
        self.with(|(_, all)| {
            if let Some(client) = all.get_mut(&id) {
                client.seen_ms = now_ms;
                client.command = command;
                client.name.clone_from(&session.name);
                (client.db, client.protocol) = (session.db, session.protocol);
                client.user = session.user.map_or("default", User::name);
            }
        });
    }

    fn of(&self, pod: &str) -> Vec<(u64, Client)> {
        self.with(|(_, all)| {
            all.iter().filter(|(_, c)| c.pod == pod).map(|(id, c)| (*id, c.clone())).collect()
        })
    }
}

/// Ids up to this one belong to the shop's own connections.
const SHOPS_LAST_ID: u64 = 4_000;

/// The connections that the shop's pods hold to a pod of the cache.
fn shops(redis: &Redis, pod: &str, now_ms: i64) -> Vec<(u64, Client)> {
    let world = redis.world();
    let apis = world.pods().filter(|p| p.serving() && deployment_of(p) == "api");
    apis.filter_map(|p| {
        let since_ms = p.running_since()?;
        let port = 32_768 + fnv(&format!("{}{pod}", p.uid)) % 28_000;
        let client = Client {
            pod: pod.to_owned(),
            address: format!("{}:{port}", p.ip),
            name: "api".to_owned(),
            user: "default",
            db: 0,
            protocol: 2,
            command: "get",
            since_ms,
            seen_ms: now_ms,
        };
        Some((1 + fnv(&format!("{}/{pod}", p.uid)) % SHOPS_LAST_ID, client))
    })
    .collect()
}

fn everyone(session: &Session) -> Vec<(u64, Client)> {
    let redis = &session.redis;
    let mut all = shops(redis, &session.pod, redis.now_ms());
    all.extend(redis.clients.of(&session.pod));
    all
}

/// How many are connected to the session's pod.
pub fn count(session: &Session) -> usize {
    everyone(session).len()
}

fn line(id: u64, c: &Client, server: &str, now_ms: i64) -> String {
    let (age, idle) = ((now_ms - c.since_ms) / 1_000, (now_ms - c.seen_ms) / 1_000);
    let fd = 8 + id % 4_000;
    format!(
        "id={id} addr={} laddr={server}:6379 fd={fd} name={} age={age} idle={idle} flags=N db={} sub=0 psub=0 ssub=0 \
         multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=1024 rbp=0 obl=0 oll=0 omem=0 tot-mem=22298 \
         events=r cmd={} user={} redir=-1 resp={}\n",
        c.address, c.name, c.db, c.command, c.user, c.protocol
    )
}

fn server_ip(session: &Session) -> String {
    let world = session.redis.world();
    let ip = world.cache_pods().find(|p| p.name == session.pod).map(|p| p.ip.clone());
    ip.unwrap_or_default()
}

pub fn list(session: &mut Session, args: &[Vec<u8>]) -> Reply {
    let wanted: Option<u64> = match (word(args, 2).as_str(), args.len()) {
        ("", 2) => None,
        ("type", 4) => match word(args, 3).as_str() {
            "normal" => None,
            "master" | "replica" | "slave" | "pubsub" => return Reply::Text(String::new()),
            _ => {
                let kind = String::from_utf8_lossy(&args[3]);
                return Reply::Error(format!("ERR Unknown client type '{kind}'"));
            }
        },
        ("id", 4) => match word(args, 3).parse() {
            Ok(id) => Some(id),
            Err(_) => return Reply::error("ERR Invalid client ID"),
        },
        _ => return Reply::syntax(),
    };
    let (now_ms, server) = (session.redis.now_ms(), server_ip(session));
    let all = everyone(session);
    let some = all.iter().filter(|(id, _)| wanted.is_none_or(|w| w == *id));
    Reply::Text(some.map(|(id, c)| line(*id, c, &server, now_ms)).collect())
}

pub fn info(session: &mut Session, _: &[Vec<u8>]) -> Reply {
    let (now_ms, server) = (session.redis.now_ms(), server_ip(session));
    let own = session.redis.clients.of(&session.pod).into_iter().find(|(id, _)| *id == session.id);
    Reply::Text(own.map(|(id, c)| line(id, &c, &server, now_ms)).unwrap_or_default())
}

pub fn id(session: &mut Session, _: &[Vec<u8>]) -> Reply {
    Reply::Int(session.id as i64)
}

pub fn get_name(session: &mut Session, _: &[Vec<u8>]) -> Reply {
    if session.name.is_empty() { Reply::Null } else { Reply::bulk(&session.name) }
}

/// Longer names are of no use to anyone.
const NAME_BYTES: usize = 256;

/// A name that fits into a line of `CLIENT LIST`.
///
/// # Errors
/// Redis' own refusal.
pub fn valid_name(name: &[u8]) -> Result<String, Reply> {
    let fits = name.len() <= NAME_BYTES && name.iter().all(u8::is_ascii_graphic);
    let refusal = "ERR Client names cannot contain spaces, newlines or special characters.";
    if fits { Ok(String::from_utf8_lossy(name).into_owned()) } else { Err(Reply::error(refusal)) }
}

pub fn set_name(session: &mut Session, args: &[Vec<u8>]) -> Reply {
    match valid_name(&args[2]) {
        Ok(name) => {
            session.name = name;
            Reply::OK
        }
        Err(refusal) => refusal,
    }
}

/// Libraries tell their name and version; nobody here asks for it.
pub fn set_info(_: &mut Session, args: &[Vec<u8>]) -> Reply {
    match (word(args, 2).as_str(), valid_name(&args[3])) {
        ("lib-name" | "lib-ver", Ok(_)) => Reply::OK,
        (option @ ("lib-name" | "lib-ver"), Err(_)) => {
            Reply::Error(format!("ERR {option} cannot contain spaces, newlines or special characters."))
        }
        _ => Reply::Error(format!("ERR Unrecognized option '{}'", String::from_utf8_lossy(&args[2]))),
    }
}
