//! Text in quotes, for files, logs and messages: nothing in it can end a line, forge a field or disturb a terminal.

/// `text` in double quotes, with the escapes that JSON, YAML and logfmt have in common.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            hidden if !is_printable(hidden) => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(hidden)));
            }
            shown => quoted.push(shown),
        }
    }
    quoted.push('"');
    quoted
}

/// Neither a control character nor a line or paragraph separator, a mark of direction or join, the byte order mark or a
/// non-character. What is not printable lies below U+10000, so that four digits are enough for it.
pub fn is_printable(character: char) -> bool {
    !character.is_control()
        && !matches!(character,
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{fffe}'..='\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_quoted_reaches_a_terminal_raw() {
        assert_eq!(
            quote("a\u{1b}[31m\u{9b}\u{202e}\n\"\\é"),
            r#""a\u001b[31m\u009b\u202e\n\"\\é""#
        );
    }

    proptest! {
        #[test]
        fn json_reads_back_what_was_quoted(text in any::<String>()) {
            let quoted = quote(&text);
            prop_assert!(quoted.chars().all(is_printable));
            prop_assert_eq!(serde_json::from_str::<String>(&quoted).ok(), Some(text));
        }
    }
}
