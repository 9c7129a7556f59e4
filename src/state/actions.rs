//! Dialogs and operations: what is being asked, and what is under way.

use jiff::{SignedDuration, Timestamp};
use tui_textarea::TextArea;

use super::State;
use super::view::line_field;
use crate::model::action::{ActionId, ObjectKind, Preview, Progress, Question, Request, Subject};
use crate::model::workload::{Workload, WorkloadKind};
use crate::model::{Clean, Failure, Key};

/// A dialog is read and answered within this time, or it closes.
pub const DIALOG_LASTS: SignedDuration = SignedDuration::from_secs(60);
/// How long after its end an operation is watched for its effect on the service.
pub const EFFECT_WITHIN: SignedDuration = SignedDuration::from_mins(5);
/// How long an operation that is over stays in the strip.
const SHOWN_AFTER: SignedDuration = SignedDuration::from_mins(6);
/// Operations kept for their page.
const MOST_OPERATIONS: usize = 50;

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
        Self { preview, since, armed: false, focus: Focus::Cancel, reason, name }
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
    pub action: ActionId,
    pub subject: Subject,
    /// 'roll back deployment/api'.
    pub title: String,
    pub undo: Clean,
    pub context: Clean,
    pub progress: Progress,
    pub since: Timestamp,
    pub ended: Option<Timestamp>,
    /// The error ratio when it began.
    pub errors_before: Option<f64>,
    /// What became of the error ratio afterwards.
    pub effect: Option<String>,
}

impl State {
    /// The objects that an action could be done to, those in trouble first; what stands under the
    /// cursor is the only one where there is one.
    pub fn subjects(&self, action: ActionId) -> Vec<Subject> {
        let wanted = |kind: ObjectKind| action.kinds().contains(&kind);
        if wanted(ObjectKind::Pod) {
            return self.pod_under_cursor().into_iter().collect();
        }
        if let Some(workload) = self.workload_under_cursor() {
            return subject_of(workload).filter(|s| wanted(s.kind)).into_iter().collect();
        }
        let rows = self.derived.pods.workloads.iter();
        let find = |kind: WorkloadKind, key: &Key| self.workload(kind, key);
        rows.filter_map(|row| subject_of(find(row.kind, &row.key)?)).filter(|s| wanted(s.kind)).collect()
    }

    fn workload(&self, kind: WorkloadKind, key: &Key) -> Option<&Workload> {
        match kind {
            WorkloadKind::Deployment => self.known.deployments.get(key),
            WorkloadKind::StatefulSet => self.known.statefulsets.get(key),
            WorkloadKind::DaemonSet => self.known.daemonsets.get(key),
            WorkloadKind::Job | WorkloadKind::Other => None,
        }
    }

    fn selected_pod(&self) -> Option<&crate::model::pod::Pod> {
        let key = match self.view.pages.last()? {
            super::Page::Pod(page) => page.key.clone(),
            super::Page::Panel(panel) if *panel == crate::panels::PODS => self.view.list(*panel).selected?,
            _ => return None,
        };
        self.known.pods.get(&key).map(AsRef::as_ref)
    }

    fn pod_under_cursor(&self) -> Option<Subject> {
        let pod = self.selected_pod()?;
        let (namespace, name, uid) = (pod.namespace.clone(), pod.name.clone(), pod.uid.clone());
        Some(Subject { kind: ObjectKind::Pod, namespace, name, uid })
    }

    fn workload_under_cursor(&self) -> Option<&Workload> {
        let pod = self.selected_pod()?;
        let owner = pod.owner.as_ref()?;
        self.workload(owner.kind, &Key { namespace: pod.namespace.clone(), name: owner.name.clone() })
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
