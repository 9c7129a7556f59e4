//! Lists: how they are asked for, and how they are read, an item at a time out of the pieces of
//! their body, so that a list of any length needs the memory of its largest item.

mod json;
mod protobuf;

use kube::client::Client;
use serde::Deserialize;
use thiserror::Error;

use super::api::{self, Encoding, escape};
use super::meta::{Meta, or_default};
use super::protobuf as wire;
use super::trouble::Trouble;
use crate::model::Clean;

/// As kubectl and client-go ask.
pub const PAGE: u32 = 500;

/// etcd stores no object larger than 1.5 MiB; JSON escapes may blow it up.
pub const MAX_ITEM: usize = 8 << 20;

/// 150,000 pods as JSON are 1 GiB; what goes on after twice that is no list.
const MAX_LIST: u64 = 2 << 30;

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

/// A part of a list, in the encoding of the list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part<'a> {
    Metadata(&'a [u8]),
    Item(&'a [u8]),
}

/// Why a list can't be taken apart.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Broken {
    #[error("the list is not what was asked for")]
    Shape,
    #[error("a length in the list does not fit what is around it")]
    Length,
    #[error("an item of the list is larger than any object can be")]
    TooLarge,
    #[error("the list has no end")]
    Endless,
    #[error("the list broke off")]
    Short,
}

impl From<Broken> for Trouble {
    fn from(broken: Broken) -> Self {
        match broken {
            // As when the connection breaks.
            Broken::Short => Self::Unreachable(broken.to_string()),
            _ => Self::Garbled(broken.to_string()),
        }
    }
}

enum Splitter {
    Json(json::Splitter),
    Protobuf(protobuf::Splitter),
}

/// Takes a list apart while its body comes.
pub struct Parts {
    splitter: Splitter,
    buffer: Vec<u8>,
    /// Where what was not yet taken begins.
    start: usize,
    seen: u64,
}

impl Parts {
    pub fn new(encoding: Encoding) -> Self {
        let splitter = match encoding {
            Encoding::Json => Splitter::Json(json::Splitter::default()),
            Encoding::Protobuf => Splitter::Protobuf(protobuf::Splitter::default()),
        };
        Self { splitter, buffer: Vec::new(), start: 0, seen: 0 }
    }

    /// Takes in a piece of the body.
    ///
    /// # Errors
    /// When there is more than any list has.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), Broken> {
        self.seen += piece.len() as u64;
        if self.seen > MAX_LIST {
            return Err(Broken::Endless);
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(piece);
        Ok(())
    }

    /// Bytes that were taken in.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// The next part that is here in whole.
    ///
    /// # Errors
    /// When it is no list.
    pub fn take(&mut self) -> Result<Option<Part<'_>>, Broken> {
        let rest = &self.buffer[self.start..];
        let (taken, part) = match &mut self.splitter {
            Splitter::Json(splitter) => splitter.next(rest)?,
            Splitter::Protobuf(splitter) => splitter.next(rest)?,
        };
        self.start += taken;
        Ok(part)
    }

    /// Called at the end of the body.
    ///
    /// # Errors
    /// When the list did not end there.
    pub fn end(&self) -> Result<(), Broken> {
        let complete = match &self.splitter {
            Splitter::Json(splitter) => splitter.is_complete(),
            Splitter::Protobuf(splitter) => splitter.is_complete() && self.start == self.buffer.len(),
        };
        if complete { Ok(()) } else { Err(Broken::Short) }
    }
}

/// The metadata of a list.
///
/// # Errors
/// When it can't be read: then it is not known whether the list goes on.
pub fn metadata(raw: &[u8], encoding: Encoding) -> Result<PageMeta, Trouble> {
    match encoding {
        Encoding::Json => api::parse(raw),
        Encoding::Protobuf => wire::message("apimachinery.pkg.apis.meta.v1.ListMeta", raw)
            .map_err(|error| Trouble::Garbled(format!("the list's metadata can't be read: {error}"))),
    }
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

/// One page as JSON: what became of its metadata, and of its items.
///
/// # Errors
/// When it is not to be had, or is no list.
pub async fn page(client: &Client, uri: &str, mut item: impl FnMut(&[u8])) -> Result<PageMeta, Trouble> {
    let response = api::get(client, uri, api::Want::JSON, api::PATIENCE).await?;
    let mut body = response.into_body();
    let (mut parts, mut meta) = (Parts::new(Encoding::Json), PageMeta::default());
    while let Some(piece) = api::piece(&mut body, api::PATIENCE).await? {
        parts.push(&piece)?;
        while let Some(part) = parts.take()? {
            match part {
                Part::Metadata(raw) => meta = metadata(raw, Encoding::Json)?,
                Part::Item(raw) => item(raw),
            }
        }
    }
    parts.end()?;
    Ok(meta)
}

/// The names of all objects, sorted as the server has them; at most 20 pages.
pub async fn names(client: &Client, path: &str) -> Result<Vec<Clean>, Trouble> {
    let mut names = Vec::new();
    let mut go_on = String::new();
    for _ in 0..20 {
        let meta = page(client, &page_uri(path, Some(PAGE), &go_on), |raw| {
            if let Ok(object) = serde_json::from_slice::<MetaOnly>(raw) {
                names.push(Clean::new(&object.metadata.name));
            }
        })
        .await?;
        go_on = meta.go_on;
        if go_on.is_empty() {
            break;
        }
    }
    Ok(names)
}
