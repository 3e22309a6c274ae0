//! `DescribeAppStatList`: the account's apps, in the order of their ids, part by part. Pure.

use serde_json::{Value, json};

use super::character::DEMO_APPS;
use super::protocol::Received;
use super::refusal::Refusal;

/// Its name.
pub(super) const ACTION: &str = "DescribeAppStatList";

/// Nothing is documented; this is what most actions have.
pub(super) const REQUESTS_PER_SECOND: f64 = 20.0;

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;

/// Which part is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    offset: usize,
    limit: usize,
}

impl Part {
    /// Reads and checks the parameters of a request.
    ///
    /// # Errors
    /// The refusal that the gateway answers with.
    pub(super) fn parse(request: &Received<'_>) -> Result<Self, Refusal> {
        let body: Value = serde_json::from_slice(request.body)
            .map_err(|_| Refusal::invalid("The body is not JSON."))?;
        let number = |name: &str, default: usize| match &body[name] {
            Value::Null => Ok(default),
            value => value
                .as_u64()
                .and_then(|number| usize::try_from(number).ok())
                .ok_or_else(|| Refusal::invalid(format!("{name} must be an unsigned integer."))),
        };
        Ok(Self {
            offset: number("Offset", 0)?,
            limit: number("Limit", DEFAULT_LIMIT)?.min(MAX_LIMIT),
        })
    }

    /// The envelope with this part of `apps`, and how many apps are in it.
    pub(super) fn of(self, apps: &[u64], request_id: &str) -> (String, usize) {
        let part: Vec<Value> = apps
            .iter()
            .skip(self.offset)
            .take(self.limit)
            .map(|&id| app(id))
            .collect();
        let rows = part.len();
        let body = json!({
            "Response": { "TotalNum": apps.len(), "SdkAppInfos": part, "RequestId": request_id }
        });
        (body.to_string(), rows)
    }
}

fn app(id: u64) -> Value {
    let demo = DEMO_APPS.iter().find(|app| app.sdk_app_id == id);
    json!({ "ID": id, "Name": demo.map(|app| app.name), "Status": 1 })
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;

    use super::*;

    fn part(body: &str) -> Result<Part, Refusal> {
        Part::parse(&Received {
            method: "POST",
            query: "",
            headers: &HeaderMap::new(),
            body: body.as_bytes(),
        })
    }

    #[test]
    fn apps_come_part_by_part() {
        let apps: Vec<u64> = (1_400_000_001..1_400_000_151).collect();
        let ids = |body: &str| {
            let (envelope, rows) = part(body).expect("a part").of(&apps, "r");
            let envelope: Value = serde_json::from_str(&envelope).expect("JSON");
            let response = &envelope["Response"];
            assert_eq!(response["TotalNum"], 150);
            (response["SdkAppInfos"][0]["ID"].as_u64(), rows)
        };
        assert_eq!(ids("{}"), (Some(1_400_000_001), 20));
        assert_eq!(ids(r#"{"Limit":500}"#), (Some(1_400_000_001), 100));
        assert_eq!(
            ids(r#"{"Offset":100,"Limit":100}"#),
            (Some(1_400_000_101), 50)
        );
        assert_eq!(ids(r#"{"Offset":150}"#), (None, 0));
    }

    #[test]
    fn nonsense_is_refused() {
        for body in ["", r#"{"Offset":-1}"#, r#"{"Limit":"all"}"#] {
            assert_eq!(part(body).expect_err(body).code, "InvalidParameter");
        }
    }
}
