//! The horizontal autoscaler: CPU against its target, within its bounds, with the
//! tolerance, the pace up and the slow way down of the real one.

use std::collections::{HashMap, VecDeque};

use serde_json::{Value, json};

use super::set_condition;
use crate::sim::cluster::json::{int, list, set, text, time};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::select::Selector;
use crate::sim::cluster::status::ApiError;
use crate::sim::world::World;

/// `--horizontal-pod-autoscaler-tolerance`.
const TOLERANCE: f64 = 0.1;
/// `--horizontal-pod-autoscaler-downscale-stabilization`.
const STABILIZATION_MS: i64 = 300_000;

/// What was recommended lately, by autoscaler.
#[derive(Default)]
pub struct Autoscaler {
    recommended: HashMap<String, VecDeque<(i64, i64)>>,
}

/// What an autoscaler has come to.
struct Outcome {
    /// `None`: it leaves the replicas as they are.
    desired: Option<i64>,
    why: &'static str,
    /// Reason and message of `ScalingLimited`.
    limited: Option<(&'static str, &'static str)>,
    /// Reason and message of a `ScalingActive` that is false.
    inactive: Option<(&'static str, &'static str)>,
}

impl Outcome {
    fn to(desired: i64, why: &'static str) -> Self {
        Self { desired: Some(desired), why, limited: None, inactive: None }
    }

    fn off(reason: &'static str, message: &'static str) -> Self {
        Self { desired: None, why: "", limited: None, inactive: Some((reason, message)) }
    }
}

impl World {
    pub(in crate::sim::world) fn autoscale(&mut self) {
        for object in self.parts.store.list(Kind::HorizontalPodAutoscaler, None) {
            if let Err(error) = self.autoscale_one(&object.tree()) {
                tracing::debug!(%error, hpa = %object.name, "an autoscaler did not finish");
            }
        }
    }

    /// CPU used by the pods of a workload, in percent of what they request.
    fn utilization(&self, namespace: &str, selector: &Selector) -> Option<f64> {
        let pods =
            self.parts.store.page(Kind::Pod, Some(namespace), None, usize::MAX, |o| selector.matches(o));
        let runs: Vec<_> =
            pods.objects.iter().filter_map(|p| self.run_of(p)).filter(|r| r.serving()).collect();
        let requested: f64 = runs.iter().map(|r| r.cpu_request).sum();
        (requested > 0.0).then(|| runs.iter().map(|r| r.cpu).sum::<f64>() / requested * 100.0)
    }

    fn autoscale_one(&mut self, tree: &Value) -> Result<(), ApiError> {
        let namespace = text(tree, "/metadata/namespace");
        let kind = match text(tree, "/spec/scaleTargetRef/kind") {
            "StatefulSet" => Kind::StatefulSet,
            _ => Kind::Deployment,
        };
        let target_name = text(tree, "/spec/scaleTargetRef/name");
        let Some(target) = self.parts.store.get(kind, namespace, target_name) else { return Ok(()) };
        let workload = target.tree();
        let now_replicas = super::replicas(&workload);
        let selector = Selector::of_workload(&workload["spec"]["selector"]);
        let percent = self.utilization(namespace, &selector);
        let outcome = self.outcome(tree, percent, now_replicas);
        if let Some((reason, message)) = outcome.inactive
            && now_replicas > 0
        {
            self.tell_of(Kind::HorizontalPodAutoscaler, tree, true, reason, message);
        }
        let desired = outcome.desired.unwrap_or(now_replicas);
        if desired != now_replicas {
            self.parts.store.edit(kind, namespace, target_name, |tree| {
                set(tree, "/spec", "replicas", desired);
                Ok(())
            })?;
            let message = format!("New size: {desired}; reason: {}", outcome.why);
            self.tell_of(Kind::HorizontalPodAutoscaler, tree, false, "SuccessfulRescale", &message);
        }
        self.autoscaler_status(tree, percent, now_replicas, &outcome)
    }

