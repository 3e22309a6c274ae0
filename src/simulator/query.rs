//! What an action is asked: the business parameters, from a JSON body or a query string, each checked. Pure.

use serde_json::Value;

use super::protocol::Received;
use super::refusal::Refusal;
use crate::usage::{App, Date};

/// The most dates that one query may span.
pub const MAX_DATES: i64 = 31;

/// The parameters that both actions share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// First date.
    pub start: Date,
    /// Last date; it is part of the query.
    pub end: Date,
    /// Whose usage; the total when no SdkAppId is given.
    pub app: App,
}

impl Query {
    /// Reads and checks the parameters of a request.
    ///
    /// # Errors
    /// The refusal that the gateway answers with.
    pub fn parse(request: &Received<'_>) -> Result<Self, Refusal> {
        let query = if request.method == "GET" {
            Self::from_pairs(request.query)?
        } else {
            Self::from_json(request.body)?
        };
        query.check()
    }

    /// Whether rows of five minutes are asked for; otherwise one row per date.
    pub fn is_one_date(&self) -> bool {
        self.start == self.end
    }

    /// The dates, first to last.
    pub fn dates(&self) -> impl Iterator<Item = Date> {
        self.start.through(self.end)
    }

    fn from_json(body: &[u8]) -> Result<Self, Refusal> {
        let parameters: Value = serde_json::from_slice(body)
            .map_err(|err| Refusal::invalid(format!("The body is not JSON: {err}.")))?;
        let Value::Object(parameters) = parameters else {
            return Err(Refusal::invalid("The body is not a JSON object."));
        };
        check_names(parameters.keys().map(String::as_str))?;
        let date = |name: &str| match parameters.get(name) {
            None | Some(Value::Null) => Err(Refusal::missing(name)),
            Some(Value::String(text)) => date(name, text),
            Some(_) => Err(wrong_type(name, "String")),
        };
        let app = match parameters.get("SdkAppId") {
            None | Some(Value::Null) => App::Total,
            Some(Value::Number(number)) => App::Id(number.as_u64().ok_or_else(bad_app)?),
            Some(_) => return Err(wrong_type("SdkAppId", "Integer")),
        };
        Ok(Self {
            start: date("StartTime")?,
            end: date("EndTime")?,
            app,
        })
    }

    fn from_pairs(query: &str) -> Result<Self, Refusal> {
        let url = reqwest::Url::parse(&format!("http://localhost/?{query}"))
            .map_err(|err| Refusal::invalid(format!("The query string is malformed: {err}.")))?;
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        check_names(pairs.iter().map(|(name, _)| name.as_str()))?;
        let text = |wanted: &str| {
            let pair = pairs.iter().find(|(name, _)| name == wanted);
            pair.map(|(_, text)| text.as_str())
        };
        let date = |name: &str| match text(name) {
            None => Err(Refusal::missing(name)),
            Some(text) => date(name, text),
        };
        let app = match text("SdkAppId") {
            None => App::Total,
            Some(id) => App::Id(id.parse().map_err(|_| bad_app())?),
        };
        Ok(Self {
            start: date("StartTime")?,
            end: date("EndTime")?,
            app,
        })
    }

    fn check(self) -> Result<Self, Refusal> {
        let dates = self.end.days_since(self.start) + 1;
        if self.app == App::Id(0) {
            Err(bad_app())
        } else if dates < 1 {
            Err(Refusal::invalid(format!(
                "StartTime `{}` is later than EndTime `{}`.",
                self.start, self.end
            )))
        } else if dates > MAX_DATES {
            Err(Refusal::new(
                "InvalidParameter.QueryScaleOversize",
                format!("The query spans {dates} dates, at most {MAX_DATES} are allowed."),
            ))
        } else {
            Ok(self)
        }
    }
}

fn check_names<'a>(mut names: impl Iterator<Item = &'a str>) -> Result<(), Refusal> {
    match names.find(|name| !["StartTime", "EndTime", "SdkAppId"].contains(name)) {
        None => Ok(()),
        Some(name) => Err(Refusal::new(
            "UnknownParameter",
            format!("The parameter `{name}` is not recognized."),
        )),
    }
}

