//! The cache as a client sees it: over its socket, and by `redis-cli` where there is one.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::sim::{Options, Scenario, Sim, start};

pub async fn sim(scenario: &str) -> Sim {
    let origin = "2026-11-20T03:12:00Z".parse().unwrap();
    let scenario = Scenario::named(scenario).unwrap();
    start(Options { scenario, seed: 3, speed: 0.0, pods: None, origin }).await.unwrap()
}

/// Password and address of the simulation's Redis.
pub fn place(sim: &Sim) -> (String, String) {
    let url = sim.redis_url().expose_secret().to_owned();
    let (password, address) = url.strip_prefix("redis://default:").unwrap().split_once('@').unwrap();
    (password.to_owned(), address.trim_end_matches("/0").to_owned())
}

/// A connection that sends bytes and reads whole replies.
pub struct Wire {
    stream: TcpStream,
    rest: Vec<u8>,
}

/// A reply as it came, without its content: what it is, and what is in it.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    Line(char, String),
    Bulk(Option<Vec<u8>>),
    List(char, Vec<Heard>),
}

impl Heard {
    pub fn text(&self) -> String {
        match self {
            Self::Line(_, text) => text.clone(),
            Self::Bulk(bytes) => String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned(),
            Self::List(_, items) => items.iter().map(Self::text).collect::<Vec<_>>().join(" "),
        }
    }

    pub fn items(&self) -> &[Heard] {
        match self {
            Self::List(_, items) => items,
            _ => &[],
        }
    }
}

impl Wire {
    pub async fn to(address: &str) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), rest: Vec::new() }
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub async fn ask(&mut self, words: &[&[u8]]) -> Heard {
        let mut out = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            out.extend(format!("${}\r\n", word.len()).as_bytes());
            out.extend_from_slice(word);
            out.extend(b"\r\n");
        }
        self.send(&out).await;
        self.hear().await
    }

    /// Words that have no spaces in them.
    pub async fn say(&mut self, line: &str) -> Heard {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.ask(&words).await
    }

    async fn more(&mut self) -> bool {
        let mut chunk = vec![0; 65_536];
        let read = tokio::time::timeout(Duration::from_secs(20), self.stream.read(&mut chunk)).await.unwrap();
        let n = read.unwrap_or(0);
        self.rest.extend_from_slice(&chunk[..n]);
        n > 0
    }

    async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.rest.windows(2).position(|w| w == b"\r\n") {
                let line = String::from_utf8_lossy(&self.rest[..end]).into_owned();
                self.rest.drain(..end + 2);
                return line;
            }
            assert!(self.more().await, "closed in the middle of a reply");
        }
    }

    pub async fn hear(&mut self) -> Heard {
        let line = self.line().await;
        let (mark, text) = line.split_at(1);
        let mark = mark.chars().next().unwrap();
        match mark {
            '$' | '=' => {
                let Ok(n) = text.parse::<usize>() else { return Heard::Bulk(None) };
                while self.rest.len() < n + 2 {
                    assert!(self.more().await);
                }
                let bytes = self.rest[..n].to_vec();
                self.rest.drain(..n + 2);
                Heard::Bulk(Some(bytes))
            }
            '*' | '~' | '%' => {
                let n: usize = text.parse().unwrap();
                let mut items = Vec::new();
                for _ in 0..if mark == '%' { n * 2 } else { n } {
                    items.push(Box::pin(self.hear()).await);
                }
                Heard::List(mark, items)
            }
            _ => Heard::Line(mark, text.to_owned()),
        }
    }

    pub async fn closed(&mut self) -> bool {
        self.rest.clear();
        while self.more().await {}
        true
    }
}

async fn admitted(sim: &Sim) -> Wire {
    let (password, address) = place(sim);
    let mut wire = Wire::to(&address).await;
    assert_eq!(wire.say(&format!("AUTH {password}")).await.text(), "OK");
    wire
}

async fn scan(wire: &mut Wire, more: &str) -> Vec<String> {
    let (mut cursor, mut out) = ("0".to_owned(), Vec::new());
    loop {
        let reply = wire.say(&format!("SCAN {cursor}{more}")).await;
        cursor = reply.items()[0].text();
        out.extend(reply.items()[1].items().iter().map(Heard::text));
        if cursor == "0" {
            return out;
        }
    }
}

async fn size(wire: &mut Wire) -> usize {
    wire.say("DBSIZE").await.text().parse().unwrap()
}

