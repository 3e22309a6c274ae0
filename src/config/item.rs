//! A billing item of an account: by which action its usage is asked for, and how often that may be.

use super::Shard;
use crate::tencent::{self, Action};

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What is billed.
    pub kind: &'static tencent::Item,
    /// Where its numbers come from.
    pub choice: Choice,
    /// The account's rate limit for the action; the documented one when not given.
    pub requests_per_second: Option<f64>,
    /// Among whom the rate limit is shared.
    pub shard: Shard,
}

/// By which action an item is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Choice {
    /// By this one.
    Fixed(&'static Action),
    /// By the item's first action, and by its successor once the upstream has retired it.
    Auto,
}

impl Item {
    /// The item with everything else left out.
    pub fn of(kind: &'static tencent::Item) -> Self {
        Self {
            kind,
            choice: Choice::Auto,
            requests_per_second: None,
            shard: Shard::WHOLE,
        }
    }

    /// The action to ask by, when it is known that the item has gone over to the action of that name.
    pub fn action(&self, gone_over_to: Option<&str>) -> &'static Action {
        match self.choice {
            Choice::Fixed(action) => action,
            Choice::Auto => {
                let mut successors =
                    std::iter::successors(Some(self.kind.first_action()), |action| {
                        action.successor
                    });
                successors
                    .find(|action| Some(action.name) == gone_over_to)
                    .unwrap_or_else(|| self.kind.first_action())
            }
        }
    }

    /// The action to go over to when `action` is retired.
    pub fn successor_of(&self, action: &Action) -> Option<&'static Action> {
        match self.choice {
            Choice::Fixed(_) => None,
            Choice::Auto => action.successor,
        }
    }

    /// How many requests per second the account allows for `action`. A limit that was given for the first of several
    /// actions is not believed above what is documented of a later one.
    pub fn limit(&self, action: &'static Action) -> f64 {
        let documented = action.requests_per_second;
        match (self.requests_per_second, self.choice) {
            (None, _) => documented,
            (Some(given), Choice::Fixed(_)) => given,
            (Some(given), Choice::Auto) if action == self.kind.first_action() => given,
            (Some(given), Choice::Auto) => given.min(documented),
        }
    }

    /// How many of them this process may send.
    pub fn share_of_limit(&self, action: &'static Action) -> f64 {
        let limit = self.limit(action);
        if self.shard == Shard::WHOLE {
            limit
        } else {
            self.shard.part_of_limit(limit)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tencent::action::{INTERACTIVE, INTERACTIVE_TIME, TRTC_USAGE};

    #[test]
    fn a_chosen_action_stays_and_has_its_own_limit() {
        let item = Item {
            choice: Choice::Fixed(&TRTC_USAGE),
            ..Item::of(&INTERACTIVE)
        };
        assert_eq!(item.action(None), &TRTC_USAGE);
        assert_eq!(item.successor_of(&INTERACTIVE_TIME), None);
        assert_eq!(item.limit(&TRTC_USAGE), 5.0);
        let more = Item {
            requests_per_second: Some(50.0),
            ..item
        };
        assert_eq!(more.limit(&TRTC_USAGE), 50.0);
    }

    #[test]
    fn by_default_the_first_action_is_followed_by_its_successor() {
        let item = Item {
            requests_per_second: Some(15.0),
            ..Item::of(&INTERACTIVE)
        };
        assert_eq!(item.action(None), &INTERACTIVE_TIME);
        assert_eq!(item.action(Some("DescribeTrtcUsage")), &TRTC_USAGE);
        assert_eq!(
            item.action(Some("an action of a later version")),
            &INTERACTIVE_TIME
        );
        assert_eq!(item.successor_of(&INTERACTIVE_TIME), Some(&TRTC_USAGE));
        assert_eq!(item.successor_of(&TRTC_USAGE), None);
        assert_eq!(
            (item.limit(&INTERACTIVE_TIME), item.limit(&TRTC_USAGE)),
            (15.0, 5.0)
        );
    }
}