/// Only the exact form `YYYY-MM-DD` is a date here; chrono alone would also take `2020-9-7`.
fn date(name: &str, text: &str) -> Result<Date, Refusal> {
    text.parse::<Date>()
        .ok()
        .filter(|date| date.to_string() == text)
        .ok_or_else(|| {
            Refusal::invalid(format!(
                "The value `{text}` of {name} is not a date of the form YYYY-MM-DD."
            ))
        })
}

fn wrong_type(name: &str, wanted: &str) -> Refusal {
    Refusal::invalid(format!("The parameter `{name}` must be of type {wanted}."))
}

fn bad_app() -> Refusal {
    Refusal::new(
        "InvalidParameter.SdkAppId",
        "The SdkAppId must be a positive integer.",
    )
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;

    use super::*;

    fn parse(method: &str, query: &str, body: &str) -> Result<Query, Refusal> {
        Query::parse(&Received {
            method,
            query,
            headers: &HeaderMap::new(),
            body: body.as_bytes(),
        })
    }

    fn refused(method: &str, query: &str, body: &str) -> String {
        let refusal = parse(method, query, body).expect_err("a refusal");
        refusal.code.into_owned()
    }

    #[test]
    fn post_and_get_say_the_same() {
        let body = r#"{"StartTime":"2020-09-07","EndTime":"2020-09-08","SdkAppId":1400000001}"#;
        let pairs = "EndTime=2020-09-08&SdkAppId=1400000001&StartTime=2020-09-07";
        let query = parse("POST", "", body).expect("a query");
        assert_eq!(parse("GET", pairs, ""), Ok(query));
        assert_eq!(query.app, App::Id(1_400_000_001));
        assert_eq!(query.dates().count(), 2, "the last date is part of it");
    }

    #[test]
    fn without_an_app_the_total_is_meant() {
        for body in [
            r#"{"StartTime":"2020-09-07","EndTime":"2020-09-07"}"#,
            r#"{"StartTime":"2020-09-07","EndTime":"2020-09-07","SdkAppId":null}"#,
        ] {
            let query = parse("POST", "", body).expect("a query");
            assert_eq!(query.app, App::Total);
            assert!(query.is_one_date());
        }
    }

    #[test]
    fn at_most_31_dates() {
        let until = |end| format!(r#"{{"StartTime":"2020-08-01","EndTime":"{end}"}}"#);
        let month = parse("POST", "", &until("2020-08-31")).expect("a query");
        assert_eq!(month.dates().count(), 31);
        assert_eq!(
            refused("POST", "", &until("2020-09-01")),
            "InvalidParameter.QueryScaleOversize"
        );
    }

    #[test]
    fn each_kind_of_nonsense_has_its_code() {
        let cases = [
            ("", "InvalidParameter"),
            ("[]", "InvalidParameter"),
            ("{}", "MissingParameter"),
            (r#"{"StartTime":"2020-09-07"}"#, "MissingParameter"),
            (
                r#"{"StartTime":"2020-09-08","EndTime":"2020-09-07"}"#,
                "InvalidParameter",
            ),
            (
                r#"{"StartTime":"2020-9-7","EndTime":"2020-09-07"}"#,
                "InvalidParameter",
            ),
            (
                r#"{"StartTime":"2020-09-07 00:00:00","EndTime":"2020-09-07"}"#,
                "InvalidParameter",
            ),
            (
                r#"{"StartTime":20200907,"EndTime":"2020-09-07"}"#,
                "InvalidParameter",
            ),
            (
                r#"{"StartTime":"2020-09-07","EndTime":"2020-09-07","SdkAppId":"1400000001"}"#,
                "InvalidParameter",
            ),
            (
                r#"{"StartTime":"2020-09-07","EndTime":"2020-09-07","SdkAppId":0}"#,
                "InvalidParameter.SdkAppId",
            ),
            (
                r#"{"StartTime":"2020-09-07","EndTime":"2020-09-07","SdkAppId":-1}"#,
                "InvalidParameter.SdkAppId",
            ),
            (
                r#"{"StartTime":"2020-09-07","EndTime":"2020-09-07","Limit":5}"#,
                "UnknownParameter",
            ),
        ];
        for (body, code) in cases {
            assert_eq!(refused("POST", "", body), code, "{body}");
        }
        assert_eq!(
            refused("GET", "StartTime=x&EndTime=y", ""),
            "InvalidParameter"
        );
        assert_eq!(refused("GET", "Action=x", ""), "UnknownParameter");
    }
}
