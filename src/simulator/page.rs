//! What a person sees who opens the simulator in a browser.

use std::fmt::Write as _;

use super::character::DEMO_APPS;
use super::gateway::{SECRET_ID, SECRET_KEY, Simulator};
use super::issuing::METADATA_PATH;
use super::protocol::REGION;
use crate::tencent::action::INTERACTIVE_TIME;
use crate::tencent::{Action, Item};

/// The page at `/`; `host` is how the visitor has come here.
pub(super) fn page(simulator: &Simulator, host: &str) -> String {
    let mut apps = String::new();
    for app in DEMO_APPS {
        writeln!(apps, "  {}  {}", app.sdk_app_id, app.name)
            .expect("writing to a String cannot fail");
    }
    format!(
        "\
This is a simulator of the usage API of Tencent Cloud TRTC. All usage in it is invented.

Point any client that signs with TC3-HMAC-SHA256 at it:
  endpoint    http://{host}
  SecretId    {SECRET_ID}
  SecretKey   {SECRET_KEY}
  region      {REGION}

The actions, and how many requests per second each of them admits:
{actions}
These apps have names; any other SdkAppId has usage too, and without one the account's total is told:
{apps}
With the exporter, in trtc-exporter.yml:
  accounts:
    - name: simulated
      endpoint: http://{host}
      credentials:
        secret_id: {SECRET_ID}
        secret_key: {SECRET_KEY}
      apps:
        - sdk_app_id: {app}

It is STS too (AssumeRole with those keys, for any role), and the metadata server of a machine with a role:
  curl http://{host}{METADATA_PATH}

With the official SDK for Python (tencentcloud-sdk-python-trtc):
  http = HttpProfile(protocol=\"http\", endpoint=\"{host}\")
  keys = credential.Credential(\"{SECRET_ID}\", \"{SECRET_KEY}\")
  client = trtc_client.TrtcClient(keys, \"{REGION}\", ClientProfile(httpProfile=http))

To see an alert fire, make usage six times the usual for half an hour:
  curl -X POST 'http://{host}/-/spike?sdk_app_id={app}&factor=6&minutes=30'
To see a failure, let the next five requests be refused:
  curl -X POST 'http://{host}/-/refuse?code=InternalError&next=5'
To see an action being taken off, as the upstream did with this one, and to undo it:
  curl -X POST 'http://{host}/-/retire?action={oldest}'
  curl -X POST 'http://{host}/-/revive?action={oldest}'
",
        actions = actions(simulator),
        oldest = INTERACTIVE_TIME.name,
        app = DEMO_APPS[0].sdk_app_id,
    )
}

/// A line for each: its limit, what it has to be told, and whether it has been taken off.
fn actions(simulator: &Simulator) -> String {
    let retired = simulator.retired();
    let line = |action: &'static Action| {
        let (name, limit) = (action.name, simulator.limit(action));
        let parameters = Item::reported_by(action).filter_map(|item| item.parameter);
        let parameters: Vec<_> = parameters
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut line = format!("  {name:27} {limit:>4}");
        if !parameters.is_empty() {
            line += &format!("  with {}", parameters.join(" or "));
        }
        if let Some(code) = retired.get(name) {
            line += &format!("  refused with {code}");
        }
        line + "\n"
    };
    Action::ALL.into_iter().map(line).collect()
}
