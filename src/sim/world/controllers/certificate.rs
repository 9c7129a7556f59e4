//! cert-manager, as far as it shows: a Certificate is renewed when its time has come, if
//! its issuer is one that exists.

use serde_json::Value;

use super::set_condition;
use crate::sim::cluster::json::{int, parse_time, set, text, time};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::status::ApiError;
use crate::sim::world::World;
use crate::sim::world::cast::{DAY_MS, ISSUER};

impl World {
    pub(in crate::sim::world) fn check_certificates(&mut self) {
        for object in self.parts.store.list(Kind::Certificate, None) {
            if let Err(error) = self.check_certificate(&object.tree()) {
                tracing::debug!(%error, certificate = %object.name, "a certificate was not looked at");
            }
        }
    }

    fn check_certificate(&mut self, tree: &Value) -> Result<(), ApiError> {
        let now = self.now_ms;
        let due = parse_time(text(tree, "/status/renewalTime")).is_none_or(|at| at <= now);
        if !due {
            return Ok(());
        }
        let issuer = text(tree, "/spec/issuerRef/name");
        if issuer == ISSUER { self.renew(tree) } else { self.fail_to_renew(tree, issuer) }
    }

    fn renew(&mut self, tree: &Value) -> Result<(), ApiError> {
        let now = self.now_ms;
        let (namespace, name) = (text(tree, "/metadata/namespace"), text(tree, "/metadata/name"));
        self.parts.store.edit(Kind::Certificate, namespace, name, |tree| {
            set(tree, "/status", "notBefore", time(now));
            set(tree, "/status", "notAfter", time(now + 90 * DAY_MS));
            set(tree, "/status", "renewalTime", time(now + 60 * DAY_MS));
            set(tree, "/status", "revision", int(tree, "/status/revision").unwrap_or(0) + 1);
            set_condition(
                tree,
                "Ready",
                "True",
                "Ready",
                "Certificate is up to date and has not expired",
                now,
            );
            if let Some(conditions) = tree["status"]["conditions"].as_array_mut() {
                conditions.retain(|c| c["type"] != "Issuing");
            }
            if let Some(status) = tree["status"].as_object_mut() {
                status.remove("failedIssuanceAttempts");
                status.remove("lastFailureTime");
            }
            Ok(())
        })?;
        let message = "The certificate has been successfully issued";
        self.tell_of(Kind::Certificate, tree, false, "Issuing", message);
        Ok(())
    }

    fn fail_to_renew(&mut self, tree: &Value, issuer: &str) -> Result<(), ApiError> {
        let now = self.now_ms;
        let (namespace, name) = (text(tree, "/metadata/namespace"), text(tree, "/metadata/name"));
        // cert-manager waits an hour after the first failure, then longer.
        let waiting =
            parse_time(text(tree, "/status/lastFailureTime")).is_some_and(|at| now - at < 3_600_000);
        if waiting {
            return Ok(());
        }
        let message = format!(
            "The certificate request has failed to complete and will be retried: Referenced \"ClusterIssuer\" not found: clusterissuer.cert-manager.io \"{issuer}\" not found"
        );
        self.parts.store.edit(Kind::Certificate, namespace, name, |tree| {
            set(tree, "/status", "lastFailureTime", time(now));
            set(
                tree,
                "/status",
                "failedIssuanceAttempts",
                int(tree, "/status/failedIssuanceAttempts").unwrap_or(0) + 1,
            );
            set_condition(tree, "Issuing", "False", "Failed", &message, now);
            let expired = parse_time(text(tree, "/status/notAfter")).is_some_and(|end| end <= now);
            if expired {
                set_condition(tree, "Ready", "False", "Expired", "Certificate has expired", now);
            }
            Ok(())
        })?;
        self.tell_of(Kind::Certificate, tree, true, "Failed", &message);
        Ok(())
    }
}
