//! What is said of a cluster that does not answer, and what is sent to one that does.

use std::net::TcpListener;
use std::time::Duration;

use midwatch::sim::{Fault, WriteFault};
use rustix::process::Signal;

use super::{cockpit_over, poll, process, row, simulation};
use crate::terminal::{Start, Terminal};

fn kubeconfig(server: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
         clusters: [{{name: far, cluster: {{server: \"{server}\"}}}}]\n\
         contexts: [{{name: c, context: {{cluster: far, user: u}}}}]\nusers: [{{name: u, user: {{token: x}}}}]\n"
    )
}

#[test]
fn limit_12_the_first_frame_waits_for_no_answer() {
    // Accepts by the kernel's grace and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("https://{}", silent.local_addr().unwrap());
    for (server, words) in [("https://127.0.0.1:1", "onnection refused"), (&*silent_url, "no data")] {
        let mut terminal = Terminal::over(&kubeconfig(server));
        terminal.until("the first frame, before any answer", |s| row(s, 0).contains(" far / default"));
        terminal.until("why there is nothing, in words", |s| {
            row(s, 0).contains("no API server since") && s.contents().contains(words)
        });
        terminal.send("qq");
        terminal.until_left();
        terminal.until_shown("[left 0]");
        terminal.assert_given_back();
    }
}

/// The answer is lost on its way: what was sent is looked up, and never sent again.
#[test]
fn limit_05_no_change_is_sent_twice() {
    let sim = simulation("calm", 1.0, None);
    let kubeconfig = sim.kubeconfig_yaml();
    let mut terminal =
        cockpit_over(Start { kubeconfig: Some(&kubeconfig), size: Some((100, 30)), ..Start::default() });
    sim.set_fault(Fault { writes: Some(WriteFault::LoseAnswer), ..Fault::default() });
    terminal.send("sworker\r");
    terminal.until_shown("replicas  6");
    terminal.send("\x1b[A\r");
    terminal.until_shown("tab moves, enter presses");
    terminal.send("\x1b[C\r");
    terminal.until_shown("7 of 7 ready");
    let changes = sim.requests();
    let changes: Vec<_> = changes
        .iter()
        .filter(|r| matches!(&*r.verb, "patch" | "update" | "create" | "delete") && !r.dry_run)
        .filter(|r| !r.resource.contains("review"))
        .collect();
    assert_eq!(changes.len(), 1, "{changes:?}");
}

/// As after a laptop's sleep: the program stood still while the cluster went on, and nothing answers now.
#[test]
fn limit_06_what_was_known_before_a_stop_is_not_called_live_after_it() {
    let sim = simulation("calm", 1.0, None);
    let kubeconfig = sim.kubeconfig_yaml();
    let mut terminal =
        cockpit_over(Start { kubeconfig: Some(&kubeconfig), size: Some((100, 30)), ..Start::default() });
    terminal.until("live data", |s| row(s, 0).contains("live"));
    let pid = terminal.pid();
    terminal.signal(Signal::STOP);
    poll("the stop", || process::state(pid) == Some('T'));
    sim.set_fault(Fault { hang: true, ..Fault::default() });
    // More than a pause that a busy machine makes.
    std::thread::sleep(Duration::from_secs(16));
    let before = terminal.received();
    terminal.send("fg\n");
    terminal.until("that it is old", |s| row(s, 0).contains("midwatch") && !row(s, 0).contains("live"));
    let told = String::from_utf8_lossy(&terminal.bytes()[before..]).into_owned();
    assert!(!told.contains("live now"), "{told}");
    sim.set_fault(Fault::default());
    terminal.until("live data again", |s| row(s, 0).contains("live"));
}

#[test]
fn limit_06_every_panel_shows_the_age_of_its_data_and_a_half_open_api_is_stale() {
    let sim = simulation("calm", 1.0, None);
    let kubeconfig = sim.kubeconfig_yaml();
    let mut terminal =
        cockpit_over(Start { kubeconfig: Some(&kubeconfig), size: Some((120, 40)), ..Start::default() });
    let all = |s: &vt100::Screen| s.contents().contains("1 Pods") && s.contents().contains("4 Backups");
    for panel in ["1", "2", "3", "4", "5", "6"] {
        terminal.send(panel);
        terminal.send("\r");
        let title = format!(" {panel} ");
        terminal.until(&format!("the age in the title of panel {panel}"), |s| {
            let line = row(s, 2);
            line.contains(&title) && (line.contains(" now ") || line.contains(" s ")) && !all(s)
        });
        terminal.send("\x1b");
        terminal.until("all panels", all);
    }
    // Connections stay, and nothing comes any more.
    sim.set_fault(Fault { hang: true, ..Fault::default() });
    terminal.until("that nothing is known of the present", |s| {
        let stale = s.contents().matches("stale").count();
        stale >= 5 && row(s, 0).contains("no API server since")
    });
}
