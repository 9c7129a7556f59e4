//! Lists: selectors, `limit` and `continue`, and Tables where kubectl asks for them.

use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::kinds::Kind;
use super::object::Object;
use super::request::{Request, Target};
use super::select::Selector;
use super::status::ApiError;
use super::store::{Page, Store};
use super::{reply, schema, table, watch};

/// Where a `continue` token leads: the version of the first page (0: whatever is there
/// then), and the last object seen.
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
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| bad())?;
        let text = String::from_utf8(bytes).map_err(|_| bad())?;
        let mut parts = text.splitn(3, ':');
        let version = parts.next().and_then(|v| v.parse().ok()).ok_or_else(bad)?;
        let namespace = parts.next().ok_or_else(bad)?.to_owned();
        let name = parts.next().ok_or_else(bad)?.to_owned();
        Ok(Some(Self { version, namespace, name }))
    }

    fn token(version: u64, namespace: &str, name: &str) -> String {
        URL_SAFE_NO_PAD.encode(format!("{version}:{namespace}:{name}"))
    }

    /// The refusal of a token whose snapshot is gone, with one that goes on without it.
    fn expired(&self, gone: ApiError) -> ApiError {
        let text = "The provided continue parameter is too old to display a consistent list result. You can start \
                    a new list without the continue parameter, or use the continue token in this response to \
                    retrieve the remainder of the results. Continuing with the provided token results in an \
                    inconsistent list - objects that were created, modified, or deleted between the time the \
                    first chunk was returned and now may show up in the list.";
        let token = Self::token(0, &self.namespace, &self.name);
        ApiError { message: text.to_owned(), metadata: json!({"continue": token}), ..gone }
    }
}

/// Answers a list.
///
/// # Errors
/// 400 for bad selectors, limits, versions and tokens, 410 when a version is compacted away.
pub fn list(store: &Store, request: &Request, target: &Target, now_ms: i64) -> Result<Response, ApiError> {
    let kind = target.kind;
    let selector = Selector::parse(kind, request.param("labelSelector"), request.param("fieldSelector"))?;
    let page = page(store, request, target, &selector)?;
    let version = page.version;
    let mut metadata = json!({"resourceVersion": version.to_string()});
    if let (1.., Some(last)) = (page.remaining, page.objects.last()) {
        metadata["continue"] = Continue::token(version, &last.namespace, &last.name).into();
        // As the API server does it: unknown as soon as a selector has to be asked.
        if selector.is_empty() {
            metadata["remainingItemCount"] = page.remaining.into();
        }
    }
    if request.wants_table() {
        let table = table::table(kind, &page.objects, metadata, now_ms, request.param("includeObject"));
        return Ok(reply::value(200, &table));
    }
    // Autoscalers may still have to be made those of an older version.
    let as_stored = kind != Kind::HorizontalPodAutoscaler;
    if as_stored
        && reply::prefers_protobuf(request.header("accept"))
        && let Some(encoded) = schema::encode::list(kind.info(), &metadata, &page.objects)
    {
        return Ok(reply::with_type(200, schema::encode::MEDIA, encoded.into()));
    }
    Ok(reply::json(200, document(target, &metadata, &page.objects)))
}

/// The objects that are asked for, at the version that is asked for.
fn page(store: &Store, request: &Request, target: &Target, selector: &Selector) -> Result<Page, ApiError> {
    let kind = target.kind;
    let namespace = (!target.namespace.is_empty()).then_some(target.namespace.as_str());
    let limit = match request.param("limit") {
        "" | "0" => usize::MAX,
        text => text.parse().map_err(|_| ApiError::bad_request(format!("invalid limit: {text}")))?,
    };
    if let Some(from) = Continue::parse(request.param("continue"))? {
        if !request.param("resourceVersionMatch").is_empty() {
            let text = "resourceVersionMatch is forbidden when continue is provided";
            return Err(ApiError::bad_request(text));
        }
        let after = Some((from.namespace.as_str(), from.name.as_str()));
        if from.version == 0 {
            return Ok(store.page(kind, namespace, after, limit, |o| selector.matches(o)));
        }
        let page = store.page_at(from.version, kind, namespace, after, limit, |o| selector.matches(o));
        return page.map_err(|gone| from.expired(gone));
    }
    let version = watch::version(request.param("resourceVersion"))?;
    // Any version will do: the watch cache answers, and knows no limit. Events have none
    // (`--watch-cache-sizes` defaults to 0 for them).
    let cached = request.param("resourceVersion") == "0" && kind != Kind::Event;
    let limit = if cached { usize::MAX } else { limit };
    let newest = store.version();
    if version > newest {
        return Err(ApiError::too_large_version(version, newest));
    }
    match request.param("resourceVersionMatch") {
        "" | "NotOlderThan" => Ok(store.page(kind, namespace, None, limit, |o| selector.matches(o))),
        "Exact" if version > 0 => {
            store.page_at(version, kind, namespace, None, limit, |o| selector.matches(o))
        }
        other => Err(ApiError::invalid_options(&format!(
            "resourceVersionMatch: Unsupported value: \"{other}\": supported values: \"Exact\", \"NotOlderThan\""
        ))),
    }
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
