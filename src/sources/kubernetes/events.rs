//! Events: what the cluster says of its own doings, for about an hour.

use jiff::Timestamp;
use serde::Deserialize;

use super::kind::{Convert, Kind, MESSAGE_CHARS, NAME_CHARS, Reach, Resource, bounded, wire};
use super::meta::{Meta, or_default};
use crate::model::cluster::ClusterEvent;
use crate::model::{FeedId, Observation};

pub struct Events;

impl Kind for Events {
    type Wire = EventWire;
    const FEED: FeedId = FeedId::Events;
    /// core/v1 rather than events.k8s.io: the same objects, and more roles may read them.
    const RESOURCE: Resource = Resource { group: "", version: "v1", plural: "events", reach: Reach::Scope };
    const MESSAGE: &'static str = "api.core.v1.Event";

    fn convert(wire: EventWire, with: &mut Convert) -> Option<Observation> {
        let created = wire.metadata.created();
        // Old recorders write first and last, new ones eventTime and a series.
        let first = wire.first_timestamp.or(wire.event_time).unwrap_or(created);
        let series_last = wire.series.as_ref().and_then(|series| series.last_observed_time);
        let last = series_last.or(wire.last_timestamp).or(wire.event_time).unwrap_or(first);
        let count = wire.series.map(|series| series.count).or(wire.count).unwrap_or(1);
        let intern = &mut with.intern;
        Some(Observation::Event(Box::new(ClusterEvent {
            namespace: intern.get(&wire.metadata.namespace),
            name: bounded(&wire.metadata.name, NAME_CHARS),
            warning: wire.kind == "Warning",
            reason: intern.get(&wire.reason),
            message: bounded(wire.message.trim(), MESSAGE_CHARS),
            kind: intern.get(&wire.involved_object.kind),
            object: bounded(&wire.involved_object.name, NAME_CHARS),
            count: count.max(1),
            first,
            last,
        })))
    }
}

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
pub struct EventWire {
    metadata: Meta,
    #[serde(rename = "type", deserialize_with = "or_default")]
    kind: String,
    #[serde(deserialize_with = "or_default")]
    reason: String,
    #[serde(deserialize_with = "or_default")]
    message: String,
    involved_object: Involved,
    count: Option<u32>,
    first_timestamp: Option<Timestamp>,
    last_timestamp: Option<Timestamp>,
    event_time: Option<Timestamp>,
    series: Option<Series>,
}

wire!(EventWire);

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
struct Involved {
    #[serde(deserialize_with = "or_default")]
    kind: String,
    #[serde(deserialize_with = "or_default")]
    name: String,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
struct Series {
    count: u32,
    last_observed_time: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Config;

    fn convert(value: serde_json::Value) -> ClusterEvent {
        let with = &mut Convert::new(&Config::default());
        match Events::convert(serde_json::from_value(value).unwrap(), with) {
            Some(Observation::Event(event)) => *event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn old_and_new_recorders_are_understood() {
        let old = convert(json!({"metadata": {"name": "api.1", "namespace": "shop"}, "type": "Warning",
            "reason": "BackOff", "message": "Back-off restarting failed container", "count": 12,
            "involvedObject": {"kind": "Pod", "name": "api-1"}, "eventTime": null,
            "firstTimestamp": "2026-11-21T02:00:00Z", "lastTimestamp": "2026-11-21T02:30:00Z"}));
        assert!(old.warning);
        assert_eq!((old.count, &*old.object), (12, "api-1"));
        assert_eq!(old.last, "2026-11-21T02:30:00Z".parse().unwrap());
        let new = convert(json!({"metadata": {"name": "api.2"}, "type": "Normal", "reason": "Scheduled",
            "firstTimestamp": null, "lastTimestamp": null, "eventTime": "2026-11-21T02:00:00.123456Z",
            "series": {"count": 3, "lastObservedTime": "2026-11-21T02:10:00.000000Z"}}));
        assert_eq!((new.count, new.warning), (3, false));
        assert_eq!(new.first, "2026-11-21T02:00:00.123456Z".parse().unwrap());
        assert_eq!(new.last, "2026-11-21T02:10:00Z".parse().unwrap());
    }
}
