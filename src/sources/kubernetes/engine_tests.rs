//! The watch engine against a scripted API server: paging, streams, and everything that goes wrong.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::feed::{self, Timing};
use super::pods::Pods;
use super::testing::{Asked, Piece, Reply, Said, Server, context, session};
use super::usage::Usage;
use super::velero::VeleroBackups;
use crate::model::{Change, FailureKind, Observation};
use crate::sources::Context;
use crate::sources::session::NamespaceChoice;

/// Short waits; nothing is asserted of their length.
fn quick() -> Timing {
    let ms = Duration::from_millis;
    Timing {
        idle: ms(400),
        watch_s: 5,
        coalesce: ms(100),
        first_pause: ms(5),
        last_pause: ms(20),
        refused_pause: ms(20),
    }
}

fn run(context: &Context) -> tokio::task::JoinHandle<()> {
    tokio::spawn(feed::run::<Pods>(context.clone(), quick()))
}

fn pod(name: &str, version: u32, phase: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop", "resourceVersion": version.to_string()}, "status": {"phase": phase}})
}

fn page(version: &str, go_on: &str, items: Vec<Value>) -> Value {
    json!({"kind": "PodList", "metadata": {"resourceVersion": version, "continue": go_on}, "items": items})
}

fn event(kind: &str, object: Value) -> String {
    format!("{}\n", json!({"type": kind, "object": object}))
}

fn status(code: u16, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message})
}

/// 'reset', '+a:Running', '-a', 'ready', 'failed'.
fn told(changes: &[Change]) -> Vec<String> {
    let tell = |change: &Change| match change {
        Change::Reset => "reset".to_owned(),
        Change::Upsert(Observation::Pod(pod)) => format!("+{}:{}", pod.name, pod.status),
        Change::Upsert(other) => format!("+{other:?}"),
        Change::Delete(key) => format!("-{}", key.name),
        Change::Ready => "ready".to_owned(),
        Change::Failed(_) => "failed".to_owned(),
    };
    changes.iter().map(tell).collect()
}

fn is_upsert(change: &Change, wanted: &str) -> bool {
    matches!(change, Change::Upsert(Observation::Pod(pod)) if &*pod.name == wanted)
}

fn quiet() -> Reply {
    Reply::Stream(vec![Piece::Silence])
}

fn watches(server: &Server) -> Vec<Asked> {
    server.asked().into_iter().filter(Asked::is_watch).collect()
}

