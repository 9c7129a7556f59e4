//! What clients rely on: versions rise, edits that change nothing are silent, and a log
//! that has been compacted says so.

use super::*;

fn pod(name: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop", "labels": {"app": "api"}}, "spec": {}})
}

#[test]
fn create_get_edit_remove() {
    let store = Store::new(1);
    let made = store.create(Kind::Pod, pod("a"), 0).unwrap();
    assert_eq!(store.create(Kind::Pod, pod("a"), 0).unwrap_err().code, 409);
    assert_eq!(made.label("app"), Some("api"));
    let same = store.edit(Kind::Pod, "shop", "a", |_| Ok(())).unwrap();
    assert_eq!(same.version, made.version);
    let edited = store
        .edit(Kind::Pod, "shop", "a", |v| {
            json::set(v, "/metadata", "uid", "other");
            json::set(v, "/status", "phase", "Running");
            Ok(())
        })
        .unwrap();
    assert!(edited.version > made.version);
    assert_eq!(edited.uid, made.uid, "identity cannot be edited");
    assert_eq!(json::text(&edited.tree(), "/metadata/resourceVersion"), edited.version.to_string());
    let gone = store.remove(Kind::Pod, "shop", "a").unwrap();
    assert!(gone.version > edited.version);
    assert!(store.get(Kind::Pod, "shop", "a").is_none());
}

#[test]
fn generation_rises_with_the_spec_only() {
    let store = Store::new(1);
    let tree = json!({"metadata": {"name": "d", "namespace": "shop"}, "spec": {"replicas": 1}});
    store.create(Kind::Deployment, tree, 0).unwrap();
    let edit = |pointer: &'static str, key: &'static str, n: i64| {
        let object = store
            .edit(Kind::Deployment, "shop", "d", |v| {
                json::set(v, pointer, key, n);
                Ok(())
            })
            .unwrap();
        json::int(&object.tree(), "/metadata/generation")
    };
    assert_eq!(edit("/status", "replicas", 1), Some(1));
    assert_eq!(edit("/spec", "replicas", 2), Some(2));
}

#[test]
fn pages_follow_on_and_stay_in_their_namespace() {
    let store = Store::new(1);
    for i in 0..7 {
        store.create(Kind::Pod, pod(&format!("p{i}")), 0).unwrap();
    }
    let other = json!({"metadata": {"name": "z", "namespace": "zoo"}});
    store.create(Kind::Pod, other, 0).unwrap();
    let first = store.page(Kind::Pod, Some("shop"), None, 4, |_| true);
    assert_eq!(first.remaining, 3);
    let last = first.objects.last().unwrap();
    let second = store.page(Kind::Pod, Some("shop"), Some((&last.namespace, &last.name)), 4, |_| true);
    assert_eq!(second.remaining, 0);
    let names: Vec<_> = first.objects.iter().chain(&second.objects).map(|o| o.name.to_string()).collect();
    assert_eq!(names, ["p0", "p1", "p2", "p3", "p4", "p5", "p6"]);
}

#[test]
fn a_later_page_is_of_the_same_instant_as_the_first() {
    let store = Store::new(1);
    for name in ["a", "b", "c", "d"] {
        store.create(Kind::Pod, pod(name), 0).unwrap();
    }
    let then = store.version();
    store.remove(Kind::Pod, "shop", "c");
    store.create(Kind::Pod, pod("bb"), 0).unwrap();
    for phase in ["Pending", "Running"] {
        let edit = |v: &mut Value| {
            json::set(v, "/status", "phase", phase);
            Ok(())
        };
        store.edit(Kind::Pod, "shop", "d", edit).unwrap();
    }
    let names = |after: Option<(&str, &str)>| {
        let page = store.page_at(then, Kind::Pod, Some("shop"), after, 2, |_| true).unwrap();
        let phase = |o: &Object| json::text(&o.tree(), "/status/phase").to_owned();
        let names: Vec<_> = page.objects.iter().map(|o| format!("{}{}", o.name, phase(o))).collect();
        (names.join(" "), page.remaining)
    };
    assert_eq!(names(None), ("a b".to_owned(), 2));
    assert_eq!(names(Some(("shop", "b"))), ("c d".to_owned(), 0));
    store.compact();
    assert_eq!(store.page_at(then, Kind::Pod, None, None, 2, |_| true).err().unwrap().code, 410);
}

#[test]
fn compaction_is_told() {
    let store = Store::new(1);
    let made = store.create(Kind::Pod, pod("a"), 0).unwrap();
    assert_eq!(store.changes_since(made.version - 1, Some(Kind::Pod)).unwrap().1.len(), 1);
    store.compact();
    assert_eq!(store.changes_since(made.version - 1, None).unwrap_err().code, 410);
    assert!(store.changes_since(made.version, None).unwrap().1.is_empty());
}

#[test]
fn names_and_uids_follow_from_the_seed() {
    let names = |seed| {
        let store = Store::new(seed);
        let tree = json!({"metadata": {"generateName": "api-", "namespace": "shop"}});
        let object = store.create(Kind::Pod, tree, 0).unwrap();
        (object.name.to_string(), object.uid.to_string())
    };
    assert_eq!(names(7), names(7));
    assert_ne!(names(7), names(8));
}
