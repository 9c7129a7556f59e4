//! Dialogs and operations: what is being asked, and what is under way.

use jiff::{SignedDuration, Timestamp};
use tui_textarea::TextArea;

use super::State;
use super::output::Output;
use super::view::line_field;
use crate::effect::Begins;
use crate::model::acknowledgement::Acknowledgement;
use crate::model::action::{ActionId, ObjectKind, Preview, Progress, Question, Request, Subject};
use crate::model::alert::Alert;
use crate::model::command::{CommandSpec, Risk};
use crate::model::workload::{Workload, WorkloadKind};
use crate::model::{Clean, Failure, Key};
use crate::runbook::document::StepId;
use crate::ui::human;

/// A dialog is read and answered within this time, or it closes.
pub const DIALOG_LASTS: SignedDuration = SignedDuration::from_secs(60);
/// How long after its end an operation is watched for its effect on the service.
pub const EFFECT_WITHIN: SignedDuration = SignedDuration::from_mins(5);
/// How long an operation that is over stays in the strip.
const SHOWN_AFTER: SignedDuration = SignedDuration::from_mins(6);
/// Operations kept for their page.
const MOST_OPERATIONS: usize = 50;

impl OfStep {
    /// What is on disk before it is confirmed, where the walk had `seen` events.
    pub fn begins(&self, seen: usize) -> Begins {
        let (walk, step) = (self.walk.clone(), self.step.clone());
        Begins { walk, step, command: self.command, seen }
    }
}

/// One confirmation, from the key that asked for it to its end.
#[derive(Clone, Debug)]
pub struct Dialog {
    pub id: u64,
    pub request: Request,
    pub stage: Stage,
    pub since: Timestamp,
    /// What has changed since it was shown before.
    pub moved: Option<Clean>,
    /// Why the button did nothing.
    pub hint: Option<String>,
    /// The step of a walk that it is for.
    pub of_step: Option<OfStep>,
}

/// A command of a step of a walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfStep {
    pub walk: String,
    pub step: StepId,
    pub command: usize,
    /// As the runbook has it, or what midwatch does in its place.
    pub ran: String,
}

#[derive(Clone, Debug)]
pub enum Stage {
    /// The plan is being made.
    Planning,
    /// Something must be known first.
    Asking {
        question: Question,
        field: Box<TextArea<'static>>,
        chosen: usize,
        /// The number that the guideline suggests.
        advised: Option<u32>,
    },
    Shown(Box<Shown>),
    /// Under way to the gateway.
    Confirming(Box<Shown>),
    Failed(Failure),
}

/// A plan on the screen.
#[derive(Clone, Debug)]
pub struct Shown {
    pub preview: Preview,
    pub since: Timestamp,
    /// It has been on the screen for long enough: keys count from now on.
    pub armed: bool,
    pub focus: Focus,
    /// Lines of the plan that are above the window, where it is too small for all of them.
    pub scroll: usize,
    pub reason: TextArea<'static>,
    pub name: TextArea<'static>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    Reason,
    Name,
    Cancel,
    Act,
}

impl Shown {
    pub fn new(preview: Preview, since: Timestamp) -> Self {
        let (reason, name) = (line_field(""), line_field(""));
        Self { preview, since, armed: false, focus: Focus::Cancel, scroll: 0, reason, name }
    }

    pub fn typed_name(&self) -> String {
        self.name.lines().concat()
    }

    pub fn typed_reason(&self) -> String {
        self.reason.lines().concat()
    }

    /// Why it can't be confirmed as it stands; none when it can.
    pub fn missing(&self) -> Option<String> {
        if let Some(check) = self.preview.blocked() {
            return Some(format!("{}: {}", check.about, check.words));
        }
        if let Some(name) = &self.preview.type_name
            && *name.as_str() != self.typed_name()
        {
            return Some(format!("type '{name}' to confirm"));
        }
        if self.preview.reason_required && self.typed_reason().trim().is_empty() {
            return Some("give a reason".to_owned());
        }
        None
    }

