//! Label and field selectors, in the syntax of the API server.

use serde_json::Value;

use super::json;
use super::kinds::Kind;
use super::object::Object;
use super::status::ApiError;

#[derive(Debug, PartialEq)]
enum Term {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

/// What a list or a watch asks for.
#[derive(Debug, Default, PartialEq)]
pub struct Selector {
    labels: Vec<Term>,
    fields: Vec<(String, bool, String)>,
}

impl Selector {
    /// Reads `labelSelector` and `fieldSelector`.
    ///
    /// # Errors
    /// 400 for what cannot be parsed and for fields that the kind has no selector for.
    pub fn parse(kind: Kind, labels: &str, fields: &str) -> Result<Self, ApiError> {
        let mut out = Self::default();
        for term in split_terms(labels) {
            out.labels.push(parse_label(term)?);
        }
        for term in fields.split(',').filter(|t| !t.trim().is_empty()) {
            let (path, equal, value) = parse_field(term)?;
            if field_pointer(kind, path).is_none() {
                return Err(ApiError::bad_request(format!("field label not supported: {path}")));
            }
            out.fields.push((path.to_owned(), equal, value.to_owned()));
        }
        Ok(out)
    }

    /// Reads the `spec.selector` of a workload (`matchLabels`, `matchExpressions`).
    pub fn of_workload(selector: &Value) -> Self {
        let mut labels: Vec<Term> = json::strings(selector, "/matchLabels")
            .map(|(k, v)| Term::In(k.to_owned(), vec![v.to_owned()]))
            .collect();
        for e in json::list(selector, "/matchExpressions") {
            let key = json::text(e, "/key").to_owned();
            let values =
                json::list(e, "/values").iter().filter_map(|v| v.as_str().map(str::to_owned)).collect();
            match json::text(e, "/operator") {
                "In" => labels.push(Term::In(key, values)),
                "NotIn" => labels.push(Term::NotIn(key, values)),
                "Exists" => labels.push(Term::Exists(key)),
                _ => labels.push(Term::Absent(key)),
            }
        }
        Self { labels, fields: Vec::new() }
    }

    /// Whether it asks for nothing, so that everything matches.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub fn matches(&self, object: &Object) -> bool {
        self.labels.iter().all(|t| label_matches(t, object))
            && self.fields.iter().all(|(path, equal, value)| (field(object, path) == *value) == *equal)
    }
}

fn label_matches(term: &Term, object: &Object) -> bool {
    match term {
        Term::In(key, values) => object.label(key).is_some_and(|v| values.iter().any(|w| w == v)),
        Term::NotIn(key, values) => object.label(key).is_none_or(|v| values.iter().all(|w| w != v)),
        Term::Exists(key) => object.label(key).is_some(),
        Term::Absent(key) => object.label(key).is_none(),
    }
}

fn field_pointer(kind: Kind, path: &str) -> Option<String> {
    let known = match path {
        "metadata.name" | "metadata.namespace" => true,
        "spec.nodeName"
        | "status.phase"
        | "spec.restartPolicy"
        | "spec.serviceAccountName"
        | "status.podIP" => kind == Kind::Pod || (kind == Kind::Namespace && path == "status.phase"),
        "type" => kind == Kind::Event || kind == Kind::Secret,
        "reason" | "reportingComponent" => kind == Kind::Event,
        "spec.unschedulable" => kind == Kind::Node,
        "status.successful" => kind == Kind::Job,
        _ => kind == Kind::Event && path.starts_with("involvedObject."),
    };
    known.then(|| format!("/{}", path.replace('.', "/")))
}

fn field(object: &Object, path: &str) -> String {
    match path {
        "metadata.name" => object.name.to_string(),
        "metadata.namespace" => object.namespace.to_string(),
        _ => field_pointer(object.kind, path)
            .map(|pointer| match object.tree().pointer(&pointer) {
                Some(Value::String(s)) => s.clone(),
                Some(Value::Null) | None => String::new(),
                Some(other) => other.to_string(),
            })
            .unwrap_or_default(),
    }
}

