//! Asks the upstream which apps an account has, page by page.

use std::time::Duration;

use super::discovery::merged;
use crate::clock::Clock;
use crate::config::AppConfig;
use crate::tencent::CallError;
use crate::tencent::client::Client;
use crate::tencent::wire::ListedApp;

/// No account has more than a tenth of the apps that these are.
const MAX_PAGES: usize = 100;

/// All apps that the upstream lists for the account of `client`.
///
/// # Errors
/// When it does not.
pub(crate) async fn find_apps(
    client: &Client,
    clock: &dyn Clock,
) -> Result<Vec<AppConfig>, CallError> {
    let listed = list(client, clock, |_, _| {}).await?;
    Ok(merged(&[], listed.into_iter()))
}

/// All pages of the list. Each request is counted, with how long it took and how it ended.
///
/// # Errors
/// When one of them cannot be had.
pub(super) async fn list(
    client: &Client,
    clock: &dyn Clock,
    count: impl Fn(Duration, Result<(), &str>),
) -> Result<Vec<ListedApp>, CallError> {
    let (mut apps, mut offset) = (Vec::new(), 0);
    for _ in 0..MAX_PAGES {
        let asked = clock.now().mono;
        let page = client.apps(offset).await;
        // Without keys to sign with none was sent.
        if !matches!(page, Err(CallError::Credentials(_))) {
            let took = clock.now().mono.saturating_sub(asked);
            count(took, page.as_ref().map(|_| ()).map_err(CallError::label));
        }
        let page = page?;
        offset += page.rows;
        apps.extend(page.apps);
        if page.rows == 0 || offset >= page.total {
            break;
        }
    }
    Ok(apps)
}
