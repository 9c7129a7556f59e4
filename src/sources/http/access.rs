//! From the configuration's access to headers and a client: secrets are read here, and end as
//! header values that are marked sensitive.

use std::path::Path;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;

use crate::config::HttpAccess;
use crate::config::secret::SecretSource;
use crate::sources::kubernetes::trouble::root_cause;

/// Enough for a connection across the world.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A PEM file is a few KiB.
const MAX_PEM: u64 = 1024 * 1024;

const USER_AGENT: &str = concat!("midwatch/", env!("CARGO_PKG_VERSION"));

pub fn plain_headers(access: &HttpAccess) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &access.plain_headers {
        let bad = |_| format!("'{name}' is not a header that can be sent");
        let name = HeaderName::try_from(name).map_err(|e| bad(e.to_string()))?;
        headers.append(name, HeaderValue::try_from(value).map_err(|e| bad(e.to_string()))?);
    }
    Ok(headers)
}

pub async fn secret_headers(access: &HttpAccess) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    if let Some(source) = &access.bearer {
        headers.extend([secret_header("authorization", "Bearer ", source).await?]);
    }
    for (name, source) in &access.headers {
        headers.extend([secret_header(name, "", source).await?]);
    }
    Ok(headers)
}

pub async fn secret_header(
    name: &str,
    prefix: &str,
    source: &SecretSource,
) -> Result<(HeaderName, HeaderValue), String> {
    let secret = source.read().await.map_err(|e| e.to_string())?;
    let name = HeaderName::try_from(name).map_err(|_| format!("'{name}' is not a header's name"))?;
    Ok((name, sensitive(&format!("{prefix}{}", secret.expose_secret()), source)?))
}

fn sensitive(value: &str, source: &SecretSource) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::try_from(value).map_err(|_| {
        format!("the secret from {} has characters that a header can't have", source.describe())
    })?;
    value.set_sensitive(true);
    Ok(value)
}

pub fn client(access: &HttpAccess) -> Result<reqwest::Client, String> {
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_TIMEOUT)
        // A redirect could carry secret headers to another host.
        .redirect(reqwest::redirect::Policy::none());
    let pem = |path: &Path| {
        let text = |e: std::io::Error| format!("read {}: {e}", path.display());
        if std::fs::metadata(path).map_err(text)?.len() > MAX_PEM {
            return Err(format!("{} is too large for a PEM file", path.display()));
        }
        std::fs::read(path).map_err(text)
    };
    if let Some(path) = &access.ca_file {
        let bad = |e: reqwest::Error| format!("{} is not a CA in PEM: {}", path.display(), root_cause(&e));
        let certificates = reqwest::Certificate::from_pem_bundle(&pem(path)?).map_err(bad)?;
        if certificates.is_empty() {
            return Err(format!("{} holds no certificate in PEM", path.display()));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    if let (Some(certificate), Some(key)) = (&access.client_cert_file, &access.client_key_file) {
        let mut both = pem(certificate)?;
        both.push(b'\n');
        both.extend(pem(key)?);
        let bad =
            |_| format!("{} and {} are no certificate with its key", certificate.display(), key.display());
        builder = builder.identity(reqwest::Identity::from_pem(&both).map_err(bad)?);
    }
    builder.build().map_err(|e| root_cause(&e))
}
