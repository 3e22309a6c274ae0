//! From a retired action to its successor while the loop runs: once for each item, and remembered.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use tracing::{error, warn};

use super::Poller;
use crate::collect::work::TargetWork;
use crate::error::with_causes;
use crate::tencent::Action;

/// An item whose action the upstream no longer offers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Retired {
    account: Arc<str>,
    item: Arc<str>,
    action: &'static str,
    successor: &'static str,
}

impl Retired {
    /// The item of a target that is asked for by `action`; `None` when there is nothing to go over to.
    pub(super) fn of(target: &TargetWork, action: &'static Action) -> Option<Self> {
        Some(Self {
            account: Arc::clone(&target.target.account),
            item: Arc::clone(&target.target.item),
            action: action.name,
            successor: target.item.successor?.name,
        })
    }
}

impl Poller {
    /// Goes over to the successor of each action that turned out to be retired. What cannot be remembered is not done
    /// either: it turns out again.
    pub(super) fn go_over(&mut self) {
        let retired: BTreeSet<Retired> = std::mem::take(&mut self.retired).into_iter().collect();
        let mut accounts = BTreeSet::new();
        for Retired {
            account,
            item,
            action,
            successor,
        } in retired
        {
            let store = Arc::clone(&self.tools.store);
            let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
            match store.go_over(&account, &item, successor) {
                Ok(()) => warn!(
                    %account,
                    %item,
                    action,
                    successor,
                    "The upstream has retired this action; its successor is asked from now on"
                ),
                Err(error) => {
                    let error = with_causes(&error);
                    error!(%account, %item, action, successor, error, "Cannot go over to the successor yet");
                    continue;
                }
            }
            accounts.insert(account);
        }
        for name in accounts {
            if let Err(error) = self.set_lanes_anew(&name) {
                error!(account = %name, error = with_causes(&error), "Cannot go over to the successor yet");
            }
        }
    }
}
