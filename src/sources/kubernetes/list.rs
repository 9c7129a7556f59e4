//! Lists, page by page.

use kube::client::Client;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::api::{self, escape};
use super::meta::{Meta, or_default};
use super::trouble::Trouble;
use crate::model::Clean;

/// As kubectl and client-go ask.
pub const PAGE: u32 = 500;

/// One page; the items are parsed one by one, so that one odd object does not hide the others.
#[derive(Deserialize)]
pub struct Page<'a> {
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: PageMeta,
    #[serde(borrow, default)]
    pub items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub struct PageMeta {
    #[serde(deserialize_with = "or_default")]
    pub resource_version: String,
    #[serde(rename = "continue", deserialize_with = "or_default")]
    pub go_on: String,
    pub remaining_item_count: Option<u64>,
}

/// Only the metadata of an object.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct MetaOnly {
    pub metadata: Meta,
}

pub fn page_uri(path: &str, limit: Option<u32>, go_on: &str) -> String {
    match (limit, go_on) {
        (None, _) => path.to_owned(),
        (Some(limit), "") => with_query(path, &format!("limit={limit}")),
        (Some(limit), token) => with_query(path, &format!("limit={limit}&continue={}", escape(token))),
    }
}

/// The path with a query after the one that it may have.
pub fn with_query(path: &str, query: &str) -> String {
    let mark = if path.contains('?') { '&' } else { '?' };
    format!("{path}{mark}{query}")
}

/// The names of all objects, sorted as the server has them; at most 20 pages.
pub async fn names(client: &Client, path: &str) -> Result<Vec<Clean>, Trouble> {
    let mut names = Vec::new();
    let mut go_on = String::new();
    for _ in 0..20 {
        let response = api::get(client, &page_uri(path, Some(PAGE), &go_on), false, api::PATIENCE).await?;
        let body = api::bytes(response.into_body(), api::MAX_BODY, api::PATIENCE).await?;
        let page: Page<'_> = api::parse(&body)?;
        let items = page.items.unwrap_or_default();
        let named = items.iter().filter_map(|raw| serde_json::from_str::<MetaOnly>(raw.get()).ok());
        names.extend(named.map(|object| Clean::new(&object.metadata.name)));
        go_on = page.metadata.go_on;
        if go_on.is_empty() {
            break;
        }
    }
    Ok(names)
}
