//! `autoscaling/v1`: the autoscaler as it was before it knew other metrics than CPU. Stored is
//! `v2`; who asks for `v1` (`kubectl autoscale` does) gets it converted.

use serde_json::{Value, json};

/// What a client of `v1` sends, a patch too, as `v2`.
pub fn to_stored(tree: &mut Value) {
    if tree["apiVersion"] == "autoscaling/v1" {
        tree["apiVersion"] = "autoscaling/v2".into();
    }
    let Some(spec) = tree.get_mut("spec").and_then(Value::as_object_mut) else { return };
    if let Some(percent) = spec.remove("targetCPUUtilizationPercentage") {
        let target = json!({"type": "Utilization", "averageUtilization": percent});
        let metric = json!({"type": "Resource", "resource": {"name": "cpu", "target": target}});
        spec.insert("metrics".to_owned(), json!([metric]));
    }
}

/// An autoscaler, or a list of them, as a client of `v1` reads it.
pub fn from_stored(tree: &mut Value) {
    if tree["apiVersion"] != "autoscaling/v2" {
        return;
    }
    tree["apiVersion"] = "autoscaling/v1".into();
    if let Some(items) = tree.get_mut("items").and_then(Value::as_array_mut) {
        for item in items {
            from_stored(item);
        }
        return;
    }
    let utilization = |metrics: Option<Value>, field: &str| {
        let metrics = metrics?;
        let cpu = metrics.as_array()?.iter().find(|m| m["resource"]["name"] == "cpu")?.clone();
        cpu["resource"][field]["averageUtilization"].as_i64()
    };
    if let Some(spec) = tree.get_mut("spec").and_then(Value::as_object_mut) {
        let metrics = spec.remove("metrics");
        spec.remove("behavior");
        if let Some(percent) = utilization(metrics, "target") {
            spec.insert("targetCPUUtilizationPercentage".to_owned(), percent.into());
        }
    }
    if let Some(status) = tree.get_mut("status").and_then(Value::as_object_mut) {
        let metrics = status.remove("currentMetrics");
        status.remove("conditions");
        if let Some(percent) = utilization(metrics, "current") {
            status.insert("currentCPUUtilizationPercentage".to_owned(), percent.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let v1 = json!({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler",
            "spec": {"minReplicas": 2, "maxReplicas": 9, "targetCPUUtilizationPercentage": 60}});
        let mut tree = v1.clone();
        to_stored(&mut tree);
        assert_eq!(tree["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 60);
        from_stored(&mut tree);
        assert_eq!(tree, v1);
    }
}
