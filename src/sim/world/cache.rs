//! The entries of the shop's cache. Most follow from their number and from when the pod's
//! memory was last empty; kept are only those that a client has written or taken away.
//!
//! What clients do here is what the physics feel: entries that are taken away have to be
//! read anew, and broken ones do no harm once they are gone.

pub mod catalogue;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::OnceLock;

use self::catalogue::{Catalogue, PRODUCTS, Value, slot};
use super::World;
use super::cast::SHOP;
use super::physics::WARM_UP_S;
use super::pod::PodRun;

/// The pod that takes writes; the others are its replicas.
pub const MASTER: &str = "cache-0";
/// All that clients may write, in bytes: the simulation is no place to store things.
const OWN_LIMIT_BYTES: usize = 8 * 1024 * 1024;
/// What an entry costs beside its content, roughly as `MEMORY USAGE` counts it.
pub const ENTRY_BYTES: usize = 56;
/// The last of the entries to come back after a flush is back by then (six times
/// [`WARM_UP_S`]).
const LAST_SHARE: f64 = 0.9975;

/// The one database that the shop uses.
const SHOPS_DB: u8 = 0;

/// An entry as a client reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub value: Value,
    /// Simulated milliseconds since the epoch.
    pub expires_ms: Option<i64>,
}

/// Who looks: a pod's memory, at an instant.
#[derive(Clone, Copy, Debug)]
pub struct Eye {
    pub db: u8,
    pub now_ms: i64,
    /// Since when the pod's memory has been filled.
    pub since_ms: i64,
    pub poisoned: bool,
}

/// How many entries a database has.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Count {
    pub keys: usize,
    pub expires: usize,
    pub average_ttl_ms: i64,
}

type Place = (u8, u64, Box<[u8]>);

/// The cache is full of what clients wrote.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Full;

/// The entries of all pods.
pub struct Cache {
    seed: u64,
    catalogue: OnceLock<Catalogue>,
    /// When a client took away one of the shop's entries.
    taken: HashMap<u32, i64>,
    own: BTreeMap<Place, Entry>,
    own_bytes: usize,
    /// When the first of them expires.
    own_until_ms: i64,
    emptied_ms: i64,
    poisoned_ms: i64,
    /// Broken entries that are gone.
    cleaned: HashSet<u32>,
}

fn place(db: u8, key: &[u8]) -> Place {
    (db, slot(key), key.into())
}

