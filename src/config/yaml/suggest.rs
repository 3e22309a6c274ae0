//! Which known name was probably meant by an unknown one.

/// Names longer than this are not typing errors of ours, and comparing them would cost.
const MAX_LENGTH: usize = 64;

/// The known name nearest to `name`, when it is near enough to be a typing error: one wrong letter in three.
pub(super) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    if name.len() > MAX_LENGTH {
        return None;
    }
    let plain = |text: &str| text.to_ascii_lowercase().replace(['-', ' '], "_");
    let name = plain(name);
    known
        .iter()
        .map(|&candidate| (distance(&name, &plain(candidate)), candidate))
        .filter(|&(distance, candidate)| distance * 3 <= candidate.len())
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance: insertions, deletions and replacements of one character.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshteins() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("ab", "ba", 2),
        ] {
            assert_eq!(distance(a, b), expected);
            assert_eq!(distance(b, a), expected);
        }
    }

    #[test]
    fn only_typing_errors_get_a_suggestion() {
        let known = ["sdk_app_id", "name", "secret_key_file"];
        for (name, expected) in [
            ("sdk_appid", Some("sdk_app_id")),
            ("sdkAppId", Some("sdk_app_id")),
            ("secret-key-file", Some("secret_key_file")),
            ("nmae", None),
            ("naem", None),
            ("names", Some("name")),
            ("color", None),
        ] {
            assert_eq!(nearest(name, &known), expected, "{name}");
        }
    }
}
