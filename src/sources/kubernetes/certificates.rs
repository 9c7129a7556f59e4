//! cert-manager's Certificates, where the cluster has them.

use jiff::Timestamp;
use serde::Deserialize;

use super::kind::{Convert, Kind, NAME_CHARS, Reach, Resource, bounded, message, wire};
use super::meta::{ConditionWire, Meta, condition, or_default};
use crate::model::cluster::Certificate;
use crate::model::{Clean, FeedId, Observation};

/// Names of one certificate that are kept.
const MAX_NAMES: usize = 32;

pub struct Certificates;

impl Kind for Certificates {
    type Wire = CertificateWire;
    const FEED: FeedId = FeedId::Certificates;
    const RESOURCE: Resource =
        Resource { group: "cert-manager.io", version: "v1", plural: "certificates", reach: Reach::Scope };

    fn convert(wire: CertificateWire, with: &mut Convert) -> Option<Observation> {
        let CertificateWire { metadata, spec, status } = wire;
        let ready = condition(&status.conditions, "Ready").is_some_and(ConditionWire::is_true);
        Some(Observation::Certificate(Box::new(Certificate {
            namespace: with.intern.get(&metadata.namespace),
            name: with.intern.get(&metadata.name),
            dns_names: spec.dns_names.iter().take(MAX_NAMES).map(|name| bounded(name, NAME_CHARS)).collect(),
            not_after: status.not_after,
            ready,
            message: complaint(&status, ready),
        })))
    }
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
pub struct CertificateWire {
    metadata: Meta,
    #[serde(deserialize_with = "or_default")]
    spec: Spec,
    #[serde(deserialize_with = "or_default")]
    status: Status,
}

wire!(CertificateWire);

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    #[serde(deserialize_with = "or_default")]
    dns_names: Vec<String>,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    not_after: Option<Timestamp>,
    failed_issuance_attempts: Option<u32>,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<ConditionWire>,
}

/// A certificate may be ready while its renewal fails: then `Issuing` is false with a reason, or
/// attempts are counted, long before `Ready` turns.
fn complaint(status: &Status, ready: bool) -> Option<Clean> {
    if !ready {
        return condition(&status.conditions, "Ready").and_then(ConditionWire::words).and_then(message);
    }
    let failed = condition(&status.conditions, "Issuing").filter(|issuing| {
        issuing.is_false() && matches!(issuing.reason.as_str(), "Failed" | "Error" | "IncorrectIssuer")
    });
    let attempts = status.failed_issuance_attempts.filter(|attempts| *attempts > 0);
    match (failed.and_then(ConditionWire::words), attempts) {
        (Some(words), _) => message(words),
        (None, Some(1)) => message("the last attempt to renew it failed"),
        (None, Some(attempts)) => message(&format!("the last {attempts} attempts to renew it failed")),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Config;

    fn convert(status: serde_json::Value) -> Certificate {
        let wire = json!({"metadata": {"name": "shop-tls", "namespace": "shop"},
            "spec": {"dnsNames": ["shop.example.com"]}, "status": status});
        let with = &mut Convert::new(&Config::default());
        match Certificates::convert(serde_json::from_value(wire).unwrap(), with) {
            Some(Observation::Certificate(got)) => *got,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_failing_renewal_is_seen_while_it_is_still_ready() {
        let got =
            convert(json!({"notAfter": "2026-11-27T00:00:00Z", "failedIssuanceAttempts": 3, "conditions": [
            {"type": "Ready", "status": "True", "message": "Certificate is up to date"},
            {"type": "Issuing", "status": "False", "reason": "Failed", "message": "acme: rate limited"}]}));
        assert!(got.ready);
        assert_eq!(got.message.as_deref(), Some("acme: rate limited"));
        let counted = convert(
            json!({"failedIssuanceAttempts": 3, "conditions": [{"type": "Ready", "status": "True"}]}),
        );
        assert_eq!(counted.message.as_deref(), Some("the last 3 attempts to renew it failed"));
        let fine =
            convert(json!({"conditions": [{"type": "Ready", "status": "True", "message": "up to date"}]}));
        assert_eq!(fine.message, None);
        let broken = convert(
            json!({"conditions": [{"type": "Ready", "status": "False", "reason": "Expired", "message": "it expired"}]}),
        );
        assert_eq!((broken.ready, broken.message.as_deref()), (false, Some("it expired")));
    }
}
