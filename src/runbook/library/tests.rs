//! Places, names and alerts.

use super::*;

fn config(places: &[&Path]) -> Config {
    Config { runbooks: places.iter().map(|p| p.to_path_buf()).collect(), ..Config::default() }
}

fn own(config: &Config) -> (Vec<Entry>, Vec<String>) {
    let (entries, troubles) = list(config);
    (entries.into_iter().filter(|e| e.origin == Origin::Config).collect(), troubles)
}

#[test]
fn folders_and_files_are_listed_and_what_can_not_be_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("b.md"), "# Second\n- [ ] x\n").unwrap();
    std::fs::write(at("a.MD"), "---\nalerts: [HighErrorRate]\n---\nno heading\n").unwrap();
    std::fs::write(at("c.txt"), "# Not Markdown\n").unwrap();
    std::fs::write(at("d.md"), b"\xff").unwrap();
    std::fs::create_dir(at("e.md")).unwrap();
    let missing = at("missing.md");
    let single = at("c.txt");
    let (entries, troubles) = own(&config(&[folder.path(), &single, &missing]));
    let told: Vec<(&str, &str, usize)> =
        entries.iter().map(|e| (e.name.as_str(), e.title.as_str(), e.steps)).collect();
    assert_eq!(told, [("a", "a", 0), ("b", "Second", 1), ("c", "Not Markdown", 0)]);
    assert_eq!(entries[0].alerts, [Clean::new("HighErrorRate")]);
    assert_eq!(troubles.len(), 2, "{troubles:?}");
    assert!(troubles[0].contains("d.md:1:1: it is not UTF-8"), "{troubles:?}");
    assert!(troubles[1].contains("missing.md"), "{troubles:?}");
}

#[test]
fn an_earlier_place_wins() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(first.path().join("x.md"), "# Ours").unwrap();
    std::fs::write(second.path().join("x.md"), "# Theirs").unwrap();
    let config = config(&[first.path(), second.path()]);
    let (entries, troubles) = own(&config);
    assert_eq!((entries.len(), troubles.len()), (1, 0));
    let found = find(&config, "x").unwrap();
    assert_eq!((found.document.title.as_str(), found.bytes.as_slice()), ("Ours", &b"# Ours"[..]));
    assert_eq!(found.entry.origin, Origin::Config);
}

#[test]
fn a_runbook_is_found_by_name_or_path_or_the_nearest_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failed-deployment.md");
    std::fs::write(&path, "# T").unwrap();
    let config = config(&[folder.path()]);
    assert_eq!(find(&config, &path.display().to_string()).unwrap().entry.name, "failed-deployment");
    let error = find(&config, "faild-deployment").unwrap_err().to_string();
    assert!(error.contains("did you mean 'failed-deployment'?"), "{error}");
    let error = find(&config, "no/such.md").unwrap_err().to_string();
    assert!(error.contains("no/such.md"), "{error}");
}

#[test]
fn what_is_no_runbook_is_refused_without_reading_it() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large.md");
    std::fs::File::create(&large).unwrap().set_len(50_000_000).unwrap();
    let error = read(&large).unwrap_err().to_string();
    assert!(error.contains("50000000 bytes") && error.contains("split it"), "{error}");
    assert!(read(Path::new("/dev/zero")).unwrap_err().to_string().contains("not a file"));
    assert!(read(folder.path()).unwrap_err().to_string().contains("not a file"));
}

#[test]
fn an_alert_has_a_runbook() {
    let entry = |name: &str, alerts: &[&str]| Entry {
        name: name.into(),
        title: name.into(),
        origin: Origin::Config,
        path: None,
        alerts: alerts.iter().map(|a| Clean::new(a)).collect(),
        steps: 1,
    };
    let entries = [
        entry("errors", &["HighErrorRate"]),
        entry("high-error-rate", &[]),
        entry("http-errors", &[]),
        entry("Disk_Full", &[]),
    ];
    let found = |alert: &str, url: Option<&str>| for_alert(&entries, alert, url).map(|e| e.name.as_str());
    for (alert, url, want) in [
        ("HighErrorRate", None, Some("errors")),
        ("HighErrorRate", Some("https://x/runbooks/http-errors.md"), Some("http-errors")),
        ("HighErrorRate", Some("https://x/runbooks/http-errors/?v=1"), Some("http-errors")),
        ("HighErrorRate", Some("https://x/all.md#disk-full"), Some("Disk_Full")),
        ("HighErrorRate", Some("https://x/unknown"), Some("errors")),
        ("HTTPErrors", None, Some("http-errors")),
        ("http_errors", None, Some("http-errors")),
        ("DiskFull", Some(""), Some("Disk_Full")),
        ("Other", Some("https://"), None),
        ("", None, None),
    ] {
        assert_eq!(found(alert, url), want, "{alert} {url:?}");
    }
}

#[test]
fn names_of_alerts_become_names_of_files() {
    for (name, want) in [
        ("HighErrorRate", "high-error-rate"),
        ("KubePodCrashLooping", "kube-pod-crash-looping"),
        ("HTTPErrors5xx", "http-errors5xx"),
        ("p95 latency", "p95-latency"),
        ("--a__b--", "a-b"),
        ("", ""),
    ] {
        assert_eq!(kebab(name), want, "{name}");
    }
}

#[test]
fn all_that_ships_is_in_the_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/runbooks");
    let mut there: Vec<String> = std::fs::read_dir(folder)
        .map(|entries| {
            entries
                .map(|e| e.unwrap().path())
                .filter(|p| p.extension().is_some_and(|e| e == "md"))
                .map(|p| stem(&p))
                .collect()
        })
        .unwrap_or_default();
    there.sort();
    let mut listed: Vec<String> = shipped::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    listed.sort();
    assert_eq!(listed, there);
}
