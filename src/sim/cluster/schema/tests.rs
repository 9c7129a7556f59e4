//! The schema against itself and against others: what is encoded is read by k8s-pb's own code,
//! what is decoded is what was meant, and hostile bytes are an error.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn pod() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "api-1", "namespace": "shop", "creationTimestamp": "2026-11-21T03:12:09Z",
            "labels": {"app": "api"}, "generation": 3, "deletionGracePeriodSeconds": 0,
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "api", "uid": "u", "controller": true}]},
        "spec": {"containers": [{"name": "api", "image": "api:1", "ports": [{"containerPort": 8080, "name": "http"}],
            "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}},
            "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 10}}],
            "volumes": [{"name": "tmp", "emptyDir": {}}], "terminationGracePeriodSeconds": 0},
        "status": {"phase": "Running", "containerStatuses": [{"name": "api", "ready": false, "restartCount": 0,
            "image": "api:1", "imageID": "", "state": {"running": {"startedAt": "2026-11-21T03:00:00Z"}}}]}})
}

use serde_json::Value;

#[test]
fn every_kind_has_its_type_and_every_type_is_there() {
    for (_, info) in crate::sim::cluster::kinds::KINDS {
        let custom = matches!(info.group, "cert-manager.io" | "velero.io" | "metrics.k8s.io");
        assert_eq!(of(info).is_some(), !custom, "{}", info.kind);
    }
    let mut fields = 0;
    for message in messages() {
        for field in &message.fields {
            fields += 1;
            if let Type::Message(name) = field.ty {
                assert!(super::message(name).is_some(), "{} of {}", field.name, message.name);
            }
        }
    }
    assert!(fields > 900, "{fields} fields were read");
    let containers = message("api.core.v1.PodSpec").unwrap().field("containers").unwrap();
    assert_eq!(
        (containers.merge.clone(), containers.patch_key),
        (Some(Merge::Map(vec!["name"])), Some("name"))
    );
}

#[test]
fn an_object_comes_back_as_it_was() {
    let bytes = encode::object(&pod()).unwrap();
    assert_eq!(decode::object(&bytes).unwrap(), pod());
    let list = json!({"apiVersion": "v1", "kind": "PodList", "metadata": {"resourceVersion": "7"}, "items": [pod()]});
    assert!(encode::object(&list).unwrap().len() > bytes.len());
    assert!(encode::object(&json!({"apiVersion": "cert-manager.io/v1", "kind": "Certificate"})).is_none());
}

#[test]
fn others_read_what_is_encoded() {
    use k8s_pb::api::core::v1::Pod;
    use prost::Message as _;
    let bytes = encode::object(&pod()).unwrap();
    // The second field of the envelope.
    let mut reader = wire::Reader(&bytes[4..]);
    let mut raw = &[][..];
    while let Some((tag, field)) = reader.next().unwrap() {
        if let (2, wire::Raw::Bytes(b)) = (tag, field) {
            raw = b;
        }
    }
    let read = Pod::decode(raw).unwrap();
    let metadata = read.metadata.clone().unwrap();
    assert_eq!(metadata.name.as_deref(), Some("api-1"));
    assert_eq!(metadata.creation_timestamp.unwrap().seconds, Some(1_795_230_729));
    let container = &read.spec.clone().unwrap().containers[0];
    assert_eq!(container.resources.clone().unwrap().limits["memory"].string.as_deref(), Some("1Gi"));
    let probe = container.readiness_probe.clone().unwrap().handler.unwrap().http_get.unwrap();
    assert_eq!(probe.port.unwrap().str_val.as_deref(), Some("http"));
    // And what others encode is read here.
    let mut theirs = decode::MAGIC.to_vec();
    let mut meta = Vec::new();
    wire::put_bytes(&mut meta, 1, b"v1");
    wire::put_bytes(&mut meta, 2, b"Pod");
    wire::put_bytes(&mut theirs, 1, &meta);
    wire::put_bytes(&mut theirs, 2, &read.encode_to_vec());
    assert_eq!(decode::object(&theirs).unwrap(), pod());
}