impl Cache {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            catalogue: OnceLock::new(),
            taken: HashMap::new(),
            own: BTreeMap::new(),
            own_bytes: 0,
            own_until_ms: i64::MAX,
            emptied_ms: i64::MIN / 2,
            poisoned_ms: i64::MIN / 2,
            cleaned: HashSet::new(),
        }
    }

    fn catalogue(&self) -> &Catalogue {
        self.catalogue.get_or_init(|| Catalogue::new(self.seed))
    }

    /// When a client took the entry away, or what a client had put in its place expired.
    fn taken_ms(&self, index: u32) -> i64 {
        let taken = self.taken.get(&index).copied().unwrap_or(i64::MIN / 2);
        let own = self.own_of(SHOPS_DB, self.catalogue().name(index).as_bytes());
        own.and_then(|e| e.expires_ms).map_or(taken, |expired| expired.max(taken))
    }

    fn own_of(&self, db: u8, key: &[u8]) -> Option<&Entry> {
        if self.own.is_empty() { None } else { self.own.get(&place(db, key)) }
    }

    /// Whether a client's entry stands in the place of the shop's.
    fn shadowed(&self, index: u32, eye: Eye) -> bool {
        let name = self.catalogue().name(index).as_bytes();
        self.own_of(SHOPS_DB, name).is_some_and(|e| Self::lives(e, eye.now_ms))
    }

    /// Whether the batch job's value is still there.
    fn broken(&self, index: u32, eye: Eye) -> bool {
        eye.poisoned && Catalogue::is_product(index) && self.taken_ms(index) < self.poisoned_ms
    }

    /// Since when the entry is there, if it is.
    fn since(&self, index: u32, eye: Eye) -> Option<i64> {
        if self.broken(index, eye) {
            return Some(self.poisoned_ms);
        }
        let taken = self.taken_ms(index);
        let empty = taken.max(self.emptied_ms).max(eye.since_ms);
        // The same curve as that of the hits: the shop reads the popular entries first.
        let share = self.catalogue().share(index) * LAST_SHARE;
        let back = empty.saturating_add((-WARM_UP_S * (1.0 - share).ln() * 1_000.0) as i64);
        (back < eye.now_ms).then_some(back)
    }

    fn shops(&self, index: u32, eye: Eye) -> Option<Entry> {
        let since = self.since(index, eye)?;
        if self.broken(index, eye) {
            // The batch job gave no time to live either: nothing mends itself.
            return Some(Entry { value: self.catalogue().broken(index), expires_ms: None });
        }
        let expires_ms = Catalogue::ttl_ms(index).map(|ttl| {
            let phase = since.rem_euclid(ttl) + (self.catalogue().share(index) * ttl as f64) as i64;
            eye.now_ms + ttl - (eye.now_ms - phase).rem_euclid(ttl)
        });
        Some(Entry { value: self.catalogue().value(index), expires_ms })
    }

    fn lives(entry: &Entry, now_ms: i64) -> bool {
        entry.expires_ms.is_none_or(|at| at > now_ms)
    }

    /// The entry under a key.
    pub fn get(&self, key: &[u8], eye: Eye) -> Option<Entry> {
        if let Some(own) = self.own_of(eye.db, key).filter(|e| Self::lives(e, eye.now_ms)) {
            return Some(own.clone());
        }
        if eye.db != SHOPS_DB {
            return None;
        }
        self.shops(self.catalogue().find(key)?, eye)
    }

    /// Keys in the order of their slots from a cursor on: at least `count` if there are so
    /// many, and where to go on; 0 at the end.
    pub fn scan(&self, cursor: u64, count: usize, eye: Eye) -> (u64, Vec<Vec<u8>>) {
        let from = (eye.db, cursor, Box::default());
        let mut own = self.own.range(from..).take_while(|(p, _)| p.0 == eye.db).peekable();
        let shops = if eye.db == SHOPS_DB { cursor } else { u64::MAX };
        let mut shops = self.catalogue().from_slot(shops).peekable();
        let (mut out, mut looked, mut last) = (Vec::new(), 0, 0);
        loop {
            let next = match (own.peek(), shops.peek()) {
                (Some((a, _)), Some((b, _))) => a.1.min(*b),
                (Some((a, _)), None) => a.1,
                (None, Some((b, _))) => *b,
                (None, None) => return (0, out),
            };
            // Keys that share a slot go together: a cursor cannot stand between them.
            if looked >= count && next != last {
                return (next, out);
            }
            (last, looked) = (next, looked + 1);
            if own.peek().is_some_and(|(p, _)| p.1 == next) {
                out.extend(own.next().filter(|(_, e)| Self::lives(e, eye.now_ms)).map(|(p, _)| p.2.to_vec()));
            } else {
                let there = |(_, index): &(u64, u32)| {
                    !self.shadowed(*index, eye) && self.since(*index, eye).is_some()
                };
                let name = |(_, index)| self.catalogue().name(index).as_bytes().to_vec();
                out.extend(shops.next().filter(there).map(name));
            }
        }
    }

    pub fn count(&self, eye: Eye) -> Count {
        let mut count = Count::default();
        let mut ttl_sum = 0_i64;
        let mut add = |expires_ms: Option<i64>| {
            count.keys += 1;
            if let Some(at) = expires_ms {
                count.expires += 1;
                ttl_sum = ttl_sum.saturating_add((at - eye.now_ms).max(0));
            }
        };
        self.own
            .iter()
            .filter(|(p, e)| p.0 == eye.db && Self::lives(e, eye.now_ms))
            .for_each(|(_, e)| add(e.expires_ms));
        if eye.db == SHOPS_DB {
            for index in 0..self.catalogue().size() {
                if !self.shadowed(index, eye) && self.since(index, eye).is_some() {
                    let ttl = Catalogue::ttl_ms(index).filter(|_| !self.broken(index, eye));
                    // On the average half of it is left.
                    add(ttl.map(|ttl| eye.now_ms + ttl / 2));
                }
            }
        }
        count.average_ttl_ms = ttl_sum.checked_div(count.expires as i64).unwrap_or(0);
        count
    }

    fn forget_own(&mut self, place: &Place) -> bool {
        let gone = self.own.remove(place);
        if let Some(entry) = &gone {
            self.own_bytes = self.own_bytes.saturating_sub(entry.value.size() + place.2.len() + ENTRY_BYTES);
        }
        gone.is_some()
    }

    /// What has expired is gone; one of the shop's comes back when it is next read.
    fn expire(&mut self, now_ms: i64) {
        if now_ms < self.own_until_ms {
            return;
        }
        let over: Vec<Place> =
            self.own.iter().filter(|(_, e)| !Self::lives(e, now_ms)).map(|(p, _)| p.clone()).collect();
        for place in over {
            if let Some(index) = self.catalogue().find(&place.2).filter(|_| place.0 == SHOPS_DB) {
                let taken_ms = self.taken_ms(index);
                self.taken.insert(index, taken_ms);
            }
            self.forget_own(&place);
        }
        self.own_until_ms = self.own.values().filter_map(|e| e.expires_ms).min().unwrap_or(i64::MAX);
    }

    fn put(&mut self, key: &[u8], entry: Entry, eye: Eye) -> Result<(), Full> {
        self.expire(eye.now_ms);
        let place = place(eye.db, key);
        let size = entry.value.size() + key.len() + ENTRY_BYTES;
        if self.own_bytes.saturating_add(size) > OWN_LIMIT_BYTES {
            return Err(Full);
        }
        self.forget_own(&place);
        self.own_bytes += size;
        self.own_until_ms = self.own_until_ms.min(entry.expires_ms.unwrap_or(i64::MAX));
        self.own.insert(place, entry);
        if let Some(index) = self.catalogue().find(key).filter(|_| eye.db == SHOPS_DB) {
            self.clean(index, eye);
        }
        Ok(())
    }

    fn clean(&mut self, index: u32, eye: Eye) {
        if eye.poisoned && Catalogue::is_product(index) {
            self.cleaned.insert(index);
        }
        self.taken.insert(index, eye.now_ms);
    }

    fn remove(&mut self, key: &[u8], eye: Eye) -> bool {
        let there = self.get(key, eye).is_some();
        self.forget_own(&place(eye.db, key));
        if there
            && eye.db == SHOPS_DB
            && let Some(index) = self.catalogue().find(key)
        {
            self.clean(index, eye);
        }
        there
    }

    fn empty(&mut self, db: Option<u8>, now_ms: i64) {
        self.own.retain(|p, _| db.is_some_and(|db| p.0 != db));
        self.own_bytes = self.own.iter().map(|(p, e)| p.2.len() + e.value.size() + ENTRY_BYTES).sum();
        if db.is_none_or(|db| db == SHOPS_DB) {
            self.taken.clear();
            self.cleaned.clear();
            self.emptied_ms = now_ms;
        }
    }

    /// Share of the broken entries that is left.
    fn broken_share(&self) -> f64 {
        1.0 - self.cleaned.len() as f64 / f64::from(PRODUCTS)
    }
}

