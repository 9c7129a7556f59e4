//! Actions as the cockpit speaks of them: what is asked, what is shown before it is confirmed,
//! and where it stands afterwards. Plain data; what is done, and how, is the gateway's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Clean;

macro_rules! kinds {
    ($($id:ident $noun:literal $plural:literal $group:literal $version:literal;)*) => {
        /// What actions work on: kinds of the API server, and others (without a plural).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum ObjectKind { $($id),* }

        impl ObjectKind {
            /// As kubectl names it: 'deployment/api'.
            pub fn noun(self) -> &'static str {
                match self { $(Self::$id => $noun),* }
            }

            /// As the API server's paths have it; empty for what is not in the cluster.
            pub fn plural(self) -> &'static str {
                match self { $(Self::$id => $plural),* }
            }

            /// The API group, empty for the core one.
            pub fn group(self) -> &'static str {
                match self { $(Self::$id => $group),* }
            }

            pub fn version(self) -> &'static str {
                match self { $(Self::$id => $version),* }
            }
        }
    };
}

kinds! {
    Deployment "deployment" "deployments" "apps" "v1";
    StatefulSet "statefulset" "statefulsets" "apps" "v1";
    DaemonSet "daemonset" "daemonsets" "apps" "v1";
    ReplicaSet "replicaset" "replicasets" "apps" "v1";
    Pod "pod" "pods" "" "v1";
    Service "service" "services" "" "v1";
    Autoscaler "horizontalpodautoscaler" "horizontalpodautoscalers" "autoscaling" "v2";
    CronJob "cronjob" "cronjobs" "batch" "v1";
    Job "job" "jobs" "batch" "v1";
    Lease "lease" "leases" "coordination.k8s.io" "v1";
    VeleroSchedule "schedule.velero.io" "schedules" "velero.io" "v1";
    VeleroBackup "backup.velero.io" "backups" "velero.io" "v1";
    Alert "alert" "" "" "";
    Manifest "manifest" "" "" "";
    Cache "cache" "" "" "";
    Command "command" "" "" "";
    Step "step" "" "" "";
}

/// What an action is done to. The UID binds it: another object of the same name is another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Subject {
    pub kind: ObjectKind,
    pub namespace: Clean,
    pub name: Clean,
    pub uid: Clean,
}

impl Subject {
    /// 'deployment/api'.
    pub fn words(&self) -> String {
        format!("{}/{}", self.kind.noun(), self.name)
    }
}

macro_rules! actions {
    ($($id:ident $name:literal $title:literal [$($kind:ident)+] $doc:literal;)*) => {
        /// Everything that can be done.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum ActionId { $(#[doc = $doc] $id),* }

        impl ActionId {
            pub const ALL: &[Self] = &[$(Self::$id),*];

            /// As `deny` in the configuration, the audit log and keymap files name it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$id => $name),* }
            }

            /// On the dialog and its button.
            pub fn title(self) -> &'static str {
                match self { $(Self::$id => $title),* }
            }

            pub fn doc(self) -> &'static str {
                match self { $(Self::$id => $doc),* }
            }

            /// The kinds that it can be done to.
            pub fn kinds(self) -> &'static [ObjectKind] {
                match self { $(Self::$id => &[$(ObjectKind::$kind),+]),* }
            }
        }
    };
}

actions! {
    Scale "scale" "Scale" [Deployment StatefulSet ReplicaSet] "scale a workload: how many pods it has";
    Restart "restart" "Restart" [Deployment StatefulSet DaemonSet] "restart a workload, pod by pod";
    RollBack "roll-back" "Roll back" [Deployment StatefulSet DaemonSet] "roll a workload back to an older revision";
    Pause "pause" "Pause" [Deployment] "pause a rollout where it stands";
    Resume "resume" "Resume" [Deployment] "let a paused rollout go on";
    DeletePod "delete-pod" "Delete" [Pod] "delete a pod; its workload makes another";
    Evict "evict" "Evict" [Pod] "evict a pod, as far as its disruption budget allows";
    SetResources "set-resources" "Set resources" [Deployment StatefulSet DaemonSet] "set a container's requests and limits";
    Autoscale "autoscale" "Autoscale" [Deployment StatefulSet] "change an autoscaler's bounds, or create one";
    Switch "switch" "Switch" [Service] "switch a service to the other colour (blue-green)";
    Canary "canary" "Canary" [Deployment] "shift weight between two workloads by their replicas";
    FlushCache "flush-cache" "Flush" [Cache] "flush a cache: all of a database, or keys by a pattern";
    BackUp "back-up" "Back up" [CronJob VeleroSchedule] "run a backup now";
    Suspend "suspend-cronjob" "Suspend" [CronJob] "suspend a CronJob's schedule";
    Unsuspend "resume-cronjob" "Resume schedule" [CronJob] "let a suspended CronJob run again";
    Silence "silence" "Silence" [Alert] "silence an alert for a while";
    Expire "expire-silence" "Expire silence" [Alert] "end a silence before its time";
    Acknowledge "acknowledge" "Acknowledge" [Alert] "acknowledge an alert: who has it, until when";
    Release "release" "Release" [Alert] "give an acknowledgement back";
    Apply "apply" "Apply" [Manifest] "apply a manifest of the configuration";
    Command "run-command" "Run" [Command] "run a command of your own";
    RunbookCommand "run-step" "Run" [Step] "run the command of a runbook's step";
}

