//! JSON of the upstream to [`Answer`] and back. Pure: bytes in, values out; texts that come out of an answer are still
//! raw, and whoever shows them cleans them first (`super::clean`).
//!
//! Leniency ends where a number could be believed wrongly: what is odd in form is read, what is odd in value costs its
//! row, and what is not an answer at all is malformed.

mod apps;
mod columns;
mod envelope;
mod json;
mod keyed;
mod label;
mod named_seconds;
mod number;
mod reading;
mod rows;

use serde::Deserialize;

pub use self::apps::{
    APPS_PER_PAGE, AppsPage, LIST_APPS, ListedApp, apps_request_body, parse_apps,
};
use self::reading::{AtOnce, OneByOne, Reading};
use super::action::{Action, Parameter, Shape};
use crate::usage::{Answer, App, Date, Rejected};

/// A question: the usage of one app, or of the whole account.
///
/// About a single date the upstream answers in five-minute rows, about several in one row for each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Query {
    /// Which action is asked.
    pub action: &'static Action,
    /// Which of the items that the action reports, when it reports several.
    pub parameter: Option<Parameter>,
    /// Whose usage.
    pub app: App,
    /// The Beijing date, or the last of several.
    pub date: Date,
    /// The first of several dates, when their sums are asked for; before `date`, or it would be but one.
    pub since: Option<Date>,
}

/// The body of the request that asks `query`.
pub fn request_body(query: &Query) -> String {
    let (last, first) = (query.date, query.since.unwrap_or(query.date));
    let mut body = format!(r#"{{"StartTime":"{first}","EndTime":"{last}""#);
    if let App::Id(id) = query.app {
        body += &format!(r#","SdkAppId":{id}"#);
    }
    if let Some((name, value)) = query.parameter {
        body += &format!(r#","{name}":"{value}""#);
    }
    body + "}"
}

/// What the upstream said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its rows.
    pub answer: Answer,
    /// Why the first of the rows that were left out was left out.
    pub left_out: Option<Rejected>,
    /// The name of this call, for a support ticket.
    pub request_id: Option<String>,
    /// What it says about the action's retirement, if it is to be retired.
    pub deprecated: Option<String>,
}

/// Why a body holds no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// It holds an error of the upstream.
    #[error("{code}: {message}")]
    Refused {
        /// Exact code, e.g. `AuthFailure.SignatureExpire`.
        code: String,
        /// Its message.
        message: String,
        /// The name of the call.
        request_id: Option<String>,
    },
    /// It is not an answer of this API.
    #[error("{0}")]
    Malformed(String),
}

impl WireError {
    /// The name of the call, which no answer of the API lacks and nothing else has.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Refused { request_id, .. } => request_id.as_deref(),
            Self::Malformed(_) => None,
        }
    }
}

/// Reads the answer to `query`.
///
/// # Errors
/// When the body holds an error of the upstream, or is no answer of the action at all. A row that cannot be believed is
/// no error: it is left out and counted.
pub fn parse(query: &Query, body: &[u8]) -> Result<Reply, WireError> {
    let body = std::str::from_utf8(body)
        .map_err(|error| WireError::Malformed(format!("not UTF-8: {error}")))?;
    read::<AtOnce>(query, body)
        .or_else(|_| read::<OneByOne>(query, body))
        .map_err(|reason| envelope::refusal(body).unwrap_or(WireError::Malformed(reason)))
}

/// Reads the answer to `query`, or says why it is none. What [`AtOnce`] can read, [`OneByOne`] reads the same.
fn read<R: Reading>(query: &Query, body: &str) -> Result<Reply, String> {
    match query.action.shape {
        Shape::NamedSeconds { apps, rows } => named_seconds::parse::<R>(query, apps, rows, body),
        Shape::Keyed => keyed::parse::<R>(query, body),
    }
}

/// The upstream's error in this body, whatever else it holds; for answers whose HTTP status already says that they
/// failed.
pub fn refusal(body: &[u8]) -> Option<WireError> {
    envelope::refusal(std::str::from_utf8(body).ok()?)
}

/// A JSON string, borrowed unless it has escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

#[cfg(test)]
mod tests;
