//! What can be seen by whom: contrast of all that is drawn, nothing told by colour alone, and severities
//! apart for eyes that lack one kind of cones.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use midwatch::model::{FeedId, Health};
use midwatch::sim::Fault;
use midwatch::state::actions::Stage;
use midwatch::state::{Overlay, Page, State};
use midwatch::ui;
use midwatch::ui::theme::{Depth, PRESETS, Role, Theme, colour};
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier, Style};

use crate::support::{Cockpit, screen_of, stage};

const HEALTHS: [Health; 8] = [
    Health::NotConfigured,
    Health::Ok,
    Health::Progress,
    Health::Unknown,
    Health::Stale,
    Health::Denied,
    Health::Warning,
    Health::Critical,
];

/// Keys that lead to a page, and what is waited for there, where nothing fails.
const PAGES: [(&str, &str); 19] = [
    ("", ""),
    ("1 enter", ""),
    ("2 enter", ""),
    ("3 enter", ""),
    ("4 enter", ""),
    ("5 enter", ""),
    ("6 enter", ""),
    ("1 enter enter", "CONDITIONS"),
    ("l", ""),
    ("?", ""),
    (":", ""),
    ("i", ""),
    ("p", ""),
    ("A", ""),
    ("M", "First review"),
    ("c", ""),
    ("s", ""),
    ("N", "monitoring"),
    ("r enter", "Cancel"),
];

/// What asks the API server anew, and tells its failure.
const ASKING: [&str; 3] = ["1 enter enter", "N", "r enter"];

/// Nothing that the page, the list or the dialog asked for is under way.
fn answered(state: &State) -> bool {
    let is_there = match &state.view.overlay {
        Some(Overlay::Dialog(dialog)) => !matches!(dialog.stage, Stage::Planning),
        Some(Overlay::Choice(choice)) => choice.loaded.is_some(),
        _ => true,
    };
    is_there && !matches!(state.view.pages.last(), Some(Page::Pod(page)) if page.waiting)
}

/// Every page of every scenario, visited once for all tests.
async fn screens() -> Vec<(String, State)> {
    static SCREENS: tokio::sync::Mutex<Vec<(String, State)>> = tokio::sync::Mutex::const_new(Vec::new());
    let mut screens = SCREENS.lock().await;
    if screens.is_empty() {
        *screens = visited().await;
    }
    screens.clone()
}

async fn visited() -> Vec<(String, State)> {
    let mut screens = Vec::new();
    // What `flaky-api` fails with is left to chance: each of its failures is visited by itself, below.
    for scenario in midwatch::sim::scenarios().into_iter().filter(|s| s.name != "flaky-api") {
        let mut cockpit = Cockpit::open(&scenario.name, (120, 40)).await;
        visit(&mut cockpit, &scenario.name, None, &mut screens).await;
    }
    let faults = [
        ("500: ", Fault { error_ratio: 1.0, ..Fault::default() }),
        ("429: ", Fault { too_many_ratio: 1.0, retry_after_s: 2, ..Fault::default() }),
        ("the server closed the connection", Fault { down: true, ..Fault::default() }),
    ];
    for (failure, fault) in faults {
        let sim = stage("calm").await;
        sim.set_fault(fault.clone());
        let mut cockpit = Cockpit::over(sim, (120, 40), |_| {}).await;
        cockpit.settled().await;
        visit(&mut cockpit, "from the start", Some(failure), &mut screens).await;

        let mut cockpit = Cockpit::open("calm", (120, 40)).await;
        cockpit.sim.set_fault(fault);
        cockpit.until("the pods' failure", |s| s.known.status(FeedId::Pods).failure.is_some()).await;
        cockpit.advance_quietly(Duration::from_secs(45)).await;
        visit(&mut cockpit, "later", Some(failure), &mut screens).await;
    }
    screens
}

async fn visit(
    cockpit: &mut Cockpit,
    name: &str,
    failure: Option<&'static str>,
    screens: &mut Vec<(String, State)>,
) {
    for (keys, awaited) in PAGES {
        cockpit.press(keys);
        let told = failure.filter(|_| ASKING.contains(&keys)).unwrap_or(awaited);
        cockpit.until("an answer, or why there is none", answered).await;
        cockpit.until_shown(told).await;
        screens.push((format!("{name} {} [{keys}]", failure.unwrap_or_default()), cockpit.state.clone()));
        cockpit.press("esc esc esc esc");
    }
}

