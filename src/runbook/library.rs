//! Stub.
use crate::config::Config;
use crate::model::Clean;
use std::path::PathBuf;
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub name: String,
    pub title: Clean,
    pub path: Option<PathBuf>,
}
pub struct Found {
    pub entry: Entry,
    pub bytes: Vec<u8>,
}
pub fn find(_config: &Config, name: &str) -> Result<Found, String> {
    let bytes = std::fs::read(name).map_err(|e| e.to_string())?;
    Ok(Found { entry: Entry { name: name.to_owned(), title: Clean::new(name), path: None }, bytes })
}
pub fn list(_config: &Config) -> (Vec<Entry>, Vec<String>) {
    (Vec::new(), Vec::new())
}
pub fn for_alert<'a>(_e: &'a [Entry], _n: &str, _u: Option<&str>) -> Option<&'a Entry> {
    None
}
