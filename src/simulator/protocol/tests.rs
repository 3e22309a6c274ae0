use super::*;
use crate::simulator::gateway::{SECRET_ID, SECRET_KEY};
use crate::simulator::testing::{Call, beijing};

/// Between midnight in Beijing and midnight UTC: the two dates differ.
const NOW: &str = "2020-09-09 03:00:00";

fn call() -> Call {
    let body = r#"{"StartTime":"2020-09-09","EndTime":"2020-09-09"}"#;
    Call::new("DescribeTrtcInteractiveTime", body, beijing(NOW))
}

fn outcome(call: &Call) -> Result<String, String> {
    let credentials = [Credential::new(SECRET_ID, SECRET_KEY)];
    outcome_with(call, &credentials)
}

/// The signer and the action, or the code of the refusal.
fn outcome_with(call: &Call, credentials: &[Credential]) -> Result<String, String> {
    let request = call.received();
    let result = authenticate(&request, credentials, beijing(NOW).timestamp())
        .and_then(|id| Ok(format!("{id} {}", route(&request)?)));
    result.map_err(|refusal| refusal.code.into_owned())
}

fn code(call: &Call) -> String {
    outcome(call).expect_err("a refusal")
}

#[test]
fn what_clients_send_is_accepted() {
    let accepted = Ok(format!("{SECRET_ID} DescribeTrtcInteractiveTime"));
    let with_action = Call {
        signed: &["content-type", "host", "x-tc-action"],
        ..call()
    };
    let bare_ip = Call {
        service: "127",
        ..call()
    };
    let with_charset = call().with("content-type", "application/json; charset=utf-8");
    let get = call().get("SdkAppId=1400000001&StartTime=2020-09-09&EndTime=2020-09-09");
    let unsigned = call().with("x-tc-content-sha256", "UNSIGNED-PAYLOAD");
    for call in [call(), with_action, bare_ip, with_charset, get, unsigned] {
        assert_eq!(outcome(&call.sign()), accepted);
    }
    let without_port = call().with("host", "127.0.0.1").sign();
    let without_port = without_port.with("host", "127.0.0.1:10089");
    assert_eq!(outcome(&without_port), accepted);
}

#[test]
fn the_documented_example_is_accepted() {
    // The worked example of the signature's documentation, with the keys printed there.
    let id = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE";
    let authorization = format!(
        "TC3-HMAC-SHA256 Credential={id}/2019-02-25/cvm/tc3_request, SignedHeaders=content-type;host, \
         Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
    );
    let call = Call {
        body: br#"{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}"#
            .to_vec(),
        ..call()
    }
    .with("content-type", "application/json; charset=utf-8")
    .with("host", "cvm.tencentcloudapi.com")
    .with("x-tc-timestamp", "1551113065")
    .with("authorization", &authorization);
    let credentials = [Credential::new(id, "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE")];
    let signer = authenticate(&call.received(), &credentials, 1_551_113_065);
    assert_eq!(signer, Ok(id));
}

#[test]
fn wrong_keys_are_told_apart() {
    let unknown = Call {
        secret_id: "AKIDnobodyFAKE".to_owned(),
        ..call()
    };
    assert_eq!(code(&unknown.sign()), "AuthFailure.SecretIdNotFound");
    let wrong = Call {
        secret_key: "anotherFAKEkey".to_owned(),
        ..call()
    };
    assert_eq!(code(&wrong.sign()), "AuthFailure.SignatureFailure");
}

#[test]
fn nothing_that_is_signed_may_change() {
    let failure = "AuthFailure.SignatureFailure";
    let other_body = Call {
        body: b"{}".to_vec(),
        ..call().sign()
    };
    assert_eq!(code(&other_body), failure);
    let signed = || call().sign();
    assert_eq!(code(&signed().with("host", "127.0.0.1:1")), failure);
    let charset = "application/json; charset=utf-8";
    assert_eq!(code(&signed().with("content-type", charset)), failure);
    let other_action = Call {
        signed: &["content-type", "host", "x-tc-action"],
        ..call()
    };
    let other_action = other_action.sign().with("x-tc-action", "DescribeTrtcUsage");
    assert_eq!(code(&other_action), failure);
    let unsent = call().with("x-tc-version", "2019-07-22");
    let unsent = Call {
        signed: &["content-type", "host", "x-tc-version"],
        ..unsent
    };
    assert_eq!(code(&unsent.sign().without("x-tc-version")), failure);
    let later = (beijing(NOW).timestamp() + 1).to_string();
    assert_eq!(code(&signed().with("x-tc-timestamp", &later)), failure);
    let other_query = Call {
        query: "StartTime=2020-09-08".to_owned(),
        ..call().get("StartTime=2020-09-09").sign()
    };
    assert_eq!(code(&other_query), failure);
}

