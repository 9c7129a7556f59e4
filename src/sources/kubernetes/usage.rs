//! What pods use now, from metrics.k8s.io: it can't be watched, and changes every 15 s at best.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use super::kind::{Convert, Kind, NAME_CHARS, Reach, Resource, bounded, wire};
use super::meta::{Meta, or_default};
use super::quantity::Amounts;
use crate::model::cluster::PodUsage;
use crate::model::pod::Resources;
use crate::model::{FeedId, Observation};

pub struct Usage;

impl Kind for Usage {
    type Wire = PodMetricsWire;
    const FEED: FeedId = FeedId::Usage;
    const RESOURCE: Resource =
        Resource { group: "metrics.k8s.io", version: "v1beta1", plural: "pods", reach: Reach::Scope };
    /// metrics-server's own resolution is 15 s.
    const POLLED: Option<Duration> = Some(Duration::from_secs(15));

    fn convert(wire: PodMetricsWire, with: &mut Convert) -> Option<Observation> {
        let mut used = Resources::default();
        for container in &wire.containers {
            let more = container.usage.resources();
            used.cpu_millicores = used.cpu_millicores.saturating_add(more.cpu_millicores);
            used.memory_bytes = used.memory_bytes.saturating_add(more.memory_bytes);
        }
        Some(Observation::Usage(PodUsage {
            namespace: with.intern.get(&wire.metadata.namespace),
            name: bounded(&wire.metadata.name, NAME_CHARS),
            used,
            at: wire.timestamp.unwrap_or_else(Timestamp::now),
        }))
    }
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
pub struct PodMetricsWire {
    metadata: Meta,
    timestamp: Option<Timestamp>,
    #[serde(deserialize_with = "or_default")]
    containers: Vec<ContainerMetrics>,
}

wire!(PodMetricsWire);

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
struct ContainerMetrics {
    #[serde(deserialize_with = "or_default")]
    usage: Amounts,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Config;

    #[test]
    fn containers_are_summed() {
        let wire = serde_json::from_value(json!({"metadata": {"name": "api-1", "namespace": "shop"},
            "timestamp": "2026-11-21T02:00:00Z", "window": "15s", "containers": [
                {"name": "api", "usage": {"cpu": "123456789n", "memory": "65536Ki"}},
                {"name": "proxy", "usage": {"cpu": "10m", "memory": "1Mi"}}]}));
        let with = &mut Convert::new(&Config::default());
        let Some(Observation::Usage(got)) = Usage::convert(wire.unwrap(), with) else { panic!("none") };
        assert_eq!(got.used, Resources { cpu_millicores: 134, memory_bytes: 65 << 20 });
    }
}
