//! What is drawn, how often, and in how many bytes and writes.

use super::{cockpit, row};

#[test]
fn sizes_are_followed_down_to_one_cell_and_back() {
    let mut terminal = cockpit();
    terminal.resize(120, 40);
    terminal.until("a frame of 120x40", |s| {
        row(s, 0).trim_end().ends_with('Z') && row(s, 0).trim_end().len() > 100 && row(s, 39).contains("quit")
    });
    terminal.resize(20, 5);
    terminal.until("a frame of 20x5", |s| row(s, 4).contains("tab next"));
    terminal.resize(1, 1);
    // Before, the cell was the blank that every header begins with.
    terminal.until("a frame of one cell", |s| !row(s, 0).trim().is_empty());
    terminal.resize(80, 24);
    terminal.until("a frame of 80x24", |s| s.contents().contains("1 Pods") && row(s, 23).contains("q quit"));
    terminal.send("qq");
    terminal.until_left();
    terminal.assert_given_back();
}

#[test]
fn limit_15_a_window_that_is_dragged_ends_at_its_last_size() {
    let mut terminal = cockpit();
    for step in 0..100_u16 {
        terminal.resize(1 + step * 37 % 200, 1 + step * 11 % 60);
    }
    terminal.resize(101, 31);
    terminal.until("a frame of 101x31", |s| {
        let header = row(s, 0);
        header.starts_with(" midwatch") && header.contains("live") && row(s, 30).contains("q quit")
    });
    terminal.send("qq");
    terminal.until_left();
    terminal.until_shown("[left 0]");
    terminal.assert_given_back();
}
