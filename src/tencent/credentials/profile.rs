//! The profile file of Tencent Cloud's tools: ini, of which only the section `[default]` counts. The tools disagree on
//! quotes and on `;` and `#` within a value; here one pair of quotes is taken off, and nothing is cut.

use crate::secret::Secret;

/// The section `[default]`.
#[derive(Debug, Default)]
pub(super) struct Profile {
    pub(super) secret_id: Option<Secret>,
    pub(super) secret_key: Option<Secret>,
    pub(super) token: Option<Secret>,
}

/// Reads `text`; `None` when it has no section `[default]`.
pub(super) fn parse(text: &str) -> Option<Profile> {
    let mut profile = None;
    let mut in_default = false;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for line in text.lines().map(str::trim) {
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            in_default = section.trim() == "default";
            if in_default {
                profile.get_or_insert_with(Profile::default);
            }
        } else if let (true, Some((name, value)), Some(profile)) =
            (in_default, line.split_once('='), profile.as_mut())
        {
            let value = Some(Secret::new(unquoted(value.trim()).to_owned()));
            match name.trim() {
                "secret_id" => profile.secret_id = value,
                "secret_key" => profile.secret_key = value,
                "token" => profile.token = value,
                _ => {}
            }
        }
    }
    profile
}

fn unquoted(value: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value)
}
