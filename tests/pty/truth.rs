//! What is said of a cluster that does not answer, and what is sent to one that does.

use std::net::TcpListener;

use super::row;
use crate::terminal::Terminal;

fn kubeconfig(server: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
         clusters: [{{name: far, cluster: {{server: \"{server}\"}}}}]\n\
         contexts: [{{name: c, context: {{cluster: far, user: u}}}}]\nusers: [{{name: u, user: {{token: x}}}}]\n"
    )
}

#[test]
fn it_stays_when_nothing_answers_and_says_so() {
    // Accepts by the kernel's grace and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("https://{}", silent.local_addr().unwrap());
    for (server, words) in [("https://127.0.0.1:1", "onnection refused"), (&*silent_url, "never answered")] {
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
