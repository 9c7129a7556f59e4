//! What comes over the wire: JSON and protobuf give the same rows, however they are cut into
//! pieces, and nothing that a server may send does harm. Protobuf is encoded by k8s-pb, whose field
//! numbers and code are not ours.

use std::collections::HashSet;
use std::fmt::Debug;

use k8s_pb::api::{apps, autoscaling, batch, coordination, core};
use midwatch::config::Config;
use midwatch::model::Observation;
use midwatch::sim::cluster::schema::{self, Field, Message, Shape, Type};
use midwatch::sources::kubernetes::api::Encoding;
use midwatch::sources::kubernetes::kind::{Convert, Kind};
use midwatch::sources::kubernetes::list::{Broken, Part, Parts};
use midwatch::sources::kubernetes::raw::Raw;
use midwatch::sources::kubernetes::{
    acknowledgements, autoscalers, controllerrevisions, cronjobs, daemonsets, deployments, events, jobs,
    nodes, pods, replicasets, statefulsets,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The fields that are read of any kind: random objects mostly have these.
const READ: &str = "metadata name namespace uid resourceVersion generation creationTimestamp \
    deletionTimestamp labels annotations ownerReferences kind controller spec status nodeName containers \
    initContainers restartPolicy resources requests limits phase reason message podIP conditions type \
    lastTransitionTime lastUpdateTime containerStatuses initContainerStatuses ready started restartCount \
    state lastState waiting running terminated startedAt finishedAt exitCode signal replicas paused selector \
    matchLabels template image strategy updateStrategy rollingUpdate partition observedGeneration \
    readyReplicas updatedReplicas availableReplicas updateRevision desiredNumberScheduled \
    currentNumberScheduled numberReady updatedNumberScheduled numberAvailable data revision suspend \
    startTime completionTime schedule timeZone active lastScheduleTime lastSuccessfulTime scaleTargetRef \
    minReplicas maxReplicas currentReplicas desiredReplicas unschedulable allocatable involvedObject count \
    firstTimestamp lastTimestamp eventTime series lastObservedTime holderIdentity leaseDurationSeconds renewTime \
    env ports livenessProbe httpGet port";

/// Words that mean something, so that what is behind them is reached; one is not UTF-8's simplest.
const WORDS: [&str; 21] = [
    "True",
    "False",
    "Unknown",
    "Ready",
    "Failed",
    "Complete",
    "Running",
    "Succeeded",
    "Always",
    "Deployment",
    "StatefulSet",
    "Error",
    "Completed",
    "PodScheduled",
    "SchedulingGated",
    "ReplicaFailure",
    "OnDelete",
    "Warning",
    "ScalingLimited",
    "api-5d4-ü漢",
    "x",
];

/// Keys that are kept, and one that is not.
const KEYS: [&str; 6] = [
    "pod-template-hash",
    "deployment.kubernetes.io/revision",
    "app.kubernetes.io/managed-by",
    "kubectl.kubernetes.io/restartedAt",
    "midwatch.io/backup-size-bytes",
    "example.com/other",
];

const TIMES: [&str; 3] = ["2026-11-21T03:12:09Z", "1970-01-01T00:00:01Z", "2026-11-20T23:59:59Z"];

/// Any object of a type, as Go writes it: without zeros where it leaves them out.
fn any_of(ty: &'static Message, depth: u32) -> BoxedStrategy<Value> {
    let read = READ.split_whitespace().collect::<HashSet<_>>();
    let (wanted, others): (Vec<_>, Vec<_>) = ty.flat().into_iter().partition(|f| read.contains(f.name));
    let most = wanted.len();
    let some = prop::sample::subsequence(wanted, most.div_ceil(2)..=most);
    let few = prop::sample::subsequence(others.clone(), 0..=others.len().min(1));
    (some, few)
        .prop_flat_map(move |(some, few)| {
            let made = some.into_iter().chain(few).map(|f| (Just(f.name.to_owned()), shaped(f, depth)));
            made.collect::<Vec<_>>().prop_map(|pairs| Value::Object(pairs.into_iter().collect()))
        })
        .boxed()
}

fn shaped(field: &'static Field, depth: u32) -> BoxedStrategy<Value> {
    let one = any_value(field.ty, field.required || field.pointer, depth);
    match field.shape {
        Shape::One => one,
        Shape::List => prop::collection::vec(one, 1..3).prop_map(Value::Array).boxed(),
        Shape::Map => prop::collection::btree_map(prop::sample::select(&KEYS[..]), one, 1..4)
            .prop_map(|m| m.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<serde_json::Map<_, _>>())
            .prop_map(Value::Object)
            .boxed(),
    }
}

fn any_value(ty: Type, zero: bool, depth: u32) -> BoxedStrategy<Value> {
    let least = i32::from(!zero);
    match ty {
        Type::String => prop::sample::select(&WORDS[..]).prop_map(Value::from).boxed(),
        Type::Int32 | Type::Int64 => (least..300).prop_map(Value::from).boxed(),
        Type::Bool if zero => any::<bool>().prop_map(Value::from).boxed(),
        Type::Bool => Just(true.into()).boxed(),
        Type::Double => Just(json!(0.5)).boxed(),
        Type::Bytes => Just(json!("aGVsbG8=")).boxed(),
        Type::Quantity => {
            prop::sample::select(&["250m", "1Gi", "2", "0", "1500Ki"][..]).prop_map(Value::from).boxed()
        }
        Type::Time => prop::sample::select(&TIMES[..]).prop_map(Value::from).boxed(),
        Type::MicroTime => Just(json!("2026-11-21T03:12:09.123456Z")).boxed(),
        Type::IntOrString => prop_oneof![Just(json!("25%")), (0..9).prop_map(Value::from)].boxed(),
        Type::Raw | Type::Fields => {
            let image = prop::sample::select(&WORDS[..]);
            image
                .prop_map(|i| json!({"spec": {"template": {"spec": {"containers": [{"image": i}]}}}}))
                .boxed()
        }
        Type::Strings => Just(json!(["a", "b"])).boxed(),
        Type::Message(_) if depth == 0 => Just(json!({})).boxed(),
        Type::Message(name) => any_of(schema::message(name).unwrap(), depth - 1),
    }
}

/// An object of a kind that has a name and an owner.
fn object(message: &str) -> BoxedStrategy<Value> {
    let owners = ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "CronJob"];
    (any_of(schema::message(message).unwrap(), 7), prop::sample::select(owners.to_vec()))
        .prop_map(|(mut tree, kind)| {
            tree["metadata"]["name"] = "api-1".into();
            tree["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": kind, "name": "api",
                "uid": "u", "controller": true}]);
            tree
        })
        .boxed()
}

