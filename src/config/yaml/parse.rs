//! Text to tree, without recursion: the parser's events are put together on a stack of bounded depth, so that no file,
//! however it is built, costs more than its own size.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use zeroize::Zeroizing;

use super::problem::{Problem, Report};
use super::tree::{Content, Entry, Node, Scalar};

/// The largest text that is read: far beyond any real configuration, small enough to hold in memory.
pub const MAX_BYTES: usize = 4 << 20;

/// The deepest nesting; no configuration of ours is deeper than six levels.
const MAX_DEPTH: usize = 32;

/// Reads one YAML document. An empty file is a node without a value. What is wrong goes to `report`; without a result
/// the text could not be read to its end.
pub fn parse(text: &str, report: &Report) -> Option<Node> {
    let stop = |line, what: String| {
        report.problem(Problem {
            line,
            path: String::new(),
            what,
        });
        None
    };
    if text.len() > MAX_BYTES {
        return stop(
            1,
            format!("the file is larger than {} MiB", MAX_BYTES >> 20),
        );
    }
    // The parser sees what is missing at the end on the line behind the last.
    let last_line = last_line(text);
    let mut tree = Builder {
        stack: Vec::new(),
        root: None,
        documents: 0,
        last_line,
        report,
    };
    let mut parser = Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => {
                if let Err((line, what)) = tree.accept(event, span) {
                    return stop(line, what);
                }
            }
            Err(error) => {
                let line = error.marker().line().min(last_line);
                return stop(line, syntax_error(&error));
            }
        }
    }
    Some(tree.root.unwrap_or_else(|| nothing(1)))
}

/// The parser's messages name what it missed but never quote the text, so they cannot give a secret away.
fn syntax_error(error: &ScanError) -> String {
    format!("not valid YAML: {}", error.info())
}

/// The number of the last line; a line ends by LF, CR or both.
fn last_line(text: &str) -> usize {
    let bytes = text.as_bytes();
    let pairs = bytes.iter().zip(bytes.iter().skip(1));
    // The end of the last line begins no further one.
    let ends = pairs.filter(|&(&byte, &next)| byte == b'\n' || byte == b'\r' && next != b'\n');
    1 + ends.count()
}

/// A collection that is still open.
enum Open {
    List {
        line: usize,
        items: Vec<Node>,
    },
    Mapping {
        line: usize,
        entries: Vec<Entry>,
        key: Key,
    },
}

/// What an open mapping waits for.
enum Key {
    Awaited,
    Given(Zeroizing<String>, usize),
    /// Already reported; its value is dropped.
    Refused,
}

struct Builder<'a> {
    stack: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    last_line: usize,
    report: &'a Report,
}

