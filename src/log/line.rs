//! One line under construction, in either format.

use std::error::Error;
use std::fmt;

use tracing::field::{Field, Visit};

use super::Format;
use crate::quote::{is_printable, quote};

/// Collects the fields of an event. `message` becomes `msg`, as Prometheus calls it, and goes before all others.
pub(super) struct Line {
    format: Format,
    head: String,
    message: String,
    fields: String,
}

impl Line {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            head: String::new(),
            message: String::new(),
            fields: String::new(),
        }
    }

    /// A field that every line has.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        let value = self.written(value);
        push(self.format, &mut self.head, name, &value);
    }

    /// The whole line, without a line end.
    pub(super) fn finish(mut self) -> String {
        let message = std::mem::take(&mut self.message);
        self.text("msg", &message);
        let body = self.head + &self.fields;
        match self.format {
            Format::Logfmt => body.trim_start().to_owned(),
            Format::Json => format!("{{{}}}", body.trim_start_matches(',')),
        }
    }

    fn field(&mut self, field: &Field, value: &str) {
        push(self.format, &mut self.fields, field.name(), value);
    }

    /// A text as the format has it. logfmt leaves the quotes out where nothing needs them.
    fn written(&self, text: &str) -> String {
        let plain =
            |c: char| is_printable(c) && !c.is_whitespace() && !matches!(c, '"' | '=' | '\\');
        match self.format {
            Format::Logfmt if !text.is_empty() && text.chars().all(plain) => text.to_owned(),
            _ => quote(text),
        }
    }
}

/// A field's name is an identifier of the source and may have dots; with `r#` it is a keyword of Rust.
fn push(format: Format, line: &mut String, name: &str, value: &str) {
    let name = name.strip_prefix("r#").unwrap_or(name);
    let field = match format {
        Format::Logfmt => format!(" {name}={value}"),
        Format::Json => format!(",{}:{value}", quote(name)),
    };
    line.push_str(&field);
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            let value = self.written(value);
            self.field(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    /// An error with all that caused it.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        self.record_str(field, &text);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field, &value.to_string());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field, &value.to_string());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field, &value.to_string());
    }

    /// JSON has no words for infinity and for what is not a number.
    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.field(field, &value.to_string());
        } else {
            self.record_str(field, &value.to_string());
        }
    }
}
