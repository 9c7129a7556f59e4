//! What documents are read as.

use super::*;
use crate::model::command::Risk;
use crate::runbook::document::{Prose, StepKind};

fn read(text: &str) -> Document {
    parse(text.as_bytes(), "name").unwrap()
}
