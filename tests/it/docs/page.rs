//! README.md taken apart: fences, tables, code spans, links. Only as much of Markdown as that page uses.

use std::path::Path;

/// The page's text.
pub(crate) struct Page {
    text: String,
}

/// A file of the project.
pub(super) fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(path).expect("readable")
}

/// The texts between backquotes.
pub(super) fn spans(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The labels of a family in a scrape; `le` goes without saying.
pub(super) fn labels_of<'a>(scrape: &'a str, family: &str) -> Vec<&'a str> {
    let is_of_family = |line: &&str| {
        let rest = line.strip_prefix(family);
        rest.is_some_and(|rest| rest.starts_with(['{', ' ']) || rest.starts_with("_sum{"))
    };
    let sample = scrape.lines().find(is_of_family).expect("a sample");
    let Some((_, labels)) = sample.split_once('{') else {
        return Vec::new();
    };
    labels
        .split("\",")
        .filter_map(|label| Some(label.split_once('=')?.0))
        .collect()
}

impl Page {
    pub(crate) fn read() -> Self {
        Self {
            text: file("README.md"),
        }
    }

    /// The contents of all fences of a language.
    pub(crate) fn fences(&self, language: &str) -> Vec<String> {
        self.text
            .split("\n```")
            .skip(1)
            .step_by(2)
            .filter_map(|fence| fence.strip_prefix(language)?.strip_prefix('\n'))
            .map(|content| format!("{content}\n"))
            .collect()
    }

    /// The rows of the first table whose header begins with these columns.
    pub(super) fn table(&self, header: &[&str]) -> Vec<Vec<String>> {
        let cells = |line: &str| -> Option<Vec<String>> {
            let inner = line.strip_prefix('|')?.strip_suffix('|')?;
            Some(
                inner
                    .split('|')
                    .map(|cell| cell.trim().to_owned())
                    .collect(),
            )
        };
        let mut lines = self.text.lines().skip_while(|line| {
            !cells(line).is_some_and(|cells| {
                cells.len() >= header.len() && cells.iter().zip(header).all(|(own, of)| own == of)
            })
        });
        assert!(lines.next().is_some(), "there is no table {header:?}");
        lines.skip(1).map_while(cells).collect()
    }

    /// All code spans, those of tables included, without the fences.
    pub(super) fn spans(&self) -> impl Iterator<Item = &str> {
        self.prose().flat_map(|text| text.lines()).flat_map(spans)
    }

    pub(super) fn has_span(&self, wanted: &str) -> bool {
        self.spans().any(|span| span == wanted)
    }

    /// All words that begin like this, in queries and examples too.
    pub(super) fn words(&self, prefix: &str) -> impl Iterator<Item = &str> {
        self.text
            .split(|char: char| !(char.is_ascii_alphanumeric() || char == '_'))
            .filter(move |word| word.starts_with(prefix))
    }

    /// Where links lead, leaving out other sites.
    pub(super) fn links(&self) -> impl Iterator<Item = &str> {
        self.prose()
            .flat_map(|text| text.split("](").skip(1))
            .filter_map(|rest| rest.split(')').next())
            .filter(|target| !target.contains("://"))
    }

    /// What a link within the page can name.
    pub(super) fn anchors(&self) -> impl Iterator<Item = String> {
        let headings = self.text.lines().filter(|line| line.starts_with('#'));
        headings.map(|line| {
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .replace(' ', "-")
        })
    }

    fn prose(&self) -> impl Iterator<Item = &str> {
        self.text.split("\n```").step_by(2)
    }
}
