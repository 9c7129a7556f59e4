//! The same requests to a real Redis and to ours: the answers are of the same type, the same
//! nesting, and the same words where they are errors.
//!
//! Needs `redis-server` on the path; skipped with a note where it is missing, unless
//! `MIDWATCH_REQUIRE_SERVERS=1`.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::tests::{Heard, Wire, place, sim};

/// Whether the program is there; a missing one is a failure where servers are required.
pub fn installed(program: &str) -> bool {
    let there = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if there.is_err() {
        let required = std::env::var("MIDWATCH_REQUIRE_SERVERS").is_ok_and(|v| v == "1");
        assert!(!required, "{program} is required and not on the path");
        eprintln!("skipped: {program} is not on the path");
    }
    there.is_ok()
}

struct Server {
    process: Child,
    address: String,
    _directory: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Server {
    async fn start(more: &[&str]) -> Option<Self> {
        if !installed("redis-server") {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--dir"])
            .arg(directory.path())
            .args(["--maxmemory", "1536mb", "--maxmemory-policy", "allkeys-lru"])
            .args(more)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, address: format!("127.0.0.1:{port}"), _directory: directory };
        let give_up = Instant::now() + Duration::from_secs(60);
        while tokio::net::TcpStream::connect(&server.address).await.is_err() {
            assert!(Instant::now() < give_up, "redis-server was not ready within a minute");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some(server)
    }
}

/// Type and nesting; of lists with many items only the first counts.
fn shape(heard: &Heard) -> String {
    match heard {
        Heard::Line('-', text) => format!("-{text}"),
        Heard::Line('+', text) => format!("+{text}"),
        Heard::Line(mark, _) => mark.to_string(),
        Heard::Bulk(None) => "nil".to_owned(),
        Heard::Bulk(Some(_)) => "$".to_owned(),
        Heard::List(mark, items) => {
            let mut all: Vec<String> = items.iter().map(shape).collect();
            all.dedup();
            format!("{mark}[{}]", all.join(" "))
        }
    }
}

/// Asked of both as the first user, in this order, of an empty database 1.
const REQUESTS: &str = "PING
PING hello
PING a b
ECHO hello
ECHO
NOSUCH
NOSUCH one two
NOSUCH 'quoted' x
GET
GET a b
GET nothing
SELECT x
SELECT 99
SET a
SET a b EX
SET a b EX 0
SET a b EX x
SET a b NX XX
SET a b EX 10 PX 10
SET a b
SET a c NX
SET none c XX
SET t c EX 100
SET p c PX 100000
GET a
STRLEN a
STRLEN none
HGETALL a
HGETALL none
HGET a f
HLEN none
EXISTS a none a
TYPE a
TYPE none
TTL a
TTL t
TTL none
PTTL p
EXPIRE a x
EXPIRE none 10
EXPIRE a 100
EXPIRE a 100 NX
EXPIRE a 100 FOO
MEMORY USAGE a
MEMORY USAGE none
MEMORY USAGE a SAMPLES
MEMORY NOSUCH
SCAN x
SCAN 0 COUNT 0
SCAN 0 COUNT x
SCAN 0 NOSUCH
SCAN 0 MATCH
SCAN 0 COUNT 100
SCAN 0 TYPE hash
SCAN 0 MATCH zz*
KEYS a*
KEYS zz
RANDOMKEY
DBSIZE
UNLINK a none
DEL t p
RANDOMKEY
FLUSHDB x
FLUSHDB ASYNC SYNC
FLUSHDB
FLUSHALL ASYNC
FLUSHALL SYNC
ROLE x
ACL
ACL NOSUCH
ACL WHOAMI
ACL DRYRUN nobody get a
ACL DRYRUN default nosuch
ACL DRYRUN default get
ACL DRYRUN default
ACL DRYRUN default get a
ACL DRYRUN viewer get a
ACL DRYRUN viewer flushall
ACL DRYRUN viewer config get save
CONFIG
CONFIG GET
CONFIG NOSUCH
CONFIG GET maxmemory
CONFIG GET MAXMEMORY-POLICY save appendonly
CONFIG GET nosuch
CONFIG GET maxmem*
CLIENT
CLIENT NOSUCH
CLIENT ID
CLIENT GETNAME
CLIENT SETNAME me
CLIENT GETNAME
CLIENT LIST TYPE nosuch
CLIENT LIST
CLIENT INFO
CLUSTER INFO
CLUSTER NOSUCH
COMMAND COUNT
COMMAND NOSUCH
COMMAND INFO nosuch
COMMAND DOCS nosuch
INFO nosuch
INFO keyspace
HELLO x
HELLO 4
HELLO 2
HELLO 2 SETNAME
AUTH a b c
AUTH
AUTH wrong
AUTH viewer wrong
AUTH nobody wrong
RESET
PING
HELLO
HELLO 3";

#[tokio::test]
async fn answers_have_the_shape_of_a_real_redis() {
    let acl = "--requirepass pw --user viewer on >vw ~* +@read +@connection +info +role +dbsize +acl|whoami";
    let options: Vec<&str> = acl.split(' ').collect();
    let Some(theirs) = Server::start(&options).await else { return };
    let sim = sim("calm").await;
    let (password, address) = place(&sim);
    for hello in ["HELLO 2", "HELLO 3"] {
        let (mut our, mut their) = (Wire::to(&address).await, Wire::to(&theirs.address).await);
        for (wire, password) in [(&mut our, password.as_str()), (&mut their, "pw")] {
            assert_eq!(wire.say("GET a").await.text(), "NOAUTH Authentication required.");
            wire.say(&format!("{hello} AUTH default {password}")).await;
            wire.say("FLUSHALL").await;
            wire.say("SELECT 1").await;
        }
        let mut wrong = Vec::new();
        for request in REQUESTS.lines() {
            let (ours, theirs) = (our.say(request).await, their.say(request).await);
            if shape(&ours) != shape(&theirs) {
                wrong.push(format!("{request}: ours {}, Redis {}", shape(&ours), shape(&theirs)));
            }
        }
        assert!(REQUESTS.lines().count() > 100);
        assert!(wrong.is_empty(), "after {hello}:\n{}", wrong.join("\n"));
    }
}

#[tokio::test]
async fn info_and_config_have_only_keys_of_a_real_redis() {
    let Some(theirs) = Server::start(&[]).await else { return };
    let sim = sim("calm").await;
    let (password, address) = place(&sim);
    let (mut our, mut their) = (Wire::to(&address).await, Wire::to(&theirs.address).await);
    our.say(&format!("AUTH {password}")).await;
    their.say("SET a b EX 100").await;
    let info = their.say("INFO").await.text();
    let keys = |text: &str| -> Vec<String> {
        text.lines().map(|l| l.split(':').next().unwrap_or_default().to_owned()).collect()
    };
    let known = keys(&info);
    for key in keys(&our.say("INFO").await.text()) {
        assert!(known.contains(&key) || key.starts_with("slave"), "Redis' INFO has no {key:?}");
    }
    let settings = our.say("CONFIG GET *").await;
    for pair in settings.items().chunks(2) {
        let theirs = their.say(&format!("CONFIG GET {}", pair[0].text())).await;
        assert_eq!(theirs.items().len(), 2, "Redis has no setting {}", pair[0].text());
    }
}

/// What a replica refuses and tells, beside a real one.
#[tokio::test]
async fn a_replica_answers_as_a_real_one() {
    let Some(theirs) = Server::start(&["--replicaof", "127.0.0.1 1"]).await else { return };
    let sim = sim("calm").await;
    let mut their = Wire::to(&theirs.address).await;
    let mut ours = super::session::Session::new(&sim.api.redis, "cache-1", "10.0.0.1:1".into()).unwrap();
    ours.user = Some(super::User::Default);
    for request in ["SET a b", "FLUSHALL", "UNLINK a", "ROLE", "DBSIZE", "GET none"] {
        let args: Vec<Vec<u8>> = request.split(' ').map(|w| w.as_bytes().to_vec()).collect();
        let mut bytes = Vec::new();
        ours.answer(&args).write(2, &mut bytes);
        let theirs = their.say(request).await;
        if let Heard::Line('-', text) = &theirs {
            assert_eq!(String::from_utf8_lossy(&bytes), format!("-{text}\r\n"));
        } else {
            let mark = if matches!(theirs, Heard::List(..)) { b'*' } else { shape(&theirs).as_bytes()[0] };
            assert_eq!(bytes[0], if mark == b'n' { b'$' } else { mark }, "{request}");
        }
    }
}
