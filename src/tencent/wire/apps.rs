//! `DescribeAppStatList`: the apps of an account, page by page.

use serde::Deserialize;
use serde::de::MapAccess;

use super::WireError;
use super::envelope;
use super::json::Fields;
use super::number::Number;

/// Its name, as in `X-TC-Action` and the label `action`.
///
/// The console lists apps by it, and the documentation of CAM policies names it as an example. For a while it was in the
/// metadata of the official command line, from which its fields are known; the SDKs do not have it.
pub const LIST_APPS: &str = "DescribeAppStatList";

/// How many apps are asked for at once. An account has 300 at most, unless it was granted more.
pub const APPS_PER_PAGE: u64 = 100;

/// An app as the upstream lists it; the name is still raw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedApp {
    /// Its id.
    pub sdk_app_id: u64,
    /// The name that it was given in the console.
    pub name: Option<String>,
}

/// A part of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppsPage {
    /// How many apps there are altogether.
    pub total: u64,
    /// How many there are in this part, those included that are left out.
    pub rows: u64,
    /// Those of this part.
    pub apps: Vec<ListedApp>,
    /// The name of this call, for a support ticket.
    pub request_id: Option<String>,
}

/// The body that asks for the apps from `offset` on, in an order that new ones do not change.
pub fn apps_request_body(offset: u64) -> String {
    format!(
        r#"{{"OrderField":"create_time","OrderType":0,"Offset":{offset},"Limit":{APPS_PER_PAGE}}}"#
    )
}

/// Reads a part of the list. An app whose id is none is left out.
///
/// # Errors
/// When the body holds an error of the upstream, or is no answer of the action at all.
pub fn parse_apps(body: &[u8]) -> Result<AppsPage, WireError> {
    let body = std::str::from_utf8(body)
        .map_err(|error| WireError::Malformed(format!("not UTF-8: {error}")))?;
    let failed = |reason| envelope::refusal(body).unwrap_or(WireError::Malformed(reason));
    let response = envelope::open(body, Payload::default()).map_err(failed)?;
    let Payload { total, apps } = response.payload;
    let apps = apps.ok_or_else(|| failed("no list of apps in it".to_owned()))?;
    Ok(AppsPage {
        total: total.and_then(whole).unwrap_or_default(),
        rows: apps.len() as u64,
        apps: apps.into_iter().filter_map(Info::listed).collect(),
        request_id: response.request_id,
    })
}

#[derive(Default)]
struct Payload {
    total: Option<Number>,
    apps: Option<Vec<Info>>,
}

#[derive(Deserialize)]
struct Info {
    #[serde(rename = "ID")]
    id: Number,
    #[serde(rename = "Name")]
    name: Option<String>,
}

impl Info {
    fn listed(self) -> Option<ListedApp> {
        let id = whole(self.id).filter(|id| (1..=u64::from(u32::MAX)).contains(id))?;
        Some(ListedApp {
            sdk_app_id: id,
            name: self.name,
        })
    }
}

impl<'de> Fields<'de> for Payload {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        match name {
            "TotalNum" => self.total = map.next_value()?,
            "SdkAppInfos" => self.apps = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn whole(number: Number) -> Option<u64> {
    match number {
        Number::Whole(number) => Some(number),
        Number::Decimal(number) if number >= 0.0 && number.fract() == 0.0 => Some(number as u64),
        Number::Decimal(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(sdk_app_id: u64, name: Option<&str>) -> ListedApp {
        ListedApp {
            sdk_app_id,
            name: name.map(str::to_owned),
        }
    }

    #[test]
    fn apps_and_their_names_are_read() {
        let body = r#"{"Response":{"SdkAppInfos":[
            {"Status":1,"Name":"classroom","ID":1400000001,"TagList":null,"UsageMode":[0,1]},
            {"ID":"1400000002","Name":null},{"ID":0,"Name":"none"},{"ID":-7},{"ID":4294967296}
        ],"RequestId":"r","TotalNum":5}}"#;
        let page = parse_apps(body.as_bytes()).expect("a page");
        let expected = [
            app(1_400_000_001, Some("classroom")),
            app(1_400_000_002, None),
        ];
        assert_eq!(page.apps, expected);
        assert_eq!((page.total, page.rows), (5, 5));
        assert_eq!(page.request_id.as_deref(), Some("r"));
    }

    #[test]
    fn an_account_may_have_none() {
        let body = br#"{"Response":{"SdkAppInfos":[],"TotalNum":0,"RequestId":"r"}}"#;
        assert_eq!(parse_apps(body).expect("a page").apps, []);
    }

    #[test]
    fn what_is_no_list_is_an_error() {
        let refused =
            br#"{"Response":{"Error":{"Code":"InvalidAction","Message":"m"},"RequestId":"r"}}"#;
        assert!(matches!(
            parse_apps(refused),
            Err(WireError::Refused { code, .. }) if code == "InvalidAction"
        ));
        for body in [
            &br#"{"Response":{"RequestId":"r"}}"#[..],
            br#"{"Response":{"SdkAppInfos":null,"RequestId":"r"}}"#,
            br#"{"Response":{"SdkAppInfos":[{"Name":"x"}],"RequestId":"r"}}"#,
            b"<html>",
            b"\xff",
        ] {
            let error = parse_apps(body).expect_err("no page");
            assert!(matches!(error, WireError::Malformed(_)), "{error:?}");
        }
    }

    #[test]
    fn each_page_begins_where_the_last_ended() {
        let body: serde_json::Value = serde_json::from_str(&apps_request_body(200)).expect("JSON");
        assert_eq!(
            (&body["Offset"], &body["Limit"]),
            (&200.into(), &100.into())
        );
    }
}
