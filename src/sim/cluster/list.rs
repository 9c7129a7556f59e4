//! Lists: selectors, `limit` and `continue`, and Tables where kubectl asks for them.

use axum::response::Response;
use serde_json::{Value, json};

use super::object::Object;
use super::request::{Request, Target};
use super::select::Selector;
use super::status::ApiError;
use super::store::Store;
use super::{reply, table};

/// Where a `continue` token leads: the version of the first page, and the last object seen.
struct Continue {
    version: u64,
    namespace: String,
    name: String,
}

impl Continue {
    fn parse(token: &str) -> Result<Option<Self>, ApiError> {
        if token.is_empty() {
            return Ok(None);
        }
        let bad = || ApiError::bad_request("continue key is not valid: unrecognized encoded value");
        let mut parts = token.splitn(3, ':');
        let version = parts.next().and_then(|v| v.parse().ok()).ok_or_else(bad)?;
        let namespace = parts.next().ok_or_else(bad)?.to_owned();
        let name = parts.next().ok_or_else(bad)?.to_owned();
        Ok(Some(Self { version, namespace, name }))
    }
}

/// Answers a list.
///
/// # Errors
/// 400 for bad selectors, limits and tokens.
pub fn list(store: &Store, request: &Request, target: &Target, now_ms: i64) -> Result<Response, ApiError> {
    let kind = target.kind;
    let selector = Selector::parse(kind, request.param("labelSelector"), request.param("fieldSelector"))?;
    let limit = match request.param("limit") {
        "" | "0" => usize::MAX,
        text => text.parse().map_err(|_| ApiError::bad_request(format!("invalid limit: {text}")))?,
    };
    let from = Continue::parse(request.param("continue"))?;
    if let Some(from) = &from {
        // The snapshot that a token stands for lives as long as the log does.
        store.changes_since(from.version, Some(kind)).map_err(|e| {
            let text = "The provided continue parameter is too old to display a consistent list result. \
                        You must start a new list without the continue parameter.";
            ApiError { message: text.to_owned(), ..e }
        })?;
    }
    let namespace = (!target.namespace.is_empty()).then_some(target.namespace.as_str());
    let after = from.as_ref().map(|f| (f.namespace.as_str(), f.name.as_str()));
    let page = store.page(kind, namespace, after, limit, |o| selector.matches(o));
    let version = from.as_ref().map_or(page.version, |f| f.version);
    let mut metadata = json!({"resourceVersion": version.to_string()});
    if let (1.., Some(last)) = (page.remaining, page.objects.last()) {
        metadata["continue"] = format!("{version}:{}:{}", last.namespace, last.name).into();
        // As the API server does it: unknown as soon as a selector has to be asked.
        if selector.is_empty() {
            metadata["remainingItemCount"] = page.remaining.into();
        }
    }
    if request.wants_table() {
        let table = table::table(kind, &page.objects, metadata, now_ms, request.param("includeObject"));
        return Ok(reply::value(200, &table));
    }
    Ok(reply::large(request.header("accept-encoding"), document(target, &metadata, &page.objects)))
}

/// The list document, put together from the objects' own text.
fn document(target: &Target, metadata: &Value, objects: &[std::sync::Arc<Object>]) -> String {
    let info = target.kind.info();
    let size: usize = objects.iter().map(|o| o.json().len() + 1).sum();
    let mut out = String::with_capacity(size + 256);
    out.push_str(&format!(
        "{{\"kind\":\"{}List\",\"apiVersion\":\"{}\",\"metadata\":{metadata},\"items\":[",
        info.kind,
        info.api_version()
    ));
    for (i, object) in objects.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(&object.json());
    }
    out.push_str("]}");
    out
}
