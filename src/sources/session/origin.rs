//! Where a client comes from: the kubeconfig, or the pod's service account. It is read again when
//! credentials have to be had anew; it may then bring other credentials and certificates, but never
//! lead to another cluster than the one that is on the screen.

use std::sync::OnceLock;

use http::Uri;
use http::header::USER_AGENT;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};

use super::kubeconfig::Names;
use super::{CONNECT_TIMEOUT, READ_TIMEOUT, Scope, Target, blocking, kubeconfig};
use crate::model::{Clean, Failure, FailureKind};
use crate::sources::kubernetes::trouble::root_cause;

pub struct Origin {
    target: Target,
    pinned: OnceLock<Pinned>,
}

/// What was found when it was read first.
struct Pinned {
    /// None in a cluster.
    names: Option<Names>,
    server: Uri,
}

impl Origin {
    pub fn new(target: Target) -> Self {
        Self { target, pinned: OnceLock::new() }
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    /// # Errors
    /// The kubeconfig can't be read, has no such context, or leads elsewhere than before.
    pub async fn read(&self) -> Result<(Config, Scope), Failure> {
        let mut wanted = self.target.clone();
        let in_cluster = match self.pinned.get() {
            Some(pinned) => {
                wanted.context = pinned.names.as_ref().map(|names| names.context.clone());
                pinned.names.is_none()
            }
            None => false,
        };
        let loaded = match in_cluster {
            true => None,
            false => {
                let target = wanted.clone();
                blocking(move || kubeconfig::load(&target)).await??
            }
        };
        let (mut config, scope, names) = match loaded {
            Some(kubeconfig) => from_kubeconfig(kubeconfig, &wanted).await?,
            None if self.names().is_some() => return Err(vanished()),
            None => from_pod(&wanted)?,
        };
        trim_token(&mut config);
        let pinned = self.pinned.get_or_init(|| Pinned { names, server: config.cluster_url.clone() });
        if pinned.server != config.cluster_url {
            return Err(elsewhere(&scope, &pinned.server, &config.cluster_url));
        }
        Ok((config, scope))
    }

    /// The context that was read first; None in a cluster, or before.
    pub fn names(&self) -> Option<&Names> {
        self.pinned.get()?.names.as_ref()
    }
}

/// What a session is made of, and where it was found; see [`Pinned`].
type Read = (Config, Scope, Option<Names>);

async fn from_kubeconfig(mut kubeconfig: Kubeconfig, target: &Target) -> Result<Read, Failure> {
    kubeconfig::silence_plugins(&mut kubeconfig);
    let (scope, names) = kubeconfig::scope(&kubeconfig, target)?;
    let options = KubeConfigOptions { context: Some(names.context.clone()), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|error| kubeconfig::failure(None, &error))?;
    Ok((tuned(config), scope, Some(names)))
}

fn from_pod(target: &Target) -> Result<Read, Failure> {
    let config = Config::incluster().map_err(|error| Failure {
        kind: FailureKind::NotConfigured,
        tried: Clean::new("find a cluster: $KUBECONFIG, ~/.kube/config, the pod's service account"),
        happened: Clean::new(&root_cause(&error)),
        next: Clean::new("name one with --kubeconfig, or try 'midwatch demo'"),
    })?;
    let namespace = kubeconfig::namespace_of(&target.namespace, Some(&config.default_namespace));
    let scope = Scope {
        context: Clean::new("in-cluster"),
        cluster: Clean::new(config.cluster_url.host().unwrap_or("in-cluster")),
        namespace,
        service: target.service.as_deref().map(Clean::new),
        user: Clean::new("service account"),
    };
    Ok((tuned(config), scope, None))
}

/// kube's defaults would hide the truth: they retry up to 15 times over minutes, and wait for
/// ever on a connection that is only half there.
fn tuned(mut config: Config) -> Config {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    config.write_timeout = Some(READ_TIMEOUT);
    // Else the idle time of a pooled connection counts against its next answer.
    config.reset_reader_on_write = true;
    config.default_retry = false;
    let agent = http::HeaderValue::from_static(concat!("midwatch/", env!("CARGO_PKG_VERSION")));
    config.headers.push((USER_AGENT, agent));
    config
}

/// kube puts a token file's last newline into the header, where none may be; client-go trims it. A
/// file that can't be read is told by kube.
fn trim_token(config: &mut Config) {
    let auth = &mut config.auth_info;
    let Some(file) = auth.token_file.as_ref().filter(|_| auth.token.is_none()) else { return };
    let Ok(text) = std::fs::read_to_string(file) else { return };
    if text.trim() != text {
        auth.token = Some(text.trim().to_owned().into());
        auth.token_file = None;
    }
}

fn vanished() -> Failure {
    Failure {
        kind: FailureKind::NotConfigured,
        tried: Clean::new("read the kubeconfig again"),
        happened: Clean::new("the kubeconfig is not there any more"),
        next: Clean::new("put it back: midwatch reads it again by itself"),
    }
}

fn elsewhere(scope: &Scope, before: &Uri, now: &Uri) -> Failure {
    let context = &scope.context;
    Failure {
        kind: FailureKind::NotConfigured,
        tried: Clean::new("read the kubeconfig again"),
        happened: Clean::new(&format!(
            "context {context} leads to {} now, and led to {} before",
            host(now),
            host(before)
        )),
        next: Clean::new("choose the context again to follow it"),
    }
}

/// Host and port: a URL may hold more than is to be shown.
fn host(url: &Uri) -> &str {
    url.authority().map_or("?", |a| a.as_str().rsplit('@').next().unwrap_or_default())
}
