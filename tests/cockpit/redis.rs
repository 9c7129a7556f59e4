//! Flushing a real Redis through the gateway: what the dialog says of it, what is sent, and every
//! way in which a cache refuses.

use std::sync::atomic::Ordering;

use midwatch::config::Config;
use midwatch::journal::Phase;
use midwatch::model::Clean;
use midwatch::model::action::{
    ActionId, Confirmed, ObjectKind, Planned, Preview, Progress, Question, Request, Subject, Verdict,
};
use midwatch::msg::Msg;
use secrecy::ExposeSecret;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use crate::bench::{Bench, Came, request};
use crate::gateway::cut_after;
use crate::redis_server::{Cut, Server, way_at};
use crate::support::stage;

pub fn cache(lines: &str) -> Config {
    let text = format!("[[cache]]\nname = 'sessions'\n{lines}\n");
    Config::parse(&text, std::path::Path::new("m.toml")).unwrap()
}

pub async fn bench(config: Config) -> Bench {
    Bench::over(stage("calm").await, config, false).await
}

pub fn flush(answers: &[(&str, &str)]) -> Request {
    flush_of("sessions", answers)
}

fn flush_of(name: &str, answers: &[(&str, &str)]) -> Request {
    let subject =
        Subject { kind: ObjectKind::Cache, namespace: "shop".into(), name: name.into(), uid: Clean::new("") };
    request(ActionId::FlushCache, subject, answers)
}

/// What the lines about something say.
pub fn about(preview: &Preview, about: &str) -> String {
    let lines = preview.checks.iter().filter(|c| c.about.as_str() == about);
    lines.map(|c| format!("{:?} {}", c.verdict, c.words)).collect::<Vec<_>>().join("\n")
}

