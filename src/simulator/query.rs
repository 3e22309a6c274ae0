//! What an action is asked: whose usage of which billing item on which dates, each parameter checked. Pure.

mod sent;

use super::protocol::Received;
use super::refusal::Refusal;
use crate::tencent::{Action, Item};
use crate::usage::{App, Date};
use sent::Sent;

/// The most dates that one query may span.
pub const MAX_DATES: i64 = 31;

/// The parameters that every action has.
const COMMON: [&str; 3] = ["StartTime", "EndTime", "SdkAppId"];

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Query {
    /// First date.
    pub start: Date,
    /// Last date; it is part of the query.
    pub end: Date,
    /// Whose usage; the total when no SdkAppId is given.
    pub app: App,
    /// Of what; where an action reports several items, a parameter of its own tells which one is meant.
    pub item: &'static Item,
}

impl Query {
    /// Reads and checks the parameters of a request for `action`.
    ///
    /// # Errors
    /// The refusal that the gateway answers with.
    pub fn parse(action: &Action, request: &Received<'_>) -> Result<Self, Refusal> {
        let sent = Sent::parse(request)?;
        let items: Vec<_> = Item::reported_by(action).collect();
        let of_items = items.iter().filter_map(|item| Some(item.parameter?.0));
        let known: Vec<_> = COMMON.into_iter().chain(of_items).collect();
        if let Some(name) = sent.other_than(&known) {
            return Err(Refusal::new(
                "UnknownParameter",
                format!("The parameter `{name}` is not recognized."),
            ));
        }
        let query = Self {
            start: date(&sent, "StartTime")?,
            end: date(&sent, "EndTime")?,
            app: app(&sent)?,
            item: item(&sent, &items)?,
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

    fn check(self) -> Result<Self, Refusal> {
        let dates = self.end.days_since(self.start) + 1;
        if dates < 1 {
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

/// Only the exact form `YYYY-MM-DD` is a date here; chrono alone would also take `2020-9-7`.
fn date(sent: &Sent, name: &str) -> Result<Date, Refusal> {
    let text = sent.text(name)?;
    text.parse::<Date>()
        .ok()
        .filter(|date| date.to_string() == text)
        .ok_or_else(|| {
            Refusal::invalid(format!(
                "The value `{text}` of {name} is not a date of the form YYYY-MM-DD."
            ))
        })
}

fn app(sent: &Sent) -> Result<App, Refusal> {
    match sent.number("SdkAppId")? {
        None => Ok(App::Total),
        Some(Some(id)) if id > 0 => Ok(App::Id(id)),
        Some(_) => Err(Refusal::new(
            "InvalidParameter.SdkAppId",
            "The SdkAppId must be a positive integer.",
        )),
    }
}

/// The one of the action's items that is meant.
fn item(sent: &Sent, items: &[&'static Item]) -> Result<&'static Item, Refusal> {
    for item in items {
        match item.parameter {
            Some((name, value)) if sent.text(name)? != value => {}
            _ => return Ok(item),
        }
    }
    Err(Refusal::invalid(
        "The parameters are those of none of the action's kinds of usage.",
    ))
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;

    use super::*;
    use crate::tencent::action::{INTERACTIVE_TIME, RECORDING_USAGE};
    use crate::tencent::wire;

    fn parse(method: &str, query: &str, body: &str) -> Result<Query, Refusal> {
        parse_for(&INTERACTIVE_TIME, method, query, body)
    }

    fn parse_for(action: &Action, method: &str, query: &str, body: &str) -> Result<Query, Refusal> {
        let request = Received {
            method,
            query,
            headers: &HeaderMap::new(),
            body: body.as_bytes(),
        };
        Query::parse(action, &request)
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

    #[test]
    fn every_item_is_found_by_what_its_clients_send() {
        for item in &Item::ALL {
            for action in item.actions {
                let asked = wire::Query {
                    action,
                    parameter: item.parameter,
                    app: App::Id(1_400_000_001),
                    date: "2020-09-08".parse().expect("a date"),
                    since: Some("2020-09-07".parse().expect("a date")),
                };
                let body = wire::request_body(&asked);
                let query = parse_for(action, "POST", "", &body).expect("a query");
                assert_eq!((query.item.name, query.app), (item.name, asked.app));
                assert_eq!((Some(query.start), query.end), (asked.since, asked.date));
            }
        }
    }

    #[test]
    fn what_tells_items_apart_is_needed_where_there_are_several_and_nowhere_else() {
        let with =
            |more: &str| format!(r#"{{"StartTime":"2020-09-07","EndTime":"2020-09-07"{more}}}"#);
        let refused_for = |action: &Action, more: &str| {
            let result = parse_for(action, "POST", "", &with(more));
            result.expect_err("a refusal").code.into_owned()
        };
        for (more, code) in [
            ("", "MissingParameter"),
            (r#","MixType":null"#, "MissingParameter"),
            (r#","MixType":"both""#, "InvalidParameter"),
            (r#","MixType":"Single""#, "InvalidParameter"),
            (r#","MixType":1"#, "InvalidParameter"),
            (r#","MixType":"multi","Mode":"x""#, "UnknownParameter"),
        ] {
            assert_eq!(refused_for(&RECORDING_USAGE, more), code, "{more}");
        }
        for action in Action::ALL
            .into_iter()
            .filter(|&action| *action != RECORDING_USAGE)
        {
            let code = refused_for(action, r#","MixType":"multi""#);
            assert_eq!(code, "UnknownParameter", "{}", action.name);
        }
        let pairs = "StartTime=2020-09-07&EndTime=2020-09-07&MixType=multi";
        let query = parse_for(&RECORDING_USAGE, "GET", pairs, "").expect("a query");
        assert_eq!(query.item.name, "recording_multi");
    }
}
