//! How commands of a runbook reach the cluster that the cockpit looks at, whatever the kubeconfig's
//! current context is.

use std::path::PathBuf;

use serde_json::json;

use super::Session;
use super::kubeconfig::Names;
use crate::model::{Clean, Failure, FailureKind};

impl Session {
    /// `$KUBECONFIG` for commands: a small file that names context and namespace, before the files that
    /// have the clusters and the credentials (kubectl takes what it finds first). None in a cluster, where
    /// there is no kubeconfig.
    ///
    /// # Errors
    /// When the small file can't be written.
    pub fn kubeconfig_of_commands(&self) -> Result<Option<String>, Failure> {
        let Some(names) = self.credentials.as_ref().and_then(|held| held.origin.names()) else {
            return Ok(None);
        };
        if self.commands.get().is_none() {
            let made = self.overlay(names).map_err(|error| Failure {
                kind: FailureKind::NotConfigured,
                tried: Clean::new("write a kubeconfig for the commands of the runbook"),
                happened: Clean::new(&error.to_string()),
                next: Clean::new("check the space left and the rights of the temporary directory"),
            })?;
            // Another may have been quicker: its file says the same.
            _ = self.commands.set(made);
        }
        let Some(overlay) = self.commands.get() else { return Ok(None) };
        let mut files = vec![overlay.path().join("kubeconfig")];
        files.extend(self.kubeconfig_files());
        let joined = std::env::join_paths(files).map_err(|error| Failure {
            kind: FailureKind::NotConfigured,
            tried: Clean::new("lead commands to the cluster"),
            happened: Clean::new(&error.to_string()),
            next: Clean::new("rename the kubeconfig: its path holds a colon"),
        })?;
        Ok(Some(joined.to_string_lossy().into_owned()))
    }

    fn kubeconfig_files(&self) -> Vec<PathBuf> {
        if let Some(file) = &self.target.kubeconfig {
            return vec![std::path::absolute(file).unwrap_or_else(|_| file.clone())];
        }
        match std::env::var_os("KUBECONFIG").filter(|v| !v.is_empty()) {
            Some(files) => std::env::split_paths(&files).collect(),
            None => std::env::home_dir().map(|home| home.join(".kube/config")).into_iter().collect(),
        }
    }

    fn overlay(&self, names: &Names) -> std::io::Result<tempfile::TempDir> {
        let mut config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": names.context,
        });
        if let Some(namespace) = &self.scope.namespace {
            config["contexts"] = json!([{
                "name": names.context,
                "context": {
                    "cluster": names.cluster,
                    "user": names.user,
                    "namespace": namespace.as_str(),
                },
            }]);
        }
        // For the owner alone; JSON is YAML.
        let directory = tempfile::Builder::new().prefix("midwatch-kubeconfig-").tempdir()?;
        std::fs::write(directory.path().join("kubeconfig"), config.to_string())?;
        Ok(directory)
    }
}