fn drawn(state: &State) -> Buffer {
    ui::draw(state).buffer
}

/// Letters and digits are read; the rest are marks and lines.
fn is_text(cell: &Cell) -> bool {
    cell.symbol().chars().any(char::is_alphanumeric)
}

/// A pair of colours as it is drawn: which, and whether it is read.
type Pair = (Color, Color, bool);

fn pairs(buffer: &Buffer) -> BTreeMap<String, (Pair, String)> {
    let mut pairs = BTreeMap::new();
    for cell in buffer.content.iter().filter(|c| !c.symbol().trim().is_empty()) {
        let (mut fg, mut bg) = (cell.fg, cell.bg);
        if cell.modifier.contains(Modifier::REVERSED) {
            std::mem::swap(&mut fg, &mut bg);
        }
        assert!(!cell.modifier.contains(Modifier::DIM), "{:?} is dimmed by the terminal", cell.symbol());
        let pair = (fg, bg, is_text(cell));
        pairs.entry(format!("{pair:?}")).or_insert((pair, cell.symbol().to_owned()));
    }
    pairs
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_drawn_can_be_read() {
    let screens = screens().await;
    let mut seen = 0;
    for (name, _) in PRESETS {
        for depth in [Depth::True, Depth::Ansi256, Depth::Ansi16] {
            let theme = Theme::preset(name).unwrap();
            let mut grounds = theme.grounds();
            if depth == Depth::Ansi16 {
                grounds.truncate(1);
            }
            let theme = theme.at_depth(depth);
            let mut all = BTreeMap::new();
            for (screen, state) in &screens {
                let mut state = state.clone();
                state.settings.theme = theme.clone();
                for (key, (pair, symbol)) in pairs(&drawn(&state)) {
                    all.entry(key).or_insert((pair, symbol, screen.clone()));
                }
            }
            for ((fg, bg, is_text), symbol, screen) in all.into_values() {
                // The terminal's own on its own is its user's choice.
                let pair: Option<f64> = match (colour::rgb(fg), colour::rgb(bg)) {
                    (Some(fg), Some(bg)) => Some(colour::contrast(fg, bg)),
                    (Some(one), None) | (None, Some(one)) => Some(colour::least_contrast(one, &grounds)),
                    (None, None) => None,
                };
                let least = if is_text { colour::TEXT } else { colour::GRAPHICS };
                if let Some(is) = pair {
                    seen += 1;
                    assert!(is >= least, "{name} {depth:?}, {screen}: '{symbol}' {fg:?} on {bg:?}: {is:.2}");
                }
            }
        }
    }
    assert!(seen > 150, "{seen} pairs are drawn");
}

/// What says a health without its colour.
fn says(row: &str, health: Health) -> bool {
    let lower = row.to_lowercase();
    row.contains(health.mark(false)) || lower.contains(health.word())
}

/// The healths that a style stands for, where it stands for nothing else: keys and progress have one
/// colour, and differ by their weight.
fn meanings(theme: &Theme, cell: &Cell) -> Vec<Health> {
    let bold = |modifier: Modifier| modifier.contains(Modifier::BOLD);
    let is = |style: Style| style.fg == Some(cell.fg) && bold(style.add_modifier) == bold(cell.modifier);
    let others = [Role::Text, Role::Dim, Role::Key, Role::Focus, Role::Mark, Role::Objective, Role::Chart];
    if others.iter().any(|role| is(theme.style(*role))) {
        return Vec::new();
    }
    HEALTHS.into_iter().filter(|h| is(theme.health(*h))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_told_by_colour_alone() {
    let theme = Theme::preset("dark").unwrap();
    let mut untold = BTreeSet::new();
    for (screen, state) in screens().await {
        let mut state = state.clone();
        state.settings.theme = theme.clone();
        let mut buffer = drawn(&state);
        if state.view.overlay.is_some() {
            // What it lies over was looked at without it.
            state.view.overlay = None;
            let under = drawn(&state);
            for (cell, _) in buffer.content.iter_mut().zip(&under.content).filter(|(a, b)| a == b) {
                cell.set_symbol(" ");
            }
        }
        let mut above: Vec<String> = Vec::new();
        for y in 0..buffer.area.height {
            let cells = || (0..buffer.area.width).filter_map(|x| buffer.cell((x, y)));
            let row: String = cells().map(Cell::symbol).collect();
            let mut run: Option<(Vec<Health>, String)> = None;
            let mut check = |run: Option<(Vec<Health>, String)>| {
                let Some((healths, text)) = run.filter(|(h, t)| !h.is_empty() && !t.trim().is_empty()) else {
                    return;
                };
                // Of a difference the sign tells.
                let signed = text.starts_with("+ ") || text.starts_with("- ");
                // Words that were wrapped go on with what stands above them.
                let is_all = row.trim_matches(['│', ' ']) == text.trim();
                let before = above.iter().rev().take(if is_all { 4 } else { 0 });
                let told = |h: &Health| says(&row, *h) || before.clone().any(|row| says(row, *h));
                if !signed && !healths.iter().any(told) {
                    untold.insert(format!("{healths:?} {screen}: '{}' in '{}'", text.trim(), row.trim()));
                }
            };
            for cell in cells() {
                let means = meanings(&theme, cell);
                match &mut run {
                    Some((healths, text)) if *healths == means => text.push_str(cell.symbol()),
                    _ => check(run.replace((means, cell.symbol().to_owned()))),
                }
            }
            check(run);
            above.push(row);
        }
    }
    let all: Vec<String> = untold.into_iter().collect();
    assert!(all.is_empty(), "{} things are told by colour alone:\n{}", all.len(), all.join("\n"));
}

/// Sets one health of the state.
type Set = fn(&mut State, Health);

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_in_health_differs_in_text() {
    let sets: [(&str, &str, Set); 6] = [
        ("the headline", "", |s, h| s.derived.headline.health = h),
        ("a panel", "", |s, h| s.derived.verdicts[1].0 = h),
        ("a workload", "", |s, h| std::sync::Arc::make_mut(&mut s.derived.pods).workloads[0].health = h),
        ("a pod", "1 enter", |s, h| s.derived.rows.rows[0].0 = h),
        ("a backup", "4 enter", |s, h| s.derived.backups[0].1 = h),
        ("an objective", "6 enter", |s, h| s.derived.strip[0].health = h),
    ];
    let mut cockpit = Cockpit::open("bad-deploy", (120, 40)).await;
    for (what, keys, set) in sets {
        cockpit.press(keys);
        for ascii in [false, true] {
            let mut texts = BTreeMap::new();
            for health in HEALTHS {
                let mut state = cockpit.state.clone();
                state.settings.ascii = ascii;
                set(&mut state, health);
                if let Some(other) = texts.insert(screen_of(&state), health) {
                    panic!("{what} looks the same without colour as {health:?} and as {other:?}");
                }
            }
        }
        cockpit.press("esc esc");
    }
}

/// Kinds of colour vision: Machado, Oliveira and Fernandes, 'A Physiologically-based Model for Simulation of
/// Color Vision Deficiency', IEEE TVCG 15(6), 2009, at severity 1.0; they act on linear RGB.
const VISIONS: [(&str, [[f64; 3]; 3]); 4] = [
    ("normal", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    (
        "protanopia",
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    ),
    (
        "deuteranopia",
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    ),
    (
        "tritanopia",
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ),
];

/// CIE L*a*b* under D65, as someone with that vision sees it.
fn lab((r, g, b): colour::Rgb, vision: &[[f64; 3]; 3]) -> [f64; 3] {
    let linear = [r, g, b].map(|v| {
        let v = f64::from(v) / 255.0;
        if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
    });
    let times = |m: &[[f64; 3]; 3], v: [f64; 3]| m.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2]);
    let seen = times(vision, linear).map(|v| v.clamp(0.0, 1.0));
    let srgb_to_xyz = [
        [0.412_456_4, 0.357_576_1, 0.180_437_5],
        [0.212_672_9, 0.715_152_2, 0.072_175_0],
        [0.019_333_9, 0.119_192_0, 0.950_304_1],
    ];
    let [x, y, z] = times(&srgb_to_xyz, seen);
    let f = |t: f64| if t > 216.0 / 24389.0 { t.cbrt() } else { (24389.0 / 27.0 * t + 16.0) / 116.0 };
    let (x, y, z) = (f(x / 0.95047), f(y), f(z / 1.08883));
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// CIEDE2000, as Sharma, Wu and Dalal write it out (Color Research & Application 30(1), 2005).
fn difference([l1, a1, b1]: [f64; 3], [l2, a2, b2]: [f64; 3]) -> f64 {
    let seventh = |c: f64| (c.powi(7) / (c.powi(7) + 25f64.powi(7))).sqrt();
    let g = 0.5 * (1.0 - seventh((a1.hypot(b1) + a2.hypot(b2)) / 2.0));
    let (a1, a2) = (a1 * (1.0 + g), a2 * (1.0 + g));
    let (c1, c2) = (a1.hypot(b1), a2.hypot(b2));
    let hue = |a: f64, b: f64| b.atan2(a).to_degrees().rem_euclid(360.0);
    let (h1, h2) = (hue(a1, b1), hue(a2, b2));
    let grey = c1 * c2 == 0.0;
    let turn = if grey { 0.0 } else { (h2 - h1 + 180.0).rem_euclid(360.0) - 180.0 };
    let (dl, dc) = (l2 - l1, c2 - c1);
    let dh = 2.0 * (c1 * c2).sqrt() * (turn / 2.0).to_radians().sin();
    let (l, c) = ((l1 + l2) / 2.0, (c1 + c2) / 2.0);
    let h = match (h1 - h2).abs() {
        _ if grey => h1 + h2,
        apart if apart <= 180.0 => (h1 + h2) / 2.0,
        _ if h1 + h2 < 360.0 => (h1 + h2 + 360.0) / 2.0,
        _ => (h1 + h2 - 360.0) / 2.0,
    };
    let cos = |degrees: f64| degrees.to_radians().cos();
    let t = 1.0 - 0.17 * cos(h - 30.0) + 0.24 * cos(2.0 * h) + 0.32 * cos(3.0 * h + 6.0)
        - 0.20 * cos(4.0 * h - 63.0);
    let sl = 1.0 + 0.015 * (l - 50.0).powi(2) / (20.0 + (l - 50.0).powi(2)).sqrt();
    let (sc, sh) = (1.0 + 0.045 * c, 1.0 + 0.015 * c * t);
    let rotation = -2.0 * seventh(c) * (60.0 * (-((h - 275.0) / 25.0).powi(2)).exp()).to_radians().sin();
    ((dl / sl).powi(2) + (dc / sc).powi(2) + (dh / sh).powi(2) + rotation * dc / sc * dh / sh).sqrt()
}

#[test]
fn the_difference_of_colours_is_that_of_the_paper() {
    // Pairs 1, 7, 17, 20 and 34 of its table of test data.
    let pairs = [
        ([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485], 2.0425),
        ([50.0, 0.0, 0.0], [50.0, -1.0, 2.0], 2.3669),
        ([50.0, 2.5, 0.0], [73.0, 25.0, -18.0], 27.1492),
        ([50.0, 2.5, 0.0], [58.0, 24.0, 15.0], 19.4535),
        ([2.0776, 0.0795, -1.1350], [0.9033, -0.0636, -0.5514], 0.9082),
    ];
    for (a, b, wanted) in pairs {
        assert!((difference(a, b) - wanted).abs() < 1e-4, "{} for {wanted}", difference(a, b));
        assert!((difference(b, a) - wanted).abs() < 1e-4);
    }
}

/// A difference of 2.3 in L*a*b* is just seen side by side (Mahy, Van Eycken and Oosterlinck, 1994). A mark
/// the size of a letter, nowhere near what it is told from, is asked for six times as much.
const APART: f64 = 15.0;

#[test]
fn severities_stay_apart_without_one_kind_of_cones() {
    let roles = [Role::Ok, Role::Progress, Role::Warning, Role::Critical, Role::Stale];
    for name in ["colorblind-dark", "colorblind-light"] {
        let theme = Theme::preset(name).unwrap();
        for (vision, matrix) in VISIONS {
            for (i, one) in roles.iter().enumerate() {
                for other in &roles[i + 1..] {
                    let seen = |role: Role| lab(colour::rgb(theme.style(role).fg.unwrap()).unwrap(), &matrix);
                    let is = difference(seen(*one), seen(*other));
                    assert!(is >= APART, "{name}, {vision}: {one:?} and {other:?} are {is:.1} apart");
                }
            }
        }
    }
}
