//! What the watch engine has to know of a kind: where it is served, what of it is read, and what
//! becomes of it.

use std::collections::HashSet;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::api::escape;
use super::meta::Meta;
use super::trouble::{Ask, clip};
use crate::config::Config;
use crate::model::{Clean, FeedId, Key, Observation};

/// One kind of object, one feed.
pub trait Kind: Send + Sync + 'static {
    /// What is read of an object: a slim type, since whole ones cost 70 KiB each.
    type Wire: Wire;
    const FEED: FeedId;
    /// The same, as the registry of sources wants it.
    const FEEDS: &'static [FeedId] = &[Self::FEED];
    const RESOURCE: Resource;
    /// Its message in the schema, for the kinds that have protobuf; empty: JSON only, as custom
    /// resources and aggregated APIs.
    const MESSAGE: &'static str = "";
    /// Kinds that can't be watched are asked for again after this time.
    const POLLED: Option<Duration> = None;
    /// Only objects with this label, as a query has it (`kind%3Dx`); empty: all.
    const SELECTOR: &'static str = "";

    /// Where to ask, in a namespace or in all.
    fn path(namespace: Option<&str>) -> String {
        let path = Self::RESOURCE.path(namespace);
        if Self::SELECTOR.is_empty() { path } else { format!("{path}?labelSelector={}", Self::SELECTOR) }
    }

    /// None: of no interest, and what was known of it is withdrawn.
    fn convert(wire: Self::Wire, with: &mut Convert) -> Option<Observation>;
}

pub trait Wire: DeserializeOwned + Send + 'static {
    fn meta(&self) -> &Meta;
}

/// Implements [`Wire`] for types whose metadata is the field `metadata`.
macro_rules! wire {
    ($($name:ty),+) => {
        $(impl $crate::sources::kubernetes::kind::Wire for $name {
            fn meta(&self) -> &$crate::sources::kubernetes::meta::Meta {
                &self.metadata
            }
        })+
    };
}
pub(super) use wire;

/// Where a kind is served.
#[derive(Clone, Copy, Debug)]
pub struct Resource {
    /// Empty: core.
    pub group: &'static str,
    pub version: &'static str,
    pub plural: &'static str,
    pub reach: Reach,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Asked for in the scope's namespace, or in all.
    Scope,
    /// Has no namespace.
    Cluster,
    /// All namespaces whatever the scope; where that is denied, this one.
    All { or: &'static str },
}

impl Resource {
    /// 'pods', 'deployments.apps'.
    pub fn name(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    pub fn path(&self, namespace: Option<&str>) -> String {
        let root = match self.group {
            "" => format!("/api/{}", self.version),
            group => format!("/apis/{group}/{}", self.version),
        };
        match namespace {
            Some(namespace) => format!("{root}/namespaces/{}/{}", escape(namespace), self.plural),
            None => format!("{root}/{}", self.plural),
        }
    }

    /// The namespace to ask in first.
    pub fn namespace(&self, scope: Option<&Clean>) -> Option<String> {
        match self.reach {
            Reach::Scope => scope.map(ToString::to_string),
            Reach::Cluster | Reach::All { .. } => None,
        }
    }

    pub fn ask(&self, verb: &'static str, namespace: Option<&str>) -> Ask {
        Ask { verb, resource: self.name(), namespace: namespace.map(ToOwned::to_owned) }
    }
}

/// What conversions share: the strings that repeat, and the names that the configuration lists.
pub struct Convert {
    pub intern: Intern,
    /// Names of the configured backups, `name` or `namespace/name`.
    pub backups: Vec<String>,
}

impl Convert {
    pub fn new(config: &Config) -> Self {
        Self {
            intern: Intern::default(),
            backups: config.backups.iter().map(|backup| backup.name.clone()).collect(),
        }
    }

    pub fn key(&mut self, meta: &Meta) -> Key {
        Key { namespace: self.intern.get(&meta.namespace), name: bounded(&meta.name, NAME_CHARS) }
    }
}

/// Kubernetes allows 253 characters for names, and 63 for most.
pub const NAME_CHARS: usize = 253;

/// Messages of conditions and containers: what fits on a page.
pub const MESSAGE_CHARS: usize = 512;

/// Cleaned and cut.
pub fn bounded(raw: &str, max_chars: usize) -> Clean {
    Clean::new(clip(raw, max_chars))
}

/// A message, if there is one.
pub fn message(raw: &str) -> Option<Clean> {
    let text = raw.trim();
    (!text.is_empty()).then(|| bounded(text, MESSAGE_CHARS))
}

/// Strings that repeat are kept once: namespaces, nodes, workloads, status words, images.
#[derive(Default)]
pub struct Intern(HashSet<Clean>);

impl Intern {
    /// More different strings than this don't repeat; keeping them would only leak.
    const MAX: usize = 8192;

    pub fn get(&mut self, raw: &str) -> Clean {
        if let Some(known) = self.0.get(raw) {
            return known.clone();
        }
        let clean = bounded(raw, MESSAGE_CHARS);
        if let Some(known) = self.0.get(&clean) {
            return known.clone();
        }
        if self.0.len() < Self::MAX {
            self.0.insert(clean.clone());
        }
        clean
    }

    /// None for the empty string.
    pub fn some(&mut self, raw: &str) -> Option<Clean> {
        (!raw.is_empty()).then(|| self.get(raw))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_api() {
        let pods = Resource { group: "", version: "v1", plural: "pods", reach: Reach::Scope };
        assert_eq!(pods.path(Some("shop")), "/api/v1/namespaces/shop/pods");
        let sets = Resource { group: "apps", version: "v1", plural: "deployments", reach: Reach::Scope };
        assert_eq!(sets.path(None), "/apis/apps/v1/deployments");
        assert_eq!(sets.name(), "deployments.apps");
        assert_eq!(pods.path(Some("../x")), "/api/v1/namespaces/..%2Fx/pods");
    }

    #[test]
    fn equal_strings_are_one_allocation() {
        let mut intern = Intern::default();
        let (a, b) = (intern.get("node-1"), intern.get("node-1"));
        assert!(std::ptr::eq(a.as_str(), b.as_str()));
        let (a, b) = (intern.get("\x1b[1mx"), intern.get("\x1b[1mx"));
        assert!(std::ptr::eq(a.as_str(), b.as_str()));
    }
}