fn is_cache(run: &PodRun) -> bool {
    run.namespace == SHOP && run.owner.0 == "StatefulSet" && run.owner.1 == "cache"
}

impl World {
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The cache's pods, in the order of their names.
    pub fn cache_pods(&self) -> impl Iterator<Item = &PodRun> {
        self.pods.values().filter(|p| is_cache(p))
    }

    /// How a pod of the cache sees a database; `None` when it does not run.
    pub fn cache_eye(&self, pod: &str, db: u8, now_ms: i64) -> Option<Eye> {
        let run = self.pod(SHOP, pod).filter(|p| is_cache(p))?;
        Some(Eye { db, now_ms, since_ms: run.running_since()?, poisoned: run.poison > 0.0 })
    }

    /// Reads of the cache so far that were answered from it, and that were not.
    pub fn cache_reads(&self) -> (f64, f64) {
        self.series.traffic.reads()
    }

    /// Writes an entry.
    ///
    /// # Errors
    /// When clients have written too much already.
    pub fn cache_put(&mut self, key: &[u8], entry: Entry, eye: Eye) -> Result<(), Full> {
        self.cache.put(key, entry, eye)?;
        self.feel_cleaned();
        Ok(())
    }

    /// Takes an entry away; whether it was there.
    pub fn cache_remove(&mut self, key: &[u8], eye: Eye) -> bool {
        let there = self.cache.remove(key, eye);
        if there && eye.db == SHOPS_DB {
            let share = 1.0 / f64::from(self.cache.catalogue().size());
            self.pods.values_mut().filter(|p| is_cache(p)).for_each(|p| p.warm = (p.warm - share).max(0.0));
            self.feel_cleaned();
        }
        there
    }

    fn feel_cleaned(&mut self) {
        let left = self.cache.broken_share();
        self.pods.values_mut().filter(|p| is_cache(p) && p.poison > 0.0).for_each(|p| p.poison = left);
    }

    /// Empties one database, or all: what is wrong is gone, and what is right has to be read
    /// anew.
    pub fn flush_database(&mut self, db: Option<u8>, now_ms: i64) {
        self.cache.empty(db, now_ms);
        if db.is_none_or(|db| db == SHOPS_DB) {
            for run in self.pods.values_mut().filter(|p| is_cache(p)) {
                run.warm = 0.0;
                run.poison = 0.0;
            }
        }
    }

    /// Empties the cache.
    pub fn flush_cache(&mut self) {
        self.flush_database(None, self.now_ms);
    }

    /// A batch job overwrites every product with what the api cannot read.
    pub(super) fn poison_cache(&mut self) {
        self.cache.poisoned_ms = self.now_ms;
        self.cache.cleaned.clear();
        self.pods.values_mut().filter(|p| is_cache(p)).for_each(|p| p.poison = 1.0);
    }
}