impl ActionId {
    /// Whether it is asked for by a key. The command of a runbook's step is asked for by its step.
    pub fn has_a_key(self) -> bool {
        self != Self::RunbookCommand
    }

    /// Whether an operation of it ends when it is asked to.
    pub fn can_be_stopped(self) -> bool {
        matches!(self, Self::Command | Self::RunbookCommand | Self::FlushCache)
    }

    /// Whether there are kinds among its own that no feed tells of.
    pub fn is_looked_for(self) -> bool {
        self.kinds()
            .iter()
            .any(|k| matches!(k, ObjectKind::Service | ObjectKind::ReplicaSet | ObjectKind::Cache))
    }
}

/// What was typed into the dialog, by question.
pub type Answers = BTreeMap<String, String>;

/// What is to be planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub action: ActionId,
    pub subject: Subject,
    pub answers: Answers,
}

/// What an action must know before there is a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// A whole number; the field begins with the present one.
    Number { key: String, label: String, now: u32, hint: Clean, problem: Option<Clean> },
    /// A line of text; the field begins with `now`.
    Text { key: String, label: String, now: String, hint: Clean, problem: Option<Clean> },
    /// One of several; the field begins with the `chosen`th.
    Pick { key: String, label: String, options: Vec<Choice>, chosen: usize },
}

/// One of several answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub value: String,
    pub label: Clean,
    /// What it would change, line by line.
    pub difference: Vec<Difference>,
}

/// A line of a difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Difference {
    Same(Clean),
    Removed(Clean),
    Added(Clean),
}

/// What a check says of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Ok,
    Warning,
    Blocks,
}

/// One line of the dialog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub verdict: Verdict,
    /// 'permission', 'dry run', 'guardrails'.
    pub about: Clean,
    pub words: Clean,
}

impl Check {
    pub fn new(verdict: Verdict, about: &str, words: &str) -> Self {
        Self { verdict, about: Clean::new(about), words: Clean::new(words) }
    }

    pub fn ok(about: &str, words: &str) -> Self {
        Self::new(Verdict::Ok, about, words)
    }

    pub fn warning(about: &str, words: &str) -> Self {
        Self::new(Verdict::Warning, about, words)
    }

    pub fn blocks(about: &str, words: &str) -> Self {
        Self::new(Verdict::Blocks, about, words)
    }
}

/// A plan as the dialog shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// SHA-256 of the plan: what is confirmed is this plan and no other.
    pub plan: String,
    pub action: ActionId,
    pub subject: Subject,
    pub cluster: Clean,
    pub context: Clean,
    /// Names must be typed here, whatever is done.
    pub protected: bool,
    /// The values that change, by name.
    pub before: BTreeMap<String, String>,
    pub after: BTreeMap<String, String>,
    pub change: Vec<Difference>,
    pub touches: Clean,
    /// How long it should take, where that can be told.
    pub lasts: Clean,
    /// How it can be undone, or that it can't.
    pub undo: Clean,
    /// The request that undoes it, through the same dialog.
    pub back: Option<Request>,
    /// What blocks stands first.
    pub checks: Vec<Check>,
    /// What has to be typed, for a high risk.
    pub type_name: Option<Clean>,
    pub reason_required: bool,
    /// It can only be asked for: somebody else has to approve it first.
    pub approval_missing: bool,
}

impl Preview {
    /// Why it can't be confirmed.
    pub fn blocked(&self) -> Option<&Check> {
        self.checks.iter().find(|c| c.verdict == Verdict::Blocks)
    }
}

/// What came of asking for a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Planned {
    Ask(Question),
    Preview(Box<Preview>),
}

/// Where an operation stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// Recorded; the request is on its way.
    Acting,
    /// The server has taken it; what is seen of it so far.
    Watching(Clean),
    /// The same, and it does not go on without another action.
    Stuck(Clean, Box<Request>),
    /// Seen to have come about.
    Done(Clean),
    /// Not done, or seen to have failed, and why.
    Failed(Clean),
    /// Whether it happened can't be told; what to do.
    Unknown(Clean),
}

impl Progress {
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Done(_) | Self::Failed(_) | Self::Unknown(_))
    }
}

/// What another process was doing when it ended, to be seen to its end here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovered {
    pub operation: String,
    /// 'scale deployment/api'.
    pub title: Clean,
    pub namespace: Clean,
    pub since: jiff::Timestamp,
    /// The plan that was confirmed.
    pub plan: String,
}

/// What a confirmation led to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confirmed {
    /// It is under way, by this name.
    Started(String),
    /// Something has moved since it was shown: what, and the plan as it would be now.
    Changed(Clean, Box<Preview>),
    /// Not done: somebody else has been asked to approve it, and how they do.
    Asked(Clean),
    /// Not done.
    Refused(super::Failure),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_a_name_of_its_own() {
        let mut names: Vec<_> = ActionId::ALL.iter().map(|a| a.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ActionId::ALL.len());
    }
}
