//! The one object store behind every kind: versions, UIDs, generations, and a bounded
//! log of changes from which watches are served and controllers learn what to look at.

use std::collections::{BTreeMap, VecDeque};
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, Mutex, MutexGuard};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::json;
use super::kinds::{KINDS, Kind};
use super::object::Object;
use super::status::ApiError;

/// Changes kept for watches; older ones are compacted away and asking for them is 410 Gone.
/// About five minutes of a busy cluster.
const LOG_LIMIT: usize = 20_000;

type Key = (Arc<str>, Arc<str>);

/// One change. Both sides are there so that a watch with a selector can tell an object
/// that came into its view from one that changed in it.
#[derive(Clone, Debug)]
pub struct Change {
    pub version: u64,
    pub before: Option<Arc<Object>>,
    /// Absent when the object was deleted.
    pub after: Option<Arc<Object>>,
    /// What a deletion shows: the last state with the version of its deletion.
    pub last: Arc<Object>,
}

/// One page of a list.
pub struct Page {
    /// The version at which the list was taken.
    pub version: u64,
    pub objects: Vec<Arc<Object>>,
    /// How many match after the last object.
    pub remaining: usize,
}

struct Inner {
    kinds: Vec<BTreeMap<Key, Arc<Object>>>,
    log: VecDeque<Change>,
    version: u64,
    compacted: u64,
    rng: StdRng,
}

/// The store; shared by the handlers and the world.
pub struct Store {
    inner: Mutex<Inner>,
    changed: watch::Sender<u64>,
}

