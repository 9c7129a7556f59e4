//! A cockpit without a terminal over a simulated cluster with its time standing still: keys in,
//! screens out. Waits are for conditions, never for time.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use midwatch::cli::Global;
use midwatch::clock::Clock;
use midwatch::config::Config;
use midwatch::input::Chord;
use midwatch::journal::Journal;
use midwatch::msg::Msg;
use midwatch::runtime::{Engine, Kept};
use midwatch::sim::{self, Scenario, Sim};
use midwatch::sources::SOURCES;
use midwatch::state::actions::Stage;
use midwatch::state::{Overlay, State};
use midwatch::terminal::capabilities::Capabilities;
use midwatch::ui::theme::Depth;
use midwatch::{report, setup, ui};
use tokio::sync::mpsc;

#[path = "../benches/support/program.rs"]
mod program;
pub use program::program;

/// How long a condition may take on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The night of the sketches.
pub fn origin() -> Timestamp {
    "2026-11-21T03:12:09Z".parse().unwrap()
}

/// A simulated cluster whose time moves only when told to.
pub async fn stage(scenario: &str) -> Sim {
    stage_with(Scenario::named(scenario).unwrap(), None).await
}

pub async fn stage_with(scenario: Scenario, pods: Option<usize>) -> Sim {
    let options = sim::Options { scenario, seed: 7, speed: 0.0, pods, origin: origin() };
    sim::start(options).await.unwrap()
}

pub struct Cockpit {
    pub sim: Sim,
    pub state: State,
    pub engine: Engine,
    pub quit: bool,
    /// Everything that has happened, as it came.
    pub history: Vec<Msg>,
    /// The dialog that was on the screen last.
    drawn: Option<u64>,
    messages: mpsc::Receiver<Msg>,
    clock: Clock,
    pub directory: tempfile::TempDir,
}

pub fn capabilities() -> Capabilities {
    Capabilities { depth: Depth::True, ascii: false, term: "xterm-256color".into(), reason: "UTF-8".into() }
}

impl Cockpit {
    /// The cockpit over `scenario`, once every feed has answered.
    pub async fn open(scenario: &str, size: (u16, u16)) -> Self {
        let mut cockpit = Self::over(stage(scenario).await, size, |_| {}).await;
        cockpit.settled().await;
        cockpit
    }

    pub async fn over(sim: Sim, size: (u16, u16), flags: impl FnOnce(&mut Global)) -> Self {
        let ticking = *sim.clock();
        Self::timed(sim, size, Clock::new(move || ticking.now()), flags).await
    }

    /// With a clock of its own.
    pub async fn timed(sim: Sim, size: (u16, u16), clock: Clock, flags: impl FnOnce(&mut Global)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let kubeconfig = directory.path().join("kubeconfig");
        std::fs::write(&kubeconfig, sim.kubeconfig_yaml()).unwrap();
        let mut global = Global { kubeconfig: Some(kubeconfig), ..Global::default() };
        flags(&mut global);
        let config = Arc::new(match &global.config {
            Some(path) => Config::load(Some(path)).unwrap(),
            None => Config::default(),
        });
        let state = setup::state(&global, config.clone(), &capabilities(), clock.now(), size);
        let (out, messages) = mpsc::channel(256);
        let window = Duration::from_secs(u64::try_from(state.view.window.duration().as_secs()).unwrap());
        let journal = Journal::open(directory.path().join("audit")).map_err(|e| e.to_string());
        let kept = Kept {
            journal,
            walks: Some(directory.path().join("walks")),
            reviews: Some(directory.path().join("reviews")),
            reports: directory.path().to_owned(),
            session: None,
            lost: None,
        };
        let mut engine = Engine::new(out, &state.settings, clock.clone(), window, kept);
        engine
            .perform(midwatch::effect::Effect::Connect { epoch: state.epoch, target: state.target.clone() });
        let (quit, history, drawn) = (false, Vec::new(), None);
        Self { sim, state, engine, quit, history, drawn, messages, clock, directory }
    }

    /// Waits until every feed has answered or said why it can't.
    pub async fn settled(&mut self) {
        self.until("every feed to answer", |state| {
            SOURCES.iter().flat_map(|s| s.feeds()).all(|feed| {
                let status = state.known.status(*feed);
                status.ready_at.is_some() || status.failure.is_some()
            })
        })
        .await;
    }

