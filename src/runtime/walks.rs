//! Walks on their way to the disk: one after the other, in the order in which they were asked for, away
//! from the loop. Nothing of a step is started before the disk has it that it begins.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::actions::gateway::Gateway;
use crate::actions::gateway::run::{Exit, Ran, Run};
use crate::actions::runbook_command;
use crate::clock::Clock;
use crate::config::Config;
use crate::effect::{Begins, WalkEffect, Wanted};
use crate::journal::Who;
use crate::model::action::Difference;
use crate::model::command::{OutputLine, quoted};
use crate::model::{Clean, Failure, FailureKind};
use crate::msg::{Msg, WalkMsg, WalkOpened};
use crate::runbook::document::{Document, Expect, StepId};
use crate::runbook::library;
use crate::runbook::walk::event::OfStep;
use crate::runbook::walk::store::{Open, Store, StoreError};
use crate::runbook::walk::{self, Evidence, Place, What, judge, report};
use crate::sources::Session;

/// How long it is waited for a cluster before a walk begins without one.
const CLUSTER_WITHIN: Duration = Duration::from_secs(8);
/// Lines of a command that wait to be told.
const QUEUE: usize = 256;

/// What is to be written or read, in order.
enum Job {
    Effect(WalkEffect),
    /// A confirmation waits for it.
    Begin {
        begins: Begins,
        plan: String,
        done: oneshot::Sender<Result<(), Failure>>,
    },
    /// A command has ended.
    Ended {
        begins: Begins,
        evidence: Box<Evidence>,
        output: Vec<OutputLine>,
    },
}

/// The engine's side of it.
pub struct Walks {
    jobs: mpsc::UnboundedSender<Job>,
}

struct Worker {
    directory: Option<PathBuf>,
    config: Arc<Config>,
    clock: Clock,
    messages: mpsc::Sender<Msg>,
    session: watch::Receiver<Option<Arc<Session>>>,
    gateway: Gateway,
    jobs: mpsc::UnboundedSender<Job>,
    open: Option<Arc<Open>>,
    who: Who,
    /// Ends what was begun for the walk that is left.
    stop: CancellationToken,
    /// What ends the command of a step.
    running: HashMap<StepId, CancellationToken>,
}

impl Walks {
    /// `directory`: where walks are kept; none without a home.
    pub fn start(
        directory: Option<PathBuf>,
        config: Arc<Config>,
        clock: Clock,
        messages: mpsc::Sender<Msg>,
        session: watch::Receiver<Option<Arc<Session>>>,
        gateway: Gateway,
    ) -> Self {
        let (jobs, mut asked) = mpsc::unbounded_channel();
        let again = jobs.clone();
        let (open, who, stop, running) = (None, Who::here(""), CancellationToken::new(), HashMap::new());
        let mut worker = Worker {
            directory,
            config,
            clock,
            messages,
            session,
            gateway,
            jobs: again,
            open,
            who,
            stop,
            running,
        };
        tokio::spawn(async move {
            while let Some(job) = asked.recv().await {
                worker.perform(job).await;
            }
        });
        Self { jobs }
    }

    pub fn perform(&self, effect: WalkEffect) {
        drop(self.jobs.send(Job::Effect(effect)));
    }

    /// Returns when the disk has it that a step begins.
    ///
    /// # Errors
    /// When it could not be written, or somebody else was quicker.
    pub async fn begin(self: Arc<Self>, begins: Begins, plan: String) -> Result<(), Failure> {
        let (done, told) = oneshot::channel();
        drop(self.jobs.send(Job::Begin { begins, plan, done }));
        told.await.unwrap_or_else(|_| Err(failure("write down that the step begins", "midwatch is leaving")))
    }
}

