//! The watch engine over protobuf and gzip, against a scripted API server whose answers k8s-pb
//! encodes; and how seldom a quiet cluster is asked for anything.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use k8s_pb::api::core::v1::{Pod, PodList, PodStatus};
use k8s_pb::apimachinery::pkg::apis::meta::v1::{ListMeta, ObjectMeta, Status, WatchEvent};
use k8s_pb::apimachinery::pkg::runtime::{RawExtension, Unknown};
use prost::Message as _;
use serde_json::json;

use super::feed::{self, Timing};
use super::pods::Pods;
use super::testing::{Piece, Reply, Said, Server};
use crate::model::{Change, FailureKind, Observation};
use crate::sources::Context;

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const STREAM: &str = "application/vnd.kubernetes.protobuf;stream=watch";

fn quick() -> Timing {
    let ms = Duration::from_millis;
    Timing {
        idle: ms(400),
        watch_s: 5,
        coalesce: ms(20),
        first_pause: ms(5),
        last_pause: ms(20),
        refused_pause: ms(20),
    }
}

async fn run(server: &Server) -> (Context, Said) {
    let (context, said) = server.context().await;
    tokio::spawn(feed::run::<Pods>(context.clone(), quick()));
    (context, said)
}

fn enveloped(message: &impl prost::Message) -> Vec<u8> {
    let unknown = Unknown { raw: Some(message.encode_to_vec()), ..Default::default() };
    [&b"k8s\0"[..], &unknown.encode_to_vec()].concat()
}

fn pod(name: &str, version: &str, phase: &str) -> Pod {
    let metadata = ObjectMeta {
        name: Some(name.into()),
        namespace: Some("shop".into()),
        resource_version: Some(version.into()),
        ..Default::default()
    };
    let status = PodStatus { phase: Some(phase.into()), ..Default::default() };
    Pod { metadata: Some(metadata), status: Some(status), ..Default::default() }
}

fn list(version: &str, items: Vec<Pod>) -> Reply {
    let metadata = ListMeta { resource_version: Some(version.into()), ..Default::default() };
    Reply::Bytes(PROTOBUF, "", enveloped(&PodList { metadata: Some(metadata), items }))
}

fn event(kind: &str, object: &impl prost::Message) -> Vec<u8> {
    let object = Some(RawExtension { raw: Some(enveloped(object)) });
    let bytes = WatchEvent { r#type: Some(kind.into()), object }.encode_to_vec();
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], &bytes].concat()
}

fn gone(code: i32, message: &str) -> Status {
    Status { code: Some(code), message: Some(message.into()), ..Default::default() }
}