    /// What the autoscaler wants of a workload that has so many replicas and uses so much CPU.
    fn outcome(&mut self, tree: &Value, percent: Option<f64>, now_replicas: i64) -> Outcome {
        let low = int(tree, "/spec/minReplicas").unwrap_or(1).max(1);
        let high = int(tree, "/spec/maxReplicas").unwrap_or(low).max(low);
        let wanted =
            list(tree, "/spec/metrics").first().and_then(|m| int(m, "/resource/target/averageUtilization"));
        if now_replicas == 0 {
            Outcome::off(
                "ScalingDisabled",
                "scaling is disabled since the replica count of the target is zero",
            )
        } else if now_replicas > high {
            Outcome::to(high, "Current number of replicas above Spec.MaxReplicas")
        } else if now_replicas < low {
            Outcome::to(low, "Current number of replicas below Spec.MinReplicas")
        } else if let (Some(percent), Some(wanted)) = (percent, wanted) {
            let ratio = percent / wanted.max(1) as f64;
            let near = (ratio - 1.0).abs() <= TOLERANCE;
            let raw = if near { now_replicas } else { (now_replicas as f64 * ratio).ceil() as i64 };
            self.bounded(text(tree, "/metadata/uid"), raw, now_replicas, (low, high))
        } else {
            Outcome::off(
                "FailedGetResourceMetric",
                "the HPA was unable to compute the replica count: failed to get cpu utilization: no metrics returned \
                 from resource metrics API",
            )
        }
    }

    /// What is recommended, within what the bounds and the pace allow.
    fn bounded(&mut self, key: &str, raw: i64, now_replicas: i64, (low, high): (i64, i64)) -> Outcome {
        let settled = self.settle(key, raw, now_replicas);
        let pace = (now_replicas * 2).max(now_replicas + 4);
        let (desired, limited) = if settled < low {
            (
                low,
                Some(("TooFewReplicas", "the desired replica count is less than the minimum replica count")),
            )
        } else if settled > high.min(pace) && high <= pace {
            (
                high,
                Some(("TooManyReplicas", "the desired replica count is more than the maximum replica count")),
            )
        } else if settled > pace {
            let why = "the desired replica count is increasing faster than the maximum scale rate";
            (pace, Some(("ScaleUpLimit", why)))
        } else {
            (settled, None)
        };
        let why = if desired > now_replicas {
            "cpu resource utilization (percentage of request) above target"
        } else {
            "All metrics below target"
        };
        Outcome { limited, ..Outcome::to(desired, why) }
    }

    /// Scaling down follows the highest recommendation of the last five minutes.
    fn settle(&mut self, key: &str, raw: i64, now_replicas: i64) -> i64 {
        let now = self.now_ms;
        let known = self.autoscaler.recommended.entry(key.to_owned()).or_default();
        known.push_back((now, raw));
        while known.front().is_some_and(|(at, _)| now - at > STABILIZATION_MS) {
            known.pop_front();
        }
        let highest = known.iter().map(|(_, n)| *n).max().unwrap_or(raw);
        if raw < now_replicas { highest.min(now_replicas) } else { raw }
    }

    fn autoscaler_status(
        &mut self,
        tree: &Value,
        percent: Option<f64>,
        current: i64,
        outcome: &Outcome,
    ) -> Result<(), ApiError> {
        let now = self.now_ms;
        let desired = outcome.desired.unwrap_or(current);
        let (namespace, name) = (text(tree, "/metadata/namespace"), text(tree, "/metadata/name"));
        self.parts.store.edit(Kind::HorizontalPodAutoscaler, namespace, name, |tree| {
            set(tree, "/status", "currentReplicas", current);
            set(tree, "/status", "desiredReplicas", desired);
            set(tree, "/status", "observedGeneration", int(tree, "/metadata/generation").unwrap_or(1));
            if current != desired {
                set(tree, "/status", "lastScaleTime", time(now));
            }
            if let (Some(percent), true) = (percent, outcome.inactive.is_none()) {
                let used = json!({"averageUtilization": percent.round() as i64, "averageValue": format!("{}m", (percent * 2.5) as i64)});
                let metric = json!([{"type": "Resource", "resource": {"name": "cpu", "current": used}}]);
                set(tree, "/status", "currentMetrics", metric);
            }
            let ready = "recommended size matches current size";
            set_condition(tree, "AbleToScale", "True", "ReadyForNewScale", ready, now);
            if let Some((reason, message)) = &outcome.inactive {
                set_condition(tree, "ScalingActive", "False", reason, message, now);
                return Ok(());
            }
            let found = "the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)";
            set_condition(tree, "ScalingActive", "True", "ValidMetricFound", found, now);
            let within = ("DesiredWithinRange", "the desired count is within the acceptable range");
            let (reason, message) = outcome.limited.unwrap_or(within);
            let status = if outcome.limited.is_some() { "True" } else { "False" };
            set_condition(tree, "ScalingLimited", status, reason, message, now);
            Ok(())
        })?;
        Ok(())
    }
}
