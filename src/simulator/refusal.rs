//! How the simulated gateway says no: the error envelope, sent with HTTP status 200.

use std::borrow::Cow;

/// The code with which the API refuses an action that it no longer has.
pub const ACTION_OFFLINE: &str = "ActionOffline";

/// An error of the API's own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// Exact code, `Group` or `Group.Detail`.
    pub code: Cow<'static, str>,
    /// For people.
    pub message: String,
}

impl Refusal {
    /// A refusal with this code.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
        }
    }

    pub(super) fn missing(parameter: &str) -> Self {
        Self::new(
            "MissingParameter",
            format!("The request is missing a required parameter `{parameter}`."),
        )
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameter", message)
    }

    /// The envelope.
    pub(super) fn body(&self, request_id: &str) -> String {
        serde_json::json!({
            "Response": {
                "Error": { "Code": self.code, "Message": self.message },
                "RequestId": request_id,
            }
        })
        .to_string()
    }
}
