//! The connection to one cluster: kubeconfig → client, scope and names.

pub use crate::model::scope::{ContextName, NamespaceChoice, Scope, Target};

/// A client that only reads, and the scope it was made for. Mutating clients are made elsewhere.
pub struct Session {
    pub client: kube::Client,
    pub scope: Scope,
    pub target: Target,
}
