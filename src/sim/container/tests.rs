//! Commands as they are run in the containers of the stage.

use std::sync::Arc;

use axum::body::Bytes;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use tokio::sync::mpsc;

use super::*;
use crate::sim::cluster::kinds::Kind;
use crate::sim::{Options, Scenario, Sim, start};

async fn sim(scenario: &str) -> Sim {
    let origin = "2026-11-20T03:12:00Z".parse().unwrap();
    let scenario = Scenario::named(scenario).unwrap();
    start(Options { scenario, seed: 3, speed: 0.0, pods: None, origin }).await.unwrap()
}

fn container(sim: &Sim, app: &str, tty: bool) -> Arc<Container> {
    let world = sim.api.world();
    let run = world.pods().find(|p| p.name.starts_with(app) && p.running_since().is_some()).unwrap().clone();
    drop(world);
    let pod = sim.api.store.get(Kind::Pod, &run.namespace, &run.name).unwrap().tree();
    let name = run.containers[0].0.clone();
    Arc::new(Container::new(&sim.api, run, &name, pod, tty))
}

/// Runs a command with all of its input; both outputs, and how it ended.
async fn ran(c: &Arc<Container>, command: &[&str], input: &str) -> (String, String, Ended) {
    let command: Vec<String> = command.iter().map(|w| (*w).to_owned()).collect();
    let (stdin, pipe) = mpsc::channel(1_000);
    for chunk in input.as_bytes().chunks(7) {
        stdin.try_send(Bytes::copy_from_slice(chunk)).unwrap();
    }
    drop(stdin);
    let (out, mut read) = mpsc::channel(1_000);
    let ended = run(c.clone(), &command, Io { stdin: Some(pipe), out }).await;
    let mut texts = [String::new(), String::new()];
    while let Some((second, bytes)) = read.recv().await {
        texts[usize::from(second)].push_str(&String::from_utf8_lossy(&bytes));
    }
    let [out, errors] = texts;
    (out, errors, ended)
}

async fn sh(c: &Arc<Container>, line: &str) -> (String, String, i32) {
    let (out, errors, ended) = ran(c, &["sh", "-c", line], "").await;
    let Ended::Exit(code) = ended else { panic!("{ended:?}") };
    (out, errors, code)
}

#[tokio::test]
async fn a_shell_for_simple_lines() {
    let sim = sim("calm").await;
    let c = container(&sim, "cache-0", false);
    let out = |line| {
        let c = &c;
        async move { sh(c, line).await.0 }
    };
    assert_eq!(out("echo a; echo 'b  c' && echo $HOSTNAME").await, "a\nb  c\ncache-0\n");
    assert_eq!(out("false || echo no; true && echo yes; echo $?").await, "no\nyes\n0\n");
    assert_eq!(out("X='1 2'; printf '%s-' $X; echo \"$X\"").await, "1-1 2\n");
    assert_eq!(out("cat /etc/hostname | wc -l").await, "1\n");
    assert_eq!(
        out("cd /etc; pwd; ls hosts; cat nothing 2>/dev/null || echo none").await,
        "/etc\nhosts\nnone\n"
    );
    assert_eq!(out("redis-cli --scan | grep -c product:").await, "4000\n");
    assert_eq!(
        out("redis-cli --scan --pattern 'product:10*' | sort | head -n 2").await,
        "product:1000\nproduct:1001\n"
    );
    assert_eq!(out("redis-cli --scan --pattern 'product:*' | xargs redis-cli unlink").await, "4000\n");
    assert_eq!(sh(&c, "exit 3; echo never").await, (String::new(), String::new(), 3));
    assert_eq!(sh(&c, "nosuch").await, (String::new(), "sh: 1: nosuch: not found\n".to_owned(), 127));
    assert_eq!(sh(&c, "echo $(date)").await.2, 2);
    assert_eq!(sh(&c, "sh -c 'sh -c \"exit 4\"'").await.2, 4);
}

#[tokio::test]
async fn programs_of_the_images() {
    let sim = sim("calm").await;
    let api = container(&sim, "api-", false);
    assert!(sh(&api, "env").await.0.contains("DATABASE_URL=postgres://db.internal:5432/shop\n"));
    assert_eq!(sh(&api, "curl -s localhost:8080/health | grep -c '\"status\":\"ok\"'").await.0, "1\n");
    assert_eq!(sh(&api, "curl -sS -o /dev/null -w '%{http_code}' http://web/health").await.0, "200");
    assert_eq!(sh(&api, "curl -s localhost:9").await.2, 7);
    assert_eq!(sh(&api, "curl http://nowhere/").await.2, 6);
    assert_eq!(sh(&api, "whoami; hostname; id -u").await.0, format!("node\n{}\n1000\n", api.run.name));
    assert!(sh(&api, "ps").await.0.contains("node /app/api.js"));
    assert!(sh(&api, "ls -l /app").await.0.contains("package.json"));
    assert_eq!(sh(&api, "date +%F").await.0, "2026-11-20\n");
    assert!(sh(&api, "df -h /").await.0.contains("200G"));
    let worker = container(&sim, "worker-", false);
    let limit = sh(&worker, "cat /sys/fs/cgroup/memory.max").await.0;
    assert_eq!(limit, "536870912\n");
    let (_, _, ended) = ran(&worker, &["redis-cli", "ping"], "").await;
    let Ended::NotStarted(why) = ended else { panic!("{ended:?}") };
    assert!(why.ends_with("exec: \"redis-cli\": executable file not found in $PATH: unknown"), "{why}");
    let dns = container(&sim, "coredns-", false);
    assert!(matches!(ran(&dns, &["sh"], "").await.2, Ended::NotStarted(_)));
}

