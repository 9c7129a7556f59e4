//! Connecting with credential plugins, against kubeconfigs written for it.

use super::*;

fn kubeconfig(dir: &tempfile::TempDir, script: &str) -> Target {
    // A port that was free a moment ago, and where nobody listens.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let path = dir.path().join("config");
    let text = format!(
        r#"apiVersion: v1
kind: Config
current-context: here
contexts: [{{name: here, context: {{cluster: c, user: u}}}}]
clusters: [{{name: c, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users:
- name: u
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: sh
      args: ["-c", {script:?}]
      interactiveMode: IfAvailable
"#
    );
    std::fs::write(&path, text).unwrap();
    Target { kubeconfig: Some(path), ..Target::default() }
}

#[tokio::test]
async fn a_failing_plugin_is_told_in_its_own_words_and_without_its_output() {
    let dir = tempfile::tempdir().unwrap();
    let target = kubeconfig(&dir, "echo t0ken; echo please log in >&2; exit 3");
    let failure = connect(&target).await.err().unwrap();
    assert_eq!(failure.kind, FailureKind::Unauthenticated);
    assert!(failure.happened.contains("please log in"), "{}", failure.happened);
    assert!(!failure.happened.contains("t0ken"), "{}", failure.happened);
}

#[tokio::test]
async fn a_plugins_token_makes_a_session() {
    let dir = tempfile::tempdir().unwrap();
    let answer = r#"echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t"}}'"#;
    let session = connect(&kubeconfig(&dir, answer)).await.unwrap();
    assert_eq!(session.scope.namespace.as_deref(), Some("default"));
    let failure = namespaces(&session).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.happened.contains("refused"), "{}", failure.happened);
}

#[tokio::test]
async fn the_namespaces_of_all_pages_are_listed() {
    use crate::sources::kubernetes::testing::{Reply, Server};
    let page = |name: &str, go_on: &str| serde_json::json!({"metadata": {"continue": go_on}, "items": [{"metadata": {"name": name}}, 3]});
    let server = Server::start(36, move |asked| match asked.get("continue") {
        "" => Reply::Json(200, page("kube-system", "more")),
        _ => Reply::Json(200, page("shop", "")),
    })
    .await;
    let names = namespaces(&server.session().await).await.unwrap();
    assert_eq!(names.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["kube-system", "shop"]);
}