#[tokio::test]
async fn a_scan_finds_every_key_while_others_come_and_go() {
    let sim = sim("calm").await;
    let mut wire = admitted(&sim).await;
    let all = size(&mut wire).await;
    assert!(all > 10_000, "{all}");
    let before: BTreeSet<String> = scan(&mut wire, " COUNT 5000").await.into_iter().collect();
    assert_eq!(before.len(), all);
    let mut other = admitted(&sim).await;
    let (mut cursor, mut seen, mut n) = ("0".to_owned(), BTreeSet::new(), 0);
    loop {
        let reply = wire.say(&format!("SCAN {cursor} COUNT 500 MATCH product:*")).await;
        seen.extend(reply.items()[1].items().iter().map(Heard::text));
        n += 1;
        other.say(&format!("SET new:{n} x EX 100")).await;
        other.say(&format!("UNLINK session:none new:{}", n - 1)).await;
        cursor = reply.items()[0].text();
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen, before.iter().filter(|k| k.starts_with("product:")).cloned().collect());
    let hashes = scan(&mut wire, " COUNT 9000 TYPE hash").await;
    assert!(hashes.iter().all(|k| !k.starts_with("product:")) && hashes.len() > 1_000);
    assert_eq!(wire.say("TTL feature:checkout-v2").await.text(), "-1");
    let ttl: i64 = wire.say("TTL product:1042").await.text().parse().unwrap();
    assert!((1..=300).contains(&ttl));
}

#[tokio::test]
async fn entries_expire_and_those_of_the_shop_come_back() {
    let sim = sim("calm").await;
    let mut wire = admitted(&sim).await;
    wire.say("SET mine 1 EX 30").await;
    assert_eq!(wire.say("PTTL mine").await.text(), "30000");
    let name = wire.say("GET product:1042").await.text();
    assert_eq!(wire.say("SET product:1042 other KEEPTTL").await.text(), "OK");
    assert_eq!(wire.say("GET product:1042").await.text(), "other");
    assert_eq!(wire.say("EXPIRE product:1042 31").await.text(), "1");
    sim.advance(Duration::from_secs(31)).await;
    assert_eq!(wire.say("EXISTS mine").await.text(), "0");
    assert_eq!(wire.say("GET mine").await, Heard::Bulk(None));
    assert_eq!(wire.say("SET mine 2").await.text(), "OK");
    assert_eq!(wire.say("DEL mine product:1042").await.text(), "1");
    sim.advance(Duration::from_secs(600)).await;
    assert_eq!(wire.say("GET product:1042").await.text(), name);
}

async fn hits(sim: &Sim) -> f64 {
    sim.advance(Duration::from_secs(10)).await;
    sim.api.world().flow().hits
}

#[tokio::test]
async fn a_flush_costs_hits_and_cures_the_poisoned_cache() {
    let sim = sim("poisoned-cache").await;
    let mut wire = admitted(&sim).await;
    assert!(wire.say("GET product:1042").await.text().contains("catalog-batch"));
    assert_eq!(wire.say("TTL product:1042").await.text(), "-1");
    assert!((0.3..0.38).contains(&hits(&sim).await));
    let full = size(&mut wire).await;
    assert_eq!(wire.say("FLUSHALL ASYNC").await.text(), "OK");
    assert_eq!(size(&mut wire).await, 0);
    assert!(hits(&sim).await < 0.4);
    let some = size(&mut wire).await;
    assert!(some > 0 && some < full / 2, "{some}");
    sim.advance(Duration::from_secs(600)).await;
    assert_eq!(size(&mut wire).await, full);
    assert!(wire.say("GET product:1042").await.text().starts_with("{\"v\":3,\"id\":1042"));
    assert!(hits(&sim).await > 0.92);
}

#[tokio::test]
async fn unlinking_the_broken_entries_cures_too_and_keeps_the_rest() {
    let sim = sim("poisoned-cache").await;
    let mut wire = admitted(&sim).await;
    let broken = scan(&mut wire, " COUNT 9000 MATCH product:*").await;
    let session = scan(&mut wire, " COUNT 9000 MATCH session:*").await.len();
    for chunk in broken[..broken.len() / 2].chunks(500) {
        wire.say(&format!("UNLINK {}", chunk.join(" "))).await;
    }
    let half = hits(&sim).await;
    assert!((0.40..0.75).contains(&half), "{half}");
    for chunk in broken[broken.len() / 2..].chunks(500) {
        wire.say(&format!("UNLINK {}", chunk.join(" "))).await;
    }
    assert_eq!(scan(&mut wire, " COUNT 9000 MATCH session:*").await.len(), session);
    sim.advance(Duration::from_secs(600)).await;
    assert!(hits(&sim).await > 0.92);
    assert!(!wire.say("GET product:1042").await.text().contains("catalog-batch"));
}