impl Store {
    pub fn new(seed: u64) -> Self {
        let inner = Inner {
            kinds: KINDS.iter().map(|_| BTreeMap::new()).collect(),
            log: VecDeque::new(),
            version: 1_000,
            compacted: 0,
            rng: StdRng::seed_from_u64(seed ^ 0x5707e),
        };
        Self { inner: Mutex::new(inner), changed: watch::Sender::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// The newest version.
    pub fn version(&self) -> u64 {
        self.lock().version
    }

    /// Wakes whenever something changed.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub fn get(&self, kind: Kind, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.lock().kinds[kind as usize].get(&(namespace.into(), name.into())).cloned()
    }

    /// All objects of a kind in one namespace (`None`: in all).
    pub fn list(&self, kind: Kind, namespace: Option<&str>) -> Vec<Arc<Object>> {
        self.page(kind, namespace, None, usize::MAX, |_| true).objects
    }

    /// Up to `limit` objects that match, after the key `after`, in order of namespace and name.
    pub fn page(
        &self,
        kind: Kind,
        namespace: Option<&str>,
        after: Option<(&str, &str)>,
        limit: usize,
        matches: impl Fn(&Object) -> bool,
    ) -> Page {
        let inner = self.lock();
        let objects = inner.kinds[kind as usize].range((start(namespace, after), Bound::Unbounded));
        let within = objects
            .map(|(_, object)| object)
            .take_while(|o| namespace.is_none_or(|wanted| wanted == &*o.namespace));
        paged(inner.version, within, limit, matches)
    }

    /// The same at an older version, put together from what is there now and the log of what
    /// has changed since: a continued list is one of a single instant.
    ///
    /// # Errors
    /// 410 Gone when some of the changes have been compacted away.
    pub fn page_at(
        &self,
        version: u64,
        kind: Kind,
        namespace: Option<&str>,
        after: Option<(&str, &str)>,
        limit: usize,
        matches: impl Fn(&Object) -> bool,
    ) -> Result<Page, ApiError> {
        let inner = self.lock();
        let changes = inner.since(version)?.filter(|c| c.last.kind == kind);
        let range = (start(namespace, after), Bound::Unbounded);
        let mut then: BTreeMap<&Key, &Arc<Object>> =
            inner.kinds[kind as usize].range(range.clone()).collect();
        let changes: Vec<(Key, &Change)> =
            changes.map(|c| ((c.last.namespace.clone(), c.last.name.clone()), c)).collect();
        // The newest first, so that the oldest has the last word.
        for (key, change) in changes.iter().rev().filter(|(key, _)| range.contains(key)) {
            match &change.before {
                Some(before) => then.insert(key, before),
                None => then.remove(key),
            };
        }
        let within =
            then.into_values().take_while(|o| namespace.is_none_or(|wanted| wanted == &*o.namespace));
        Ok(paged(version, within, limit, matches))
    }

    /// How many objects of a kind there are.
    pub fn count(&self, kind: Kind) -> usize {
        self.lock().kinds[kind as usize].len()
    }

    /// Adds an object; fills in UID, version, generation and, from `now_ms`, the time of
    /// creation where they are missing.
    ///
    /// # Errors
    /// 409 when the name is taken; 422 without a valid name.
    pub fn create(&self, kind: Kind, mut tree: Value, now_ms: i64) -> Result<Arc<Object>, ApiError> {
        let mut inner = self.lock();
        if json::text(&tree, "/metadata/name").is_empty() {
            let prefix = json::text(&tree, "/metadata/generateName").to_owned();
            if !prefix.is_empty() {
                let name = format!("{prefix}{}", suffix(&mut inner.rng, 5));
                json::set(&mut tree, "/metadata", "name", name);
            }
        }
        let name = json::text(&tree, "/metadata/name").to_owned();
        check_name(kind, &name)?;
        let key = key_of(&tree);
        if inner.kinds[kind as usize].contains_key(&key) {
            return Err(ApiError::already_exists(kind, &name));
        }
        let info = kind.info();
        tree["apiVersion"] = info.api_version().into();
        tree["kind"] = info.kind.into();
        if json::text(&tree, "/metadata/uid").is_empty() {
            let uid = uid(&mut inner.rng);
            json::set(&mut tree, "/metadata", "uid", uid);
        }
        if json::text(&tree, "/metadata/creationTimestamp").is_empty() {
            json::set(&mut tree, "/metadata", "creationTimestamp", json::time(now_ms));
        }
        if tree.get("spec").is_some() && kind != Kind::Pod {
            json::set(&mut tree, "/metadata", "generation", 1);
        }
        let object = inner.put(kind, key, tree);
        drop(inner);
        self.changed.send_replace(object.version);
        Ok(object)
    }

    /// Replaces what `edit` changes. An edit that changes nothing makes no new version.
    ///
    /// # Errors
    /// 404 when it is not there, and whatever `edit` refuses.
    pub fn edit(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        edit: impl FnOnce(&mut Value) -> Result<(), ApiError>,
    ) -> Result<Arc<Object>, ApiError> {
        let mut inner = self.lock();
        let key: Key = (namespace.into(), name.into());
        let Some(old) = inner.kinds[kind as usize].get(&key).cloned() else {
            return Err(ApiError::not_found(kind, name));
        };
        let before = old.tree();
        let mut tree = (*before).clone();
        edit(&mut tree)?;
        keep_identity(&before, &mut tree);
        if tree == *before {
            return Ok(old);
        }
        if kind != Kind::Pod && tree.get("spec") != before.get("spec") {
            let next = json::int(&before, "/metadata/generation").unwrap_or(0) + 1;
            json::set(&mut tree, "/metadata", "generation", next);
        }
        let object = inner.put(kind, key, tree);
        drop(inner);
        self.changed.send_replace(object.version);
        Ok(object)
    }

    /// As [`Store::edit`], for one of very many objects: it is kept as text, which is a tenth of
    /// its tree.
    ///
    /// # Errors
    /// 404 when it is not there.
    pub fn rewrite(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        edit: impl FnOnce(&mut Value),
    ) -> Result<(), ApiError> {
        let mut inner = self.lock();
        let key: Key = (namespace.into(), name.into());
        let Some(old) = inner.kinds[kind as usize].get(&key).cloned() else {
            return Err(ApiError::not_found(kind, name));
        };
        let mut tree = (*old.tree()).clone();
        edit(&mut tree);
        inner.version += 1;
        let version = inner.version;
        json::set(&mut tree, "/metadata", "resourceVersion", version.to_string());
        let text = tree.to_string();
        let object =
            Arc::new(Object::from_json(&old, key.0.clone(), key.1.clone(), &old.uid, version, &text));
        inner.kinds[kind as usize].insert(key, object.clone());
        inner.record(Change { version, before: Some(old), after: Some(object.clone()), last: object });
        drop(inner);
        self.changed.send_replace(version);
        Ok(())
    }

    /// Takes an object away; the answer is its last state.
    pub fn remove(&self, kind: Kind, namespace: &str, name: &str) -> Option<Arc<Object>> {
        let mut inner = self.lock();
        let old = inner.kinds[kind as usize].remove(&(namespace.into(), name.into()))?;
        inner.version += 1;
        let version = inner.version;
        let mut tree = (*old.tree()).clone();
        json::set(&mut tree, "/metadata", "resourceVersion", version.to_string());
        let last = Arc::new(Object::from_tree(kind, version, tree));
        inner.record(Change { version, before: Some(old), after: None, last: last.clone() });
        drop(inner);
        self.changed.send_replace(version);
        Some(last)
    }

    /// Adds many objects that are alike without logging them: the padding of a big cluster.
    /// `each` gives namespace, name, UID and JSON for a version.
    pub fn pad(
        &self,
        like: &Object,
        count: usize,
        mut each: impl FnMut(usize, u64, String) -> (Arc<str>, Arc<str>, String),
    ) {
        let mut inner = self.lock();
        for i in 0..count {
            inner.version += 1;
            let version = inner.version;
            let uid = uid(&mut inner.rng);
            let (namespace, name, json) = each(i, version, uid.clone());
            let object = Object::from_json(like, namespace.clone(), name.clone(), &uid, version, &json);
            inner.kinds[like.kind as usize].insert((namespace, name), Arc::new(object));
        }
    }

    /// The changes after `version`, oldest first, of one kind or of all.
    ///
    /// # Errors
    /// 410 Gone when some of them have been compacted away.
    pub fn changes_since(&self, version: u64, kind: Option<Kind>) -> Result<(u64, Vec<Change>), ApiError> {
        let inner = self.lock();
        let wanted = |c: &&Change| kind.is_none_or(|k| k == c.last.kind);
        Ok((inner.version, inner.since(version)?.filter(wanted).cloned().collect()))
    }

    /// Forgets the log up to now, as etcd's compaction does.
    pub fn compact(&self) {
        let mut inner = self.lock();
        inner.compacted = inner.version;
        inner.log.clear();
    }

    /// `length` characters as Kubernetes makes them for names.
    pub fn suffix(&self, length: usize) -> String {
        suffix(&mut self.lock().rng, length)
    }
}

/// Where a page begins.
fn start(namespace: Option<&str>, after: Option<(&str, &str)>) -> Bound<Key> {
    match (after, namespace) {
        (Some((ns, name)), _) => Bound::Excluded((ns.into(), name.into())),
        (None, Some(ns)) => Bound::Included((ns.into(), "".into())),
        (None, None) => Bound::Unbounded,
    }
}

fn paged<'a>(
    version: u64,
    objects: impl Iterator<Item = &'a Arc<Object>>,
    limit: usize,
    matches: impl Fn(&Object) -> bool,
) -> Page {
    let mut page = Page { version, objects: Vec::new(), remaining: 0 };
    for object in objects.filter(|o| matches(o)) {
        if page.objects.len() >= limit {
            page.remaining += 1;
        } else {
            page.objects.push(object.clone());
        }
    }
    page
}

