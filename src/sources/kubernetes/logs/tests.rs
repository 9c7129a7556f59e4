//! Reading logs from a scripted API server.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::{Notify, mpsc};

use super::*;
use crate::sources::kubernetes::testing::{Piece, Reply, Server};

fn request(follow: bool) -> LogRequest {
    LogRequest {
        namespace: "shop".into(),
        pod: "api-1".into(),
        container: Some("api".into()),
        previous: false,
        follow,
        since_s: None,
        tail: Some(200),
    }
}

fn text(pieces: &[&str]) -> Vec<Piece> {
    pieces.iter().map(|piece| Piece::Text((*piece).to_owned())).collect()
}

/// What came until the log ended or failed for good: the lines, 'end', or the failure's kind.
async fn told(events: &mut mpsc::Receiver<LogEvent>) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(event) = events.recv().await {
        match event {
            LogEvent::Lines(lines) => all.extend(lines.into_iter().map(|line| line.text.to_string())),
            LogEvent::End => all.push("end".to_owned()),
            LogEvent::Failed(failure) => all.push(format!("{:?}", failure.kind)),
        }
    }
    all
}

async fn read(server: &Server, request: LogRequest) -> Vec<String> {
    let session = server.session().await;
    let (out, mut events) = mpsc::channel(64);
    let ((), told) =
        tokio::join!(follow(&session, request, out, CancellationToken::new()), told(&mut events));
    told
}

#[tokio::test]
async fn a_log_is_read_to_its_end() {
    let server = Server::start(36, |_| {
        Reply::Stream(text(&[
            "2026-11-21T02:00:01Z one\n2026-11-21T02:0",
            "0:02Z two\n2026-11-21T02:00:03Z last",
        ]))
    })
    .await;
    assert_eq!(read(&server, request(false)).await, ["one", "two", "last", "end"]);
    let asked = &server.asked()[0];
    assert_eq!(asked.path, "/api/v1/namespaces/shop/pods/api-1/log");
    assert_eq!((asked.get("container"), asked.get("tailLines"), asked.get("follow")), ("api", "200", ""));
}

#[tokio::test]
async fn a_broken_log_is_taken_up_where_it_broke() {
    let gate = Arc::new(Notify::new());
    let broken = gate.clone();
    let server = Server::start(36, move |asked| match asked.before {
        0 => {
            let mut pieces = text(&["2026-11-21T02:00:01.2Z one\n2026-11-21T02:00:01.4Z two\n"]);
            pieces.extend([Piece::Gate(broken.clone()), Piece::Break]);
            Reply::Stream(pieces)
        }
        _ => Reply::Stream(text(&[
            "2026-11-21T02:00:01.2Z one\n2026-11-21T02:00:01.4Z two\n2026-11-21T02:00:03Z three\n",
        ])),
    })
    .await;
    let session = server.session().await;
    let (out, mut events) = mpsc::channel(64);
    let wait = async {
        assert_eq!(events.recv().await, Some(LogEvent::Lines(Vec::new())), "it is open");
        let LogEvent::Lines(first) = events.recv().await.unwrap() else { panic!("no lines") };
        assert_eq!(first.len(), 2);
        gate.notify_one();
        told(&mut events).await
    };
    let ((), rest) = tokio::join!(follow(&session, request(true), out, CancellationToken::new()), wait);
    assert_eq!(rest, ["Unreachable", "three", "end"]);
    assert_eq!(server.asked()[1].get("sinceTime"), "2026-11-21T02%3A00%3A01Z");
    assert_eq!(server.asked()[1].get("tailLines"), "");
}

#[tokio::test]
async fn a_quiet_log_is_renewed_without_a_word() {
    let server = Server::start(36, |asked| match asked.before {
        0 => Reply::Stream(vec![Piece::Text("2026-11-21T02:00:01Z one\n".into()), Piece::Silence]),
        _ => Reply::Stream(text(&["2026-11-21T02:00:01Z one\n2026-11-21T02:00:05Z two\n"])),
    })
    .await;
    let session = server.session().await;
    let (out, mut events) = mpsc::channel(64);
    let renew = Duration::from_millis(200);
    let reader = Reader { session: &session, request: request(true), out, place: Place::default(), renew };
    let (_, told) = tokio::join!(reader.run(), told(&mut events));
    assert_eq!(told, ["one", "two", "end"]);
}

#[tokio::test]
async fn what_cannot_get_better_is_not_tried_again() {
    let server = Server::start(36, |_| {
        Reply::Json(400, json!({"kind": "Status", "code": 400, "message": "previous terminated container \"api\" in pod \"api-1\" not found"}))
    })
    .await;
    assert_eq!(read(&server, LogRequest { previous: true, ..request(true) }).await, ["Absent"]);
    let gone =
        Server::start(36, |_| Reply::Json(404, json!({"code": 404, "message": "pods \"api-1\" not found"})))
            .await;
    assert_eq!(read(&gone, request(true)).await, ["Absent"]);
    assert_eq!((server.asked().len(), gone.asked().len()), (1, 1));
}

#[tokio::test]
async fn a_container_that_starts_later_is_waited_for() {
    let server = Server::start(36, |asked| match asked.before {
        0 => Reply::Json(400, json!({"code": 400, "message": "container \"api\" in pod \"api-1\" is waiting to start: ContainerCreating"})),
        _ => Reply::Stream(text(&["2026-11-21T02:00:01Z up\n"])),
    })
    .await;
    assert_eq!(read(&server, request(true)).await, ["Absent", "up", "end"]);
}

#[tokio::test]
async fn long_lines_are_cut_and_many_are_split_into_batches() {
    let long = format!("2026-11-21T02:00:01Z {}\n", "x".repeat(MAX_LINE * 2));
    let many = "2026-11-21T02:00:02Z y\n".repeat(1200);
    let server = Server::start(36, move |_| Reply::Stream(vec![Piece::Text(format!("{long}{many}"))])).await;
    let session = server.session().await;
    let (out, mut events) = mpsc::channel(64);
    let gather = async {
        let mut sizes = Vec::new();
        while let Some(LogEvent::Lines(lines)) = events.recv().await {
            assert!(lines.iter().all(|line| line.text.len() <= MAX_LINE + 16));
            sizes.push(lines.len());
        }
        sizes
    };
    let ((), sizes) = tokio::join!(follow(&session, request(false), out, CancellationToken::new()), gather);
    assert_eq!(sizes.iter().sum::<usize>(), 1201);
    assert!(sizes.iter().all(|size| *size <= BATCH_LINES), "{sizes:?}");
}
