//! The objects of one feed, by key. A relist keeps what was known until it is complete, and what
//! is told again unchanged is no change: nothing is derived anew from it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::model::Key;

#[derive(Clone, Debug)]
pub struct Store<T> {
    items: BTreeMap<Key, (u32, T)>,
    generation: u32,
    relisting: bool,
    changed: bool,
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        Self { items: BTreeMap::new(), generation: 0, relisting: false, changed: false }
    }
}

impl<T> Store<T> {
    /// All is told anew from here.
    pub(super) fn reset(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        self.relisting = true;
    }

    /// All has been told: what was not is gone.
    pub(super) fn ready(&mut self) {
        if std::mem::take(&mut self.relisting) {
            let (generation, before) = (self.generation, self.items.len());
            self.items.retain(|_, (seen, _)| *seen == generation);
            self.changed |= self.items.len() != before;
        }
    }

    pub(super) fn delete(&mut self, key: &Key) {
        self.changed |= self.items.remove(key).is_some();
    }

    /// Whether anything in it has become different since the last time that this was asked.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    pub fn get(&self, key: &Key) -> Option<&T> {
        self.items.get(key).map(|(_, item)| item)
    }

    /// The key as it is kept: with names that it shares.
    pub(super) fn key(&self, key: &Key) -> Option<&Key> {
        self.items.get_key_value(key).map(|(kept, _)| kept)
    }

    /// In the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.items.values().map(|(_, item)| item)
    }

    /// In the order of the keys.
    pub fn entries(&self) -> impl Iterator<Item = (&Key, &T)> {
        self.items.iter().map(|(key, (_, item))| (key, item))
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

impl<T: PartialEq> Store<T> {
    /// Gives what stood there before, where that was different.
    pub(super) fn upsert(&mut self, key: Key, item: T) -> Option<T> {
        match self.items.entry(key) {
            Entry::Vacant(place) => {
                place.insert((self.generation, item));
            }
            Entry::Occupied(mut place) => {
                let (seen, known) = place.get_mut();
                *seen = self.generation;
                if *known == item {
                    return None;
                }
                self.changed = true;
                return Some(std::mem::replace(known, item));
            }
        }
        self.changed = true;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::new("shop", name)
    }

    #[test]
    fn only_what_differs_is_a_change() {
        let mut store = Store::default();
        assert_eq!((store.upsert(key("a"), 1), store.take_changed()), (None, true));
        assert_eq!((store.upsert(key("a"), 1), store.take_changed()), (None, false));
        assert_eq!((store.upsert(key("a"), 2), store.take_changed()), (Some(1), true));
        store.delete(&key("b"));
        assert!(!store.take_changed());
        store.delete(&key("a"));
        assert!(store.take_changed());
    }

    #[test]
    fn a_relist_changes_what_it_does_not_tell_again() {
        let mut store = Store::default();
        for name in ["a", "b"] {
            store.upsert(key(name), 1);
        }
        store.take_changed();
        store.reset();
        store.upsert(key("a"), 1);
        store.upsert(key("b"), 1);
        store.ready();
        assert!(!store.take_changed());
        store.reset();
        store.upsert(key("b"), 1);
        assert_eq!(store.len(), 2, "what was known stays until the list is complete");
        store.ready();
        assert!(store.take_changed());
        assert_eq!(store.entries().map(|(key, _)| key.name.as_str()).collect::<Vec<_>>(), ["b"]);
    }
}