    pub fn left(&self, now: Timestamp) -> SignedDuration {
        (DIALOG_LASTS - now.duration_since(self.since)).max(SignedDuration::ZERO)
    }
}

/// Something that was confirmed.
#[derive(Clone, Debug)]
pub struct Operation {
    pub id: String,
    /// 'roll back deployment/api'.
    pub title: String,
    pub namespace: Clean,
    pub undo: Clean,
    /// The request that undoes it.
    pub back: Option<Request>,
    pub context: Clean,
    pub progress: Progress,
    pub since: Timestamp,
    pub ended: Option<Timestamp>,
    /// The error ratio when it began.
    pub errors_before: Option<f64>,
    /// What became of the error ratio afterwards.
    pub effect: Option<String>,
    /// What it takes for it to go on.
    pub next: Option<Request>,
    /// The server took it, or may have.
    pub was_sent: bool,
    /// It was undone by another.
    pub undone: bool,
    /// It ends when it is asked to.
    pub can_be_stopped: bool,
    /// What it writes, where it is a command of the team's own.
    pub output: Option<Output>,
    /// The step of a walk that it was begun for.
    pub of_step: Option<OfStep>,
    /// The plan that was confirmed.
    pub plan: String,
}

impl State {
    /// The objects that an action could be done to, those in trouble first; what stands under the
    /// cursor is the only one where there is one.
    pub fn subjects(&self, action: ActionId) -> Vec<Subject> {
        let wanted = |subject: &Subject| action.kinds().contains(&subject.kind);
        let pointed: Vec<Subject> = self.under_cursor().into_iter().filter(wanted).collect();
        if !pointed.is_empty() || action.kinds() == [ObjectKind::Pod] {
            return pointed;
        }
        let rows = self.derived.pods.workloads.iter();
        let workloads = rows.filter_map(|row| subject_of(self.workload(row.kind, &row.key)?));
        let alerts = self.derived.alerts.iter().map(|a| alert_subject(a));
        let commands = self.settings.config.commands.iter().map(command_subject);
        let all = workloads.chain(self.backup_subjects()).chain(alerts).chain(self.manifests());
        all.chain(commands).filter(wanted).collect()
    }

    /// Whether the cursor stands on something that the action can be done to.
    pub fn is_pointed_at(&self, action: ActionId) -> bool {
        self.under_cursor().iter().any(|s| action.kinds().contains(&s.kind))
    }

    /// The object that a command names: 'deployment/api', in the namespace that is looked at.
    pub fn subject_named(&self, words: &str) -> Option<Subject> {
        let (kind, name) = words.split_once('/')?;
        let namespace = self.scope.namespace.clone()?;
        let key = Key { namespace: namespace.clone(), name: Clean::new(name) };
        let of = |kind| self.workload(kind, &key).and_then(subject_of);
        match kind {
            "deployment" => of(WorkloadKind::Deployment),
            "statefulset" => of(WorkloadKind::StatefulSet),
            "daemonset" => of(WorkloadKind::DaemonSet),
            "pod" => {
                let pod = self.known.pods.get(&key)?;
                let uid = pod.uid.clone().into();
                Some(Subject { kind: ObjectKind::Pod, namespace, name: key.name, uid })
            }
            _ => None,
        }
    }

    /// Whether nothing may be changed here: by flag, or by a rule.
    pub fn is_read_only(&self) -> bool {
        let rules = self.settings.config.guardrails.here(&self.scope);
        self.settings.read_only || rules.iter().any(|(_, limits)| limits.read_only)
    }

