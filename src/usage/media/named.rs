//! Names that the upstream gave to media, each kept once for the life of the process: so a media stays small and cheap to
//! copy, and no answer can fill the memory with names.

use std::cmp::Ordering;
use std::sync::OnceLock;

/// More than the upstream has added in all the years.
const MOST: usize = 64;

/// No label here is longer.
const LONGEST: usize = 64;

static NAMES: [OnceLock<Box<str>>; MOST] = [const { OnceLock::new() }; MOST];

/// One of the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Named(u8);

impl Named {
    /// The name of this text; `None` when it is not in snake case, or when there are too many already.
    pub(super) fn new(text: &str) -> Option<Self> {
        if !is_in_snake_case(text) {
            return None;
        }
        let is_it = |place: &OnceLock<Box<str>>| **place.get_or_init(|| text.into()) == *text;
        let index = NAMES.iter().position(is_it)?;
        u8::try_from(index).ok().map(Self)
    }

    /// Its text.
    pub(super) fn as_str(self) -> &'static str {
        let name = NAMES.get(usize::from(self.0)).and_then(OnceLock::get);
        name.map_or("", |name| name)
    }
}

/// By their texts: in which order they were first heard of says nothing.
impl Ord for Named {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialOrd for Named {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn is_in_snake_case(text: &str) -> bool {
    let possible = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    let begins = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    begins && text.len() <= LONGEST && text.bytes().all(possible)
}

/// A name of the upstream's in snake case: a word begins with each capital that follows a small letter or precedes one,
/// and with each digit that follows a small letter; what is no letter or digit stands between words.
pub(super) fn in_snake_case(column: &str) -> String {
    let mut name = String::with_capacity(column.len() + 4);
    let mut before = ' ';
    let mut rest = column.chars().peekable();
    while let Some(letter) = rest.next() {
        let is_small = |letter: char| letter.is_ascii_lowercase();
        let begins = (letter.is_ascii_uppercase() || letter.is_ascii_digit()) && is_small(before)
            || letter.is_ascii_uppercase()
                && before.is_ascii_uppercase()
                && rest.peek().is_some_and(|&next| is_small(next));
        let stands_between = letter.is_ascii() && !letter.is_ascii_alphanumeric();
        if (begins || stands_between) && !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        if !stands_between {
            name.push(letter.to_ascii_lowercase());
        }
        before = letter;
    }
    name.truncate(name.trim_end_matches('_').len());
    name
}