    /// Takes messages until `condition` holds.
    pub async fn until(&mut self, what: &str, condition: impl Fn(&State) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            self.state.settle();
            if condition(&self.state) {
                return;
            }
            match tokio::time::timeout_at(deadline, self.messages.recv()).await {
                Ok(Some(msg)) => self.take(msg),
                _ => panic!("waited in vain for {what}; the screen:\n{}", self.screen()),
            }
        }
    }

    /// Waits until more has happened than so many messages.
    pub async fn until_some(&mut self, seen: usize) {
        match tokio::time::timeout(PATIENCE, self.messages.recv()).await {
            Ok(Some(msg)) => self.take(msg),
            _ => panic!("nothing has happened after {seen} messages; the screen:\n{}", self.screen()),
        }
        self.state.settle();
    }

    /// Takes what comes until nothing more does for a moment; whether anything came.
    pub async fn drained(&mut self) -> bool {
        let mut came = false;
        while let Ok(Some(msg)) = tokio::time::timeout(Duration::from_millis(150), self.messages.recv()).await
        {
            self.take(msg);
            came = true;
        }
        self.state.settle();
        came
    }

    /// Waits until the screen shows `text`.
    pub async fn until_shown(&mut self, text: &str) {
        let wanted = text.to_owned();
        self.until(&format!("'{text}'"), move |state| screen_of(state).contains(&wanted)).await;
    }

    fn take(&mut self, msg: Msg) {
        self.history.push(msg.clone());
        for effect in midwatch::update::update(&mut self.state, msg) {
            if effect == midwatch::effect::Effect::Quit {
                self.quit = true;
            }
            self.engine.perform(effect);
        }
        let unread = ui::dialog::unread(&self.state);
        if let Some(dialog) = unread.filter(|d| self.drawn != Some(*d)) {
            self.drawn = unread;
            self.take(Msg::Drawn { dialog });
        }
    }

    /// Waits for the plan of the dialog to be on the screen for long enough.
    pub async fn until_armed(&mut self) {
        let armed = |state: &State| match &state.view.overlay {
            Some(Overlay::Dialog(d)) => matches!(&d.stage, Stage::Shown(shown) if shown.armed),
            _ => false,
        };
        self.until("the plan", armed).await;
    }

    /// What the dialog wants to be typed.
    pub fn name_to_type(&self) -> Option<String> {
        match &self.state.view.overlay {
            Some(Overlay::Dialog(d)) => match &d.stage {
                Stage::Shown(shown) => shown.preview.type_name.as_ref().map(ToString::to_string),
                _ => None,
            },
            _ => None,
        }
    }

    /// Waits until all that the headline is made of was asked for since the clock was moved.
    pub async fn settled_at_now(&mut self) {
        use midwatch::model::FeedId;
        let now = self.state.now;
        self.until("news of this moment", |state| {
            [FeedId::Signals, FeedId::Alerts, FeedId::Pods, FeedId::Deployments]
                .iter()
                .all(|f| state.known.status(*f).ready_at >= Some(now))
        })
        .await;
    }

    /// Lets time pass until the newest operation is over.
    pub async fn until_over(&mut self) {
        for _ in 0..60 {
            if self.state.operations.last().is_some_and(|o| o.ended.is_some()) {
                return;
            }
            self.advance(Duration::from_secs(10)).await;
            let seen = self.history.len();
            let told = |history: &[Msg]| history.iter().any(|m| matches!(m, Msg::Operation { .. }));
            while !told(&self.history[seen..]) {
                match tokio::time::timeout(Duration::from_secs(20), self.messages.recv()).await {
                    Ok(Some(msg)) => self.take(msg),
                    _ => break,
                }
            }
            self.state.settle();
        }
        panic!("the operation did not end; the screen:\n{}", self.screen());
    }

    /// The audit log of this cockpit.
    pub fn audit(&self) -> Vec<midwatch::journal::Record> {
        let directory = self.directory.path().join("audit");
        assert_eq!(midwatch::journal::verify(&directory, &[]).unwrap().findings, []);
        midwatch::journal::show::read(&directory, &Default::default()).unwrap()
    }

    /// Keys as keymaps write them, separated by blanks.
    pub fn press(&mut self, keys: &str) {
        for key in keys.split_whitespace() {
            let chord: Chord = key.parse().unwrap();
            self.take(Msg::Key(chord));
            self.state.settle();
        }
    }

    /// Text, a key a character.
    pub fn type_text(&mut self, text: &str) {
        for c in text.chars() {
            self.take(Msg::Key(Chord::plain(midwatch::input::Code::Char(c))));
        }
        self.state.settle();
    }

    /// A second of the loop's.
    pub fn tick(&mut self) {
        for msg in midwatch::runtime::tick_of(&self.clock) {
            self.take(msg);
        }
        self.state.settle();
    }

    /// Moves simulated time, and ours with it; everything is asked for then.
    pub async fn advance(&mut self, by: Duration) {
        self.advance_quietly(by).await;
        self.press("ctrl-r");
    }

    /// Moves simulated time, and ours with it.
    pub async fn advance_quietly(&mut self, by: Duration) {
        self.sim.advance(by).await;
        self.tick();
    }

    pub fn screen(&self) -> String {
        screen_of(&self.state)
    }
}

pub fn screen_of(state: &State) -> String {
    let mut frame = ui::draw(state);
    midwatch::terminal::sweep::sweep(&mut frame.buffer);
    report::frame::text(&frame.buffer)
}
