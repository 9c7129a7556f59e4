//! Credentials and certificates that are replaced while somebody looks: taken at the first refusal,
//! without a restart.

use std::path::Path;
use std::time::Duration;

use midwatch::model::{FailureKind, FeedId, Health};
use midwatch::sim::{Fault, Sim};
use midwatch::state::State;

use crate::faults::{WIDE, all_are, connections, failures, told};
use crate::gate::{Authority, Gate};
use crate::support::{Cockpit, stage};

/// A kubeconfig whose user is written by the test.
fn with_user(sim: &Sim, path: &Path, user: &str) {
    let yaml = sim.kubeconfig_yaml();
    let (before, _) = yaml.split_once("users:").unwrap();
    std::fs::write(path, format!("{before}users:\n- name: oncall\n  user: {user}\n")).unwrap();
}

fn write_token(sim: &Sim, path: &Path) {
    use secrecy::ExposeSecret;
    std::fs::write(path, format!("{}\n", sim.token().expose_secret())).unwrap();
}

/// A cockpit whose credentials are what `user` says, and the directory with its files.
async fn with_credentials(user: impl FnOnce(&Sim, &Path) -> String) -> (Cockpit, tempfile::TempDir) {
    let (sim, home) = (stage("calm").await, tempfile::tempdir().unwrap());
    let path = home.path().join("kubeconfig");
    with_user(&sim, &path, &user(&sim, home.path()));
    let mut cockpit = Cockpit::over(sim, WIDE, |flags| flags.kubeconfig = Some(path)).await;
    cockpit.settled().await;
    (cockpit, home)
}