impl Inner {
    fn since(&self, version: u64) -> Result<impl Iterator<Item = &Change>, ApiError> {
        if version < self.compacted {
            return Err(ApiError::gone(version, self.compacted));
        }
        let from = self.log.partition_point(|c| c.version <= version);
        Ok(self.log.range(from..))
    }

    fn put(&mut self, kind: Kind, key: Key, mut tree: Value) -> Arc<Object> {
        self.version += 1;
        json::set(&mut tree, "/metadata", "resourceVersion", self.version.to_string());
        let object = Arc::new(Object::from_tree(kind, self.version, tree));
        let before = self.kinds[kind as usize].insert(key, object.clone());
        self.record(Change {
            version: self.version,
            before,
            after: Some(object.clone()),
            last: object.clone(),
        });
        object
    }

    fn record(&mut self, change: Change) {
        if self.log.len() >= LOG_LIMIT
            && let Some(oldest) = self.log.pop_front()
        {
            self.compacted = oldest.version;
        }
        self.log.push_back(change);
    }
}

fn key_of(tree: &Value) -> Key {
    (json::text(tree, "/metadata/namespace").into(), json::text(tree, "/metadata/name").into())
}

/// What no update may change is put back: identity and time of creation.
fn keep_identity(before: &Value, after: &mut Value) {
    for field in ["uid", "creationTimestamp", "name", "namespace", "generation", "resourceVersion"] {
        match before["metadata"].get(field) {
            Some(value) => json::set(after, "/metadata", field, value.clone()),
            None => {
                if let Some(map) = after["metadata"].as_object_mut() {
                    map.remove(field);
                }
            }
        }
    }
    after["apiVersion"] = json!(before["apiVersion"]);
    after["kind"] = json!(before["kind"]);
}

/// RFC 1123 subdomain, as Kubernetes asks of names.
fn check_name(kind: Kind, name: &str) -> Result<(), ApiError> {
    let ok = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if name.is_empty() {
        return Err(ApiError::invalid(
            kind,
            name,
            "metadata.name: Required value: name or generateName is required",
        ));
    }
    if name.len() > 253 || !name.chars().all(ok) {
        let cause = format!(
            "metadata.name: Invalid value: \"{name}\": a lowercase RFC 1123 subdomain must consist of lower case \
             alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
        );
        return Err(ApiError::invalid(kind, name, &cause));
    }
    Ok(())
}

/// The alphabet of generated names: no vowels and nothing that looks like one.
pub const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

fn suffix(rng: &mut StdRng, length: usize) -> String {
    (0..length).map(|_| ALPHABET[rng.random_range(0..ALPHABET.len())] as char).collect()
}

fn uid(rng: &mut StdRng) -> String {
    let (a, b): (u64, u64) = (rng.random(), rng.random());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        0x8000 | ((b >> 48) & 0x3fff),
        b & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests;
