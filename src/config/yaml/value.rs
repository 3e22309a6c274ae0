//! Typed access to the tree. Every getter either hands out the value or puts a problem on the list and hands out
//! nothing, so that a reader can go on and find the next problem.

use std::collections::HashMap;
use std::fmt::Display;

use super::problem::{Problem, Report};
use super::suggest::nearest;
use super::tree::{Content, Entry, Kind, Node};
use crate::quote::quote;

/// Values are quoted in problems up to this many characters.
const SHOWN_CHARACTERS: usize = 60;

/// A node at its place in the file.
#[derive(Clone)]
pub struct Value<'a> {
    node: &'a Node,
    path: String,
    report: &'a Report,
    hidden: bool,
}

/// The entries of a mapping whose keys are known ones, each at most once.
pub struct Fields<'a> {
    mapping: Value<'a>,
    known: &'static [&'static str],
    entries: HashMap<&'a str, &'a Entry>,
}

impl<'a> Value<'a> {
    /// The whole document.
    pub fn root(node: &'a Node, report: &'a Report) -> Self {
        Self {
            node,
            path: String::new(),
            report,
            hidden: false,
        }
    }

    /// The same value as a secret: nothing below it is quoted in a problem, neither values nor unknown keys.
    pub fn hidden(self) -> Self {
        Self {
            hidden: true,
            ..self
        }
    }

    /// The line it begins on, from 1.
    pub fn line(&self) -> usize {
        self.node.line
    }

    /// Puts a problem of this value on the list.
    pub fn problem(&self, what: impl Into<String>) {
        self.report.problem(self.at(what.into()));
    }

    /// Puts a warning about this value on the list.
    pub fn warning(&self, what: impl Into<String>) {
        self.report.warning(self.at(what.into()));
    }

    fn at(&self, what: String) -> Problem {
        Problem {
            line: self.node.line,
            path: self.path.clone(),
            what,
        }
    }

    /// Whether it was left empty (`key:` or `key: null`).
    pub fn is_nothing(&self) -> bool {
        matches!(&self.node.content, Content::Scalar(scalar) if scalar.kind() == Kind::Nothing)
    }

    /// Whether it is a list, for what may be written as one or as something else.
    pub fn is_list(&self) -> bool {
        matches!(self.node.content, Content::List(_))
    }

