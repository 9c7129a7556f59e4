//! What is looked at: the cluster, the namespace, the service.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Clean;

/// What the command line, the configuration or the context switcher asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// `--kubeconfig`; else `$KUBECONFIG`, else `~/.kube/config`, else the service account.
    pub kubeconfig: Option<PathBuf>,
    pub context: Option<String>,
    pub namespace: NamespaceChoice,
    /// The service whose signals are shown; found out where it is not given.
    pub service: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NamespaceChoice {
    /// The context's, else `default`.
    #[default]
    OfContext,
    All,
    Named(String),
}

/// What is looked at: every panel shows this and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    pub context: Clean,
    /// The cluster's name in the kubeconfig.
    pub cluster: Clean,
    /// None: all namespaces.
    pub namespace: Option<Clean>,
    pub service: Option<Clean>,
    /// The kubeconfig user's name.
    pub user: Clean,
}

/// A context of the kubeconfig, as the switcher lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextName {
    pub name: Clean,
    pub cluster: Clean,
    pub namespace: Option<Clean>,
    pub current: bool,
}