impl Builder<'_> {
    /// Takes the next event; an error ends the reading.
    fn accept(&mut self, event: Event<'_>, span: Span) -> Result<(), (usize, String)> {
        let line = span.start.line().min(self.last_line);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let what = "a second document starts here; put everything into one";
                    return Err((line, what.to_owned()));
                }
            }
            Event::Scalar(text, style, _, tag) => {
                let content = if tag.is_some() {
                    self.refuse(line, "tags are not supported; write the plain value")
                } else {
                    Content::Scalar(Scalar {
                        text: Zeroizing::new(text.into_owned()),
                        plain: style == ScalarStyle::Plain,
                    })
                };
                self.complete(Node { line, content });
            }
            Event::Alias(_) => {
                let content = self.refuse(line, "aliases are not supported; write the value out");
                self.complete(Node { line, content });
            }
            Event::SequenceStart(_, tag) => {
                let items = Vec::new();
                self.open(Open::List { line, items }, line, tag.is_some())?;
            }
            Event::MappingStart(_, tag) => {
                let (entries, key) = (Vec::new(), Key::Awaited);
                self.open(Open::Mapping { line, entries, key }, line, tag.is_some())?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn refuse(&self, line: usize, what: &str) -> Content {
        let (path, what) = (String::new(), what.to_owned());
        self.report.problem(Problem { line, path, what });
        Content::Refused
    }

    fn open(&mut self, open: Open, line: usize, tagged: bool) -> Result<(), (usize, String)> {
        if tagged {
            self.refuse(line, "tags are not supported; write the plain value");
        }
        if self.stack.len() == MAX_DEPTH {
            return Err((line, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.stack.push(open);
        Ok(())
    }

    fn close(&mut self) {
        let node = match self.stack.pop() {
            Some(Open::List { line, items }) => Node {
                line,
                content: Content::List(items),
            },
            Some(Open::Mapping { line, entries, .. }) => Node {
                line,
                content: Content::Mapping(entries),
            },
            None => return,
        };
        self.complete(node);
    }

    /// Puts a finished node where it belongs.
    fn complete(&mut self, node: Node) {
        match self.stack.pop() {
            None => self.root = Some(node),
            Some(Open::List { line, mut items }) => {
                items.push(node);
                self.stack.push(Open::List { line, items });
            }
            Some(Open::Mapping {
                line,
                mut entries,
                key,
            }) => {
                let key = match key {
                    Key::Awaited => self.key(node),
                    Key::Given(key, line) => {
                        let value = node.seen_from(line);
                        entries.push(Entry { key, line, value });
                        Key::Awaited
                    }
                    Key::Refused => Key::Awaited,
                };
                self.stack.push(Open::Mapping { line, entries, key });
            }
        }
    }

    fn key(&self, node: Node) -> Key {
        match node.content {
            Content::Scalar(scalar) => Key::Given(scalar.text, node.line),
            Content::Refused => Key::Refused,
            Content::List(_) | Content::Mapping(_) => {
                self.refuse(node.line, "a key must be text, not a list or a mapping");
                Key::Refused
            }
        }
    }
}

impl Node {
    /// A collection begins where its key stands, and so does a value that is not there; the parser sees the one at its
    /// first entry and the other at whatever follows.
    fn seen_from(mut self, key_line: usize) -> Self {
        let stands_alone =
            matches!(&self.content, Content::Scalar(scalar) if !scalar.text.is_empty());
        if !stands_alone {
            self.line = key_line;
        }
        self
    }
}

fn nothing(line: usize) -> Node {
    let (text, plain) = (Zeroizing::default(), true);
    Node {
        line,
        content: Content::Scalar(Scalar { text, plain }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn problems(text: &str) -> Vec<String> {
        let report = Report::default();
        parse(text, &report);
        report
            .into_sorted()
            .0
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn what_goes_beyond_plain_data_is_refused() {
        for (text, expected) in [
            (
                "a: &x 1\nb: *x\n",
                "2: aliases are not supported; write the value out",
            ),
            (
                "a: !!str 1\n",
                "1: tags are not supported; write the plain value",
            ),
            (
                "a:\n  !vault {b: c}\n",
                "2: tags are not supported; write the plain value",
            ),
            (
                "a: 1\n---\nb: 2\n",
                "2: a second document starts here; put everything into one",
            ),
            (
                "[a, b]: 1\n",
                "1: a key must be text, not a list or a mapping",
            ),
        ] {
            assert_eq!(problems(text), [expected], "{text}");
        }
    }

    #[test]
    fn a_syntax_error_has_its_line() {
        let found = problems("a: 1\nb: [1, 2\nc: 3\n");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("3: not valid YAML: "), "{found:?}");
    }

    #[test]
    fn a_text_that_ends_too_early_is_wrong_on_its_last_line() {
        for (text, last) in [
            ("a: 1\nb", 2),
            ("a: 1\nb\n", 2),
            ("a: [\n\n", 2),
            ("b\r\nc: [\r\n", 2),
            ("'", 1),
        ] {
            let found = problems(text);
            assert_eq!(found.len(), 1, "{found:?}");
            let place = format!("{last}: not valid YAML: ");
            assert!(found[0].starts_with(&place), "{text:?}: {found:?}");
        }
    }

    #[test]
    fn what_is_not_there_at_the_end_is_not_there_on_the_last_line() {
        let report = Report::default();
        let root = parse("? # no key, no value\n", &report).expect("a mapping");
        let Content::Mapping(entries) = root.content else {
            panic!("a mapping")
        };
        assert_eq!((entries[0].line, entries[0].value.line), (1, 1));
    }

    #[test]
    fn one_document_may_have_its_markers_and_a_byte_order_mark() {
        assert!(problems("\u{feff}---\na: 1\n...\n").is_empty());
        assert!(problems("").is_empty());
        assert!(problems("# only a comment\n").is_empty());
    }

    #[test]
    fn the_size_of_the_answer_is_bounded() {
        assert_eq!(
            problems(&"[".repeat(33)),
            ["1: nested deeper than 32 levels"]
        );
        assert_eq!(problems(&"[".repeat(MAX_BYTES)).len(), 1);
        assert_eq!(problems(&"- ".repeat(MAX_BYTES / 2)).len(), 1);
        let bomb = "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: [*b,*b,*b,*b]\n";
        assert_eq!(problems(bomb).len(), 8);
        let large = " ".repeat(MAX_BYTES + 1);
        assert_eq!(problems(&large), ["1: the file is larger than 4 MiB"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r#"([-:,?#&*!|>'"%@`{}\[\] \t\n\r~a0<]|\PC){0,60}"#) {
            problems(&text);
        }
    }
}
