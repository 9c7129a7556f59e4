//! The horizontal autoscaler: CPU against its target, within its bounds, with the
//! tolerance and the slow way down of the real one.

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
        let (namespace, name) = (text(tree, "/metadata/namespace"), text(tree, "/metadata/name"));
        let kind = match text(tree, "/spec/scaleTargetRef/kind") {
            "StatefulSet" => Kind::StatefulSet,
            _ => Kind::Deployment,
        };
        let target_name = text(tree, "/spec/scaleTargetRef/name");
        let Some(target) = self.parts.store.get(kind, namespace, target_name) else { return Ok(()) };
        let workload = target.tree();
        let now_replicas = super::replicas(&workload);
        let selector = Selector::of_workload(&workload["spec"]["selector"]);
        let wanted =
            list(tree, "/spec/metrics").first().and_then(|m| int(m, "/resource/target/averageUtilization"));
        let (Some(percent), Some(wanted)) = (self.utilization(namespace, &selector), wanted) else {
            return Ok(());
        };
        // Replicas 0 turns the autoscaler off.
        if now_replicas == 0 {
            return Ok(());
        }
        let low = int(tree, "/spec/minReplicas").unwrap_or(1).max(1);
        let high = int(tree, "/spec/maxReplicas").unwrap_or(low).max(low);
        let ratio = percent / wanted.max(1) as f64;
        let raw = if (ratio - 1.0).abs() <= TOLERANCE {
            now_replicas
        } else {
            (now_replicas as f64 * ratio).ceil() as i64
        };
        let settled = self.settle(&format!("{namespace}/{name}"), raw, now_replicas);
        let desired = settled.clamp(low, high);
        if desired != now_replicas {
            self.parts.store.edit(kind, namespace, target_name, |tree| {
                set(tree, "/spec", "replicas", desired);
                Ok(())
            })?;
            let why = if desired > now_replicas {
                "cpu resource utilization (percentage of request) above target"
            } else {
                "All metrics below target"
            };
            let message = format!("New size: {desired}; reason: {why}");
            self.tell_of(Kind::HorizontalPodAutoscaler, tree, false, "SuccessfulRescale", &message);
        }
        let limited = if settled > high {
            Some("TooManyReplicas")
        } else if settled < low {
            Some("TooFewReplicas")
        } else {
            None
        };
        self.autoscaler_status(tree, percent, now_replicas, desired, limited)
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
        percent: f64,
        current: i64,
        desired: i64,
        limited: Option<&str>,
    ) -> Result<(), ApiError> {
        let now = self.now_ms;
        self.parts.store.edit(Kind::HorizontalPodAutoscaler, text(tree, "/metadata/namespace"), text(tree, "/metadata/name"), |tree| {
            set(tree, "/status", "currentReplicas", current);
            set(tree, "/status", "desiredReplicas", desired);
            set(tree, "/status", "observedGeneration", int(tree, "/metadata/generation").unwrap_or(1));
            if current != desired {
                set(tree, "/status", "lastScaleTime", time(now));
            }
            let metric = json!([{"type": "Resource", "resource": {"name": "cpu",
                "current": {"averageUtilization": percent.round() as i64, "averageValue": format!("{}m", (percent * 2.5) as i64)}}}]);
            set(tree, "/status", "currentMetrics", metric);
            set_condition(tree, "AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size", now);
            let found = "the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)";
            set_condition(tree, "ScalingActive", "True", "ValidMetricFound", found, now);
            let (status, reason, message) = match limited {
                Some("TooManyReplicas") => ("True", "TooManyReplicas", "the desired replica count is more than the maximum replica count"),
                Some(_) => ("True", "TooFewReplicas", "the desired replica count is less than the minimum replica count"),
                None => ("False", "DesiredWithinRange", "the desired count is within the acceptable range"),
            };
            set_condition(tree, "ScalingLimited", status, reason, message, now);
            Ok(())
        })?;
        Ok(())
    }
}
