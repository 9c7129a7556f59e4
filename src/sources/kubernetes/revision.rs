//! What tells one revision of a workload from another: its pod template, without what a restart
//! and the controller write into it.

use serde_json::Value;

use super::kind::Intern;
use super::meta::key;
use crate::model::Clean;

/// A pod template as it stands in a ReplicaSet or a ControllerRevision.
pub struct TemplateOf<'a>(pub &'a Value);

impl TemplateOf<'_> {
    pub fn images(&self, intern: &mut Intern) -> Vec<Clean> {
        let containers = self.0.pointer("/spec/containers").and_then(Value::as_array);
        let images =
            containers.into_iter().flatten().filter_map(|container| container.get("image")?.as_str());
        images.map(|image| intern.get(image)).collect()
    }

    pub fn restarted_at(&self) -> Option<&str> {
        self.0.pointer("/metadata/annotations")?.get(key::RESTARTED_AT)?.as_str()
    }

    /// Equal for templates that differ only by a restart or by the controller's own label; the
    /// same on every machine and in every version, so that it can be written down.
    pub fn hash(&self) -> u64 {
        let mut hash = Fnv::new();
        value(&mut hash, self.0);
        hash.0
    }
}

/// FNV-1a, 64 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// With its length, so that neighbours don't run into each other.
    fn text(&mut self, tag: u8, text: &str) {
        self.bytes(&[tag]);
        self.bytes(&(text.len() as u64).to_le_bytes());
        self.bytes(text.as_bytes());
    }
}

/// Keys in order, nulls and empty maps as if they were not there: an API server may write them or
/// not. The depth is bounded by serde_json's own limit.
fn value(hash: &mut Fnv, at: &Value) {
    match at {
        Value::Null => hash.bytes(b"0"),
        Value::Bool(flag) => hash.bytes(if *flag { b"t" } else { b"f" }),
        Value::Number(number) => hash.text(b'n', &number.to_string()),
        Value::String(text) => hash.text(b's', text),
        Value::Array(items) => {
            hash.text(b'[', &items.len().to_string());
            items.iter().for_each(|item| value(hash, item));
        }
        Value::Object(map) => {
            let mut entries = map.iter().filter(|(key, inner)| counts(key, inner)).collect::<Vec<_>>();
            entries.sort_by_key(|(key, _)| *key);
            hash.text(b'{', &entries.len().to_string());
            for (key, inner) in entries {
                hash.text(b'k', key);
                value(hash, inner);
            }
        }
    }
}

fn counts(name: &str, inner: &Value) -> bool {
    // `$patch` is how a ControllerRevision says 'replace'.
    if matches!(name, key::POD_TEMPLATE_HASH | key::RESTARTED_AT | "creationTimestamp" | "$patch") {
        return false;
    }
    match inner {
        Value::Null => false,
        Value::Object(map) => map.iter().any(|(name, inner)| counts(name, inner)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(image: &str, extra: Value) -> Value {
        let mut metadata = json!({"labels": {"app": "api"}});
        if let (Some(metadata), Some(extra)) = (metadata.as_object_mut(), extra.as_object()) {
            metadata.extend(extra.clone());
        }
        json!({"metadata": metadata, "spec": {"containers": [{"name": "api", "image": image, "resources": {}}]}})
    }

    #[test]
    fn a_restart_is_no_change_and_an_image_is() {
        let hash = |image, extra| TemplateOf(&template(image, extra)).hash();
        let plain = hash("api:1", json!({}));
        assert_eq!(
            plain,
            hash(
                "api:1",
                json!({"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-11-21T02:00:00Z"}})
            )
        );
        assert_eq!(
            plain,
            hash(
                "api:1",
                json!({"labels": {"app": "api", "pod-template-hash": "x"}, "creationTimestamp": null})
            )
        );
        assert_ne!(plain, hash("api:2", json!({})));
        assert_ne!(plain, hash("api:1", json!({"annotations": {"team": "shop"}})));
    }

    #[test]
    fn the_order_of_keys_is_no_change_and_that_of_items_is() {
        let hash = |text: &str| TemplateOf(&serde_json::from_str(text).unwrap()).hash();
        assert_eq!(hash(r#"{"a":1,"b":[1,2]}"#), hash(r#"{"b":[1,2],"a":1}"#));
        assert_ne!(hash(r#"{"b":[1,2]}"#), hash(r#"{"b":[2,1]}"#));
        assert_ne!(hash(r#"{"a":"1"}"#), hash(r#"{"a":1}"#));
    }

    #[test]
    fn the_hash_never_changes_between_versions() {
        assert_eq!(
            TemplateOf(&json!({"spec": {"containers": [{"image": "api:1"}]}})).hash(),
            11_615_809_550_352_382_122
        );
    }
}
