//! The apps of accounts that name none: those that the upstream lists, as for the exporter.

use std::sync::Arc;

use tracing::warn;

use super::BackfillError;
use crate::clock::Clock;
use crate::collect::find_apps;
use crate::config::{Account, Config};
use crate::tencent::Class;
use crate::tencent::client::Client;
use crate::trust::SystemRoots;

/// Puts them into the configuration, for these accounts or, if none is named, all. Where the list is refused for good
/// there is the total alone.
pub(super) async fn find(
    config: &mut Config,
    names: &[String],
    clock: &Arc<dyn Clock>,
) -> Result<(), BackfillError> {
    let roots = SystemRoots::default();
    let is_wanted =
        |account: &Account| names.is_empty() || names.iter().any(|name| **name == *account.name);
    for account in &mut config.accounts {
        if account.found.is_none() || !is_wanted(account) {
            continue;
        }
        let client = Client::new(&account.upstream, &roots, Arc::clone(clock));
        let client = client.map_err(|source| BackfillError::Client {
            account: Arc::clone(&account.name),
            source,
        })?;
        match find_apps(&client, &**clock).await {
            Ok(apps) => account.apps = apps,
            Err(error) if error.class() == Class::Permanent => {
                warn!(account = %account.name, %error, "The account's apps cannot be listed");
            }
            Err(source) => {
                return Err(BackfillError::Listing {
                    account: Arc::clone(&account.name),
                    source: Box::new(source),
                });
            }
        }
    }
    Ok(())
}
