//! Everything a key can ask for: what moves the view, and which action's dialog is opened.
//!
//! Help, key hints, the palette, `midwatch keys` and the keymap's errors derive from [`COMMANDS`].

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::model::action::ActionId;

/// Where a binding holds. The topmost layer that is open is asked first, `Global` last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Layer {
    Global,
    /// Panels and pages with rows.
    List,
    /// The charts.
    Chart,
    /// A pod's page.
    Pod,
    /// A log.
    Log,
    /// The review.
    Review,
    /// The runbook that is being walked.
    Walk,
    /// A list to choose from: palette, contexts, namespaces.
    Choice,
    /// A line of text: filter, search.
    Text,
}

impl Layer {
    pub const ALL: [Self; 9] = [
        Self::Global,
        Self::List,
        Self::Chart,
        Self::Pod,
        Self::Log,
        Self::Review,
        Self::Walk,
        Self::Choice,
        Self::Text,
    ];

    /// The table in a keymap file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::List => "list",
            Self::Chart => "chart",
            Self::Pod => "pod",
            Self::Log => "log",
            Self::Review => "review",
            Self::Walk => "walk",
            Self::Choice => "choice",
            Self::Text => "text",
        }
    }
}

macro_rules! commands {
    ($($variant:ident $layer:ident $name:literal $doc:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Command {
            $(#[doc = $doc] $variant,)*
            /// Opens the dialog of an action.
            Act(ActionId),
        }

        /// Every command: itself, the layer it belongs to, its name in keymap files, what it does.
        pub static COMMANDS: LazyLock<Vec<(Command, Layer, &str, &str)>> = LazyLock::new(|| {
            let act = |a: &ActionId| (Command::Act(*a), Layer::Global, a.name(), a.doc());
            let views = [$((Command::$variant, Layer::$layer, $name, $doc),)*];
            views.into_iter().chain(ActionId::ALL.iter().filter(|a| a.has_a_key()).map(act)).collect()
        });
    };
}

commands! {
    Quit Global "quit" "quit (asks once)";
    Help Global "help" "the keys that work here";
    Palette Global "palette" "search everything";
    FocusNext Global "focus-next" "next panel";
    FocusPrevious Global "focus-previous" "previous panel";
    Focus1 Global "focus-1" "pods";
    Focus2 Global "focus-2" "latency";
    Focus3 Global "focus-3" "errors";
    Focus4 Global "focus-4" "backups";
    Focus5 Global "focus-5" "alerts";
    Focus6 Global "focus-6" "objectives";
    Open Global "open" "zoom, open the selected";
    Back Global "back" "back";
    Refresh Global "refresh" "ask for everything now";
    SwitchContext Global "switch-context" "switch context";
    SwitchNamespace Global "switch-namespace" "switch namespace";
    SwitchService Global "switch-service" "switch service";
    NextTheme Global "next-theme" "next theme";
    Copy Global "copy" "copy a name, a row, an error, the screen; or write the screen to a file";
    Messages Global "messages" "messages so far";
    Review Global "review" "the morning review: what happened, what differs, what is not well";
    Redraw Global "redraw" "redraw the screen";
    Suspend Global "suspend" "suspend to the shell";
    Actions Global "actions" "all actions, and why some can't be done now";
    Undo Global "undo" "undo what was done";
    GoOn Global "go-on" "do what an operation that is stuck needs";
    Runbooks Global "runbooks" "walk through a runbook: of the alert, or any";
    Operations Global "operations" "what was done, and how it stands";
    Output Global "output" "what a command of your own has written";
    Stop Global "stop" "stop a command of your own, or a flush (asks once)";
    Up List "up" "up";
    Down List "down" "down";
    PageUp List "page-up" "page up";
    PageDown List "page-down" "page down";
    Top List "top" "first row";
    Bottom List "bottom" "last row";
    Filter List "filter" "filter rows: text, !not, status=, restarts>3, age<2h";
    SortNext List "sort-next" "sort by the next column";
    SortReverse List "sort-reverse" "reverse the order";
    Logs List "logs" "log of the selected pod";
    Wider Chart "window-wider" "longer window";
    Narrower Chart "window-narrower" "shorter window";
    NextContainer Pod "next-container" "next container";
    Follow Log "follow" "follow the log, or stop";
    Previous Log "previous" "log of the container before its restart";
    Since Log "since" "how far back: all, 1 h, 15 min, 5 min";
    Search Log "search" "search in the log";
    NextMatch Log "next-match" "next match";
    PreviousMatch Log "previous-match" "previous match";
    Wrap Log "wrap" "wrap long lines, or cut them";
    ReviewNote Review "review-note" "note on the line";
    ReviewReason Review "review-reason" "why it is signed though something could not be checked";
    ReviewSignOff Review "review-sign-off" "sign the review off";
    ReviewReport Review "review-report" "write the review as Markdown and HTML";
    ReviewWalk Review "review-walk" "walk through the lines, one at a time";
    ReviewNext Review "review-next" "next line of the walk";
    ReviewPrevious Review "review-previous" "previous line of the walk";
    ReviewKind Review "review-kind" "daily, weekly, monthly, quarterly review";
    DoStep Walk "do-step" "do the step: check it, run it (asks where it changes anything), or say that it is done";
    DoAsItIs Walk "run-as-it-is" "run the step's command as it is written";
    Attest Walk "attest" "tick the step: you say that it is done";
    Skip Walk "skip" "skip the step, with a reason";
    Note Walk "note" "write a note at the step";
    Untick Walk "untick" "make the step to do again";
    NextOpen Walk "next-open" "next step that is still to do";
    NextSection Walk "next-section" "next section";
    PreviousSection Walk "previous-section" "previous section";
    Beside Walk "panels-beside" "panels beside the step, or not";
    ScrollDown Walk "scroll-down" "more of the step";
    ScrollUp Walk "scroll-up" "back to the step's beginning";
    SearchSteps Walk "search-steps" "search in the steps";
    SetParameter Walk "set-parameter" "give the step's parameters other values";
    WalkReport Walk "walk-report" "write the walk's report; finish the walk where every step is settled";
    Accept Choice "accept" "take this one";
    Cancel Choice "cancel" "close";
}

impl Command {
    fn entry(self) -> (Layer, &'static str, &'static str) {
        COMMANDS
            .iter()
            .find(|(c, ..)| *c == self)
            .map_or((Layer::Global, "", ""), |(_, layer, name, doc)| (*layer, name, doc))
    }

    pub fn layer(self) -> Layer {
        self.entry().0
    }

    pub fn name(self) -> &'static str {
        self.entry().1
    }

    pub fn doc(self) -> &'static str {
        self.entry().2
    }

    pub fn named(name: &str) -> Option<Self> {
        COMMANDS.iter().find(|(_, _, n, _)| *n == name).map(|(c, ..)| *c)
    }
}