async fn refusal(bench: &Bench) -> String {
    let failure = bench.plan(&flush(&[("what", "all")])).await.unwrap_err();
    format!("{}: {}: {}", failure.tried, failure.happened, failure.next)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_of_one_database_and_no_other() {
    let Some(server) = Server::start(&["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"]).await
    else {
        return;
    };
    server.say(&["DEBUG POPULATE 1000 session 10", "EXPIRE session:1 900", "SELECT 3", "SET other 1"]).await;
    let mut bench = bench(cache(&format!("url = '{}'", server.url()))).await;
    let Planned::Ask(Question::Pick { options, .. }) = bench.plan(&flush(&[])).await.unwrap() else {
        panic!("what is to be flushed is asked first")
    };
    assert_eq!(options.len(), 2);
    let preview = bench.preview(&flush(&[("what", "all")])).await;
    assert_eq!(preview.type_name.as_ref().map(Clean::as_str), Some("sessions"), "a high risk");
    assert!(about(&preview, "role").contains("is a master, Redis 7"), "{:?}", preview.checks);
    let holds = about(&preview, "holds");
    assert!(
        holds.contains("1,000 keys in database 0, 0 % with a TTL")
            && holds.contains("of 64 MiB, allkeys-lru"),
        "{holds}"
    );
    assert!(about(&preview, "store?").starts_with("Warning"), "its keys have no TTL");
    assert!(about(&preview, "dry run").starts_with("Ok"), "{:?}", preview.checks);
    assert_eq!(server.calls("flushdb").await, 0, "nothing but questions so far");
    let Came::Over(Progress::Done(words)) = bench.confirm(&preview).await else { panic!("not flushed") };
    assert!(words.contains("1,000 keys before, 0 now"), "{words}");
    assert_eq!((server.keys().await, server.calls("flushdb").await), (0, 1));
    assert_eq!(server.say(&["SELECT 3", "DBSIZE"]).await[1], ":1", "the other database is whole");
    assert_eq!(bench.phases(), [Phase::Planned, Phase::Confirmed, Phase::Acted, Phase::Outcome]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pattern_takes_its_keys_and_leaves_the_others() {
    let Some(server) = Server::start(&[]).await else { return };
    server
        .say(&[
            "DEBUG POPULATE 5000 page",
            "DEBUG POPULATE 700 session",
            "SET \"page:odd\\n\\xff \\\"name\\\"\" 1",
        ])
        .await;
    let mut bench = bench(cache(&format!("url = '{}'", server.url()))).await;
    let asked = bench.plan(&flush(&[("what", "pattern"), ("pattern", "*")])).await.unwrap();
    let Planned::Ask(Question::Text { problem: Some(problem), .. }) = asked else { panic!("{asked:?}") };
    assert!(problem.contains("every key"), "{problem}");
    let preview = bench.preview(&flush(&[("what", "pattern"), ("pattern", "page:*")])).await;
    assert!(about(&preview, "pattern").contains("5,001 of 5,701 keys"), "{:?}", preview.checks);
    let Came::Over(Progress::Done(words)) = bench.confirm(&preview).await else { panic!("not flushed") };
    assert!(words.contains("5,001 keys unlinked"), "{words}");
    assert_eq!((server.keys().await, server.calls("flushdb").await), (700, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_in_the_middle_it_says_how_far_it_came() {
    let Some(server) = Server::start(&[]).await else { return };
    server.ask("DEBUG POPULATE 400000 page").await;
    let mut bench = bench(cache(&format!("url = '{}'", server.url()))).await;
    let preview = bench.preview(&flush(&[("what", "pattern"), ("pattern", "page:*")])).await;
    let given = midwatch::actions::gateway::Given { typed_name: "sessions".into(), reason: String::new() };
    tokio::spawn(bench.gateway.clone().confirm(bench.session.clone(), 1, preview.plan.clone(), given));
    let words = loop {
        match bench.heard().await {
            Msg::Operation { id, progress: Progress::Watching(words) } => {
                assert!(words.contains("keys unlinked"), "{words}");
                bench.gateway.stop(&id);
            }
            Msg::Operation { progress: Progress::Failed(words), .. } => break words,
            Msg::Operation { progress, .. } => assert!(!progress.is_over(), "{progress:?}"),
            _ => {}
        }
    };
    let gone = 400_000 - server.keys().await;
    assert!(gone > 0 && gone < 400_000);
    assert!(words.replace(',', "").contains(&format!("stopped after {gone} keys")), "{gone}: {words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_is_not_flushed_and_names_its_master() {
    let Some(master) = Server::start(&[]).await else { return };
    let of = master.port.to_string();
    let replica = Server::start(&["--replicaof", "127.0.0.1", &of]).await.unwrap();
    let read = bench(cache(&format!("url = '{}'", replica.url()))).await;
    let refused = refusal(&read).await;
    assert!(refused.contains("READONLY") && refused.contains(&format!("127.0.0.1:{of}")), "{refused}");
    // One that becomes a replica, or another process, under the dialog.
    let mut turned = bench(cache(&format!("url = '{}'", master.url()))).await;
    let preview = turned.preview(&flush(&[("what", "all")])).await;
    replica.ask("REPLICAOF NO ONE").await;
    master.ask(&format!("REPLICAOF 127.0.0.1 {}", replica.port)).await;
    let Came::Not(Confirmed::Refused(failure)) = turned.confirm(&preview).await else { panic!("done") };
    assert!(failure.happened.contains("replica"), "{failure:?}");
    assert_eq!(master.calls("flushdb").await + replica.calls("flushdb").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_at_the_same_address_is_shown_anew() {
    let Some(mut server) = Server::start(&[]).await else { return };
    let mut bench = bench(cache(&format!("url = '{}'", server.url()))).await;
    let preview = bench.preview(&flush(&[("what", "all")])).await;
    server.kill();
    let again = Server::start_at(server.port, &[]).await;
    again.ask("SET precious 1").await;
    let Came::Not(Confirmed::Changed(..)) = bench.confirm(&preview).await else { panic!("done") };
    assert_eq!(again.keys().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_is_told_so_before_anything_is_sent() {
    let Some(server) = Server::start(&["--requirepass", "sesame"]).await else { return };
    server
        .say(&[
            "AUTH sesame",
            "ACL SETUSER reader on >read ~* +@read +@connection +info +command|info +acl|whoami +acl|dryrun",
            "ACL SETUSER blind on >read ~* +@connection +role +dbsize",
            "SET precious 1",
        ])
        .await;
    let directory = tempfile::tempdir().unwrap();
    let login = |user: &str, password: &str| {
        let path = directory.path().join(user);
        std::fs::write(&path, password).unwrap();
        let name = if user == "default" { String::new() } else { format!("username = '{user}'\n") };
        cache(&format!("url = '{}'\n{name}password = {{ file = '{}' }}", server.url(), path.display()))
    };
    let reader = bench(login("reader", "read")).await;
    let preview = reader.preview(&flush(&[("what", "all")])).await;
    let words = about(&preview, "dry run");
    assert!(words.starts_with("Blocks") && words.contains("flushdb"), "{words}");
    let blind = bench(login("blind", "read")).await.preview(&flush(&[("what", "all")])).await;
    assert!(about(&blind, "dry run").starts_with("Warning"), "it can't be asked: {:?}", blind.checks);
    assert!(about(&blind, "role").contains("is a master"), "{:?}", blind.checks);
    for (config, words) in [
        (login("default", "wrong"), "WRONGPASS"),
        (cache(&format!("url = '{}'", server.url())), "NOAUTH"),
        (
            cache(&format!("url = '{}'\npassword = {{ env = 'MIDWATCH_NOT_SET' }}", server.url())),
            "MIDWATCH_NOT_SET",
        ),
    ] {
        let refused = refusal(&bench(config).await).await;
        assert!(
            refused.contains(words) && !refused.contains("sesame") && !refused.contains("wrong'"),
            "{refused}"
        );
    }
    let mut right = bench(login("default", "sesame")).await;
    assert!(matches!(right.act(&flush(&[("what", "all")])).await, Progress::Done(_)));
    let audit = serde_json::to_string(&right.audit()).unwrap();
    assert!(audit.contains("flush-cache") && !audit.contains("sesame"), "no secret in the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_is_renamed_away_is_seen_before() {
    let Some(server) = Server::start(&["--rename-command", "FLUSHDB", ""]).await else { return };
    server.ask("SET page:1 1").await;
    let mut bench = bench(cache(&format!("url = '{}'", server.url()))).await;
    let preview = bench.preview(&flush(&[("what", "all")])).await;
    let words = about(&preview, "dry run");
    assert!(words.starts_with("Blocks") && words.contains("renamed"), "{words}");
    assert!(matches!(bench.confirm(&preview).await, Came::Not(_)));
    let by_pattern = bench.act(&flush(&[("what", "pattern"), ("pattern", "page:*")])).await;
    assert!(matches!(by_pattern, Progress::Done(_)), "{by_pattern:?}");
}

/// A cache behind a way that is cut.
async fn behind(server: &Server, cut: Cut) -> (Bench, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    server.ask("DEBUG POPULATE 100 page").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = way_at(listener, server.port, cut).await;
    (bench(cache(&format!("url = 'redis://127.0.0.1:{port}'"))).await, seen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_looked_up_and_nothing_is_sent_again() {
    let Some(server) = Server::start(&[]).await else { return };
    let (mut bench, seen) = behind(&server, Cut::AnswerTo(b"FLUSHDB")).await;
    let progress = bench.act(&flush(&[("what", "all")])).await;
    let Progress::Done(words) = progress else { panic!("{progress:?}") };
    assert!(words.contains("come about all the same"), "{words}");
    assert_eq!((server.calls("flushdb").await, seen.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_request_is_not_known_and_nothing_is_sent_again() {
    let Some(server) = Server::start(&[]).await else { return };
    let (mut bench, seen) = behind(&server, Cut::Request(b"FLUSHDB")).await;
    let progress = bench.act(&flush(&[("what", "all")])).await;
    let Progress::Unknown(words) = progress else { panic!("{progress:?}") };
    assert!(words.contains("nothing of it can be seen") && words.contains("look at the cache"), "{words}");
    assert_eq!((server.calls("flushdb").await, seen.load(Ordering::SeqCst)), (0, 1));
    assert_eq!(server.keys().await, 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_process_never_sent_is_known_not_to_be_done() {
    let Some(server) = Server::start(&[]).await else { return };
    // The plan, the look before the act, and the act, which does not get through.
    let (mut bench, _) = behind(&server, Cut::Only(3)).await;
    let preview = bench.preview(&flush(&[("what", "all")])).await;
    let Came::Over(Progress::Failed(words)) = bench.confirm(&preview).await else { panic!("done") };
    assert!(words.contains("nothing was done") && words.contains("can't be reached"), "{words}");
    cut_after(&bench, Phase::Confirmed);
    let next = bench.another();
    tokio::spawn(next.recover(bench.session.clone()));
    let Came::Over(Progress::Failed(words)) = bench.until_over().await else { panic!("done") };
    assert!(words.contains("it was not done"), "{words}");
    assert_eq!(server.keys().await, 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_redis_is_told_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok();
        }
    });
    let refused = refusal(&bench(cache(&format!("url = 'redis://127.0.0.1:{port}'"))).await).await;
    assert!(refused.contains("makes no sense") || refused.contains("closed"), "{refused}");
    let nobody = crate::redis_server::free_port();
    let refused = refusal(&bench(cache(&format!("url = 'redis://127.0.0.1:{nobody}'"))).await).await;
    assert!(refused.contains("can't be reached"), "{refused}");
}

fn pem(what: &str, der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|l| std::str::from_utf8(l).unwrap()).collect();
    format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", lines.join("\n"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_behind_tls_is_trusted_by_its_ca_alone() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str, text: String| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let cert = path("cert.pem", pem("CERTIFICATE", made.cert.der()));
    let key = path("key.pem", pem("PRIVATE KEY", &made.signing_key.serialize_der()));
    let port = crate::redis_server::free_port();
    let tls = ["--tls-port", &port.to_string(), "--tls-cert-file", &cert, "--tls-key-file", &key]
        .map(str::to_owned);
    let more = ["--tls-auth-clients", "no", "--tls-ca-cert-file", &cert];
    let all: Vec<&str> = tls.iter().map(String::as_str).chain(more).collect();
    let Some(server) = Server::start(&all).await else { return };
    server.ask("SET page:1 1").await;
    let url = format!("url = 'rediss://localhost:{port}'");
    let refused = refusal(&bench(cache(&url)).await).await;
    assert!(refused.contains("TLS") && refused.contains("certificate"), "{refused}");
    let plain = refusal(&bench(cache(&format!("url = 'redis://localhost:{port}'"))).await).await;
    assert!(plain.contains("can't be reached"), "TLS is not left out by itself: {plain}");
    let mut trusting = bench(cache(&format!("{url}\nca_file = '{cert}'"))).await;
    let preview = trusting.preview(&flush(&[("what", "all")])).await;
    assert!(preview.touches.contains("directly, with TLS"), "{}", preview.touches);
    let Came::Over(Progress::Done(words)) = trusting.confirm(&preview).await else { panic!("not flushed") };
    assert!(words.contains("1 keys before, 0 now"), "{words}");
}

/// As much of memcached's text protocol as there is to a flush.
async fn memcached(listener: TcpListener, heard: std::sync::Arc<std::sync::Mutex<Vec<String>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while stream.read_line(&mut line).await.is_ok_and(|n| n > 0) {
            heard.lock().unwrap().push(line.trim().to_owned());
            let answer = match line.trim() {
                "stats" => {
                    "STAT pid 7\r\nSTAT version 1.6.29\r\nSTAT curr_items 42\r\nSTAT bytes 9000\r\n\
                     STAT limit_maxbytes 67108864\r\nSTAT get_hits 90\r\nSTAT get_misses 10\r\nEND\r\n"
                }
                "flush_all" => "OK\r\n",
                _ => "ERROR\r\n",
            };
            stream.get_mut().write_all(answer.as_bytes()).await.unwrap();
            line.clear();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memcached_is_flushed_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("url = 'memcached://{}'", listener.local_addr().unwrap());
    let heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    tokio::spawn(memcached(listener, heard.clone()));
    let mut bench = bench(cache(&url)).await;
    let preview = bench.preview(&flush(&[])).await;
    let holds = about(&preview, "holds");
    assert!(holds.contains("42 items") && holds.contains("hits 90.0 %"), "{holds}");
    assert_eq!(heard.lock().unwrap().as_slice(), ["stats"]);
    assert!(matches!(bench.confirm(&preview).await, Came::Over(Progress::Done(_))));
    let flushed = heard.lock().unwrap().iter().filter(|l| *l == "flush_all").count();
    assert_eq!(flushed, 1);
}

/// One exchange with a real memcached, until its answer ends so.
async fn exchange(port: u16, asked: &str, ends: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut lines = BufReader::new(stream);
    let mut answer = String::new();
    while !answer.ends_with(ends) {
        assert!(lines.read_line(&mut answer).await.unwrap() > 0, "it closed after '{answer}'");
    }
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_memcached_is_flushed() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = tokio::process::Command::new("memcached");
    // As root it wants to be told so.
    command.args(["-l", "127.0.0.1", "-U", "0", "-u", "root", "-p", &port.to_string()]).kill_on_drop(true);
    let Ok(_server) = command.spawn() else { return crate::commands::skip("memcached") };
    let deadline = tokio::time::Instant::now() + crate::support::PATIENCE;
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "it did not start");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    exchange(port, "set page 0 0 1\r\nx\r\n", "STORED\r\n").await;
    let mut bench = bench(cache(&format!("url = 'memcached://127.0.0.1:{port}'"))).await;
    let preview = bench.preview(&flush(&[])).await;
    assert!(about(&preview, "holds").contains("1 items"), "{:?}", preview.checks);
    assert!(matches!(bench.confirm(&preview).await, Came::Over(Progress::Done(_))));
    assert_eq!(exchange(port, "get page\r\n", "END\r\n").await, "END\r\n");
    let stats = exchange(port, "stats\r\n", "END\r\n").await;
    assert!(stats.contains("STAT cmd_flush 1\r\n"), "{stats}");
}

/// The simulated cluster's own cache: four pods, one of them the master, with a password that the
/// container has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cache_of_the_cluster_is_found_and_flushed_by_exec() {
    let mut bench = bench(Config::default()).await;
    let found =
        midwatch::actions::subjects::find(&bench.session, &Config::default(), ActionId::FlushCache).await;
    let names: Vec<String> = found.unwrap().iter().map(Subject::words).collect();
    assert_eq!(names, ["cache/cache"]);
    through(&mut bench, "cache", "by redis-cli").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cache_of_the_cluster_is_flushed_through_a_port_forward() {
    let sim = stage("calm").await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("password");
    let url = sim.redis_url().expose_secret().to_owned();
    let password = reqwest::Url::parse(&url).unwrap().password().unwrap().to_owned();
    std::fs::write(&path, &password).unwrap();
    let config = cache(&format!("service = 'shop/cache'\npassword = {{ file = '{}' }}", path.display()));
    let mut bench = Bench::over(sim, config, false).await;
    through(&mut bench, "sessions", "through a port-forward").await;
    let audit = serde_json::to_string(&bench.audit()).unwrap();
    assert!(!audit.contains(&password));
}

async fn through(bench: &mut Bench, name: &str, how: &str) {
    let all = flush_of(name, &[("what", "all")]);
    let before = bench.acts();
    let preview = bench.preview(&all).await;
    assert!(preview.touches.contains(how) && preview.touches.contains("cache-0"), "{}", preview.touches);
    assert_eq!(preview.blocked(), None);
    let role = about(&preview, "role");
    assert!(role.contains("is a master, Redis 8") && role.lines().count() == 1, "{role}");
    assert!(preview.checks.iter().all(|c| c.verdict != Verdict::Blocks), "{:?}", preview.checks);
    // By a pattern first: then there is something left for the rest.
    let some = flush_of(name, &[("what", "pattern"), ("pattern", "*1*")]);
    let progress = bench.act(&some).await;
    let Progress::Done(words) = progress else { panic!("{progress:?}") };
    assert!(words.contains("keys unlinked") && !words.contains(": 0 keys"), "{words}");
    let progress = bench.act(&all).await;
    let Progress::Done(words) = progress else { panic!("{progress:?}") };
    assert!(words.contains("keys before") && !words.contains(": 0 keys before"), "{words}");
    assert_eq!(bench.acts(), before, "the API server's objects are as they were");
}