/// Splits at the commas that are not inside parentheses.
fn split_terms(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut out) = (0usize, 0, Vec::new());
    for (i, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                out.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    out.push(&text[start..]);
    out.into_iter().map(str::trim).filter(|t| !t.is_empty()).collect()
}

fn parse_label(term: &str) -> Result<Term, ApiError> {
    let bad = || {
        ApiError::bad_request(format!(
            "unable to parse requirement: couldn't parse the selector string \"{term}\""
        ))
    };
    let key = |k: &str| {
        let k = k.trim();
        let ok = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        if k.is_empty() || !k.chars().all(ok) { Err(bad()) } else { Ok(k.to_owned()) }
    };
    if let Some(open) = term.find('(') {
        let values = term[open + 1..].strip_suffix(')').ok_or_else(bad)?;
        let values = values.split(',').map(|v| v.trim().to_owned()).collect();
        let head = term[..open].trim();
        let (name, operator) = head.rsplit_once(char::is_whitespace).ok_or_else(bad)?;
        return match operator {
            "in" => Ok(Term::In(key(name)?, values)),
            "notin" => Ok(Term::NotIn(key(name)?, values)),
            _ => Err(bad()),
        };
    }
    if let Some((k, v)) = term.split_once("!=") {
        return Ok(Term::NotIn(key(k)?, vec![v.trim().to_owned()]));
    }
    if let Some((k, v)) = term.split_once("==").or_else(|| term.split_once('=')) {
        return Ok(Term::In(key(k)?, vec![v.trim().to_owned()]));
    }
    match term.strip_prefix('!') {
        Some(k) => Ok(Term::Absent(key(k)?)),
        None => Ok(Term::Exists(key(term)?)),
    }
}

fn parse_field(term: &str) -> Result<(&str, bool, &str), ApiError> {
    if let Some((k, v)) = term.split_once("!=") {
        return Ok((k.trim(), false, v.trim()));
    }
    term.split_once("==")
        .or_else(|| term.split_once('='))
        .map(|(k, v)| (k.trim(), true, v.trim()))
        .ok_or_else(|| {
            ApiError::bad_request(format!("invalid selector: '{term}'; can't understand '{term}'"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn object() -> Object {
        let tree = json!({"metadata": {"name": "a", "namespace": "shop", "labels": {"app": "api", "tier": "front"}},
            "spec": {"nodeName": "n1"}, "status": {"phase": "Running"}});
        Object::from_tree(Kind::Pod, 1, tree)
    }

    #[test]
    fn labels_and_fields() {
        let yes = [
            ("app=api", ""),
            ("app==api,tier in (front, back)", ""),
            ("app notin (web),!canary,tier", ""),
            ("app!=web", "spec.nodeName=n1"),
            ("", "metadata.name=a,status.phase!=Failed"),
        ];
        for (labels, fields) in yes {
            assert!(
                Selector::parse(Kind::Pod, labels, fields).unwrap().matches(&object()),
                "{labels} {fields}"
            );
        }
        for (labels, fields) in
            [("app=web", ""), ("!app", ""), ("", "spec.nodeName=n2"), ("tier in (back)", "")]
        {
            assert!(
                !Selector::parse(Kind::Pod, labels, fields).unwrap().matches(&object()),
                "{labels} {fields}"
            );
        }
    }

    #[test]
    fn unknown_fields_are_refused() {
        assert_eq!(Selector::parse(Kind::Pod, "", "spec.colour=red").unwrap_err().code, 400);
        assert_eq!(Selector::parse(Kind::Pod, "a b c", "").unwrap_err().code, 400);
    }

    proptest! {
        #[test]
        fn never_panics(labels in ".{0,60}", fields in ".{0,60}") {
            if let Ok(selector) = Selector::parse(Kind::Event, &labels, &fields) {
                selector.matches(&object());
            }
        }
    }
}
