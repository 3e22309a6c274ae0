//! Text from outside, made fit for a log line: one line, short, and without anything that could sign a request.

use super::credentials::Credentials;
use crate::secret::REDACTED;

/// Longest message or piece of a body that is kept, in characters.
const MAX_CHARS: usize = 200;

/// Marks where a text was cut.
const ELLIPSIS: char = '…';

/// Takes out what is secret, then whatever could forge a log line, then what is too long. In this order: a secret that
/// was cut in two would no longer be recognised.
pub(super) fn clean(text: &str, credentials: Option<&Credentials>) -> String {
    let secrets = credentials.into_iter().flat_map(Credentials::texts);
    clean_of(text, secrets)
}

/// The same with secrets of another kind.
pub(super) fn clean_of<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) -> String {
    one_line(&redact(text, secrets))
}

/// The begin of a body as clean text.
pub(super) fn excerpt(body: &[u8], credentials: Option<&Credentials>) -> String {
    /// Room for a token or two before the part that is shown.
    const ENOUGH: usize = 16 * 1024;
    let begin = &body[..body.len().min(ENOUGH)];
    clean(&String::from_utf8_lossy(begin), credentials)
}

/// `text` on one line, cut to a length that a log can bear.
fn one_line(text: &str) -> String {
    let mut kept = String::new();
    for (count, char) in text.trim().chars().enumerate() {
        if count == MAX_CHARS {
            kept.push(ELLIPSIS);
            break;
        }
        kept.push(if is_plain(char) { char } else { ' ' });
    }
    kept
}

/// Whether a terminal shows `char` where it stands: not a control, nor one of the marks that reorder or break lines.
fn is_plain(char: char) -> bool {
    let reorders =
        matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !(char.is_control() || reorders || char == '\u{feff}')
}

fn redact<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = without_signatures(text);
    for secret in secrets {
        if !secret.is_empty() && text.contains(secret) {
            text = text.replace(secret, REDACTED);
        }
    }
    text
}

/// Replaces the value after each `Signature=`.
fn without_signatures(text: &str) -> String {
    const NAME: &str = "Signature=";
    let mut parts = text.split(NAME);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str(NAME);
        kept.push_str(REDACTED);
        kept.push_str(part.trim_start_matches(|char: char| char.is_ascii_alphanumeric()));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn credentials() -> Credentials {
        Credentials {
            secret_id: "AKIDfake".to_owned(),
            secret_key: Secret::new("fake-key".to_owned()),
            token: Some(Secret::new("fake-token".to_owned())),
        }
    }

    #[test]
    fn a_text_cannot_forge_a_line() {
        assert_eq!(
            clean(
                "a\nlevel=error\r\tb\u{1b}[31m\u{202e}c\u{2028}d\u{85}e\n",
                None
            ),
            "a level=error  b [31m c d e"
        );
        assert_eq!(
            clean("您当前每秒请求 `6` 次", None),
            "您当前每秒请求 `6` 次"
        );
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(clean(&"é".repeat(200), None), "é".repeat(200));
        assert_eq!(clean(&"é".repeat(201), None), "é".repeat(200) + "…");
        assert_eq!(excerpt(&[0xff; 1 << 20], None).chars().count(), 201);
    }

    #[test]
    fn nothing_secret_is_kept() {
        let text =
            "AKIDfake sent Credential=AKIDfake/x, Signature=0af3, then fake-key and fake-token";
        assert_eq!(
            clean(text, Some(&credentials())),
            "<secret> sent Credential=<secret>/x, Signature=<secret>, then <secret> and <secret>"
        );
    }

    #[test]
    fn a_secret_at_the_cut_is_not_shown_in_part() {
        let text = "x".repeat(196) + "fake-key";
        assert!(!clean(&text, Some(&credentials())).contains("fake"));
    }
}
