//! Actions from the key to their outcome, over the simulated cluster, with the audit log.

use midwatch::journal::Phase;

use crate::support::Cockpit;

fn phases(cockpit: &Cockpit) -> Vec<(Phase, String)> {
    cockpit.audit().into_iter().map(|r| (r.entry.phase, r.entry.action)).collect()
}

/// Requests that changed something, by resource; dry runs are not told apart by their path.
fn writes(cockpit: &Cockpit) -> Vec<String> {
    let requests = cockpit.sim.requests();
    let changing = |verb: &str| matches!(verb, "patch" | "update" | "create" | "delete");
    requests
        .into_iter()
        .filter(|r| changing(&r.verb) && !r.resource.is_empty())
        .map(|r| format!("{} {}", r.verb, r.resource))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_roll_back_cures_the_bad_deploy() {
    let mut cockpit = Cockpit::open("bad-deploy", (120, 40)).await;
    cockpit.press("b enter");
    cockpit.until_shown("back from revision 17").await;
    cockpit.press("enter");
    cockpit.until_armed().await;
    let screen = cockpit.screen();
    assert!(screen.contains("revision 17 → 16"), "{screen}");
    assert!(screen.contains("- image api") && screen.contains("+ env api PAYMENT_URL"), "{screen}");
    assert!(screen.contains("the API server would accept it"), "{screen}");
    // Enter presses Cancel, and letters are the name.
    cockpit.type_text("api");
    cockpit.press("enter enter");
    cockpit.until("the operation", |s| s.operations.len() == 1).await;
    cockpit.until_over().await;
    let operation = cockpit.state.operations.last().unwrap().clone();
    assert!(format!("{:?}", operation.progress).contains("complete: 20 of 20 ready"), "{operation:?}");
    use Phase::{Acted, Confirmed, Outcome, Planned};
    let name = || "roll-back".to_owned();
    assert_eq!(
        phases(&cockpit),
        [(Planned, name()), (Confirmed, name()), (Acted, name()), (Outcome, name())]
    );
    assert_eq!(writes(&cockpit), ["patch deployments.apps"; 3], "two dry runs and the act");
    let confirmed = &cockpit.audit()[1];
    assert_eq!(confirmed.who.user, "oncall");
    assert_eq!(confirmed.entry.before["revision"], "17");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scaling_takes_a_number_and_can_be_left_at_any_point() {
    let mut cockpit = Cockpit::open("calm", (80, 24)).await;
    cockpit.press("s");
    cockpit.type_text("worker");
    cockpit.press("enter");
    cockpit.until_shown("replicas  6").await;
    cockpit.press("up up enter");
    cockpit.until_armed().await;
    assert!(cockpit.screen().contains("replicas 6 → 8"), "{}", cockpit.screen());
    cockpit.press("enter");
    assert!(cockpit.state.view.overlay.is_none(), "Cancel has the focus");
    cockpit.press("s");
    cockpit.type_text("worker");
    cockpit.press("enter");
    cockpit.until_shown("replicas  6").await;
    cockpit.press("up up enter");
    cockpit.until_armed().await;
    cockpit.press("right enter");
    cockpit.until("the operation", |s| s.operations.len() == 1).await;
    cockpit.until_over().await;
    assert!(cockpit.screen().contains("complete: 8 of 8 ready"), "{}", cockpit.screen());
    assert_eq!(cockpit.state.operations[0].undo.as_str(), "yes: scale to 6");
    let told: Vec<Phase> = phases(&cockpit).into_iter().map(|(phase, _)| phase).collect();
    use Phase::{Acted, Cancelled, Confirmed, Outcome, Planned};
    assert_eq!(told, [Planned, Cancelled, Planned, Confirmed, Acted, Outcome]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_moved_since_it_was_shown_is_not_done() {
    let mut cockpit = Cockpit::open("calm", (100, 30)).await;
    cockpit.press("s");
    cockpit.type_text("worker");
    cockpit.press("enter");
    cockpit.until_shown("replicas  6").await;
    cockpit.press("up enter");
    cockpit.until_armed().await;
    let client = reqwest_client(&cockpit);
    let path = format!("{}/apis/apps/v1/namespaces/shop/deployments/worker/scale", cockpit.sim.kube_url());
    let patch = client.patch(path).header("content-type", "application/merge-patch+json");
    assert!(patch.body("{\"spec\":{\"replicas\":9}}").send().await.unwrap().status().is_success());
    cockpit.press("right enter");
    cockpit.until_shown("replicas was 6 and is 9 now").await;
    cockpit.until_armed().await;
    assert!(cockpit.screen().contains("replicas 9 → 7"), "{}", cockpit.screen());
    assert!(cockpit.state.operations.is_empty());
    cockpit.press("esc");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_were_not_meant_for_the_dialog_do_nothing() {
    use midwatch::msg::Msg;
    use midwatch::state::{Overlay, actions::Stage};
    let mut cockpit = Cockpit::open("bad-deploy", (100, 40)).await;
    cockpit.press("r enter");
    let shown = |s: &midwatch::state::State| matches!(&s.view.overlay, Some(Overlay::Dialog(d)) if matches!(d.stage, Stage::Shown(_)));
    cockpit.until("the plan", shown).await;
    // It has not been on the screen for long enough to be read.
    cockpit.press("right enter tab enter right enter");
    assert!(shown(&cockpit.state) && cockpit.state.operations.is_empty());
    cockpit.until_armed().await;
    // A held key is one key: Enter presses Cancel, Right only moves.
    cockpit.press("right right right right");
    assert!(shown(&cockpit.state));
    cockpit.press("esc b enter");
    cockpit.until_shown("back from revision").await;
    cockpit.press("enter");
    cockpit.until_armed().await;
    midwatch::update::update(&mut cockpit.state, Msg::Paste("api".into()));
    cockpit.press("right enter");
    assert!(cockpit.screen().contains("type 'api' to confirm"), "{}", cockpit.screen());
    assert!(cockpit.state.operations.is_empty());
    cockpit.advance(std::time::Duration::from_secs(61)).await;
    assert!(cockpit.state.view.overlay.is_none(), "a minute is enough");
    assert!(cockpit.state.notices.iter().any(|n| n.text.contains("nothing was done")));
    assert_eq!(writes(&cockpit).iter().filter(|w| *w == "patch deployments.apps").count(), 2, "two dry runs");
}

pub fn reqwest_client(cockpit: &Cockpit) -> reqwest::Client {
    use secrecy::ExposeSecret;
    let ca = reqwest::Certificate::from_pem(cockpit.sim.ca_pem().as_bytes()).unwrap();
    let mut headers = http::HeaderMap::new();
    let token = format!("Bearer {}", cockpit.sim.token().expose_secret());
    headers.insert("authorization", token.parse().unwrap());
    reqwest::Client::builder().tls_certs_only([ca]).default_headers(headers).build().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_only_sends_nothing_but_questions() {
    use midwatch::sim::{self, Scenario};
    let scenario = Scenario::named("bad-deploy").unwrap();
    let options =
        sim::Options { scenario, seed: 7, speed: 0.0, pods: None, origin: crate::support::origin() };
    let sim = sim::start(options).await.unwrap();
    let mut cockpit = Cockpit::over(sim, (120, 40), |global| global.read_only = true).await;
    cockpit.settled().await;
    for keys in ["s enter", "r enter", "b enter", "P enter"] {
        cockpit.press(keys);
        cockpit
            .until("a dialog with something to say", |s| {
                use midwatch::state::{Overlay, actions::Stage};
                matches!(&s.view.overlay, Some(Overlay::Dialog(d)) if !matches!(d.stage, Stage::Planning))
            })
            .await;
        if cockpit.screen().contains("enter goes on") || cockpit.screen().contains("enter takes it") {
            cockpit.press("enter");
        }
        cockpit.until_armed().await;
        assert!(cockpit.screen().contains("read-only (--read-only)"), "{}", cockpit.screen());
        cockpit.type_text("api");
        cockpit.press("enter right enter");
        cockpit.press("esc");
    }
    cockpit.press("1 enter D");
    cockpit.until_armed().await;
    assert!(cockpit.screen().contains("read-only"), "{}", cockpit.screen());
    cockpit.press("esc");
    assert_eq!(writes(&cockpit), Vec::<String>::new());
    assert!(cockpit.state.operations.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_does_not_fit_says_so_and_is_scrolled() {
    let mut cockpit = Cockpit::open("bad-deploy", (80, 16)).await;
    cockpit.press("b enter");
    cockpit.until_shown("back from revision 17").await;
    cockpit.press("enter");
    cockpit.until_armed().await;
    let screen = cockpit.screen();
    assert!(screen.contains("more lines: page down") && screen.contains("[ Cancel ]"), "{screen}");
    assert!(!screen.contains("the API server would accept it"), "{screen}");
    cockpit.press("pagedown pagedown pagedown");
    let screen = cockpit.screen();
    assert!(screen.contains("the API server would accept it"), "{screen}");
    assert!(!screen.contains("more lines") && screen.contains("[ Cancel ]"), "{screen}");
    cockpit.press("esc");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_may_be_pasted_and_a_wrong_one_is_asked_again() {
    use midwatch::msg::Msg;
    let mut cockpit = Cockpit::open("bad-deploy", (100, 40)).await;
    cockpit.press("5 enter a");
    cockpit.until_shown("others see who has it until then").await;
    cockpit.press("backspace backspace backspace");
    midwatch::update::update(&mut cockpit.state, Msg::Paste("soon\nand a second line".into()));
    cockpit.press("enter");
    cockpit.until_shown("soon").await;
    cockpit
        .until("the question again", |s| {
            use midwatch::state::{Overlay, actions::Stage};
            matches!(&s.view.overlay, Some(Overlay::Dialog(d)) if matches!(d.stage, Stage::Asking { .. }))
        })
        .await;
    assert!(!cockpit.screen().contains("second line"), "{}", cockpit.screen());
    cockpit.press("backspace backspace backspace backspace");
    cockpit.type_text("45m");
    cockpit.press("enter");
    cockpit.until_armed().await;
    assert!(cockpit.screen().contains("acknowledged by nobody → oncall for 45"), "{}", cockpit.screen());
    cockpit.press("right enter");
    cockpit.until("the operation", |s| s.operations.len() == 1).await;
    cockpit.until_over().await;
    cockpit.until_shown("ack oncall, 4").await;
}