impl Worker {
    async fn perform(&mut self, job: Job) {
        match job {
            Job::Effect(WalkEffect::Open { document, section, wanted }) => {
                let opened = self.opened(&document, section.as_deref(), &wanted).await;
                self.tell(WalkMsg::Opened(opened)).await;
            }
            Job::Effect(WalkEffect::Record { walk, what, output }) => {
                let Some(open) = self.open_as(&walk) else { return };
                let (at, who) = (self.clock.now(), self.who.clone());
                self.written(&walk, move || record(&open, at, &who, what, &output)).await;
            }
            Job::Effect(WalkEffect::Stop { walk, step }) => {
                if let Some(stop) = self.open_as(&walk).and_then(|_| self.running.get(&step)) {
                    stop.cancel();
                }
            }
            Job::Effect(WalkEffect::ReadOn { walk }) => self.read_on(&walk).await,
            Job::Effect(WalkEffect::Report { walk }) => {
                let Some(open) = self.open_as(&walk) else { return };
                let files = blocking(move || report::write(&open)).await;
                let files = files.map_err(|e| failure("write the walk's report", &e));
                self.tell(WalkMsg::Reported { walk, files }).await;
            }
            Job::Effect(WalkEffect::Look { begins, invocation, timeout, expect, keeps }) => {
                let session = self.session.borrow().clone();
                let run = runbook_command::run_of("step", &invocation, timeout.as_secs(), session.as_deref());
                match run {
                    Err(failure) => self.tell(WalkMsg::NotWritten { walk: begins.walk, failure }).await,
                    Ok(run) => {
                        if let Err(failure) = self.begin(&begins, String::new()).await {
                            self.tell(WalkMsg::NotWritten { walk: begins.walk, failure }).await;
                            return;
                        }
                        self.look(begins, run, expect, keeps);
                    }
                }
            }
            Job::Begin { begins, plan, done } => {
                let begun = self.begin(&begins, plan).await;
                drop(done.send(begun));
            }
            Job::Ended { begins, evidence, output } => {
                let what = What::OfStep {
                    step: begins.step,
                    what: OfStep::Ended { command: begins.command, evidence: *evidence },
                };
                let Some(open) = self.open_as(&begins.walk) else { return };
                let (at, who) = (self.clock.now(), self.who.clone());
                self.written(&begins.walk, move || record(&open, at, &who, what, &output)).await;
            }
        }
    }

    async fn tell(&self, msg: WalkMsg) {
        drop(self.messages.send(Msg::Walk(Box::new(msg))).await);
    }

    fn open_as(&self, walk: &str) -> Option<Arc<Open>> {
        self.open.clone().filter(|open| open.id == walk)
    }

    /// Writes, and tells what the file holds then; the reader knows how far it has read.
    async fn written(&self, walk: &str, write: impl FnOnce() -> Result<(), StoreError> + Send + 'static) {
        match blocking(write).await {
            Ok(()) => self.read_on(walk).await,
            Err(why) => {
                let failure = failure("write down what was done", &why);
                self.tell(WalkMsg::NotWritten { walk: walk.to_owned(), failure }).await;
            }
        }
    }

    /// Tells what was written since, by whomever.
    async fn read_on(&self, walk: &str) {
        let Some(open) = self.open_as(walk) else { return };
        let (at, from) = (open.clone(), open.told());
        match blocking(move || at.read_on(from)).await {
            Ok((events, read)) if read > from => {
                open.tell(read);
                self.tell(WalkMsg::Events { walk: walk.to_owned(), events, read }).await;
            }
            Ok(_) => {}
            Err(why) => {
                let failure = failure("read on in the walk", &why);
                self.tell(WalkMsg::NotWritten { walk: walk.to_owned(), failure }).await;
            }
        }
    }

    async fn begin(&self, begins: &Begins, plan: String) -> Result<(), Failure> {
        let open = self.open_as(&begins.walk);
        let open = open.ok_or_else(|| failure("begin the step", "the walk is not open any more"))?;
        let (at, who, of) = (self.clock.now(), self.who.clone(), begins.clone());
        let begun = blocking(move || {
            let session = open.session.clone();
            let began = OfStep::Began { command: of.command, session, plan };
            open.begin(at, &who, &of.step, began, of.seen)
        });
        begun.await.map_err(|why| failure("begin the step", &why))?;
        self.read_on(&begins.walk).await;
        Ok(())
    }

    /// Runs what only looks; what comes of it is written when it has ended.
    fn look(&mut self, begins: Begins, run: Run, expect: Expect, keeps: bool) {
        let (gateway, messages, jobs) = (self.gateway.clone(), self.messages.clone(), self.jobs.clone());
        let (stop, host) = (self.stop.child_token(), self.who.host.clone());
        self.running.insert(begins.step.clone(), stop.clone());
        tokio::spawn(async move {
            let (live, mut lines) = mpsc::channel(QUEUE);
            let (walk, step) = (begins.walk.clone(), begins.step.clone());
            let told = |lines, is_all| {
                let msg = WalkMsg::Output { walk: walk.clone(), step: step.clone(), lines, is_all };
                messages.send(Msg::Walk(Box::new(msg)))
            };
            let tell = async {
                let mut batch = Vec::new();
                while lines.recv_many(&mut batch, QUEUE).await > 0 {
                    drop(told(std::mem::take(&mut batch), false).await);
                }
            };
            let (ran, ()) = tokio::join!(gateway.look(&run, live, stop), tell);
            let shown = run.argv.iter().map(|a| quoted(a)).collect::<Vec<_>>().join(" ");
            let (evidence, output) = evidence(shown, host, ran, &expect);
            drop(told(output.clone(), true).await);
            let output = if keeps { output } else { Vec::new() };
            drop(jobs.send(Job::Ended { begins, evidence: Box::new(evidence), output }));
        });
    }

