//! EndpointSlices and Endpoints: which pods a Service reaches.

use serde_json::{Value, json};

use crate::sim::cluster::json::{list, strings, text};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::status::ApiError;
use crate::sim::world::{World, make};

impl World {
    pub(super) fn endpoints(&mut self, service: &Value) -> Result<(), ApiError> {
        let namespace = text(service, "/metadata/namespace");
        let wanted: Vec<(&str, &str)> = strings(service, "/spec/selector").collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let chosen =
            |o: &crate::sim::cluster::object::Object| wanted.iter().all(|(k, v)| o.label(k) == Some(v));
        let pods = self.parts.store.page(Kind::Pod, Some(namespace), None, usize::MAX, chosen);
        let mut slice = Vec::new();
        let (mut ready, mut waiting) = (Vec::new(), Vec::new());
        for pod in &pods.objects {
            let Some(run) = self.run_of(pod).filter(|r| !r.ip.is_empty() && r.phase() == "Running") else {
                continue;
            };
            let reference =
                json!({"kind": "Pod", "namespace": namespace, "name": &*pod.name, "uid": &*pod.uid});
            let going = run.terminating();
            slice.push(json!({
                "addresses": [run.ip], "nodeName": run.node, "targetRef": reference,
                "conditions": {"ready": run.serving(), "serving": run.ready, "terminating": going},
            }));
            let address = json!({"ip": run.ip, "nodeName": run.node, "targetRef": reference});
            if run.serving() {
                ready.push(address)
            } else if !going {
                waiting.push(address)
            }
        }
        let ports: Vec<Value> = list(service, "/spec/ports")
            .iter()
            .map(|p| json!({"name": p["name"], "port": p["targetPort"], "protocol": "TCP"}))
            .collect();
        let mut subset = json!({"ports": ports});
        if !ready.is_empty() {
            subset["addresses"] = ready.into();
        }
        if !waiting.is_empty() {
            subset["notReadyAddresses"] = waiting.into();
        }
        let name = text(service, "/metadata/name");
        let labels = json!({"kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"});
        let metadata = |name: &str, labels: &Value| json!({"name": name, "namespace": namespace, "labels": labels, "ownerReferences": [make::owner(service)]});
        let slice_tree = json!({"metadata": metadata(&format!("{name}-eps"), &labels), "addressType": "IPv4",
            "endpoints": slice, "ports": ports});
        let mut endpoints =
            json!({"metadata": metadata(name, &service["metadata"]["labels"]), "subsets": [subset]});
        if let Some(m) = endpoints["metadata"].as_object_mut() {
            m.remove("ownerReferences");
        }
        self.put(Kind::EndpointSlice, slice_tree, &["endpoints", "ports"])?;
        self.put(Kind::Endpoints, endpoints, &["subsets"])
    }

    /// Makes an object, or brings the given fields of the one that is there up to date.
    fn put(&mut self, kind: Kind, tree: Value, fields: &[&str]) -> Result<(), ApiError> {
        let (namespace, name) =
            (text(&tree, "/metadata/namespace").to_owned(), text(&tree, "/metadata/name").to_owned());
        if self.parts.store.get(kind, &namespace, &name).is_none() {
            return self.parts.store.create(kind, tree, self.now_ms).map(|_| ());
        }
        self.parts.store.edit(kind, &namespace, &name, |old| {
            for field in fields {
                old[*field] = tree[*field].clone();
            }
            Ok(())
        })?;
        Ok(())
    }
}