async fn until_watches(server: &Server, count: usize) -> Vec<Asked> {
    for _ in 0..2000 {
        if watches(server).len() >= count {
            return watches(server);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("there were only {} watches", watches(server).len());
}

#[tokio::test]
async fn rows_show_before_the_second_page_is_asked_for() {
    let gate = Arc::new(Notify::new());
    let opened = gate.clone();
    let server = Server::start(30, move |asked| match (asked.is_watch(), asked.get("continue")) {
        (true, _) => quiet(),
        (_, "") => Reply::Json(200, page("10", "to/ken", vec![pod("a", 1, "Running")])),
        _ => Reply::After(
            gate.clone(),
            Box::new(Reply::Json(200, page("10", "", vec![pod("b", 2, "Pending")]))),
        ),
    })
    .await;
    let (context, mut said) = server.context().await;
    run(&context);
    let first = said.until(|change| is_upsert(change, "a")).await;
    assert_eq!(told(&first), ["reset", "+a:Running"]);
    opened.notify_one();
    assert_eq!(told(&said.ready().await), ["+b:Pending", "ready"]);
    let asked = server.asked();
    assert_eq!(asked[0].path, "/api/v1/namespaces/shop/pods");
    assert_eq!((asked[0].get("limit"), asked[1].get("continue")), ("500", "to%2Fken"));
    let watch = &until_watches(&server, 1).await[0];
    assert_eq!((watch.get("resourceVersion"), watch.get("allowWatchBookmarks")), ("10", "true"));
    context.stop.cancel();
}

#[tokio::test]
async fn a_gone_version_leads_to_a_new_list() {
    let server = Server::start(30, |asked| match (asked.is_watch(), asked.before) {
        (true, 0) => {
            Reply::Stream(vec![Piece::Text(event("ERROR", status(410, "too old resource version")))])
        }
        (true, 1) => Reply::Json(410, status(410, "gone")),
        (true, _) => quiet(),
        (false, n) => Reply::Json(200, page("10", "", vec![pod(&format!("p{n}"), 1, "Running")])),
    })
    .await;
    let (context, mut said) = server.context().await;
    run(&context);
    let all = said.until(|change| is_upsert(change, "p2")).await;
    let lists = told(&all).into_iter().filter(|word| word != "ready").collect::<Vec<_>>();
    assert_eq!(lists, ["reset", "+p0:Running", "reset", "+p1:Running", "reset", "+p2:Running"]);
    context.stop.cancel();
}

#[tokio::test]
async fn an_expired_page_token_leads_to_the_whole_list_at_once() {
    let server =
        Server::start(30, |asked| match (asked.is_watch(), asked.get("limit"), asked.get("continue")) {
            (true, ..) => quiet(),
            (_, "500", "") => Reply::Json(200, page("10", "old", vec![pod("a", 1, "Running")])),
            (_, "500", _) => Reply::Json(410, status(410, "the token has expired")),
            _ => Reply::Json(200, page("12", "", vec![pod("b", 1, "Running")])),
        })
        .await;
    let (context, mut said) = server.context().await;
    run(&context);
    assert_eq!(told(&said.ready().await), ["reset", "+a:Running", "reset", "+b:Running", "ready"]);
    context.stop.cancel();
}

#[tokio::test]
async fn a_denial_is_said_and_found_out_when_it_ends() {
    let server = Server::start(30, |asked| match (asked.is_watch(), asked.before) {
        (true, _) => quiet(),
        (_, 0) => {
            Reply::Json(403, status(403, "pods is forbidden: User \"viewer\" cannot list resource \"pods\""))
        }
        _ => Reply::Json(200, page("10", "", vec![])),
    })
    .await;
    let (context, mut said) = server.context().await;
    run(&context);
    let failure = said.failed().await;
    assert_eq!(failure.kind, FailureKind::Denied);
    assert_eq!(&*failure.tried, "list pods in shop");
    assert_eq!(&*failure.next, "ask for the verb list on pods in shop");
    assert_eq!(told(&said.ready().await), ["reset", "ready"]);
    context.stop.cancel();
}

#[tokio::test]
async fn a_watch_that_is_denied_names_its_own_verb() {
    let server = Server::start(36, |asked| match asked.is_watch() {
        true => Reply::Json(403, status(403, "cannot watch")),
        false => Reply::Json(200, page("10", "", vec![pod("a", 1, "Running")])),
    })
    .await;
    let (context, mut said) = server.context().await;
    run(&context);
    assert_eq!(told(&said.ready().await), ["reset", "+a:Running", "ready"]);
    assert_eq!(&*said.failed().await.next, "ask for the verb watch on pods in shop");
    context.stop.cancel();
}

#[tokio::test]
async fn a_busy_server_is_left_alone_for_as_long_as_it_asks() {
    let server = Server::start(30, |_| {
        Reply::Headers(429, vec![("Retry-After", "30".to_owned())], status(429, "too many requests"))
    })
    .await;
    let (context, mut said) = server.context().await;
    run(&context);
    assert_eq!(said.failed().await.kind, FailureKind::Throttled);
    // The user's own wish goes before the server's.
    said.want.send_modify(|wants| wants.refresh += 1);
    assert_eq!(said.failed().await.kind, FailureKind::Throttled);
    assert_eq!(server.asked().len(), 2);
    context.stop.cancel();
}

#[tokio::test]
async fn a_dead_connection_is_noticed_and_the_watch_taken_up() {
    let server = Server::start(30, |asked| match (asked.is_watch(), asked.before) {
        (true, 0) => {
            Reply::Stream(vec![Piece::Text(event("MODIFIED", pod("a", 11, "Failed"))), Piece::Silence])
        }
        (true, _) => quiet(),
        _ => Reply::Json(200, page("10", "", vec![pod("a", 1, "Running")])),
    })
    .await;
    let (context, mut said) = server.context().await;
    run(&context);
    said.ready().await;
    let versions =
        until_watches(&server, 3).await.into_iter().map(|watch| watch.get("resourceVersion").to_owned());
    assert_eq!(versions.take(3).collect::<Vec<_>>(), ["10", "11", "11"]);
    context.stop.cancel();
    while let Some(batch) = said.batches.recv().await {
        assert!(!told(&batch.changes).contains(&"failed".to_owned()), "{batch:?}");
        if said.batches.is_empty() {
            break;
        }
    }
}

#[tokio::test]
async fn watches_that_are_dropped_at_once_are_a_failure() {
    let server = Server::start(30, |asked| match asked.is_watch() {
        true => Reply::Stream(vec![]),
        false => Reply::Json(200, page("10", "", vec![])),
    })
    .await;
    let (context, mut said) = server.context().await;
    run(&context);
    let failure = said.failed().await;
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert_eq!(&*failure.tried, "watch pods in shop");
    context.stop.cancel();
}

#[tokio::test]
async fn odd_objects_are_passed_over() {
    let odd = json!({"metadata": {"name": "odd"}, "spec": {"containers": "none"}});
    let server = Server::start(30, move |asked| match asked.is_watch() {
        true => Reply::Stream(vec![
            Piece::Text("not json\n\n{\"type\":\"ADDED\"}\n".to_owned()),
            Piece::Text(event("ADDED", json!(3)) + &event("WHAT", json!({})) + &event("ADDED", odd.clone())),
            Piece::Text(event("ADDED", pod("c", 12, "Running"))),
            Piece::Silence,
        ]),
        false => {
            Reply::Json(200, page("10", "", vec![odd.clone(), pod("a", 1, "Running"), json!({}), json!("x")]))
        }
    })
    .await;
    let (context, mut said) = server.context().await;
    run(&context);
    assert_eq!(told(&said.ready().await), ["reset", "+a:Running", "ready"]);
    let after = said.until(|change| is_upsert(change, "c")).await;
    assert!(told(&after).iter().all(|word| word == "+c:Running" || word == "ready"), "{after:?}");
    context.stop.cancel();
}

#[tokio::test]
async fn the_newest_of_many_changes_is_the_one_that_is_sent() {
    let burst = (11..=40).map(|n| event("MODIFIED", pod("a", n, &format!("Phase{n}")))).collect::<String>();
    let server = Server::start(30, move |asked| match asked.is_watch() {
        true => Reply::Stream(vec![Piece::Text(burst.clone()), Piece::Silence]),
        false => Reply::Json(200, page("10", "", vec![])),
    })
    .await;
    let (context, mut said) = server.context().await;
    run(&context);
    said.ready().await;
    let after = said.until(|change| matches!(change, Change::Upsert(_))).await;
    assert_eq!(told(&after).into_iter().filter(|word| word != "ready").collect::<Vec<_>>(), ["+a:Phase40"]);
    context.stop.cancel();
}

#[tokio::test]
async fn a_server_that_comes_back_is_found_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let (context, mut said) = context(session(port, NamespaceChoice::Named("shop".into())).await);
    let task = run(&context);
    let failure = said.failed().await;
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.happened.contains("refused"), "{}", failure.happened);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let _server = Server::serve(listener, 30, |asked| match asked.is_watch() {
        true => quiet(),
        false => Reply::Json(200, page("10", "", vec![pod("a", 1, "Running")])),
    });
    assert!(told(&said.ready().await).contains(&"+a:Running".to_owned()));
    context.stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn a_feed_ends_when_nobody_listens() {
    let server = Server::start(30, |_| Reply::Json(403, status(403, "no"))).await;
    let (context, said) = server.context().await;
    let Said { batches, want } = said;
    drop(batches);
    run(&context).await.unwrap();
    drop(want);
}

#[tokio::test]
async fn veleros_namespace_is_tried_where_all_are_denied() {
    let server = Server::start(30, |asked| match (asked.path.as_str(), asked.is_watch()) {
        ("/apis/velero.io/v1/backups", _) => Reply::Json(403, status(403, "not in all namespaces")),
        ("/apis/velero.io/v1/namespaces/velero/backups", false) => Reply::Json(200, page("10", "", vec![])),
        _ => quiet(),
    })
    .await;
    let (context, mut said) = server.context().await;
    tokio::spawn(feed::run::<VeleroBackups>(context.clone(), quick()));
    assert_eq!(told(&said.ready().await), ["reset", "ready"]);
    context.stop.cancel();
}

#[tokio::test]
async fn a_kind_that_the_cluster_does_not_have_is_absent() {
    let server = Server::start(36, |_| Reply::Json(404, status(404, "page not found"))).await;
    let (context, mut said) = server.context().await;
    tokio::spawn(feed::run::<Usage>(context.clone(), quick()));
    let failure = said.failed().await;
    assert_eq!((failure.kind, &*failure.tried), (FailureKind::Absent, "list pods.metrics.k8s.io in shop"));
    context.stop.cancel();
}

#[tokio::test]
async fn what_cannot_be_watched_is_asked_for_again_when_the_user_wants_it() {
    let server = Server::start(36, |_| Reply::Json(200, page("", "", vec![pod("a", 1, "")]))).await;
    let (context, mut said) = server.context().await;
    tokio::spawn(feed::run::<Usage>(context.clone(), quick()));
    said.ready().await;
    said.want.send_modify(|wants| wants.refresh += 1);
    assert!(matches!(
        said.ready().await[..],
        [Change::Reset, Change::Upsert(Observation::Usage(_)), Change::Ready]
    ));
    assert!(server.asked().iter().all(|asked| !asked.is_watch()));
    context.stop.cancel();
}

#[tokio::test]
async fn a_server_that_takes_connections_and_never_answers_is_unreachable() {
    let never = Arc::new(Notify::new());
    let server = Server::start(30, move |_| Reply::After(never.clone(), Box::new(quiet()))).await;
    let (context, mut said) = server.context().await;
    run(&context);
    let failure = said.failed().await;
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.happened.starts_with("no answer within"), "{}", failure.happened);
    context.stop.cancel();
}