    /// Why an action can't be done now; none when it can be tried.
    pub fn unavailable(&self, action: ActionId) -> Option<String> {
        let name = action.name();
        let only_reads = |c: &CommandSpec| c.risk == Risk::Read;
        let reads = action == ActionId::Command && self.settings.config.commands.iter().any(only_reads);
        if self.is_read_only() && !reads {
            return Some("read-only".to_owned());
        }
        if self.settings.config.guardrails.denies(&self.scope, name) {
            return Some("denied by the guardrails".to_owned());
        }
        if self.scope.cluster.is_empty() {
            return Some("no cluster yet".to_owned());
        }
        if action.is_looked_for() || !self.subjects(action).is_empty() {
            return None;
        }
        let kinds = action.kinds().iter().map(|k| k.noun()).collect::<Vec<_>>().join(" or ");
        Some(match action.kinds() {
            [ObjectKind::Pod] => "select a pod first (1, enter)".to_owned(),
            [ObjectKind::Alert] => "no alert is firing".to_owned(),
            [ObjectKind::Manifest] => "the configuration names no [[manifest]]".to_owned(),
            [ObjectKind::Step] => "walk through a runbook (c), and press Enter on its step".to_owned(),
            [ObjectKind::Command] => "the configuration names no [[action]]".to_owned(),
            _ => format!("no {kinds} is known here"),
        })
    }

    /// The manifests that the configuration names.
    fn manifests(&self) -> impl Iterator<Item = Subject> {
        self.settings.config.manifests.iter().map(|m| Subject {
            kind: ObjectKind::Manifest,
            namespace: self.scope.namespace.clone().unwrap_or_default(),
            name: Clean::new(&m.name),
            uid: Clean::default(),
        })
    }

    /// CronJobs and Velero's schedules, those of backups first.
    fn backup_subjects(&self) -> Vec<Subject> {
        let mut jobs: Vec<_> = self.known.cronjobs.iter().collect();
        jobs.sort_by_key(|c| !c.is_backup);
        let jobs = jobs.into_iter().map(|c| Subject {
            kind: ObjectKind::CronJob,
            namespace: c.namespace.clone(),
            name: c.name.clone(),
            uid: c.uid.clone(),
        });
        let schedules = self.known.velero_schedules.iter().map(|s| Subject {
            kind: ObjectKind::VeleroSchedule,
            namespace: s.namespace.clone(),
            name: s.name.clone(),
            uid: s.uid.clone(),
        });
        jobs.chain(schedules).collect()
    }

    /// What the cursor stands on: a pod with its workload, a CronJob, an alert.
    fn under_cursor(&self) -> Vec<Subject> {
        let workload = self.workload_under_cursor().and_then(subject_of);
        let mut found: Vec<Subject> = self.pod_under_cursor().into_iter().chain(workload).collect();
        if let Some(super::Page::Panel(panel)) = self.view.pages.last()
            && let Some(key) = self.view.list(*panel).selected
        {
            if *panel == crate::panels::ALERTS {
                let alert =
                    self.known.alerts.get(&Key { namespace: Clean::default(), name: key.name.clone() });
                found.extend(alert.map(|a| alert_subject(a)));
            }
            if *panel == crate::panels::BACKUPS {
                found.extend(self.backup_subjects().into_iter().filter(|s| s.name == key.name));
            }
        }
        found
    }

    /// What was done here and can be undone, the newest first.
    pub fn undoable(&self) -> impl Iterator<Item = &Operation> {
        let here = |o: &&Operation| o.back.is_some() && !o.undone && o.context == self.scope.context;
        // What was refused needs no undoing.
        let may_have_been_done = |o: &&Operation| o.ended.is_some() && o.was_sent;
        self.operations.iter().rev().filter(here).filter(may_have_been_done)
    }

    fn workload(&self, kind: WorkloadKind, key: &Key) -> Option<&Workload> {
        match kind {
            WorkloadKind::Deployment => self.known.deployments.get(key),
            WorkloadKind::StatefulSet => self.known.statefulsets.get(key),
            WorkloadKind::DaemonSet => self.known.daemonsets.get(key),
            WorkloadKind::Job | WorkloadKind::Other => None,
        }
    }

