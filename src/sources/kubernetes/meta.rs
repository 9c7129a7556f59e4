//! The metadata that all objects share, as far as it is kept, and small helpers for wire types.

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

/// `metadata` without the managed fields and what else makes objects large.
#[derive(serde::Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
pub struct Meta {
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub namespace: String,
    #[serde(deserialize_with = "or_default")]
    pub uid: String,
    #[serde(deserialize_with = "or_default")]
    pub resource_version: String,
    pub generation: Option<i64>,
    pub creation_timestamp: Option<Timestamp>,
    pub deletion_timestamp: Option<Timestamp>,
    #[serde(deserialize_with = "or_default")]
    pub labels: Wanted,
    #[serde(deserialize_with = "or_default")]
    pub annotations: Wanted,
    #[serde(deserialize_with = "or_default")]
    pub owner_references: Vec<OwnerReference>,
}

#[derive(serde::Deserialize, Debug, Default)]
#[serde(default)]
pub struct OwnerReference {
    pub kind: String,
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub controller: bool,
}

impl Meta {
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller)
    }

    /// Every object that was stored has it; a broken one counts as ancient rather than as new.
    pub fn created(&self) -> Timestamp {
        self.creation_timestamp.unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// The labels and annotations that anything here asks for. The rest is skipped while reading,
/// without being copied: `last-applied-configuration` alone is often larger than the pod.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wanted(Vec<(&'static str, String)>);

pub mod key {
    //! The names of labels and annotations, each where it is defined.
    pub const POD_TEMPLATE_HASH: &str = "pod-template-hash";
    pub const CONTROLLER_REVISION_HASH: &str = "controller-revision-hash";
    pub const REVISION: &str = "deployment.kubernetes.io/revision";
    pub const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";
    pub const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";
    pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
    pub const COMPONENT: &str = "app.kubernetes.io/component";
    pub const HELM_RELEASE: &str = "meta.helm.sh/release-name";
    pub const ARGO_INSTANCE: &str = "argocd.argoproj.io/instance";
    pub const ARGO_TRACKING: &str = "argocd.argoproj.io/tracking-id";
    pub const FLUX_KUSTOMIZATION: &str = "kustomize.toolkit.fluxcd.io/name";
    pub const FLUX_HELM: &str = "helm.toolkit.fluxcd.io/name";
    pub const VELERO_SCHEDULE: &str = "velero.io/schedule-name";
    pub const BACKUP: &str = "midwatch.io/backup";
    pub const BACKUP_SIZE: &str = "midwatch.io/backup-size-bytes";
    pub const BACKUP_VERIFIED: &str = "midwatch.io/backup-verified-at";

    pub const ALL: [&str; 16] = [
        POD_TEMPLATE_HASH,
        CONTROLLER_REVISION_HASH,
        REVISION,
        CHANGE_CAUSE,
        RESTARTED_AT,
        MANAGED_BY,
        COMPONENT,
        HELM_RELEASE,
        ARGO_INSTANCE,
        ARGO_TRACKING,
        FLUX_KUSTOMIZATION,
        FLUX_HELM,
        VELERO_SCHEDULE,
        BACKUP,
        BACKUP_SIZE,
        BACKUP_VERIFIED,
    ];
}

impl Wanted {
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, value)| value.as_str())
    }
}

impl<'de> Deserialize<'de> for Wanted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Wanted;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map of strings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Wanted, A::Error> {
                let mut found = Vec::new();
                while let Some(name) = map.next_key::<Name>()? {
                    match name.0 {
                        Some(key) => found.push((key, map.next_value()?)),
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Wanted(found))
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

/// A key of [`key::ALL`], or none of them.
struct Name(Option<&'static str>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Known;
        impl Visitor<'_> for Known {
            type Value = Name;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E>(self, text: &str) -> Result<Name, E> {
                Ok(Name(key::ALL.into_iter().find(|known| *known == text)))
            }
        }
        deserializer.deserialize_str(Known)
    }
}

/// Go writes empty slices, maps and structs as `null` where `omitempty` is missing.
pub fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(d: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(d)?.unwrap_or_default())
}

/// A condition of any kind's status.
#[derive(serde::Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
pub struct ConditionWire {
    #[serde(rename = "type")]
    pub kind: String,
    pub status: String,
    #[serde(deserialize_with = "or_default")]
    pub reason: String,
    #[serde(deserialize_with = "or_default")]
    pub message: String,
    pub last_transition_time: Option<Timestamp>,
    pub last_update_time: Option<Timestamp>,
}

impl ConditionWire {
    pub fn is_true(&self) -> bool {
        self.status == "True"
    }

    pub fn is_false(&self) -> bool {
        self.status == "False"
    }

    /// The message, or the reason where there is none.
    pub fn words(&self) -> Option<&str> {
        [&self.message, &self.reason].into_iter().map(String::as_str).find(|text| !text.is_empty())
    }
}

/// The condition of that type.
pub fn condition<'a>(conditions: &'a [ConditionWire], kind: &str) -> Option<&'a ConditionWire> {
    conditions.iter().find(|condition| condition.kind == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_for_is_kept() {
        let text = r#"{"name":"x","labels":{"app":"x","pod-template-hash":"abc"},"annotations":null,
            "ownerReferences":[{"kind":"ReplicaSet","name":"x-abc","controller":true,"uid":"1"}],
            "managedFields":[{"a":[1,2]}]}"#;
        let meta: Meta = serde_json::from_str(text).unwrap();
        assert_eq!(meta.labels, Wanted(vec![("pod-template-hash", "abc".into())]));
        assert_eq!(meta.annotations, Wanted::default());
        assert_eq!(meta.controller().unwrap().name, "x-abc");
    }
}