#[test]
fn unknown_and_wrong_fields_are_named() {
    let ty = message("api.apps.v1.Deployment").unwrap();
    let check = |mut tree: Value| fields::check(ty, &mut tree);
    let found =
        check(json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replica": 3, "template":
        {"spec": {"containers": [{"name": "a", "imge": "x"}]}}}}));
    assert_eq!(found.unknown, ["spec.replica", "spec.template.spec.containers[0].imge"]);
    let found = check(json!({"spec": {"replicas": "three"}}));
    let wrong =
        "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32";
    assert_eq!(found.wrong.as_deref(), Some(wrong));
    let found = check(json!({"metadata": {"labels": {"a": 1}}}));
    assert!(found.wrong.unwrap().ends_with("ObjectMeta.metadata.labels.a of type string"));
}

/// Any value of a type, a few levels deep.
fn any_of(ty: &'static Message, depth: u32) -> BoxedStrategy<Value> {
    let fields: Vec<&'static Field> = ty.flat();
    let pick = prop::sample::subsequence((0..fields.len()).collect::<Vec<_>>(), 0..=fields.len().min(4));
    pick.prop_flat_map(move |chosen| {
        let fields = ty.flat();
        let made: Vec<_> = chosen
            .into_iter()
            .map(|i| {
                let field = fields[i];
                (Just(field.name), shaped(field, depth))
            })
            .collect();
        made.prop_map(|pairs| Value::Object(pairs.into_iter().map(|(n, v)| (n.to_owned(), v)).collect()))
    })
    .boxed()
}

fn shaped(field: &'static Field, depth: u32) -> BoxedStrategy<Value> {
    let one = any_value(field.ty, depth);
    match field.shape {
        Shape::One => one,
        Shape::List => prop::collection::vec(one, 1..3).prop_map(Value::Array).boxed(),
        Shape::Map => prop::collection::btree_map("[a-z]{1,4}", one, 1..3)
            .prop_map(|m| Value::Object(m.into_iter().collect()))
            .boxed(),
    }
}

fn any_value(ty: Type, depth: u32) -> BoxedStrategy<Value> {
    match ty {
        Type::String => "[a-z0-9]{1,8}".prop_map(Value::from).boxed(),
        Type::Int32 => {
            any::<i32>().prop_filter("zeros are left out", |n| *n != 0).prop_map(Value::from).boxed()
        }
        Type::Int64 => {
            any::<i64>().prop_filter("zeros are left out", |n| *n != 0).prop_map(Value::from).boxed()
        }
        Type::Bool => Just(Value::from(true)).boxed(),
        Type::Double => any::<i32>().prop_map(|n| Value::from(f64::from(n))).boxed(),
        Type::Bytes => Just(Value::from("aGVsbG8=")).boxed(),
        Type::Quantity => Just(Value::from("250m")).boxed(),
        Type::Time => Just(Value::from("2026-11-21T03:12:09Z")).boxed(),
        Type::MicroTime => Just(Value::from("2026-11-21T03:12:09.123456Z")).boxed(),
        Type::IntOrString => {
            prop_oneof![Just(Value::from("25%")), any::<i32>().prop_map(Value::from)].boxed()
        }
        Type::Raw | Type::Fields => Just(json!({"f:spec": {}})).boxed(),
        Type::Strings => Just(json!(["a", "b"])).boxed(),
        Type::Message(_) if depth == 0 => Just(json!({})).boxed(),
        Type::Message(name) => any_of(message(name).unwrap(), depth - 1),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_the_types_allow_survives(mut tree in any_of(message("api.apps.v1.StatefulSet").unwrap(), 6)) {
        tree["apiVersion"] = "apps/v1".into();
        tree["kind"] = "StatefulSet".into();
        prop_assert_eq!(fields::check(message("api.apps.v1.StatefulSet").unwrap(), &mut tree.clone()), fields::Found::default());
        let bytes = encode::object(&tree).unwrap();
        prop_assert_eq!(decode::object(&bytes).unwrap(), tree);
    }

    #[test]
    fn hostile_bytes_are_an_error_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..400) {
        let _ = decode::object(&bytes);
        let mut enveloped = decode::MAGIC.to_vec();
        enveloped.extend(&bytes);
        let _ = decode::object(&enveloped);
        let mut whole = encode::object(&pod()).unwrap();
        whole.truncate(cut % whole.len());
        for (i, byte) in bytes.iter().enumerate().take(3) {
            let at = usize::from(*byte) * (i + 1) % whole.len().max(1);
            if let Some(slot) = whole.get_mut(at) {
                *slot ^= 1 << (i + 1);
            }
        }
        let _ = decode::object(&whole);
    }
}
