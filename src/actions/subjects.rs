//! What an action could be done to, of the kinds that no feed tells of.

use serde_json::Value;

use super::reader::list_in;
use crate::config::Config;
use crate::model::action::{ActionId, ObjectKind, Subject};
use crate::model::{Clean, Failure};
use crate::sources::Session;

/// Services with a selector, ReplicaSets that nobody owns, and caches, in what is looked at.
///
/// # Errors
/// As the API server has it.
pub async fn find(session: &Session, config: &Config, action: ActionId) -> Result<Vec<Subject>, Failure> {
    let mut found = Vec::new();
    for kind in action.kinds() {
        let fits = match kind {
            ObjectKind::Service => has_selector,
            ObjectKind::ReplicaSet => is_its_own,
            ObjectKind::Cache => {
                found.extend(caches(session, config).await?);
                continue;
            }
            _ => continue,
        };
        let namespace = session.scope.namespace.as_deref();
        for object in
            list_in(session, kind.group(), kind.plural(), namespace).await?.iter().filter(|o| fits(o))
        {
            let text = |k: &str| Clean::new(object["metadata"][k].as_str().unwrap_or_default());
            found.push(Subject {
                kind: *kind,
                namespace: text("namespace"),
                name: text("name"),
                uid: text("uid"),
            });
        }
    }
    Ok(found)
}

/// They have no UID: the plan is bound to the processes that it was made from.
async fn caches(session: &Session, config: &Config) -> Result<Vec<Subject>, Failure> {
    let namespace = session.scope.namespace.as_deref();
    let named = crate::sources::cache::find::names(&session.client, config, namespace).await?;
    let subject = |n: crate::sources::cache::find::Named| Subject {
        kind: ObjectKind::Cache,
        namespace: Clean::new(&n.namespace),
        name: Clean::new(&n.name),
        uid: Clean::new(""),
    };
    Ok(named.into_iter().map(subject).collect())
}

fn has_selector(service: &Value) -> bool {
    service["spec"]["selector"].as_object().is_some_and(|s| !s.is_empty())
}

fn is_its_own(set: &Value) -> bool {
    set["metadata"]["ownerReferences"].as_array().is_none_or(|o| o.iter().all(|o| o["controller"] != true))
}
