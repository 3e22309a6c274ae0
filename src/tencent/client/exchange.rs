//! One exchange with the upstream: a call goes out, and a whole body comes back or the reason why there is none.

use reqwest::StatusCode;

use super::Client;
use crate::clock::Moment;
use crate::tencent::clean::{clean, excerpt};
use crate::tencent::credentials::Credentials;
use crate::tencent::error::CallError;
use crate::tencent::gateway::Call;
use crate::tencent::http::{date, in_full, read};
use crate::tencent::skew::Skew;
use crate::tencent::wire::{self, WireError};

/// A day of one app is 40 kB.
pub(super) const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// As much of a failed answer as is looked at for an error of the upstream.
const MAX_FAILED_BODY_BYTES: usize = 64 * 1024;

/// What has come back.
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    /// What its date tells of the clocks, if whoever sent it is to be believed.
    pub(super) skew: Option<Skew>,
}

impl Client {
    pub(super) async fn exchange(
        &self,
        call: Call<'_>,
        sent: Moment,
        credentials: &Credentials,
    ) -> Result<Body, CallError> {
        let request = self.gateway.request(call)?;
        let failed = |error| self.transport(error, credentials);
        let mut response = self.gateway.send(request).await.map_err(failed)?;
        let received = self.clock.now();
        let skew = date(&response).map(|date| Skew::told_by(date, sent, received));
        let mut bytes = Vec::new();
        let status = response.status();
        if status != StatusCode::OK {
            // An error that a gateway sends may end anyhow: what came of it is all there is to say.
            drop(read(&mut response, &mut bytes, MAX_FAILED_BODY_BYTES).await);
            let body = Body { bytes, skew };
            return Err(match wire::refusal(&body.bytes) {
                Some(refusal) => self.refused(refusal, &body, credentials),
                None => CallError::Status {
                    status: status.as_u16(),
                    body: excerpt(&body.bytes, Some(credentials)),
                },
            });
        }
        let is_whole = read(&mut response, &mut bytes, MAX_BODY_BYTES).await;
        if !is_whole.map_err(failed)? {
            return Err(CallError::TooLarge {
                limit: MAX_BODY_BYTES,
            });
        }
        Ok(Body { bytes, skew })
    }

    /// What it means that a body holds no answer.
    pub(super) fn refused(
        &self,
        error: WireError,
        body: &Body,
        credentials: &Credentials,
    ) -> CallError {
        let skew = self.believe(body.skew, error.request_id());
        CallError::from_wire(error, &body.bytes, credentials, skew)
    }

    /// Takes in what an answer tells of the clocks, if it comes from the API itself, which gives each of its answers a
    /// RequestId, refusals too. The clocks of captive portals and gateways on the way are nobody's business.
    pub(super) fn believe(&self, skew: Option<Skew>, request_id: Option<&str>) -> Option<Skew> {
        let skew = skew.filter(|_| request_id.is_some())?;
        self.skews().add(skew);
        Some(skew)
    }

    fn transport(&self, error: reqwest::Error, credentials: &Credentials) -> CallError {
        if error.is_connect() && error.is_timeout() {
            return CallError::Timeout(self.connect_timeout);
        }
        CallError::Transport(clean(&in_full(&error.without_url()), Some(credentials)))
    }
}