fn names(changes: &[Change]) -> Vec<String> {
    let name = |change: &Change| match change {
        Change::Upsert(Observation::Pod(pod)) => Some(format!("+{}:{}", pod.name, pod.status)),
        Change::Delete(key) => Some(format!("-{}", key.name)),
        _ => None,
    };
    changes.iter().filter_map(name).collect()
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn lists_and_watches_are_protobuf() {
    let server = Server::start(36, |asked| match (asked.is_watch(), asked.before) {
        (false, 0) => {
            let metadata = ListMeta { resource_version: Some("10".into()), ..Default::default() };
            let pods = (0..700).map(|n| pod(&format!("p{n}"), "9", "Running")).collect();
            let list = enveloped(&PodList { metadata: Some(metadata), items: pods });
            Reply::Bytes(PROTOBUF, "gzip", zipped(&list))
        }
        (false, _) => list("30", vec![pod("again", "25", "Running")]),
        (true, 0) => {
            let events = [
                event("MODIFIED", &pod("p1", "11", "Failed")),
                event("DELETED", &pod("p2", "12", "Running")),
                event("BOOKMARK", &pod("", "20", "")),
            ];
            Reply::Bytes(STREAM, "", events.concat())
        }
        (true, 1) => Reply::Bytes(STREAM, "", event("ERROR", &gone(410, "too old resource version"))),
        _ => Reply::Stream(vec![Piece::Silence]),
    })
    .await;
    let (context, mut said) = run(&server).await;
    assert_eq!(names(&said.ready().await).len(), 700);
    let is_again =
        |change: &Change| matches!(change, Change::Upsert(Observation::Pod(p)) if &*p.name == "again");
    let changes = said.until(is_again).await;
    assert_eq!(names(&changes), ["+p1:Failed", "-p2", "+again:Running"]);
    let asked = server.asked();
    assert!(asked.iter().all(|a| a.accept == "application/vnd.kubernetes.protobuf, application/json"));
    let lists = asked.iter().filter(|a| !a.is_watch()).collect::<Vec<_>>();
    // First from the server's cache; then not older than what is known.
    assert_eq!((lists[0].get("resourceVersion"), lists[0].get("limit")), ("0", "500"));
    assert_eq!(
        (lists[1].get("resourceVersion"), lists[1].get("resourceVersionMatch"), lists[1].get("limit")),
        ("20", "NotOlderThan", "")
    );
    let watch = asked.iter().filter(|a| a.is_watch()).nth(1).unwrap();
    assert_eq!(watch.get("resourceVersion"), "20", "a bookmark is where the watch goes on");
    context.stop.cancel();
}

#[tokio::test]
async fn a_server_that_knows_no_protobuf_is_asked_for_it_once() {
    let server = Server::start(36, |asked| match (asked.accept.contains("protobuf"), asked.is_watch()) {
        (true, _) => Reply::Json(406, json!({"kind": "Status", "code": 406, "message": "only JSON"})),
        (_, true) => Reply::Stream(vec![]),
        _ => Reply::Json(
            200,
            json!({"metadata": {"resourceVersion": "1"}, "items": [{"metadata": {"name": "a"}}]}),
        ),
    })
    .await;
    let (context, mut said) = run(&server).await;
    assert_eq!(names(&said.ready().await), ["+a:"]);
    said.failed().await;
    let asked = server.asked();
    assert!(asked.len() >= 3 && asked[1..].iter().all(|a| a.accept == "application/json"), "{asked:?}");
    context.stop.cancel();
}

#[tokio::test]
async fn a_version_from_the_future_leads_to_the_newest() {
    let future = "Too large resource version: 99, current: 10";
    let server = Server::start(36, move |asked| match (asked.is_watch(), asked.get("resourceVersion")) {
        (false, "0") => list("99", vec![]),
        (_, "99") => Reply::Json(504, json!({"kind": "Status", "code": 504, "message": future})),
        (false, "") => list("10", vec![pod("old", "5", "Running")]),
        _ => Reply::Stream(vec![Piece::Silence]),
    })
    .await;
    let (context, mut said) = run(&server).await;
    said.until(|change| matches!(change, Change::Upsert(Observation::Pod(p)) if &*p.name == "old")).await;
    context.stop.cancel();
}

#[tokio::test]
async fn refusals_in_protobuf_are_read() {
    let server = Server::start(36, |asked| match asked.is_watch() {
        false => list("1", vec![]),
        true => Reply::Bytes(STREAM, "", event("ERROR", &gone(403, "pods is forbidden"))),
    })
    .await;
    let (context, mut said) = run(&server).await;
    let failure = said.failed().await;
    assert_eq!((failure.kind, &*failure.happened), (FailureKind::Denied, "403: pods is forbidden"));
    context.stop.cancel();
}

#[tokio::test]
async fn a_bomb_and_a_false_length_are_told() {
    // 60 KiB on the wire.
    let bomb = zipped(&[&b"{\"items\":["[..], &vec![b'['; 64 << 20]].concat());
    let list = enveloped(&PodList { metadata: None, items: vec![pod("a", "1", "Running")] });
    let endless = [[0xff; 8].as_slice(), &[0x7f]].concat();
    let frame = [0xff; 64].to_vec();
    for (reply, wanted) in [
        (Reply::Bytes("application/json", "gzip", bomb), "larger than any object"),
        (Reply::Bytes(PROTOBUF, "", [&list[..5], &endless, &list[6..]].concat()), "broke off"),
        (Reply::Bytes(PROTOBUF, "", list[..list.len() - 9].to_vec()), "broke off"),
        (Reply::Bytes(PROTOBUF, "", frame), "not what was asked for"),
        (Reply::Bytes(PROTOBUF, "gzip", list.clone()), ""),
    ] {
        let reply = std::sync::Mutex::new(Some(reply));
        let server = Server::start(36, move |_| {
            reply.lock().unwrap().take().unwrap_or_else(|| Reply::Json(500, json!({})))
        })
        .await;
        let (context, mut said) = run(&server).await;
        let failure = said.failed().await;
        assert!(failure.happened.contains(wanted), "{wanted}: {failure:?}");
        context.stop.cancel();
    }
}

#[tokio::test]
async fn a_list_without_a_version_is_no_reason_to_hurry() {
    let server = Server::start(36, |_| list("", vec![pod("a", "1", "Running")])).await;
    let (context, mut said) = run(&server).await;
    let failure = said.failed().await;
    assert!(failure.happened.contains("no version"), "{failure:?}");
    context.stop.cancel();
}

/// Ten minutes are 24 watches of 25 s.
#[tokio::test]
async fn a_quiet_kind_is_listed_once_and_then_only_watched() {
    let server = Server::start(36, |asked| match asked.is_watch() {
        false => list("10", vec![pod("a", "1", "Running")]),
        true => Reply::Bytes(STREAM, "", event("BOOKMARK", &pod("", &(asked.before + 11).to_string(), ""))),
    })
    .await;
    let (context, mut said) = run(&server).await;
    let mut seen = Vec::new();
    while server.asked().iter().filter(|a| a.is_watch()).count() < 24 {
        seen.extend(said.ready().await);
    }
    context.stop.cancel();
    assert_eq!(names(&seen), ["+a:Running"]);
    let asked = server.asked();
    assert_eq!(asked.iter().filter(|a| !a.is_watch()).count(), 1);
    let versions = asked.iter().filter(|a| a.is_watch()).map(|a| a.get("resourceVersion").to_owned());
    let expected = (10..).map(|n: u32| n.to_string());
    assert!(versions.zip(expected).all(|(asked, wanted)| asked == wanted));
}

#[test]
fn every_feed_of_a_built_in_kind_has_protobuf() {
    use super::kind::Kind;
    fn has<K: Kind>() -> bool {
        let known = super::protobuf::schema::get().message(K::MESSAGE).is_some();
        let built_in = !K::RESOURCE.group.contains('.') || K::RESOURCE.group == "coordination.k8s.io";
        known == built_in
    }
    let all = [
        has::<super::pods::Pods>(),
        has::<super::events::Events>(),
        has::<super::nodes::Nodes>(),
        has::<super::deployments::Deployments>(),
        has::<super::replicasets::ReplicaSets>(),
        has::<super::statefulsets::StatefulSets>(),
        has::<super::daemonsets::DaemonSets>(),
        has::<super::controllerrevisions::ControllerRevisions>(),
        has::<super::jobs::Jobs>(),
        has::<super::cronjobs::CronJobs>(),
        has::<super::autoscalers::Autoscalers>(),
        has::<super::acknowledgements::Acknowledgements>(),
        has::<super::usage::Usage>(),
        has::<super::certificates::Certificates>(),
        has::<super::velero::VeleroBackups>(),
    ];
    assert_eq!(all, [true; 15]);
}