    /// Text; what YAML takes for a number or a truth value must be in quotes.
    pub fn text(&self) -> Option<&'a str> {
        match &self.node.content {
            Content::Scalar(scalar) => match scalar.kind() {
                Kind::Text => return Some(&scalar.text),
                Kind::Nothing => self.expected("text"),
                Kind::Number | Kind::Truth(_) if self.hidden => {
                    self.problem(format!(
                        "expected text, found {}; put it in quotes",
                        self.found()
                    ));
                }
                Kind::Number | Kind::Truth(_) => self.problem(format!(
                    "expected text, found {}; put it in quotes: {}",
                    self.found(),
                    quote(&scalar.text)
                )),
            },
            _ => self.expected("text"),
        }
        None
    }

    /// `true` or `false`.
    pub fn truth(&self) -> Option<bool> {
        if let Content::Scalar(scalar) = &self.node.content
            && let Kind::Truth(truth) = scalar.kind()
        {
            return Some(truth);
        }
        self.expected("true or false");
        None
    }

    /// A whole number in decimal digits, without quotes.
    pub fn whole_number(&self) -> Option<u64> {
        if let Content::Scalar(scalar) = &self.node.content {
            let digits = scalar.text.as_str();
            let number = digits
                .parse::<u64>()
                .ok()
                .filter(|number| number.to_string() == digits);
            match number {
                Some(number) if scalar.plain => return Some(number),
                Some(_) => {
                    self.problem("expected a whole number, found text; write it without quotes");
                    return None;
                }
                None => {}
            }
        }
        self.expected("a whole number");
        None
    }

    /// A number, whole or not; may be infinite or not a number, as YAML has words for these.
    pub fn number(&self) -> Option<f64> {
        if let Content::Scalar(scalar) = &self.node.content
            && scalar.kind() == Kind::Number
        {
            // YAML writes `.inf` and `.nan` what Rust reads as `inf` and `nan`.
            let text = scalar.text.as_str();
            let number = text.parse().or_else(|_| text.replace('.', "").parse());
            if number.is_err() {
                self.expected("a decimal number");
            }
            return number.ok();
        }
        self.expected("a number");
        None
    }

    /// A scalar in a notation of its own, whatever YAML would take it for; `expected` names the notation.
    pub fn parsed<T, E: Display>(
        &self,
        expected: &str,
        parse: impl FnOnce(&'a str) -> Result<T, E>,
    ) -> Option<T> {
        match &self.node.content {
            Content::Scalar(scalar) if scalar.kind() != Kind::Nothing => {
                match parse(&scalar.text) {
                    Ok(value) => return Some(value),
                    Err(_) if self.hidden => self.expected(expected),
                    Err(error) => {
                        self.problem(format!("{}: {error}; expected {expected}", self.shown()))
                    }
                }
            }
            _ => self.expected(expected),
        }
        None
    }

    /// The entries of a list.
    pub fn list(&self) -> Option<Vec<Self>> {
        let Content::List(items) = &self.node.content else {
            self.expected("a list");
            return None;
        };
        let place = |(index, node)| Self {
            node,
            path: format!("{}[{index}]", self.path),
            ..self.clone()
        };
        Some(items.iter().enumerate().map(place).collect())
    }

    /// The entries of a mapping; keys that are not `known` or are given twice become problems.
    pub fn fields(&self, known: &'static [&'static str]) -> Option<Fields<'a>> {
        let Content::Mapping(given) = &self.node.content else {
            self.expected(&format!("a mapping with the keys {}", listed(known)));
            return None;
        };
        let mut entries: HashMap<&str, &Entry> = HashMap::new();
        for entry in given {
            if let Some(first) = entries.get(entry.key.as_str()) {
                self.duplicate(entry, first.line, known);
                continue;
            }
            if !known.contains(&entry.key.as_str()) {
                self.unknown(entry, known);
            }
            entries.insert(&entry.key, entry);
        }
        Some(Fields {
            mapping: self.clone(),
            known,
            entries,
        })
    }

    /// The entries of a mapping whose keys are anything; one that is given twice becomes a problem.
    pub fn entries(&self) -> Option<Vec<(&'a str, Self)>> {
        let Content::Mapping(given) = &self.node.content else {
            self.expected("a mapping");
            return None;
        };
        let mut lines: HashMap<&str, usize> = HashMap::new();
        let mut entries = Vec::new();
        for entry in given {
            let key = entry.key.as_str();
            if let Some(first) = lines.insert(key, entry.line) {
                self.duplicate(entry, first, &[]);
            }
            let value = Self {
                node: &entry.value,
                path: format!("{}[{}]", self.path, quote(key)),
                ..self.clone()
            };
            entries.push((key, value));
        }
        Some(entries)
    }

    fn unknown(&self, entry: &Entry, known: &[&str]) {
        let advice = match nearest(&entry.key, known) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("known here: {}", listed(known)),
        };
        let key = self.shown_key(entry, known);
        let what = format!("unknown key{key}; {advice}");
        self.report.problem(Problem {
            line: entry.line,
            ..self.at(what)
        });
    }

    fn duplicate(&self, entry: &Entry, first: usize, known: &[&str]) {
        let key = self.shown_key(entry, known);
        let what = format!("the key{key} is given twice, first on line {first}; keep one");
        self.report.problem(Problem {
            line: entry.line,
            ..self.at(what)
        });
    }

    /// A key that is no name may be a secret whose colon lacks its space (`secret_key:xyz`), so it is not shown.
    fn shown_key(&self, entry: &Entry, known: &[&str]) -> String {
        let key = entry.key.as_str();
        let is_name = key.len() <= 40
            && key
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        if known.contains(&key) || (is_name && !self.hidden) {
            format!(" `{key}`")
        } else {
            String::new()
        }
    }

    /// Says what stands here instead of what should, unless that has been refused already.
    fn expected(&self, expected: &str) {
        if matches!(self.node.content, Content::Refused) {
            return;
        }
        let what = format!("expected {expected}, found {}", self.found());
        if self.is_nothing() && !self.path.is_empty() {
            self.problem(what + "; give a value or leave the key out");
        } else {
            self.problem(what);
        }
    }

    fn found(&self) -> String {
        let kind = match &self.node.content {
            Content::List(_) => return "a list".to_owned(),
            Content::Mapping(_) => return "a mapping".to_owned(),
            Content::Refused => return "something refused".to_owned(),
            Content::Scalar(scalar) => scalar.kind(),
        };
        match kind {
            Kind::Nothing => "nothing".to_owned(),
            Kind::Truth(_) if self.hidden => "a truth value".to_owned(),
            Kind::Number if self.hidden => "a number".to_owned(),
            Kind::Text if self.hidden => "text".to_owned(),
            Kind::Truth(truth) => truth.to_string(),
            Kind::Number => format!("the number {}", self.shown().trim_matches('"')),
            Kind::Text => self.shown(),
        }
    }

    /// The scalar in quotes, shortened; never a hidden one.
    fn shown(&self) -> String {
        match &self.node.content {
            Content::Scalar(scalar) if !self.hidden => {
                let mut characters = scalar.text.chars();
                let mut start: String = characters.by_ref().take(SHOWN_CHARACTERS).collect();
                if characters.next().is_some() {
                    start.push('…');
                }
                quote(&start)
            }
            _ => "the value".to_owned(),
        }
    }
}

