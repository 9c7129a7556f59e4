//! Checkpoints: the end of the chain at a moment, signed, to be kept where who can write the
//! log cannot write. With one, a cut tail and a log written anew are found.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::hex;
use super::{JournalError, file, verify};

/// The end of the chain at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    pub schema: String,
    pub at: Timestamp,
    pub host: String,
    pub seq: u64,
    pub hash: String,
    /// Ed25519, hexadecimal.
    pub key: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub signature: String,
}

const SCHEMA: &str = "midwatch.audit-checkpoint/1";

/// The log's end, signed with the key beside it, which is made when there is none.
///
/// # Errors
/// When the log is empty, not whole, or can't be read, and when there can be no key.
pub fn make(directory: &Path, at: Timestamp, host: &str) -> Result<Checkpoint, JournalError> {
    let report = verify(directory, &[])?;
    if let Some(finding) = report.findings.first() {
        let text = format!("the log is not whole, and is not signed: {} {}", finding.place, finding.what);
        return Err(JournalError::Refused(text));
    }
    let Some((seq, hash)) = report.head else {
        return Err(JournalError::Refused("there is no record to sign yet".to_owned()));
    };
    let pair = key(directory)?;
    let key = hex(pair.public_key().as_ref());
    let (schema, host) = (SCHEMA.to_owned(), host.to_owned());
    let mut checkpoint = Checkpoint { schema, at, host, seq, hash, key, signature: String::new() };
    checkpoint.signature = hex(pair.sign(&checkpoint.text()).as_ref());
    Ok(checkpoint)
}

impl Checkpoint {
    fn text(&self) -> Vec<u8> {
        let bare = Self { signature: String::new(), ..self.clone() };
        serde_json::to_vec(&bare).unwrap_or_default()
    }

    /// Reads a checkpoint and checks its signature; by `key` (hexadecimal) where one is given.
    ///
    /// # Errors
    /// When it is none, was changed, or was signed by another key.
    pub fn read(text: &str, key: Option<&str>) -> Result<Self, JournalError> {
        let refused =
            |what: String| JournalError::Refused(format!("the checkpoint is not to be trusted: {what}"));
        let checkpoint: Self = serde_json::from_str(text).map_err(|e| refused(e.to_string()))?;
        if checkpoint.schema != SCHEMA {
            return Err(refused(format!("it is '{}', not {SCHEMA}", checkpoint.schema)));
        }
        if let Some(key) = key.filter(|k| !k.eq_ignore_ascii_case(&checkpoint.key)) {
            return Err(refused(format!("it was signed with the key {}, not {key}", checkpoint.key)));
        }
        let (Some(public), Some(signature)) = (unhex(&checkpoint.key), unhex(&checkpoint.signature)) else {
            return Err(refused("its key or signature is not hexadecimal".to_owned()));
        };
        UnparsedPublicKey::new(&ED25519, public)
            .verify(&checkpoint.text(), &signature)
            .map_err(|_| refused("its signature does not fit".to_owned()))?;
        Ok(checkpoint)
    }
}

fn key(directory: &Path) -> Result<Ed25519KeyPair, JournalError> {
    let path = directory.join("checkpoint.key");
    let refused = |e: &dyn std::fmt::Display| {
        JournalError::Refused(format!(
            "{} is no Ed25519 key ({e}); move it away and a new one is made",
            path.display()
        ))
    };
    match std::fs::read(&path) {
        Ok(bytes) => Ed25519KeyPair::from_pkcs8(&bytes).map_err(|e| refused(&e)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let made = Ed25519KeyPair::generate().map_err(|e| refused(&e))?;
            let der = made.to_pkcs8v1().map_err(|e| refused(&e))?;
            file::make_directory(directory)?;
            let mut out = std::fs::OpenOptions::new()
                .create_new(true)
                .write(true)
                .mode(0o600)
                .open(&path)
                .map_err(JournalError::io("make", &path))?;
            out.write_all(der.as_ref())
                .and_then(|()| out.sync_all())
                .map_err(JournalError::io("write", &path))?;
            Ok(made)
        }
        Err(e) => Err(JournalError::io("read", &path)(e)),
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect()
}
