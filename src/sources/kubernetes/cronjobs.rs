//! CronJobs: what should run, and when it last did.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::backup::is_backup;
use super::kind::{Convert, Kind, NAME_CHARS, Reach, Resource, bounded, wire};
use super::meta::{Meta, or_default};
use crate::model::backup::CronJob;
use crate::model::{FeedId, Observation};

pub struct CronJobs;

impl Kind for CronJobs {
    type Wire = CronJobWire;
    const FEED: FeedId = FeedId::CronJobs;
    const RESOURCE: Resource =
        Resource { group: "batch", version: "v1", plural: "cronjobs", reach: Reach::Scope };
    const MESSAGE: &'static str = "api.batch.v1.CronJob";

    fn convert(wire: CronJobWire, with: &mut Convert) -> Option<Observation> {
        let CronJobWire { metadata, spec, status } = wire;
        Some(Observation::CronJob(Box::new(CronJob {
            namespace: with.intern.get(&metadata.namespace),
            name: with.intern.get(&metadata.name),
            uid: bounded(&metadata.uid, NAME_CHARS),
            schedule: bounded(&spec.schedule, NAME_CHARS),
            time_zone: with.intern.some(&spec.time_zone),
            suspended: spec.suspend,
            active: u32::try_from(status.active.len()).unwrap_or(u32::MAX),
            last_schedule: status.last_schedule_time,
            last_success: status.last_successful_time,
            created: metadata.created(),
            is_backup: is_backup(&metadata, &[&metadata.name], &with.backups),
        })))
    }
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
pub struct CronJobWire {
    metadata: Meta,
    #[serde(deserialize_with = "or_default")]
    spec: Spec,
    #[serde(deserialize_with = "or_default")]
    status: Status,
}

wire!(CronJobWire);

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    schedule: String,
    #[serde(deserialize_with = "or_default")]
    time_zone: String,
    #[serde(deserialize_with = "or_default")]
    suspend: bool,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    #[serde(deserialize_with = "or_default")]
    active: Vec<IgnoredAny>,
    last_schedule_time: Option<Timestamp>,
    last_successful_time: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::{BackupExpectation, Config};

    #[test]
    fn a_listed_cronjob_is_a_backup() {
        let expected = BackupExpectation {
            name: "shop/nightly".into(),
            every: None,
            rpo: None,
            rto: None,
            retention: None,
            verified_within: None,
        };
        let config = Config { backups: vec![expected], ..Config::default() };
        let wire = serde_json::from_value(json!({
            "metadata": {"name": "nightly", "namespace": "shop", "uid": "u"},
            "spec": {"schedule": "0 2 * * *", "timeZone": "Europe/Berlin", "suspend": true},
            "status": {"active": [{"name": "nightly-1"}], "lastScheduleTime": "2026-11-21T01:00:00Z"}
        }));
        let Some(Observation::CronJob(got)) = CronJobs::convert(wire.unwrap(), &mut Convert::new(&config))
        else {
            panic!("none")
        };
        assert!(got.is_backup && got.suspended);
        assert_eq!(
            (&*got.schedule, got.time_zone.as_deref(), got.active),
            ("0 2 * * *", Some("Europe/Berlin"), 1)
        );
        assert_eq!(got.last_success, None);
    }
}
