//! The tree a file becomes: scalars as written, lists and mappings in their order, each with its line.

use zeroize::Zeroizing;

/// One node and where it stands. Has no `Debug`: it may hold secrets.
pub struct Node {
    pub(super) line: usize,
    pub(super) content: Content,
}

pub(super) enum Content {
    Scalar(Scalar),
    List(Vec<Node>),
    Mapping(Vec<Entry>),
    /// Something that has already been reported; whoever meets it says nothing more.
    Refused,
}

/// A key and its value, as often as the file gives it.
pub(super) struct Entry {
    pub(super) key: Zeroizing<String>,
    pub(super) line: usize,
    pub(super) value: Node,
}

pub(super) struct Scalar {
    /// As written, with YAML's own escapes undone. Wiped when dropped, because it may be a secret.
    pub(super) text: Zeroizing<String>,
    /// Written without quotes: only then it can be a number, a truth value or nothing.
    pub(super) plain: bool,
}

/// What a scalar is by YAML's core schema.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Nothing,
    Truth(bool),
    Number,
    Text,
}

impl Scalar {
    pub(super) fn kind(&self) -> Kind {
        if !self.plain {
            return Kind::Text;
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => Kind::Nothing,
            "true" | "True" | "TRUE" => Kind::Truth(true),
            "false" | "False" | "FALSE" => Kind::Truth(false),
            text if is_number(text) => Kind::Number,
            _ => Kind::Text,
        }
    }
}

/// Decimal, hexadecimal and octal integers, floats, `.inf` and `.nan`.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(digits) = text.strip_prefix("0x") {
        return !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return !digits.is_empty() && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    }
    matches!(
        unsigned,
        ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN"
    ) || (unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && unsigned.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str, plain: bool) -> Kind {
        let text = Zeroizing::new(text.to_owned());
        Scalar { text, plain }.kind()
    }

    #[test]
    fn plain_scalars_resolve_by_the_core_schema() {
        for number in [
            "0", "-1", "+1", "014", "1.5", ".5", "1e3", "0x1F", "0o17", "-.inf", ".nan",
        ] {
            assert_eq!(kind(number, true), Kind::Number, "{number}");
        }
        for text in [
            "a", "1m", "yes", "on", "1.2.3", "0x", "0o8", "inf", "nan", "--1", ".", "-", "1_000",
        ] {
            assert_eq!(kind(text, true), Kind::Text, "{text}");
        }
        assert_eq!(kind("True", true), Kind::Truth(true));
        assert_eq!(kind("~", true), Kind::Nothing);
    }

    #[test]
    fn quotes_make_text() {
        for text in ["", "~", "1", "true"] {
            assert_eq!(kind(text, false), Kind::Text, "{text}");
        }
    }
}
