//! What the house promises about itself, checked in its own source.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(under: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(under).expect("a folder") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn source(room: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room);
    let files = if root.is_dir() {
        sources(&root)
    } else {
        vec![root]
    };
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("readable");
        // Tests may do what the code may not.
        let code = text
            .split("#[cfg(test)]")
            .next()
            .unwrap_or_default()
            .to_owned();
        (path, code)
    };
    files
        .into_iter()
        .filter(|path| {
            !path.ends_with("tests.rs")
                && !path.components().any(|part| part.as_os_str() == "tests")
        })
        .map(read)
        .collect()
}

/// Whether a word stands in the code, and not only as the begin of a longer one.
fn uses(code: &str, word: &str) -> bool {
    let is_letter = |char: Option<char>| char.is_some_and(char::is_alphanumeric);
    code.match_indices(word).any(|(at, _)| {
        let next = code[at + word.len()..].chars().next();
        !is_letter(word.chars().last()) || !is_letter(next)
    })
}

/// The core takes `now` as an argument: no async, no I/O, no clock, no logging.
#[test]
fn the_core_is_pure() {
    let core = [
        "usage",
        "billing",
        "history",
        "status",
        "collect/quota.rs",
        "collect/schedule.rs",
        "collect/lane.rs",
        "collect/queue.rs",
        "tencent/sign.rs",
        "tencent/skew.rs",
        "tencent/credentials/issued.rs",
        "tencent/credentials/renewal.rs",
        "tencent/wire",
        "simulator/model.rs",
        "simulator/model/usage.rs",
        "simulator/publication.rs",
        "simulator/traffic.rs",
        "simulator/issuing.rs",
        "simulator/row.rs",
        "simulator/service.rs",
        "simulator/listing.rs",
        "simulator/protocol.rs",
        "simulator/quota.rs",
    ];
    let banned = [
        "async ",
        ".await",
        "tokio",
        "std::fs",
        "std::net",
        "std::io",
        "tracing",
        "dyn Clock",
        "SystemTime",
        "Instant::now",
        "Mutex",
    ];
    for (path, code) in core.into_iter().flat_map(source) {
        for word in banned {
            assert!(!uses(&code, word), "{} must not use {word}", path.display());
        }
    }
}

/// What neither usage nor its price may know of.
const UNKNOWN_TO_THE_CORE: &[&str] = &[
    "tencent",
    "collect",
    "store",
    "metrics",
    "web",
    "simulator",
    "config",
    "app",
    "clock",
];

/// One natural way for the data: no room knows the rooms behind it.
#[test]
fn arrows_point_one_way() {
    let forbidden = [
        ("usage", UNKNOWN_TO_THE_CORE),
        ("billing", UNKNOWN_TO_THE_CORE),
        (
            "history",
            &[
                "tencent",
                "collect",
                "store",
                "web",
                "simulator",
                "config",
                "app",
                "clock",
            ],
        ),
        (
            "tencent",
            &[
                "config",
                "collect",
                "store",
                "metrics",
                "web",
                "simulator",
                "app",
            ],
        ),
        (
            "store",
            &[
                "tencent",
                "collect",
                "metrics",
                "web",
                "simulator",
                "config",
                "app",
            ],
        ),
        (
            "metrics",
            &[
                "tencent",
                "collect",
                "store",
                "web",
                "simulator",
                "config",
                "app",
            ],
        ),
        (
            "web",
            &[
                "tencent",
                "collect",
                "store",
                "simulator",
                "config",
                "web_config",
                "app",
            ],
        ),
        (
            "web_config",
            &[
                "tencent",
                "collect",
                "store",
                "metrics",
                "simulator",
                "app",
                "cli",
            ],
        ),
        (
            "push",
            &[
                "tencent",
                "collect",
                "web",
                "simulator",
                "config",
                "app",
                "cli",
            ],
        ),
        ("collect", &["web", "simulator", "app", "cli"]),
        (
            "config",
            &[
                "collect",
                "store",
                "metrics",
                "web",
                "simulator",
                "app",
                "cli",
            ],
        ),
        (
            "simulator",
            &["collect", "store", "metrics", "web", "config", "app", "cli"],
        ),
    ];
    for (room, others) in forbidden {
        for (path, code) in source(room) {
            for other in others {
                assert!(
                    !code.contains(&format!("crate::{other}")),
                    "{} must not know {other}",
                    path.display()
                );
            }
        }
    }
}

/// Every file says first what lives there.
#[test]
fn every_file_says_what_it_is_for() {
    for (path, code) in source("") {
        assert!(code.starts_with("//!"), "{} has no purpose", path.display());
    }
}
