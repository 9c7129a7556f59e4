//! Permission: the API server is asked for the exact object and verb, and for who we are.

use http::{Request, header};
use kube::client::Body;
use serde_json::{Value, json};

use crate::actions::Write;
use crate::actions::plan::Body as Sends;
use crate::model::action::Check;
use crate::sources::Session;
use crate::sources::kubernetes::api;
use crate::sources::kubernetes::trouble::Trouble;

const ABOUT: &str = "permission";
/// A review is a few hundred bytes.
const MAX_BODY: usize = 64 << 10;

/// Whether the write is allowed; none where nobody can be asked.
pub async fn may(session: &Session, write: &Write) -> Option<Check> {
    let Write::Kube(write) = write else { return None };
    // A new object is not known by its name yet.
    let name = if matches!(write.body, Sends::Create(_)) { "" } else { &write.name };
    let attributes = json!({
        "verb": write.verb(), "group": write.resource.group, "resource": write.resource.plural,
        "subresource": write.subresource, "namespace": write.namespace, "name": name,
    });
    let asked = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes}});
    let words = write.words();
    Some(match ask(session, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", &asked).await {
        Ok(review) if review["status"]["allowed"] == true => Check::ok(ABOUT, &format!("{words}: allowed")),
        Ok(review) => {
            let why = review["status"]["reason"].as_str().unwrap_or_default();
            let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
            Check::blocks(ABOUT, &format!("{words}: not allowed{why}; ask for that verb"))
        }
        Err(trouble) => {
            Check::warning(ABOUT, &format!("{words}: could not be asked: {}", happened(&trouble)))
        }
    })
}

/// Who the API server says we are; empty where it does not say.
pub async fn user(session: &Session) -> String {
    let asked = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let review = ask(session, "/apis/authentication.k8s.io/v1/selfsubjectreviews", &asked).await;
    review
        .ok()
        .and_then(|r| Some(r["status"]["userInfo"]["username"].as_str()?.to_owned()))
        .unwrap_or_default()
}

/// A review stores nothing: it is a question in the form of a POST.
async fn ask(session: &Session, path: &str, review: &Value) -> Result<Value, Trouble> {
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(review.to_string().into_bytes()))
        .map_err(|e| Trouble::Garbled(e.to_string()))?;
    let response = api::answer(&session.client, request, api::PATIENCE).await?;
    api::parse(&api::bytes(response.into_body(), MAX_BODY, api::PATIENCE).await?)
}

/// What came instead of an answer, in one line.
pub fn happened(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Status(refusal) => format!("{} {}", refusal.code, refusal.message),
        Trouble::Credentials(text) | Trouble::Unreachable(text) | Trouble::Garbled(text) => text.clone(),
        Trouble::Closed => "closed".to_owned(),
    }
}