/// Every field of the object must be known by the same name to k8s-pb, or a number is wrong.
fn assert_named(ty: &'static Message, tree: &Value, debug: &str) {
    let Some(fields) = tree.as_object() else { return };
    for (name, value) in fields {
        let field = ty.field(name).unwrap();
        let plain = name.to_lowercase();
        let found = match field.shape {
            Shape::One => debug.contains(&format!(" {plain}: Some(")),
            Shape::List => holds(debug, &plain, "[", "]"),
            Shape::Map => holds(debug, &plain, "{", "}"),
        };
        assert!(found, "{name} of {}: k8s-pb reads {debug}", ty.name);
        let inner = field.message();
        match (inner, value) {
            (Some(inner), Value::Array(items)) => items.iter().for_each(|i| assert_named(inner, i, debug)),
            (Some(inner), value) if field.shape == Shape::One => assert_named(inner, value, debug),
            _ => {}
        }
    }
}

/// Whether anywhere that list or map is not empty.
fn holds(debug: &str, name: &str, open: &str, close: &str) -> bool {
    let all = debug.matches(&format!(" {name}: {open}")).count();
    all > debug.matches(&format!(" {name}: {open}{close}")).count()
}

/// What k8s-pb makes of an object: read by it, and encoded by it.
fn theirs<P: prost::Message + Default + Debug>(message: &str, tree: &Value) -> Vec<u8> {
    let (ty, mut bytes) = (schema::message(message).unwrap(), Vec::new());
    schema::encode::message(ty, tree.as_object().unwrap(), &mut bytes);
    let read = P::decode(bytes.as_slice()).unwrap();
    // Where names have underscores is a matter of taste: set_hostname_as_fqdn.
    assert_named(ty, tree, &format!("{read:?}").replace('_', "").replace("r#", ""));
    read.encode_to_vec()
}