#[test]
fn what_is_not_signed_may_change() {
    let call = call().sign().with("x-tc-language", "zh-CN");
    assert!(outcome(&call).is_ok());
}

#[test]
fn the_clock_may_be_five_minutes_off() {
    let now = beijing(NOW).timestamp();
    for (off, expected) in [
        (300, Ok(())),
        (-300, Ok(())),
        (301, Err("AuthFailure.SignatureExpire".to_owned())),
        (-301, Err("AuthFailure.SignatureExpire".to_owned())),
    ] {
        let call = Call {
            timestamp: now + off,
            ..call()
        };
        assert_eq!(outcome(&call.sign()).map(drop), expected, "{off}");
    }
}

#[test]
fn the_scope_has_the_utc_date() {
    let local = Call {
        scope_date: "2020-09-09".to_owned(),
        ..call()
    };
    assert_eq!(code(&local.sign()), "AuthFailure.SignatureFailure");
}

#[test]
fn common_parameters_are_required() {
    for name in [
        "content-type",
        "host",
        "authorization",
        "x-tc-timestamp",
        "x-tc-action",
        "x-tc-version",
        "x-tc-region",
    ] {
        assert_eq!(code(&call().sign().without(name)), "MissingParameter");
    }
    for (name, value, expected) in [
        ("x-tc-timestamp", "soon", "InvalidParameter"),
        ("x-tc-timestamp", "-1", "InvalidParameter"),
        ("x-tc-version", "2018-08-13", "NoSuchVersion"),
        ("x-tc-region", "ap-shanghai", "UnsupportedRegion"),
        ("content-type", "text/plain", "InvalidParameter"),
    ] {
        assert_eq!(code(&call().sign().with(name, value)), expected, "{value}");
    }
    let put = Call {
        method: "PUT",
        ..call().sign()
    };
    assert_eq!(code(&put), "UnsupportedProtocol");
}

#[test]
fn a_malformed_authorization_is_called_so() {
    let signed = call().sign();
    let good = signed.headers["authorization"].to_str().expect("text");
    for bad in [
        "SKIP".to_owned(),
        good.replace("TC3-HMAC-SHA256 ", "TC3-HMAC-SHA1 "),
        good.replace("/tc3_request", ""),
        good.replace("/trtc/", "//"),
        good.replace("content-type;host", "content-type"),
        good.replace("content-type;host", "host"),
        good.replace("SignedHeaders=", "Headers="),
        format!("{good}, Extra=1"),
    ] {
        let call = call().sign().with("authorization", &bad);
        assert_eq!(code(&call), "AuthFailure.InvalidAuthorization", "{bad}");
    }
    let tight = good.replace(", ", ",");
    assert!(outcome(&call().sign().with("authorization", &tight)).is_ok());
}

#[test]
fn temporary_keys_need_their_token() {
    let credentials = [Credential::new(SECRET_ID, SECRET_KEY).with_token("tokenFAKE")];
    let failure = Err("AuthFailure.TokenFailure".to_owned());
    assert_eq!(outcome_with(&call().sign(), &credentials), failure);
    let wrong = call().sign().with("x-tc-token", "otherFAKE");
    assert_eq!(outcome_with(&wrong, &credentials), failure);
    let right = call().sign().with("x-tc-token", "tokenFAKE");
    assert!(outcome_with(&right, &credentials).is_ok());
}

#[test]
fn keys_are_not_printed() {
    let credential = Credential::new(SECRET_ID, SECRET_KEY).with_token("tokenFAKE");
    let printed = format!("{credential:?}");
    assert!(printed.contains(SECRET_ID));
    assert!(!printed.contains(SECRET_KEY) && !printed.contains("tokenFAKE"));
}