    async fn opened(
        &mut self,
        name: &str,
        section: Option<&str>,
        wanted: &Wanted,
    ) -> Result<WalkOpened, Failure> {
        let tried = format!("open the runbook {name}");
        // What still runs for the walk that is left is ended, and noted as unknown by who opens it again.
        self.stop.cancel();
        self.stop = CancellationToken::new();
        self.open = None;
        let directory = self.directory.clone();
        let directory =
            directory.ok_or_else(|| failure(&tried, "there is no home directory to keep walks in"))?;
        let mut session = self.session.clone();
        let reached = tokio::time::timeout(CLUSTER_WITHIN, session.wait_for(Option::is_some)).await;
        let session = reached.ok().and_then(Result::ok).and_then(|s| s.clone());
        if let Some(session) = &session {
            self.who = Who::here(&crate::actions::gateway::user(session).await);
        }
        let wanted = Opening {
            store: Store::new(directory),
            config: self.config.clone(),
            name: name.to_owned(),
            section: section.map(str::to_owned),
            wanted: wanted.clone(),
            at: self.clock.now(),
            who: self.who.clone(),
            scope: session.map(|s| s.scope.clone()).unwrap_or_default(),
        };
        let (open, opened) = tokio::task::spawn_blocking(move || wanted.open())
            .await
            .map_err(|e| failure(&tried, &e.to_string()))?
            .map_err(|why| failure(&tried, &why))?;
        self.open = Some(Arc::new(open));
        Ok(opened)
    }
}

/// A walk that is wanted, with all that it takes to find or begin it.
struct Opening {
    store: Store,
    config: Arc<Config>,
    name: String,
    section: Option<String>,
    wanted: Wanted,
    at: jiff::Timestamp,
    who: Who,
    scope: crate::model::scope::Scope,
}

impl Opening {
    fn open(self) -> Result<(Open, WalkOpened), String> {
        let found = library::find(&self.config, &self.name).map_err(|e| e.to_string())?;
        let (name, document) = (found.entry.name.clone(), found.document);
        let path = found.entry.path.as_ref().map(|p| std::path::absolute(p).unwrap_or_else(|_| p.clone()));
        let path = path.map(|p| p.display().to_string()).unwrap_or_default();
        let source = String::from_utf8(found.bytes).map_err(|e| e.to_string())?;
        let existing = match &self.wanted {
            Wanted::New => None,
            Wanted::Resume(id) => Some(id.clone()),
            Wanted::Latest => self.latest(&name, &path),
        };
        let (open, changed, is_new) = match existing {
            Some(id) => {
                let open = self.store.join(&id, self.at, &self.who).map_err(|e| e.to_string())?;
                let changed = self.changed(&open, &document).map_err(|e| e.to_string())?;
                (open, changed, false)
            }
            None => (self.begin(&name, path, &document)?, Vec::new(), true),
        };
        let (events, read) = open.read_on(0).map_err(|e| e.to_string())?;
        open.tell(read);
        let opened = WalkOpened { id: open.id.clone(), name, source, events, read, changed, is_new };
        Ok((open, opened))
    }

    /// The newest one of this document, here, that is not finished.
    fn latest(&self, name: &str, path: &str) -> Option<String> {
        let namespace = self.scope.namespace.as_deref().unwrap_or_default();
        let section = self.section.as_deref().unwrap_or_default();
        let all = self.store.list().into_iter();
        let is_it = |s: &walk::store::Summary| {
            let p = &s.place;
            let here = *p.context == *self.scope.context && p.namespace == namespace;
            !s.finished && here && p.document == name && p.path == path && p.section == section
        };
        all.filter(is_it).map(|s| s.id).next()
    }

    fn begin(&self, name: &str, path: String, document: &Document) -> Result<Open, String> {
        let section = self.section.as_deref().map(|title| section_of(document, title)).transpose()?;
        let steps = walk::steps_of(document, section);
        if steps.is_empty() {
            return Err("it has no steps: no task items, numbered items, or commands".to_owned());
        }
        let place = Place {
            document: name.to_owned(),
            path,
            title: document.title.to_string(),
            sha256: document.sha256.clone(),
            section: self.section.clone().unwrap_or_default(),
            context: self.scope.context.to_string(),
            cluster: self.scope.cluster.to_string(),
            namespace: self.scope.namespace.as_deref().unwrap_or_default().to_owned(),
        };
        self.store.create(self.at, &self.who, place, steps).map_err(|e| e.to_string())
    }

