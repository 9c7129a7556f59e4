//! Label sets as everything here shares them: sorted, immutable, cheap to copy, so that a
//! query over thousands of steps never copies a string.

use std::sync::Arc;

/// Label name and value pairs, sorted by name, `__name__` among them.
pub type Labels = Arc<[(Arc<str>, Arc<str>)]>;

/// The label that holds the metric's name.
pub const METRIC_NAME: &str = "__name__";

/// Sorts the pairs into a label set; of a name given twice the last value wins, and a label
/// with an empty value is the same as no label, as in Prometheus.
pub fn labels_from<K: Into<Arc<str>>, V: Into<Arc<str>>>(pairs: impl IntoIterator<Item = (K, V)>) -> Labels {
    let mut all: Vec<(Arc<str>, Arc<str>)> = pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
    all.reverse();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all.dedup_by(|later, kept| later.0 == kept.0);
    all.retain(|(_, v)| !v.is_empty());
    all.into()
}

/// No labels at all.
pub fn none() -> Labels {
    Arc::new([])
}

/// The value of `name`, or the empty string, which is how PromQL sees a missing label.
pub fn get<'a>(labels: &'a Labels, name: &str) -> &'a str {
    labels.binary_search_by(|(k, _)| (**k).cmp(name)).map_or("", |i| &labels[i].1)
}

/// The labels for which `keep` holds.
pub fn filter(labels: &Labels, keep: impl Fn(&str) -> bool) -> Labels {
    if labels.iter().all(|(k, _)| keep(k)) {
        return labels.clone();
    }
    labels.iter().filter(|(k, _)| keep(k)).cloned().collect()
}

/// The labels without the metric's name: what most operations return.
pub fn without_name(labels: &Labels) -> Labels {
    filter(labels, |k| k != METRIC_NAME)
}

/// The labels with `name` set to `value`; an empty value removes it.
pub fn with(labels: &Labels, name: &str, value: &str) -> Labels {
    let pairs = labels.iter().map(|(k, v)| (k.clone(), v.clone()));
    labels_from(pairs.chain(std::iter::once((Arc::from(name), Arc::from(value)))))
}

/// The labels as `{a="1", b="2"}`, as Prometheus words them in its errors.
pub fn display(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

/// Whether `name` may be a label's name.
pub fn is_label_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_unique_and_without_empty_values() {
        let l = labels_from([("b", "2"), ("a", "1"), ("b", "3"), ("c", "")]);
        assert_eq!(display(&l), r#"{a="1", b="3"}"#);
        assert_eq!(get(&l, "b"), "3");
        assert_eq!(get(&l, "missing"), "");
        assert_eq!(display(&with(&l, "b", "")), r#"{a="1"}"#);
        assert_eq!(display(&with(&l, METRIC_NAME, "up")), r#"{__name__="up", a="1", b="3"}"#);
    }

    #[test]
    fn label_names() {
        assert!(is_label_name("_a1"));
        for bad in ["", "1a", "a-b", "ä", "a b"] {
            assert!(!is_label_name(bad), "{bad}");
        }
    }
}
