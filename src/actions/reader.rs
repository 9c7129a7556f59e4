//! Reading for a plan: the objects as they are now, whole.

use jiff::Timestamp;
use serde_json::Value;

use crate::config::Config;
use crate::model::action::{ObjectKind, Subject};
use crate::model::workload::{Workload, WorkloadKind};
use crate::model::{Clean, Failure, FailureKind};
use crate::sources::Session;
use crate::sources::discover::{self, Role};
use crate::sources::http::Endpoint;
use crate::sources::kubernetes::trouble::Ask;
use crate::sources::kubernetes::{self, api};

/// What a plan is made from.
pub struct Reader<'a> {
    pub session: &'a Session,
    pub config: &'a Config,
    /// When the dialog was opened: a plan made anew has the same.
    pub at: Timestamp,
}

impl Reader<'_> {
    /// The subject, if it is still the one that was meant.
    ///
    /// # Errors
    /// When it can't be read, is gone, or is another object of the same name.
    pub async fn subject(&self, subject: &Subject) -> Result<Value, Failure> {
        let object = self.get(subject.kind, &subject.namespace, &subject.name).await?;
        if object["metadata"]["uid"] != subject.uid.as_str() {
            return Err(Failure {
                kind: FailureKind::Absent,
                tried: Clean::new(&format!("read {}", subject.words())),
                happened: Clean::new("it was deleted, and another of the same name stands in its place"),
                next: Clean::new("look at the new one, and begin anew if it is meant"),
            });
        }
        Ok(object)
    }

    /// One object.
    ///
    /// # Errors
    /// As the API server has it.
    pub async fn get(&self, kind: ObjectKind, namespace: &str, name: &str) -> Result<Value, Failure> {
        let (namespace_, name_) = (api::escape(namespace), api::escape(name));
        let uri = format!("{}/namespaces/{namespace_}/{}/{name_}", root(kind.group()), kind.plural());
        self.ask("get", &resource(kind.plural(), kind.group()), namespace, &uri).await
    }

    /// The objects of a collection such as `apps` `replicasets`.
    ///
    /// # Errors
    /// As the API server has it.
    pub async fn list(&self, group: &str, plural: &str, namespace: &str) -> Result<Vec<Value>, Failure> {
        list_in(self.session, group, plural, Some(namespace)).await
    }

    async fn ask(
        &self,
        verb: &'static str,
        resource: &str,
        namespace: &str,
        uri: &str,
    ) -> Result<Value, Failure> {
        let ask = Ask { verb, resource: resource.to_owned(), namespace: Some(namespace.to_owned()) };
        api::json(&self.session.client, uri).await.map_err(|trouble| trouble.failure(&ask))
    }

    /// Alertmanager, to be asked.
    ///
    /// # Errors
    /// When there is none, or its secrets can't be read.
    pub async fn alertmanager(&self) -> Result<Endpoint, Failure> {
        let found = &self.session.found;
        Ok(discover::open(Role::Alertmanager, self.session, self.config, found).await?.0)
    }

    /// An object in the words of the cockpit.
    pub fn workload(&self, kind: ObjectKind, object: &Value) -> Option<Workload> {
        let kind = match kind {
            ObjectKind::Deployment => WorkloadKind::Deployment,
            ObjectKind::StatefulSet => WorkloadKind::StatefulSet,
            ObjectKind::DaemonSet => WorkloadKind::DaemonSet,
            _ => return None,
        };
        kubernetes::workload_of(kind, object, self.config)
    }
}

/// The objects of a collection in a namespace, or in all.
///
/// # Errors
/// As the API server has it.
pub async fn list_in(
    session: &Session,
    group: &str,
    plural: &str,
    namespace: Option<&str>,
) -> Result<Vec<Value>, Failure> {
    let place = namespace.map(|n| format!("/namespaces/{}", api::escape(n))).unwrap_or_default();
    let uri = format!("{}{place}/{plural}", root(group));
    let ask =
        Ask { verb: "list", resource: resource(plural, group), namespace: namespace.map(str::to_owned) };
    let mut found: Value = api::json(&session.client, &uri).await.map_err(|trouble| trouble.failure(&ask))?;
    Ok(found["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
}

fn root(group: &str) -> String {
    match group {
        "" => "/api/v1".to_owned(),
        "autoscaling" => "/apis/autoscaling/v2".to_owned(),
        group => format!("/apis/{group}/v1"),
    }
}

fn resource(plural: &str, group: &str) -> String {
    if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") }
}