    /// What is other in the document than when it was last walked; that is written down, too.
    fn changed(&self, open: &Open, document: &Document) -> Result<Vec<Difference>, StoreError> {
        let walk = walk::Walk::of(&open.id, &open.read_on(0)?.0);
        if walk.place.sha256 == document.sha256 {
            return Ok(Vec::new());
        }
        let title = Some(walk.place.section.as_str()).filter(|s| !s.is_empty());
        let section = title.and_then(|title| section_of(document, title).ok());
        let steps = walk::steps_of(document, section);
        let gone = walk.order.iter().filter(|old| !steps.iter().any(|s| s.id == old.id));
        let mut changed: Vec<Difference> = gone.map(|s| Difference::Removed(Clean::new(&s.text))).collect();
        let new = steps.iter().filter(|new| !walk.order.iter().any(|s| s.id == new.id));
        changed.extend(new.map(|s| Difference::Added(Clean::new(&s.text))));
        if changed.is_empty() {
            changed.push(Difference::Same(Clean::new(
                "the steps are the same, only what stands around them is not",
            )));
        }
        let what = What::Changed { sha256: document.sha256.clone(), steps };
        open.append(self.at, &self.who, what)?;
        Ok(changed)
    }
}

/// By its title, whole or the beginning of it.
fn section_of(document: &Document, title: &str) -> Result<usize, String> {
    let wanted = title.to_lowercase();
    let titles = || document.sections.iter().enumerate().filter(|(_, s)| s.level > 0);
    let whole = titles().find(|(_, s)| s.title.to_lowercase() == wanted);
    whole
        .or_else(|| titles().find(|(_, s)| s.title.to_lowercase().contains(&wanted)))
        .map(|(i, _)| i)
        .ok_or_else(|| {
            let known = titles().map(|(_, s)| format!("'{}'", s.title)).collect::<Vec<_>>().join(", ");
            format!("it has no section '{title}'; it has {known}")
        })
}

fn record(
    open: &Open,
    at: jiff::Timestamp,
    who: &Who,
    mut what: What,
    output: &[OutputLine],
) -> Result<(), StoreError> {
    // The evidence is on disk before the event that names it.
    if let What::OfStep { what: OfStep::Ended { evidence, .. }, .. } = &mut what {
        evidence.host.clone_from(&who.host);
        if !output.is_empty() {
            evidence.file = open.keep(output)?;
        }
    }
    open.append(at, who, what)
}

fn evidence(
    shown: String,
    host: String,
    ran: Result<Ran, String>,
    expect: &Expect,
) -> (Evidence, Vec<OutputLine>) {
    let ran = match ran {
        Ok(ran) => ran,
        Err(why) => {
            let words = "not started".to_owned();
            let evidence =
                Evidence { ran: shown, words, host, failed: Some(why.clone()), ..Evidence::default() };
            return (evidence, vec![OutputLine::note(&why)]);
        }
    };
    let time = crate::ui::human::seconds(ran.duration.as_secs_f64());
    let exit = match &ran.exit {
        Exit::Exited(code) => Some(*code),
        _ => None,
    };
    let (words, failed) = match &ran.exit {
        Exit::Exited(code) => {
            (format!("exit {code} after {time}"), judge::unmet(expect, Some(*code), &ran.lines))
        }
        Exit::Signalled(signal) => {
            (format!("signal {signal}"), Some(format!("ended by signal {signal} after {time}")))
        }
        Exit::TimedOut => ("its time was over".to_owned(), Some(format!("its time was over after {time}"))),
        Exit::Cancelled => ("stopped".to_owned(), Some(format!("it was stopped after {time}"))),
        Exit::Unknown(why) => (why.clone(), Some(format!("how it ended is not known: {why}"))),
    };
    let evidence = Evidence {
        ran: shown,
        words,
        exit,
        duration_ms: u64::try_from(ran.duration.as_millis()).unwrap_or(u64::MAX),
        host,
        failed,
        sha256: ran.sha256,
        bytes: ran.bytes,
        ..Evidence::default()
    };
    (evidence, ran.lines)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|e| e.to_string())?;
    done.map_err(|e| e.to_string())
}

fn failure(tried: &str, happened: &str) -> Failure {
    Failure {
        kind: FailureKind::NotConfigured,
        tried: Clean::new(tried),
        happened: Clean::new(happened),
        next: Clean::new("`midwatch runbooks` lists what can be walked; c opens another"),
    }
}
