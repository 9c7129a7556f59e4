//! Every panel, page and overlay at every size down to nothing: no panic, and nothing outside the frame.

use midwatch::msg::Msg;
use midwatch::panels::PANELS;
use midwatch::state::{Overlay, Page, State};
use midwatch::{ui, update};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::support::Cockpit;

/// A state with everything in it, and one with nothing.
async fn states() -> Vec<State> {
    let full = Cockpit::open("bad-deploy", (80, 24)).await.state;
    let config = full.settings.config.clone();
    let mut settings = full.settings.clone();
    settings.config = config;
    settings.ascii = true;
    let empty = State::new(settings, full.target.clone(), full.now, (80, 24));
    vec![full, empty]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_at_every_size() {
    for state in states().await {
        for width in 0..=60 {
            for height in 0..=20 {
                let area = Rect::new(0, 0, width, height);
                for panel in PANELS {
                    let mut buffer = Buffer::empty(area);
                    panel.draw(&mut ui::paint::Paint::new(&mut buffer, &state), area);
                    panel.draw_zoomed(&mut ui::paint::Paint::new(&mut buffer, &state), area);
                    assert_eq!(buffer.area, area);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_screen_at_every_size() {
    for mut state in states().await {
        let pages: Vec<Vec<Page>> = std::iter::once(Vec::new())
            .chain((0..PANELS.len()).map(|p| vec![Page::Panel(p)]))
            .chain([vec![Page::Messages { scroll: 0 }]])
            .collect();
        for pages in pages {
            for overlay in [None, Some(Overlay::Quit), Some(Overlay::Help { scroll: 3 })] {
                state.view.pages = pages.clone();
                state.view.overlay = overlay;
                for width in [0, 1, 2, 19, 20, 33, 79, 80, 99, 100, 121, 201] {
                    for height in [0, 1, 4, 5, 11, 12, 24, 27, 41, 61] {
                        update::update(&mut state, Msg::Resize { columns: width, rows: height });
                        state.settle();
                        let frame = ui::draw(&state);
                        assert_eq!((frame.buffer.area.width, frame.buffer.area.height), (width, height));
                    }
                }
            }
        }
    }
}