impl<'a> Fields<'a> {
    /// The value of a key, if it is given.
    pub fn get(&self, name: &'static str) -> Option<Value<'a>> {
        debug_assert!(
            self.known.contains(&name),
            "{name} is not among the known keys"
        );
        let entry = self.entries.get(name)?;
        let path = self.path(name);
        Some(Value {
            node: &entry.value,
            path,
            ..self.mapping.clone()
        })
    }

    /// The value of a key that must be given; `advice` says what would be right.
    pub fn require(&self, name: &'static str, advice: &str) -> Option<Value<'a>> {
        let value = self.get(name);
        if value.is_none() {
            let problem = self.mapping.at(format!("is missing; {advice}"));
            let path = self.path(name);
            self.mapping.report.problem(Problem { path, ..problem });
        }
        value
    }

    fn path(&self, name: &str) -> String {
        match self.mapping.path.as_str() {
            "" => name.to_owned(),
            parent => format!("{parent}.{name}"),
        }
    }
}

/// Names as a reader lists them: `a`, `b`, `c`.
fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
    use proptest::prelude::*;

    /// What `read` makes of a text, and the problems it met.
    fn reading<T>(text: &str, read: impl FnOnce(Value<'_>) -> T) -> (T, Vec<String>) {
        let report = Report::default();
        let node = parse(text, &report).expect("a readable text");
        let value = read(Value::root(&node, &report));
        let problems = report.into_sorted().0;
        (value, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn values_are_handed_out_by_their_type() {
        assert_eq!(reading("true", |value| value.truth()).0, Some(true));
        assert_eq!(
            reading("4294967296", |value| value.whole_number()).0,
            Some(4_294_967_296)
        );
        assert_eq!(reading("-1.5e3", |value| value.number()).0, Some(-1500.0));
        assert_eq!(
            reading("-.inf", |value| value.number()).0,
            Some(f64::NEG_INFINITY)
        );
        assert!(
            reading(".nan", |value| value.number())
                .0
                .is_some_and(f64::is_nan)
        );
        let lines = |value: Value<'_>| {
            value
                .list()
                .map(|items| items.iter().map(Value::line).collect())
        };
        assert_eq!(reading("- a\n\n- b\n", lines).0, Some(vec![1, 3]));
    }

    #[test]
    fn wrong_types_are_told_and_nothing_comes_back() {
        for text in [
            "007",
            "+1",
            "-1",
            "1.0",
            "0x10",
            "99999999999999999999",
            "one",
            "[]",
            "~",
        ] {
            let (value, problems) = reading(text, |value| value.whole_number());
            assert_eq!((value, problems.len()), (None, 1), "{text}");
            assert!(
                problems[0].starts_with("1: expected a whole number, found "),
                "{problems:?}"
            );
        }
        let (value, problems) = reading("0x10", |value| value.number());
        assert_eq!(value, None);
        assert_eq!(
            problems,
            ["1: expected a decimal number, found the number 0x10"]
        );
    }

    #[test]
    fn what_was_refused_is_told_once() {
        let (value, problems) = reading("!tag a", |value| value.text().map(ToOwned::to_owned));
        assert_eq!((value, problems.len()), (None, 1));
    }

    #[test]
    fn the_first_of_two_equal_keys_counts() {
        let read = |value: Value<'_>| value.fields(&["a"])?.get("a")?.whole_number();
        let (value, problems) = reading("a: 1\na: 2\n", read);
        assert_eq!(value, Some(1));
        assert_eq!(
            problems,
            ["2: the key `a` is given twice, first on line 1; keep one"]
        );
    }

    #[test]
    fn long_and_wild_values_are_shown_short_and_tame() {
        let text = format!("\"\\e[31m{}\"", "x".repeat(1000));
        let (_, problems) = reading(&text, |value| value.truth());
        assert!(problems[0].contains(r#""\u001b[31mxxx"#), "{problems:?}");
        assert!(problems[0].len() < 120, "{problems:?}");
    }

    proptest! {
        #[test]
        fn yaml_reads_back_what_was_quoted(text in any::<String>()) {
            let (read, _) = reading(&quote(&text), |value| value.text().map(ToOwned::to_owned));
            prop_assert_eq!(read, Some(text));
        }
    }
}
