//! Acknowledgements of alerts: Leases with our label, which any responder's midwatch has made.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::kind::{Convert, Kind, NAME_CHARS, Reach, Resource, bounded, wire};
use super::meta::{Meta, or_default};
use crate::model::acknowledgement::Acknowledgement;
use crate::model::{FeedId, Observation};

/// Longer than any that midwatch makes: what says otherwise is not believed.
const LONGEST_S: i64 = 90 * 86_400;

pub struct Acknowledgements;

impl Kind for Acknowledgements {
    type Wire = LeaseWire;
    const FEED: FeedId = FeedId::Acknowledgements;
    const RESOURCE: Resource =
        Resource { group: "coordination.k8s.io", version: "v1", plural: "leases", reach: Reach::Scope };
    const MESSAGE: &'static str = "api.coordination.v1.Lease";
    const SELECTOR: &'static str = "midwatch.dev%2Fkind%3Dacknowledgement";

    fn convert(wire: LeaseWire, with: &mut Convert) -> Option<Observation> {
        let LeaseWire { metadata, spec } = wire;
        let lasts = SignedDuration::from_secs(spec.lease_duration_seconds.clamp(0, LONGEST_S));
        let until = spec.renew_time?.checked_add(lasts).ok()?;
        Some(Observation::Acknowledgement(Box::new(Acknowledgement {
            namespace: with.intern.get(&metadata.namespace),
            name: bounded(&metadata.name, NAME_CHARS),
            holder: bounded(&spec.holder_identity, NAME_CHARS),
            until,
        })))
    }
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
pub struct LeaseWire {
    metadata: Meta,
    #[serde(deserialize_with = "or_default")]
    spec: Spec,
}

wire!(LeaseWire);

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    #[serde(deserialize_with = "or_default")]
    holder_identity: String,
    #[serde(deserialize_with = "or_default")]
    lease_duration_seconds: i64,
    renew_time: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Config;
    use crate::model::acknowledgement::{KIND, LEASE_KIND, lease_name};

    #[test]
    fn a_lease_says_who_and_until_when() {
        let wire = json!({"metadata": {"name": lease_name("0aF3"), "namespace": "shop"},
            "spec": {"holderIdentity": "dana", "leaseDurationSeconds": 1800, "renewTime": "2026-11-21T03:00:00.000000Z"}});
        let with = &mut Convert::new(&Config::default());
        let Some(Observation::Acknowledgement(got)) =
            Acknowledgements::convert(serde_json::from_value(wire).unwrap(), with)
        else {
            panic!("not read");
        };
        assert_eq!((got.holder.as_str(), got.until.to_string()), ("dana", "2026-11-21T03:30:00Z".to_owned()));
        assert!(got.is_of("0aF3") && !got.is_of("0af4"));
    }

    #[test]
    fn what_can_not_be_is_left_out_and_never_panics() {
        let with = &mut Convert::new(&Config::default());
        let mut read = |spec: serde_json::Value| {
            let wire = json!({"metadata": {"name": "x"}, "spec": spec});
            serde_json::from_value(wire).ok().and_then(|wire| Acknowledgements::convert(wire, with))
        };
        assert_eq!(read(json!({"holderIdentity": "x"})), None);
        assert!(
            read(json!({"renewTime": "9999-12-30T00:00:00Z", "leaseDurationSeconds": i64::MAX})).is_none()
        );
        assert!(read(json!({"renewTime": "2026-11-21T03:00:00Z", "leaseDurationSeconds": -5})).is_some());
    }

    #[test]
    fn the_selector_is_that_of_the_label() {
        let selector = Acknowledgements::SELECTOR.replace("%2F", "/").replace("%3D", "=");
        assert_eq!(selector, format!("{KIND}={LEASE_KIND}"));
    }
}
