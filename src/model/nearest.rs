//! The nearest right name, for errors about wrong ones.

/// ', did you mean …?' with the nearest of `names`, or nothing where none is near.
pub fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> String {
    names
        .map(|n| (strsim::jaro_winkler(wrong, n), n))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(score, _)| *score > 0.7)
        .map(|(_, n)| format!(", did you mean '{n}'?"))
        .unwrap_or_default()
}
