//! The columns of one answer: those that its action is known for, and those that the upstream has added since.

use crate::tencent::Action;
use crate::usage::Media;

/// No action has so many.
const MOST: usize = 16;

/// One value for each of the columns; those beyond are 0.
pub(super) type PerColumn<T> = [T; MOST];

/// Columns by name.
#[derive(Clone)]
pub(super) struct Columns {
    action: &'static Action,
    added: Vec<(String, Media)>,
}

impl Columns {
    /// Those that the action is known for.
    pub(super) const fn of(action: &'static Action) -> Self {
        Self {
            action,
            added: Vec::new(),
        }
    }

    /// Where the values of the column of this name go; `None` when there is no such column.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        let known = self.action.columns;
        let added = || self.added.iter().position(|(added, _)| added == name);
        known
            .iter()
            .position(|&(column, _)| column == name)
            .or_else(|| Some(known.len() + added()?))
    }

    /// Adds an unknown column; `None` when it names no media, or one that another column is, or when there are too many.
    pub(super) fn add(&mut self, name: &str) -> Option<usize> {
        let media = self.action.media_of_unknown(name)?;
        let place = self.action.columns.len() + self.added.len();
        if place == MOST || self.media().any(|other| other == media) {
            return None;
        }
        self.added.push((name.to_owned(), media));
        Some(place)
    }

    /// What they are, in order.
    pub(super) fn media(&self) -> impl Iterator<Item = Media> {
        let added = self.added.iter().map(|&(_, media)| media);
        self.action.media().chain(added)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tencent::action::{RELAY_USAGE, TRTC_USAGE};

    #[test]
    fn all_actions_have_room_for_more() {
        for action in Action::ALL {
            assert!(action.columns.len() < MOST, "{}", action.name);
        }
    }

    #[test]
    fn an_added_column_has_a_place_of_its_own() {
        let mut columns = Columns::of(&TRTC_USAGE);
        assert_eq!(columns.place("8K"), None);
        assert_eq!(columns.add("8K"), Some(6));
        assert_eq!(
            (columns.place("8K"), columns.place("4K")),
            (Some(6), Some(5))
        );
        assert_eq!(columns.add("8k"), None, "the same media");
        assert_eq!(columns.add("audio"), None, "as known as can be");
        for index in 7..MOST {
            assert_eq!(columns.add(&format!("extra{index}")), Some(index));
        }
        assert_eq!(columns.add("one more"), None);
        assert_eq!(columns.media().count(), MOST);
    }

    #[test]
    fn a_rate_has_no_other_columns() {
        assert_eq!(Columns::of(&RELAY_USAGE).add("Flux"), None);
    }
}
