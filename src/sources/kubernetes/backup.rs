//! How a CronJob or Job is known to be a backup.

use super::meta::{Meta, key};

/// Labelled, listed in the configuration, or named so: a word of the dash-separated name.
pub fn is_backup(meta: &Meta, names: &[&str], configured: &[String]) -> bool {
    let labels = &meta.labels;
    if labels.get(key::COMPONENT) == Some("backup") || labels.get(key::BACKUP) == Some("true") {
        return true;
    }
    names.iter().any(|name| is_listed(&meta.namespace, name, configured) || is_named(name))
}

fn is_listed(namespace: &str, name: &str, configured: &[String]) -> bool {
    configured.iter().any(|listed| match listed.split_once('/') {
        Some((listed_namespace, listed_name)) => listed_namespace == namespace && listed_name == name,
        None => listed == name,
    })
}

fn is_named(name: &str) -> bool {
    name.split(['-', '.', '_']).any(|word| {
        let word = word.strip_suffix('s').unwrap_or(word);
        ["backup", "dump", "snapshot"].into_iter().any(|known| word.eq_ignore_ascii_case(known))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn backups_are_known_by_label_list_or_name() {
        let listed = ["nightly".to_owned(), "other/weekly".to_owned()];
        for (name, labels, want) in [
            ("backup-full", json!({}), true),
            ("pg-dump", json!({}), true),
            ("db-snapshots", json!({}), true),
            ("backupless", json!({}), false),
            ("dumpling", json!({}), false),
            ("nightly", json!({}), true),
            ("weekly", json!({}), false),
            ("x", json!({"app.kubernetes.io/component": "backup"}), true),
            ("x", json!({"midwatch.io/backup": "true"}), true),
            ("x", json!({"midwatch.io/backup": "false"}), false),
        ] {
            let meta: Meta = serde_json::from_value(json!({"namespace": "shop", "labels": labels})).unwrap();
            assert_eq!(is_backup(&meta, &[name], &listed), want, "{name}");
        }
        let meta: Meta = serde_json::from_value(json!({"namespace": "other"})).unwrap();
        assert!(is_backup(&meta, &["weekly"], &listed));
    }
}