#[tokio::test]
async fn info_tells_what_the_world_measures() {
    let sim = sim("poisoned-cache").await;
    let mut wire = admitted(&sim).await;
    let info = wire.say("INFO").await.text();
    let value = |key: &str| {
        let line = info.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(':')).unwrap_or_default();
        line.trim().to_owned()
    };
    let (hits, misses): (f64, f64) =
        (value("keyspace_hits").parse().unwrap(), value("keyspace_misses").parse().unwrap());
    let (all_hits, all_misses) = sim.api.world().cache_reads();
    assert!((hits - all_hits / 4.0).abs() < 1.0 && (misses - all_misses / 4.0).abs() < 1.0);
    assert_eq!(value("connected_slaves"), "3");
    assert!(value("slave0").contains("state=online"));
    assert_eq!(value("connected_clients"), "21");
    let keys = format!("keys={}", size(&mut wire).await);
    assert!(value("db0").starts_with(&keys), "{}", value("db0"));
    assert!(value("used_memory").parse::<f64>().unwrap() > 5e8);
}

#[tokio::test]
async fn hostile_bytes_are_answered_and_others_still_served() {
    let sim = sim("calm").await;
    let (password, address) = place(&sim);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let bytes = proptest::collection::vec(
        prop_oneof![any::<u8>(), proptest::sample::select(b"*$\r\n0123456789-'\" ".to_vec())],
        0..2_000,
    );
    for round in 0..64 {
        let hostile = bytes.new_tree(&mut runner).unwrap().current();
        let mut wire = Wire::to(&address).await;
        if round % 2 == 0 {
            wire.say(&format!("AUTH {password}")).await;
        }
        wire.send(&hostile).await;
        wire.stream.shutdown().await.ok();
        assert!(wire.closed().await);
    }
    let mut wire = Wire::to(&address).await;
    wire.send(b"*1\r\n$-1\r\n").await;
    assert_eq!(wire.hear().await.text(), "ERR Protocol error: invalid bulk length");
    assert!(wire.closed().await);
    assert_eq!(admitted(&sim).await.say("PING").await.text(), "PONG");
}

#[tokio::test]
async fn clients_cannot_fill_the_memory() {
    let sim = sim("calm").await;
    let mut wire = admitted(&sim).await;
    let big = vec![b'x'; 1_000_000];
    let mut refused = String::new();
    for i in 0..20 {
        let reply = wire.ask(&[b"SET", format!("k{i}").as_bytes(), &big]).await.text();
        if reply != "OK" {
            refused = reply;
        }
    }
    assert_eq!(refused, "OOM command not allowed when used memory > 'maxmemory'.");
    assert_eq!(wire.say("FLUSHDB").await.text(), "OK");
    assert_eq!(wire.say("SET a b").await.text(), "OK");
}

/// redis-cli, where there is one.
#[tokio::test(flavor = "multi_thread")]
async fn redis_cli_does_its_everyday_work() {
    if !super::real_redis::installed("redis-cli") {
        return;
    }
    let sim = sim("poisoned-cache").await;
    let url = sim.redis_url().expose_secret().to_owned();
    let cli = |args: &str| {
        let mut command = Command::new("redis-cli");
        command.args(["-u", &url, "--no-auth-warning"]).args(args.split(' '));
        let out = tokio::task::block_in_place(|| command.output().unwrap());
        String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
    };
    assert_eq!(cli("PING"), "PONG\n");
    assert!(cli("INFO replication").contains("role:master"));
    assert_eq!(cli("--scan --pattern product:10*").lines().count(), 100);
    assert!(cli("GET product:1042").contains("catalog-batch"));
    assert!(cli("--bigkeys").contains("Biggest string found"));
    assert!(cli("CONFIG GET maxmemory-policy").contains("allkeys-lru"));
    assert!(cli("-3 CONFIG GET save").starts_with("save 3600 1"));
    assert!(cli("CLUSTER INFO").contains("cluster support disabled"));
    assert!(cli("CLIENT LIST").contains("cmd=client|list"));
    assert_eq!(cli("ACL WHOAMI"), "default\n");
    assert_eq!(cli("FLUSHALL"), "OK\n");
    assert_eq!(cli("DBSIZE"), "0\n");
}
