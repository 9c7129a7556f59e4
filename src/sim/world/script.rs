//! The scenario at work: what was so before the live past began, and what happens when
//! its time comes.

use serde_json::{Value, json};

use super::World;
use super::cast::{BACKUP_VOLUME_BYTES, DAY_MS, FULL_BACKUP_BYTES, Past, SHOP};
use crate::sim::cluster::json::{list, set, text, time};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::status::ApiError;
use crate::sim::scenario::{Action, CertificateChange, Env, Leak, Rollout, Scenario};

/// Keep two weeks of full backups unless told otherwise.
const RETENTION_DAYS: i64 = 14;

/// What of the scenario lies before `begin_ms` and has left its marks in the past.
pub fn past(scenario: &Scenario, origin_ms: i64, begin_ms: i64, pods: Option<usize>) -> Past {
    let mut past = Past { retention_days: RETENTION_DAYS, disk_full_since_ms: None, pods };
    for event in &scenario.events {
        let at = origin_ms + event.at_ms;
        if let (Action::Env(env), true) = (&event.action, at < begin_ms)
            && let Some(days) = env.set.get("RETENTION_DAYS").and_then(|d| d.parse().ok())
        {
            past.retention_days = days;
            past.disk_full_since_ms = is_full(days).then_some(at);
        }
    }
    past
}

/// Whether so many days of full backups are more than the backup volume holds.
pub fn is_full(retention_days: i64) -> bool {
    retention_days as f64 * FULL_BACKUP_BYTES > BACKUP_VOLUME_BYTES
}

impl World {
    pub(super) fn play_script(&mut self) {
        while self.script.front().is_some_and(|(at, _)| *at <= self.now_ms) {
            let Some((_, event)) = self.script.pop_front() else { return };
            if let Err(error) = self.act(event.action) {
                tracing::warn!(%error, "an event of the scenario could not happen");
            }
        }
    }

    fn act(&mut self, action: Action) -> Result<(), ApiError> {
        match action {
            Action::Rollout(rollout) => self.roll_out(rollout),
            Action::Load(load) => {
                self.physics.set_load(self.now_ms, &load);
                Ok(())
            }
            Action::PoisonCache => {
                self.poison_cache();
                Ok(())
            }
            Action::Leak(leak) => self.start_leak(&leak),
            Action::Env(env) => self.set_env(&env),
            Action::Certificate(change) => self.change_certificate(&change),
            Action::ApiFault(fault) => {
                self.parts.faults.set(fault);
                Ok(())
            }
            Action::Deny(rule) => {
                self.parts.auth.deny(rule);
                Ok(())
            }
        }
    }

    fn roll_out(&mut self, rollout: Rollout) -> Result<(), ApiError> {
        if let Some(bad) = rollout.bad {
            self.bad_images.insert(rollout.image.clone(), bad);
        }
        self.parts.store.edit(Kind::Deployment, SHOP, &rollout.deployment, |tree| {
            let cause = format!("deploy of {} by ci", rollout.image);
            set(tree, "/metadata/annotations", "kubernetes.io/change-cause", cause);
            for container in containers(tree, "/spec/template/spec/containers") {
                container["image"] = rollout.image.clone().into();
                if let Some(env) = container.get_mut("env").and_then(Value::as_array_mut) {
                    env.retain(|e| !rollout.unset_env.iter().any(|name| text(e, "/name") == name));
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    fn start_leak(&mut self, leak: &Leak) -> Result<(), ApiError> {
        let Some(object) = self.parts.store.get(Kind::Deployment, SHOP, &leak.deployment) else {
            return Err(ApiError::not_found(Kind::Deployment, &leak.deployment));
        };
        for container in list(&object.tree(), "/spec/template/spec/containers") {
            self.leaks.insert(text(container, "/image").to_owned(), leak.mib_per_min * 1_048_576.0 / 60.0);
        }
        Ok(())
    }

    fn set_env(&mut self, env: &Env) -> Result<(), ApiError> {
        self.parts.store.edit(Kind::CronJob, SHOP, &env.cronjob, |tree| {
            for container in containers(tree, "/spec/jobTemplate/spec/template/spec/containers") {
                for (name, value) in &env.set {
                    set_variable(container, name, value);
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    fn change_certificate(&mut self, change: &CertificateChange) -> Result<(), ApiError> {
        let end = self.now_ms + (change.days_left * DAY_MS as f64) as i64;
        self.parts.store.edit(Kind::Certificate, SHOP, &change.name, |tree| {
            set(tree, "/spec/issuerRef", "name", change.issuer.clone());
            set(tree, "/status", "notAfter", time(end));
            set(tree, "/status", "notBefore", time(end - 90 * DAY_MS));
            set(tree, "/status", "renewalTime", time(end - 30 * DAY_MS));
            Ok(())
        })?;
        self.check_certificates();
        Ok(())
    }
}

fn containers<'a>(tree: &'a mut Value, pointer: &str) -> impl Iterator<Item = &'a mut Value> {
    tree.pointer_mut(pointer).and_then(Value::as_array_mut).into_iter().flatten()
}

fn set_variable(container: &mut Value, name: &str, value: &str) {
    if !container["env"].is_array() {
        container["env"] = json!([]);
    }
    let Some(env) = container["env"].as_array_mut() else { return };
    match env.iter_mut().find(|e| text(e, "/name") == name) {
        Some(entry) => entry["value"] = value.into(),
        None => env.push(json!({"name": name, "value": value})),
    }
}