    pub fn selected_pod(&self) -> Option<&crate::model::pod::Pod> {
        let key = match self.view.pages.last()? {
            super::Page::Pod(page) => page.key.clone(),
            super::Page::Panel(panel) if *panel == crate::panels::PODS => self.view.list(*panel).selected?,
            _ => return None,
        };
        self.known.pods.get(&key).map(AsRef::as_ref)
    }

    fn pod_under_cursor(&self) -> Option<Subject> {
        let pod = self.selected_pod()?;
        let (namespace, name, uid) = (pod.namespace.clone(), pod.name.clone(), pod.uid.clone().into());
        Some(Subject { kind: ObjectKind::Pod, namespace, name, uid })
    }

    fn workload_under_cursor(&self) -> Option<&Workload> {
        let pod = self.selected_pod()?;
        let owner = pod.owner.as_ref()?;
        self.workload(owner.kind, &Key { namespace: pod.namespace.clone(), name: owner.name.clone() })
    }

    /// '14 of 20 pods are ready; the service takes 1,240 req/s now'.
    pub fn serving(&self, subject: &Subject) -> Option<String> {
        let row = self.derived.pods.workloads.iter().find(|r| {
            r.key.name == subject.name
                && r.key.namespace == subject.namespace
                && r.kind.noun() == subject.kind.noun()
        })?;
        let traffic = super::measures::traffic(self);
        let traffic = traffic.map(|t| format!("; the service takes {} req/s now", human::count(t)));
        Some(format!("{} of {} pods are ready{}", row.ready, row.wanted, traffic.unwrap_or_default()))
    }

    /// Who has taken the alert, while that lasts.
    pub fn acknowledgement(&self, alert: &Alert) -> Option<&Acknowledgement> {
        let all = self.known.acknowledgements.iter();
        all.filter(|a| a.until > self.now).find(|a| a.is_of(&alert.fingerprint))
    }

    /// Operations to be seen at a glance, the newest last.
    pub fn shown_operations(&self) -> impl Iterator<Item = &Operation> {
        let recent = |o: &&Operation| o.ended.is_none_or(|at| self.now.duration_since(at) < SHOWN_AFTER);
        self.operations.iter().filter(recent)
    }

    pub fn running_operations(&self) -> usize {
        self.operations.iter().filter(|o| o.ended.is_none()).count()
    }

    pub fn begin_operation(&mut self, operation: Operation) {
        if self.operations.len() >= MOST_OPERATIONS
            && let Some(over) = self.operations.iter().position(|o| o.ended.is_some())
        {
            self.operations.remove(over);
        }
        self.operations.push(operation);
    }

    /// The error ratio of the service now.
    pub fn error_ratio(&self) -> Option<f64> {
        self.derived.errors.as_ref()?.value
    }
}

fn subject_of(workload: &Workload) -> Option<Subject> {
    let kind = match workload.kind {
        WorkloadKind::Deployment => ObjectKind::Deployment,
        WorkloadKind::StatefulSet => ObjectKind::StatefulSet,
        WorkloadKind::DaemonSet => ObjectKind::DaemonSet,
        WorkloadKind::Job | WorkloadKind::Other => return None,
    };
    let (namespace, name, uid) = (workload.namespace.clone(), workload.name.clone(), workload.uid.clone());
    Some(Subject { kind, namespace, name, uid })
}

/// It is in no namespace, and its name is all there is of it.
pub fn command_subject(command: &CommandSpec) -> Subject {
    let (namespace, uid) = Default::default();
    Subject { kind: ObjectKind::Command, namespace, name: Clean::new(&command.name), uid }
}

fn alert_subject(alert: &Alert) -> Subject {
    let namespace = alert.labels.iter().find(|(k, _)| k.as_str() == "namespace").map(|(_, v)| v.clone());
    Subject {
        kind: ObjectKind::Alert,
        namespace: namespace.unwrap_or_default(),
        name: alert.name.clone(),
        uid: alert.fingerprint.clone(),
    }
}
