//! `--web.config.file`: on what terms requests are answered, in the format that the exporters of Prometheus share. From a
//! file to [`Access`], or to all of its problems at once; and again when it or a file that it names changes.

mod client;
mod files;
mod headers;
mod keeper;
mod names;
mod pem;
mod rate;
mod tls;
mod users;

use std::convert::Infallible;
use std::path::Path;

use crate::config::yaml::{self, Fields, Report, Value};
use crate::config::{ConfigError, read};
use crate::web::{Access, Users};

use files::Files;
pub use keeper::{Keeper, Prepared};

const SECTIONS: &[&str] = &[
    "tls_server_config",
    "http_server_config",
    "basic_auth_users",
    "rate_limit",
];

/// Terms and what an operator should know about them.
#[derive(Debug)]
struct Loaded {
    access: Access,
    protection: Protection,
    /// For the log; each with file, line and place.
    warnings: Vec<String>,
}

/// What keeps strangers out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Protection {
    encrypted: bool,
    of_clients: client::Demands,
    has_users: bool,
}

impl Protection {
    /// Whether somebody who was kept out before may come in.
    fn is_weaker_than(self, before: Self) -> bool {
        (before.encrypted && !self.encrypted)
            || self.of_clients.are_less_than(before.of_clients)
            || (before.has_users && !self.has_users)
    }
}

/// Reads and validates a file with all files that it names, and returns what is worth a warning.
///
/// # Errors
/// When it is not usable.
pub fn check(file: &Path) -> Result<Vec<String>, ConfigError> {
    load(file, &Files::default()).map(|loaded| loaded.warnings)
}

/// Whether an exporter by this file speaks TLS.
///
/// # Errors
/// When the file is not usable.
pub fn speaks_tls(file: &Path) -> Result<bool, ConfigError> {
    load(file, &Files::default()).map(|loaded| loaded.protection.encrypted)
}

/// Reads and validates a file; `files` learns what was read.
fn load(file: &Path, files: &Files) -> Result<Loaded, ConfigError> {
    files.note(file);
    let text = read(file).map_err(|source| ConfigError::Unreadable {
        file: file.to_owned(),
        source,
    })?;
    let report = Report::default();
    let folder = file.parent().unwrap_or(Path::new(""));
    let found = yaml::parse(&text, &report)
        .and_then(|root| access(&Value::root(&root, &report), folder, files));
    let (problems, warnings) = report.into_sorted();
    match found {
        Some((access, protection)) if problems.is_empty() => {
            let warnings = warnings
                .iter()
                .map(|warning| format!("{}:{warning}", file.display()));
            Ok(Loaded {
                access,
                protection,
                warnings: warnings.collect(),
            })
        }
        _ => Err(ConfigError::Invalid {
            file: file.to_owned(),
            problems,
        }),
    }
}

/// Nothing comes back only where a problem was put on the list. What comes back beside a problem is not to be used.
fn access(root: &Value<'_>, folder: &Path, files: &Files) -> Option<(Access, Protection)> {
    if root.is_nothing() {
        return Some((Access::open(), Protection::default()));
    }
    let fields = root.fields(SECTIONS)?;
    let http = given(&fields, "http_server_config").and_then(|value| headers::http(&value));
    let http = http.unwrap_or_default();
    let tls = given(&fields, "tls_server_config")
        .and_then(|value| tls::tls(&value, http.http2, folder, files));
    let users = given(&fields, "basic_auth_users").and_then(|value| users::users(&value));
    let users = users.unwrap_or_else(Users::nobody);
    let rate_limit = given(&fields, "rate_limit").and_then(|value| rate::limit(&value));
    let protection = Protection {
        encrypted: tls.is_some(),
        of_clients: tls.as_ref().map(|tls| tls.demands).unwrap_or_default(),
        has_users: !users.is_empty(),
    };
    let access = Access {
        tls: tls.map(|tls| tls.config),
        rate_limit,
        users,
        headers: http.headers,
    };
    Some((access, protection))
}

/// A text, which needs no quotes here where YAML would take it for a number.
fn text<'a>(value: &Value<'a>) -> Option<&'a str> {
    value.parsed("text", Ok::<_, Infallible>)
}

/// The value of a key; one left empty counts as left out, as everywhere in this format.
fn given<'a>(fields: &Fields<'a>, name: &'static str) -> Option<Value<'a>> {
    fields.get(name).filter(|value| !value.is_nothing())
}

/// The text of a key; an empty one counts as left out too.
fn given_text<'a>(fields: &Fields<'a>, name: &'static str) -> Option<(Value<'a>, &'a str)> {
    let value = given(fields, name)?;
    let text = text(&value)?;
    (!text.is_empty()).then_some((value, text))
}
