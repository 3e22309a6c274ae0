//! Texts that become label values: they must stay readable in queries, logs and on terminals.

use super::super::yaml::{Fields, Value};
use super::unique::Seen;
use crate::quote::{is_printable, quote};

/// Longer ones only make every series larger.
const MAX_CHARACTERS: usize = 128;

/// A text fit for a label value.
pub(super) fn label<'a>(value: &Value<'a>) -> Option<&'a str> {
    let text = value.text()?;
    let problem = if text.is_empty() {
        "the text is empty; give a name".to_owned()
    } else if text.trim() != text {
        format!("{} has white space around it; remove that", quote(text))
    } else if text.chars().count() > MAX_CHARACTERS {
        format!("the text is too long; at most {MAX_CHARACTERS} characters are possible")
    } else if !text.chars().all(is_printable) {
        format!("{} has an invisible character; leave that out", quote(text))
    } else {
        return Some(text);
    };
    value.problem(problem);
    None
}

/// The key `name`, which must be given and differ from its siblings' names.
pub(super) fn unique_name<'a>(
    fields: &Fields<'a>,
    advice: &str,
    seen: &Seen<&'a str>,
) -> Option<&'a str> {
    let value = fields.require("name", advice)?;
    let name = label(&value)?;
    seen.note(&value, name);
    Some(name)
}