fn observed<K: Kind>(raw: Raw<'_>) -> Result<Option<Observation>, String> {
    let wire = raw.read::<K::Wire>(K::MESSAGE).map_err(|e| e.to_string())?;
    Ok(K::convert(wire, &mut Convert::new(&Config::default())))
}

fn assert_same<K: Kind, P: prost::Message + Default + Debug>(tree: &Value) {
    let protobuf = theirs::<P>(K::MESSAGE, tree);
    let text = tree.to_string();
    let from_json = observed::<K>(Raw::Json(text.as_bytes()));
    let from_protobuf = observed::<K>(Raw::Bare(&protobuf));
    assert_eq!(from_json.as_ref().ok(), from_protobuf.as_ref().ok(), "{text}");
    assert!(from_json.is_ok(), "{from_json:?}: {text}");
    // Nothing that is cut off, or that has a bit flipped, is worse than an error.
    for at in 0..protobuf.len() {
        let _ = observed::<K>(Raw::Bare(&protobuf[..at]));
        if at % 7 == 0 {
            let mut flipped = protobuf.clone();
            flipped[at] ^= 1 << (at % 8);
            let _ = observed::<K>(Raw::Bare(&flipped));
        }
    }
}

macro_rules! same {
    ($($name:ident: $kind:ty, $theirs:ty;)+) => {
        proptest! {
            #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]
            $(#[test] fn $name(tree in object(<$kind>::MESSAGE)) { assert_same::<$kind, $theirs>(&tree); })+
        }
    };
}

same! {
    pods_are_the_same_in_both: pods::Pods, core::v1::Pod;
    events_are_the_same_in_both: events::Events, core::v1::Event;
    nodes_are_the_same_in_both: nodes::Nodes, core::v1::Node;
    deployments_are_the_same_in_both: deployments::Deployments, apps::v1::Deployment;
    replicasets_are_the_same_in_both: replicasets::ReplicaSets, apps::v1::ReplicaSet;
    statefulsets_are_the_same_in_both: statefulsets::StatefulSets, apps::v1::StatefulSet;
    daemonsets_are_the_same_in_both: daemonsets::DaemonSets, apps::v1::DaemonSet;
    revisions_are_the_same_in_both: controllerrevisions::ControllerRevisions, apps::v1::ControllerRevision;
    jobs_are_the_same_in_both: jobs::Jobs, batch::v1::Job;
    cronjobs_are_the_same_in_both: cronjobs::CronJobs, batch::v1::CronJob;
    autoscalers_are_the_same_in_both: autoscalers::Autoscalers, autoscaling::v2::HorizontalPodAutoscaler;
    leases_are_the_same_in_both: acknowledgements::Acknowledgements, coordination::v1::Lease;
}

#[test]
fn what_is_not_utf_8_is_shown_as_json_would_have_it() {
    // A container's last words: 'caf\xe9'.
    let end = [0x1a, 4, b'c', b'a', b'f', 0xe9];
    let mut message = prost_field(1, b"");
    message.extend(prost_field(3, &end[2..]));
    let status = prost_field(3, &message);
    let name = prost_field(1, &prost_field(1, b"x"));
    let pod = [name, prost_field(3, &status[2..])].concat();
    let Ok(Some(Observation::Pod(pod))) = observed::<pods::Pods>(Raw::Bare(&pod)) else { panic!("not read") };
    assert_eq!(pod.trouble.as_deref(), Some("caf\u{fffd}"));
}

/// A field with bytes; shorter than 128.
fn prost_field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    [&[tag << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

#[test]
fn a_zero_time_is_none_and_an_absurd_one_an_error() {
    let pod = |time: &[u8]| {
        let meta = [prost_field(1, b"x"), prost_field(8, time)].concat();
        observed::<pods::Pods>(Raw::Bare(&prost_field(1, &meta)))
    };
    assert!(matches!(pod(&[]), Ok(Some(Observation::Pod(p))) if p.created == jiff::Timestamp::UNIX_EPOCH));
    assert!(pod(&[8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]).is_err());
    // A number where text should be, text where a message should be, groups, and a number too long.
    for odd in [
        &[8, 1][..],
        &[10, 2, b'h', b'i'],
        &[11, 12],
        &[0, 0],
        &[8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2],
    ] {
        assert!(observed::<pods::Pods>(Raw::Bare(odd)).is_err(), "{odd:?}");
    }
}

/// The bytes of the parts of a list.
type Taken = Vec<Vec<u8>>;

/// A list's metadata and items, from a body that comes in such pieces.
fn taken<'a>(
    encoding: Encoding,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(Taken, Taken), Broken> {
    let (mut parts, mut metadata, mut items) = (Parts::new(encoding), Vec::new(), Vec::new());
    for piece in pieces {
        parts.push(piece)?;
        while let Some(part) = parts.take()? {
            match part {
                Part::Metadata(raw) => metadata.push(raw.to_vec()),
                Part::Item(raw) => items.push(raw.to_vec()),
            }
        }
    }
    parts.end()?;
    Ok((metadata, items))
}

/// A list of three pods by k8s-pb, in its envelope, with fields that are not wanted around.
fn pod_list() -> (Vec<u8>, Vec<Vec<u8>>) {
    use k8s_pb::apimachinery::pkg::apis::meta::v1::{ListMeta, ObjectMeta};
    use k8s_pb::apimachinery::pkg::runtime::Unknown;
    use prost::Message as _;
    let pod = |name: String| core::v1::Pod {
        metadata: Some(ObjectMeta { name: Some(name), ..Default::default() }),
        ..Default::default()
    };
    let items = vec![pod("a".into()), pod("b".repeat(200)), pod(String::new())];
    let metadata = Some(ListMeta { resource_version: Some("7".into()), ..Default::default() });
    let bytes = items.iter().map(|i| i.encode_to_vec()).collect();
    let list = core::v1::PodList { metadata, items }.encode_to_vec();
    let unknown = Unknown { type_meta: Some(Default::default()), raw: Some(list), ..Default::default() };
    ([&b"k8s\0"[..], &unknown.encode_to_vec(), &prost_field(3, b""), &prost_field(4, b"x")].concat(), bytes)
}

#[test]
fn lists_may_be_split_at_every_byte() {
    let (protobuf, items) = pod_list();
    let text = r#" {"apiVersion":"v1","odd]}\"":[{"items":[1]},"}"],"items":[ {"a":"]}\\\""} ,3, "x" ,[[]],null],"metadata":{"resourceVersion":"7"},"kind":null,"n":12}
        "#;
    let values = [r#"{"a":"]}\\\""}"#, "3", r#""x""#, "[[]]", "null"].map(|v| v.as_bytes().to_vec()).to_vec();
    for (encoding, body, items) in
        [(Encoding::Protobuf, &protobuf[..], items), (Encoding::Json, text.as_bytes(), values)]
    {
        let (metadata, whole) = taken(encoding, [body]).unwrap();
        assert_eq!((metadata.len(), &whole), (1, &items));
        let pieces = body.chunks(1);
        assert_eq!(taken(encoding, pieces).unwrap().1, items);
        for at in 0..body.len() {
            assert_eq!(taken(encoding, [&body[..at], &body[at..]]).unwrap().1, items, "{encoding:?} at {at}");
            let cut = taken(encoding, [body[..at].trim_ascii_end()]);
            let ended = body[..at].trim_ascii_end() == body.trim_ascii_end();
            // The envelope's last fields may be missing: nobody reads them.
            let listed = encoding == Encoding::Protobuf && cut.is_ok() && at > body.len() - 12;
            assert!(cut == Err(Broken::Short) || ended || listed, "{encoding:?} at {at}: {cut:?}");
        }
    }
    for empty in [&br#"{"items":[]}"#[..], br#"{"items":null}"#, b"{}"] {
        assert_eq!(taken(Encoding::Json, [empty]).unwrap().1, Vec::<Vec<u8>>::new());
    }
}

#[test]
fn lengths_of_a_hostile_list_are_not_believed() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    let list = |inner: &[u8]| [&b"k8s\0\x12"[..], inner].concat();
    let item = list(&[&huge[..], b"\x12", &huge[..]].concat());
    assert_eq!(taken(Encoding::Protobuf, [&item[..]]), Err(Broken::TooLarge));
    // An item that is longer than the list that it is in.
    assert_eq!(taken(Encoding::Protobuf, [&list(b"\x04\x12\x7fab")[..]]), Err(Broken::Short));
    let over = [list(b"\x04\x12\x7f"), vec![0; 0x7f]].concat();
    assert_eq!(taken(Encoding::Protobuf, [&over[..]]), Err(Broken::Length));
    assert_eq!(taken(Encoding::Protobuf, [&[0_u8; 99][..]]), Err(Broken::Shape));
    assert_eq!(taken(Encoding::Protobuf, [&list(b"\x7f\x0b")[..]]), Err(Broken::Shape));
    for odd in [&b"[]"[..], b"{]", b"<html>", b"{\"items\":[]}}", b"{1:2}", b"{\"items\":[}"] {
        assert_eq!(taken(Encoding::Json, [odd]), Err(Broken::Shape), "{}", String::from_utf8_lossy(odd));
    }
}

#[test]
fn what_never_ends_is_given_up_before_it_fills_the_memory() {
    let nested = vec![b'['; 1 << 16];
    let mut parts = Parts::new(Encoding::Json);
    parts.push(b"{\"items\":[").unwrap();
    let pushed = (0..1000).take_while(|_| parts.push(&nested).is_ok() && parts.take() == Ok(None)).count();
    assert!(pushed <= (8 << 20 >> 16) + 1, "{pushed} pieces were kept");
    // What is nested deeply is an error of its item, and no stack overflow.
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    let item = [&br#"{"metadata":{"name":"x"},"data":"#[..], &deep, b"}"].concat();
    assert!(observed::<controllerrevisions::ControllerRevisions>(Raw::Json(&item)).is_err());
    let field = |tag: u8, bytes: &[u8]| {
        let mut length = Vec::new();
        prost::encode_length_delimiter(bytes.len(), &mut length).unwrap();
        [&[tag << 3 | 2][..], &length, bytes].concat()
    };
    let raw = [prost_field(1, &prost_field(1, b"x")), field(2, &field(1, &deep))].concat();
    assert!(observed::<controllerrevisions::ControllerRevisions>(Raw::Bare(&raw)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 1..9_usize) {
        let enveloped = [&b"k8s\0"[..], &bytes].concat();
        for encoding in [Encoding::Json, Encoding::Protobuf] {
            let _ = taken(encoding, bytes.chunks(size));
            let _ = taken(encoding, enveloped.chunks(size));
        }
        for raw in [Raw::Bare(&bytes), Raw::Enveloped(&enveloped), Raw::Json(&bytes)] {
            let _ = observed::<pods::Pods>(raw);
            let _ = observed::<replicasets::ReplicaSets>(raw);
            let _ = observed::<events::Events>(raw);
        }
    }
}
