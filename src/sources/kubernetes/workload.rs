//! What Deployments, StatefulSets, DaemonSets and their revisions have in common.

use serde::Deserialize;
use std::collections::BTreeMap;

use super::kind::{Convert, Intern, MESSAGE_CHARS, NAME_CHARS, bounded};
use super::meta::{ConditionWire, Meta, key, or_default};
use crate::model::Clean;
use crate::model::workload::{Workload, WorkloadCondition, WorkloadKind};

/// Labels of a selector that are kept; more would not narrow it any further.
const MAX_LABELS: usize = 32;

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
pub struct Selector {
    #[serde(deserialize_with = "or_default")]
    match_labels: BTreeMap<String, String>,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
pub struct Template {
    #[serde(deserialize_with = "or_default")]
    spec: TemplateSpec,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
struct TemplateSpec {
    #[serde(deserialize_with = "or_default")]
    containers: Vec<ImageWire>,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
struct ImageWire {
    image: String,
}

impl Template {
    pub fn images(&self, intern: &mut Intern) -> Vec<Clean> {
        self.spec.containers.iter().map(|container| intern.get(&container.image)).collect()
    }
}

/// A workload with what the metadata tells; the numbers are the kind's own.
pub fn base(
    kind: WorkloadKind,
    meta: &Meta,
    selector: &Selector,
    template: &Template,
    with: &mut Convert,
) -> Workload {
    let intern = &mut with.intern;
    let labels = selector.match_labels.iter().take(MAX_LABELS);
    Workload {
        namespace: intern.get(&meta.namespace),
        name: intern.get(&meta.name),
        uid: bounded(&meta.uid, NAME_CHARS),
        kind,
        created: meta.created(),
        wanted: 0,
        current: 0,
        ready: 0,
        updated: 0,
        available: 0,
        generation: meta.generation.unwrap_or(0),
        observed_generation: 0,
        revision: None,
        update_revision: None,
        partition: 0,
        on_delete: false,
        paused: false,
        conditions: Vec::new(),
        images: template.images(intern),
        managed_by: managed_by(meta),
        selector: labels.map(|(label, value)| (intern.get(label), intern.get(value))).collect(),
    }
}

pub fn conditions(wires: &[ConditionWire], intern: &mut Intern) -> Vec<WorkloadCondition> {
    let kept = |wire: &ConditionWire, intern: &mut Intern| WorkloadCondition {
        kind: intern.get(&wire.kind),
        status: wire.is_true(),
        reason: intern.get(&wire.reason),
        message: bounded(&wire.message, MESSAGE_CHARS),
        updated: wire.last_update_time.or(wire.last_transition_time),
    };
    wires.iter().take(16).map(|wire| kept(wire, intern)).collect()
}

/// Who will revert a change by hand. GitOps controllers first: they act by themselves, Helm only
/// at the next release.
fn managed_by(meta: &Meta) -> Option<Clean> {
    let (labels, annotations) = (&meta.labels, &meta.annotations);
    // 'application:group/kind:namespace/name'
    let tracked = annotations.get(key::ARGO_TRACKING).and_then(|id| id.split(':').next());
    let words = if let Some(application) = tracked.or(labels.get(key::ARGO_INSTANCE)) {
        format!("Argo CD application {application}")
    } else if let Some(name) = labels.get(key::FLUX_KUSTOMIZATION) {
        format!("Flux kustomization {name}")
    } else if let Some(name) = labels.get(key::FLUX_HELM) {
        format!("Flux Helm release {name}")
    } else if let Some(release) = annotations.get(key::HELM_RELEASE) {
        format!("Helm release {release}")
    } else {
        labels.get(key::MANAGED_BY)?.to_owned()
    };
    Some(bounded(&words, NAME_CHARS))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_reverts_a_change_is_named() {
        for (meta, want) in [
            (
                json!({"labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": {"meta.helm.sh/release-name": "shop"}}),
                Some("Helm release shop"),
            ),
            (json!({"labels": {"app.kubernetes.io/managed-by": "Helm"}}), Some("Helm")),
            (
                json!({"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/api"}}),
                Some("Argo CD application shop"),
            ),
            (
                json!({"labels": {"argocd.argoproj.io/instance": "shop", "app.kubernetes.io/managed-by": "Helm"}}),
                Some("Argo CD application shop"),
            ),
            (
                json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}),
                Some("Flux kustomization apps"),
            ),
            (json!({"labels": {"helm.toolkit.fluxcd.io/name": "shop"}}), Some("Flux Helm release shop")),
            (json!({"labels": {"app": "api"}}), None),
        ] {
            let meta: Meta = serde_json::from_value(meta).unwrap();
            assert_eq!(managed_by(&meta).as_deref(), want);
        }
    }
}
