//! Configuration texts: read without a panic, each problem has its line, no secret is ever repeated, and what `/config`
//! shows is the configuration itself.
//!
//! An input is the text. Whatever stands below a key `credentials` is secret, as another reader of YAML sees it, but for
//! the names of roles; the word to look for is [`HUSH`].

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use saphyr_parser::{Event, Parser};
use trtc_exporter::config::{ConfigError, Loaded, parse, redacted_yaml};

const FILE: &str = "x.yml";
const HUSH: &str = "hush";

fuzz_target!(|input: &[u8]| {
    // As when a file is read that is not UTF-8.
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let told = match parse(text, Path::new(FILE)) {
        Ok(loaded) => accepted(&loaded, text),
        Err(error) => refused(&error, text),
    };
    if text.contains(HUSH) && !stands_in_the_open(text) {
        assert!(!told.contains(HUSH), "a secret is told:\n{told}");
    }
});

/// Everything that can be seen of a good configuration.
fn accepted(loaded: &Loaded, text: &str) -> String {
    for warning in &loaded.warnings {
        let line = warning
            .strip_prefix("x.yml:")
            .and_then(|rest| rest.split(':').next())
            .and_then(|line| line.parse().ok());
        has_a_line(line.expect("a line"), text, warning);
    }
    let yaml = redacted_yaml(&loaded.config);
    let again = parse(&yaml, Path::new(FILE));
    let again = again.unwrap_or_else(|error| panic!("it is not read back:\n{yaml}\n{error}"));
    assert_eq!(redacted_yaml(&again.config), yaml);
    format!("{yaml}\n{loaded:?}")
}

/// Everything that can be seen of a bad configuration.
fn refused(error: &ConfigError, text: &str) -> String {
    let ConfigError::Invalid { problems, .. } = error else {
        panic!("no file was read: {error}");
    };
    assert!(!problems.is_empty(), "refused for nothing");
    for problem in problems {
        assert!(!problem.what.is_empty());
        has_a_line(problem.line, text, &problem.to_string());
    }
    let told = error.to_string();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), problems.len(), "one line each:\n{told}");
    assert!(
        lines.iter().all(|line| line.starts_with("x.yml:")),
        "{told}"
    );
    format!("{told}\n{error:?}")
}

fn has_a_line(line: usize, text: &str, problem: &str) {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines = text.lines().count().max(1);
    assert!((1..=lines).contains(&line), "{problem}: of {lines} lines");
}

/// Whether the word is said anywhere but below `credentials`, where it is nobody's secret.
fn stands_in_the_open(text: &str) -> bool {
    let mut open: Vec<Level> = Vec::new();
    let mut parser = Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    while let Some(Ok((event, _))) = parser.next_event() {
        match event {
            Event::Scalar(text, ..) => {
                let named = open.last().is_some_and(Level::names_a_role);
                let secret = open.iter().any(Level::is_secret) && !named;
                if text.contains(HUSH) && !secret {
                    return true;
                }
                if let Some(level) = open.last_mut() {
                    level.saw(&text);
                }
            }
            Event::Alias(_) => {
                if let Some(level) = open.last_mut() {
                    level.saw("");
                }
            }
            Event::MappingStart(..) => open.push(Level::Mapping(None)),
            Event::SequenceStart(..) => open.push(Level::List),
            Event::MappingEnd | Event::SequenceEnd => {
                open.pop();
                if let Some(level) = open.last_mut() {
                    level.saw("");
                }
            }
            _ => {}
        }
    }
    false
}

/// A collection that is open; a mapping with the key whose value comes next.
enum Level {
    List,
    Mapping(Option<String>),
}

impl Level {
    fn is_secret(&self) -> bool {
        matches!(self, Self::Mapping(Some(key)) if key == "credentials")
    }

    fn names_a_role(&self) -> bool {
        let names = ["role_arn", "role_session_name"];
        matches!(self, Self::Mapping(Some(key)) if names.contains(&key.as_str()))
    }

    /// A node is complete: it was the value of the last key, or is the next key itself.
    fn saw(&mut self, text: &str) {
        if let Self::Mapping(key) = self {
            *key = match key {
                Some(_) => None,
                None => Some(text.to_owned()),
            };
        }
    }
}