#[tokio::test]
async fn psql_tells_of_the_pool() {
    let sim = sim("poisoned-cache").await;
    let api = container(&sim, "api-", false);
    let (text, _, _) = ran(&api, &["psql", "-c", "select 1"], "").await;
    assert_eq!(text, " ?column? \n----------\n        1\n(1 row)\n\n");
    let line = "psql -Atc 'select count(*) from pg_stat_activity;'";
    let used: f64 = sh(&api, line).await.0.trim().parse().unwrap();
    assert!((used - sim.api.world().flow().pool).abs() < 1.5 && used > 80.0, "{used}");
    let states =
        sh(&api, "psql -At -c 'SELECT state, count(*) FROM pg_stat_activity GROUP BY state'").await.0;
    assert!(states.contains("active|") && states.contains("idle|"), "{states}");
    assert_eq!(
        ran(&api, &["psql", "-At"], "show max_connections;\nselect pg_is_in_recovery()").await.0,
        "100\nf\n"
    );
    let (_, errors, ended) = ran(&api, &["psql", "-c", "selec 1"], "").await;
    assert_eq!(errors, "ERROR:  syntax error at or near \"selec\"\nLINE 1: selec 1\n        ^\n");
    assert_eq!(ended, Ended::Exit(1));
    assert_eq!(sh(&api, "psql -h nowhere -c 'select 1'").await.2, 2);
    assert_eq!(sh(&api, "pg_isready").await.0, "db.internal:5432 - accepting connections\n");
}

#[tokio::test]
async fn redis_cli_finds_the_master_from_a_replica() {
    let sim = sim("poisoned-cache").await;
    let c = container(&sim, "cache-1", false);
    assert_eq!(sh(&c, "redis-cli ROLE | head -1").await.0, "slave\n");
    assert!(sh(&c, "redis-cli FLUSHALL").await.0.starts_with("READONLY"));
    assert_eq!(sh(&c, "redis-cli -h cache-0.cache FLUSHALL").await.0, "OK\n");
    assert_eq!(sh(&c, "redis-cli DBSIZE").await.0, "0\n");
    let (out, errors, code) = sh(&c, "redis-cli -h nowhere PING").await;
    assert_eq!((out.as_str(), code), ("", 1));
    assert!(errors.starts_with("Could not connect to Redis at nowhere:6379"));
    assert_eq!(sh(&c, "REDISCLI_AUTH=x redis-cli PING").await.0, "NOAUTH Authentication required.\n\n");
    assert_eq!(ran(&c, &["redis-cli"], "PING\n\nGET 'a b'\n").await.0, "PONG\n\n");
}

/// What is typed at a terminal, and what is seen there.
#[tokio::test]
async fn a_person_at_a_prompt() {
    let sim = sim("calm").await;
    let c = container(&sim, "cache-0", true);
    let (text, _, ended) = ran(&c, &["sh"], "hostname\rcd /etc\rexit 5\r").await;
    assert_eq!(
        text,
        "redis@cache-0:/data$ hostname\r\ncache-0\r\nredis@cache-0:/data$ cd /etc\r\nredis@cache-0:/etc$ exit 5\r\n"
    );
    assert_eq!(ended, Ended::Exit(5));
    let (text, ..) = ran(&c, &["redis-cli"], "get none\rselect 1\r\u{4}").await;
    assert_eq!(
        text,
        "127.0.0.1:6379> get none\r\n(nil)\r\n127.0.0.1:6379> select 1\r\nOK\r\n127.0.0.1:6379[1]> exit\r\n"
    );
}

#[tokio::test]
async fn hostile_command_lines() {
    let sim = sim("calm").await;
    let containers = [container(&sim, "cache-0", false), container(&sim, "api-", true)];
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let words = proptest::collection::vec(
        prop_oneof![
            proptest::sample::select(vec![
                "sh",
                "-c",
                "redis-cli",
                "psql",
                "xargs",
                "env",
                "head",
                "-n",
                "|",
                ";",
                "$X",
                "''",
                "grep",
                "*",
                "curl",
                "-h",
                "--",
                "-",
                "=",
                "select",
                "from",
                "cat",
                "ls",
                "-l",
                "/",
                "printf",
                "%",
                "tail",
                "date",
                "+",
                "\n",
            ])
            .prop_map(str::to_owned),
            "[ -~é\u{0}]{0,12}",
        ],
        0..8,
    );
    for round in 0..300 {
        let command = words.new_tree(&mut runner).unwrap().current();
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        ran(&containers[round % 2], &command, "a\nb\u{0}c 'd").await;
        let line = command.join(" ");
        ran(&containers[round % 2], &["sh", "-c", &line], "").await;
    }
}