/// Everything is asked again with credentials that were replaced; nothing is ever refused.
async fn goes_on(cockpit: &mut Cockpit) {
    let seen = cockpit.history.len();
    // Watches are refused from the next one on.
    cockpit.sim.set_fault(Fault { drop_watches_s: 1, ..Fault::default() });
    cockpit.advance(Duration::from_secs(5)).await;
    cockpit.settled_at_now().await;
    cockpit.until("everything to be live", |s| all_are(s, Health::Ok)).await;
    assert_eq!(failures(cockpit, seen, FailureKind::Unauthenticated), Vec::<String>::new());
    assert_eq!(connections(cockpit), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_file_that_is_rewritten_is_read_again() {
    let (mut cockpit, home) = with_credentials(|sim, home| {
        write_token(sim, &home.join("token"));
        format!("{{tokenFile: {}}}", home.join("token").display())
    })
    .await;
    cockpit.sim.rotate_tokens();
    write_token(&cockpit.sim, &home.path().join("token"));
    goes_on(&mut cockpit).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_replaced_in_the_kubeconfig_is_taken() {
    let mut cockpit = Cockpit::open("calm", WIDE).await;
    let kubeconfig = cockpit.directory.path().join("kubeconfig");
    cockpit.sim.rotate_tokens();
    cockpit.press("ctrl-r");
    cockpit
        .until("the refusal", |s| {
            s.known.status(FeedId::Signals).failure.is_some_and(|f| f.kind == FailureKind::Unauthenticated)
        })
        .await;
    let failure = cockpit.state.known.status(FeedId::Signals).failure.unwrap();
    assert!(failure.happened.contains("401"), "{failure:?}");
    std::fs::write(&kubeconfig, cockpit.sim.kubeconfig_yaml()).unwrap();
    goes_on_after_a_refusal(&mut cockpit).await;
}

async fn goes_on_after_a_refusal(cockpit: &mut Cockpit) {
    cockpit.advance(Duration::from_secs(5)).await;
    let now = cockpit.state.now;
    cockpit.until("the new credentials to be taken", |s| all_are(s, Health::Ok) && s.now >= now).await;
    cockpit.settled_at_now().await;
    assert_eq!(connections(cockpit), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kubeconfig_that_leads_elsewhere_is_not_followed_silently() {
    let mut cockpit = Cockpit::open("calm", WIDE).await;
    let other = stage("bad-deploy").await;
    std::fs::write(cockpit.directory.path().join("kubeconfig"), other.kubeconfig_yaml()).unwrap();
    cockpit.sim.rotate_tokens();
    cockpit.press("ctrl-r");
    cockpit.until("the refusal", |s| s.known.status(FeedId::Usage).failure.is_some()).await;
    let failure = cockpit.state.known.status(FeedId::Usage).failure.unwrap();
    assert!(failure.happened.contains("context prod-eu-1 leads to 127.0.0.1:"), "{failure:?}");
    assert!(failure.happened.contains("choose the context again"), "{failure:?}");
    assert_eq!(other.requests(), []);
}

/// The plugin prints a file, or says what is missing.
fn plugin(home: &Path) -> String {
    let script = format!("cat {}/credential || {{ echo please log in >&2; exit 1; }}", home.display());
    format!(
        "{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: sh, args: ['-c', '{script}'], \
         interactiveMode: Never}}}}"
    )
}

fn write_credential(sim: &Sim, home: &Path, expires: Option<&str>) {
    use secrecy::ExposeSecret;
    let mut status = serde_json::json!({"token": sim.token().expose_secret()});
    if let Some(expires) = expires {
        status["expirationTimestamp"] = expires.into();
    }
    let credential = serde_json::json!({
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status});
    std::fs::write(home.join("credential"), credential.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_asked_again_when_its_token_is_refused_or_runs_out() {
    // In the past: kube asks the plugin before every request. Without an end: only a refusal tells.
    for expires in [None, Some("2020-01-01T00:00:00Z")] {
        let (mut cockpit, home) = with_credentials(|sim, home| {
            write_credential(sim, home, expires);
            plugin(home)
        })
        .await;
        cockpit.sim.rotate_tokens();
        write_credential(&cockpit.sim, home.path(), expires);
        goes_on(&mut cockpit).await;
        // It needs a login: said in its own words, and found out by itself when it is done.
        std::fs::remove_file(home.path().join("credential")).unwrap();
        cockpit.sim.rotate_tokens();
        cockpit.press("ctrl-r");
        cockpit
            .until("the plugin's words", |s| {
                s.known.status(FeedId::Usage).failure.is_some_and(|f| f.happened.contains("please log in"))
            })
            .await;
        write_credential(&cockpit.sim, home.path(), expires);
        goes_on_after_a_refusal(&mut cockpit).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_server_and_client_may_be_replaced() {
    let sim = stage("calm").await;
    let (old, new) = (Authority::new("first"), Authority::new("second"));
    let gate = Gate::with_certificates(&sim, &old).await;
    let home = tempfile::tempdir().unwrap();
    old.write_ca(home.path());
    old.write_client(home.path());
    let mut yaml = gate.kubeconfig(&sim);
    let data = yaml.lines().find(|l| l.contains("certificate-authority-data")).unwrap().to_owned();
    yaml = yaml.replace(&data, &format!("    certificate-authority: {}/ca.crt", home.path().display()));
    let files =
        format!("client-certificate: {0}/client.crt, client-key: {0}/client.key", home.path().display());
    yaml = yaml.replacen("user: {token:", &format!("user: {{{files}, token:"), 1);
    let path = home.path().join("kubeconfig");
    std::fs::write(&path, yaml).unwrap();
    let mut cockpit = Cockpit::over(sim, WIDE, |flags| flags.kubeconfig = Some(path)).await;
    cockpit.settled().await;
    assert!(all_are(&cockpit.state, Health::Ok), "{:?}", told(&cockpit.state));

    // The server is known by another authority, which we have not heard of yet.
    gate.replace(&new);
    gate.cut();
    cockpit.press("ctrl-r");
    let failed = |text: &'static str| {
        move |s: &State| s.known.status(FeedId::Pods).failure.is_some_and(|f| f.happened.contains(text))
    };
    cockpit.until("the certificate to be refused", failed("invalid peer certificate")).await;
    let failure = cockpit.state.known.status(FeedId::Pods).failure.unwrap();
    assert!(failure.next.contains("certificate-authority"), "{failure:?}");
    // We trust it, but our own certificate is of the old one.
    new.write_ca(home.path());
    cockpit.until("the server to refuse ours", failed("received fatal alert")).await;
    let failure = cockpit.state.known.status(FeedId::Pods).failure.unwrap();
    assert!(failure.next.contains("client certificate"), "{failure:?}");
    new.write_client(home.path());
    goes_on_after_a_refusal(&mut cockpit).await;

    // Everything at once, and nothing was ever wrong.
    let seen = cockpit.history.len();
    old.write_ca(home.path());
    old.write_client(home.path());
    gate.replace(&old);
    gate.cut();
    goes_on_after_a_refusal(&mut cockpit).await;
    assert_eq!(failures(&cockpit, seen, FailureKind::Unauthenticated), Vec::<String>::new());
}
