//! The upstream's error codes: one table for how to go on, whom else it concerns, the label and the advice. From the
//! table of common codes on every product's page, and TRTC's own.

use super::error::{Class, Scope};

/// What is known about a code.
#[derive(Debug)]
pub(super) struct Known {
    /// A whole code, or the part before the dot for all codes of that group that are not listed themselves.
    code: &'static str,
    pub(super) class: Class,
    pub(super) scope: Scope,
    pub(super) label: &'static str,
    /// What an operator can do about it; empty when there is nothing to add to the upstream's own words.
    pub(super) hint: &'static str,
}

/// The code of a request whose timestamp is too far from the upstream's clock.
pub(super) const SIGNATURE_EXPIRE: &str = "AuthFailure.SignatureExpire";

/// The code of an endpoint that does not know TRTC.
pub(super) const NO_SUCH_PRODUCT: &str = "NoSuchProduct";

/// The label of codes that say that there is no such action (any more).
pub(super) const ACTION_RETIRED: &str = "action_retired";

/// The codes of keys or tokens that the upstream does not know, or does not know any more: new temporary ones may help.
pub(super) const DOUBTED_KEYS: [&str; 3] = [
    "AuthFailure.TokenFailure",
    "AuthFailure.SecretIdNotFound",
    "AuthFailure.InvalidSecretId",
];

/// What is assumed about any other code.
pub(super) const UNKNOWN: Known = known_as("", Class::Transient, Scope::Query, "other", "");

/// What is known about `code`: by the exact code first, then by its group.
pub(super) fn known(code: &str) -> &'static Known {
    let find = |code: &str| ALL.iter().find(|known| known.code == code);
    let group = code.split_once('.').map_or(code, |(group, _)| group);
    find(code).or_else(|| find(group)).unwrap_or(&UNKNOWN)
}

const RETIRED: &str = "the upstream offers this action no longer or not here";
const KEY_NOT_FOUND: &str = "the SecretId is wrong, disabled or deleted, or the key is of the other site (China or \
     international) than the endpoint";
const KEY_WRONG: &str = "the SecretKey does not belong to the SecretId";
const CLOCK: &str = "the clocks differ by more than 5 minutes: check this machine's time";
const TOKEN: &str =
    "the token has expired or does not belong to the key: renew the temporary credentials";
const POLICY: &str = "the key's CAM policy must allow name/trtc:<action> on resource \"*\"; a resource of single apps \
     does not work here";
const ADDRESS: &str = "the account or its policy does not let this machine's address in";
const APP: &str = "check sdk_app_id: the app must exist and belong to this account";

/// Every code and group that is known.
#[rustfmt::skip] // a table, to be read by column
pub(super) const ALL: &[Known] = {
    use Class::{Permanent, Throttled, Transient};
    use Scope::{Account, Action, Query};
    &[
        known_as("ActionOffline",                                     Permanent, Action,  ACTION_RETIRED,                 RETIRED),
        known_as("InvalidAction",                                     Permanent, Action,  ACTION_RETIRED,                 RETIRED),
        known_as("NoSuchVersion",                                     Permanent, Action,  ACTION_RETIRED,                 RETIRED),
        known_as(NO_SUCH_PRODUCT,                                     Permanent, Action,  ACTION_RETIRED,                 RETIRED),
        known_as("UnsupportedOperation",                              Permanent, Action,  ACTION_RETIRED,                 RETIRED),
        known_as("AuthFailure",                                       Permanent, Account, "auth_failure",                 ""),
        known_as("AuthFailure.SecretIdNotFound",                      Permanent, Account, "auth_failure",                 KEY_NOT_FOUND),
        known_as("AuthFailure.InvalidSecretId",                       Permanent, Account, "auth_failure",                 KEY_NOT_FOUND),
        known_as("AuthFailure.SignatureFailure",                      Permanent, Account, "auth_failure",                 KEY_WRONG),
        known_as(SIGNATURE_EXPIRE,                                    Transient, Account, "signature_expire",             CLOCK),
        known_as("AuthFailure.TokenFailure",                          Permanent, Account, "auth_failure",                 TOKEN),
        known_as("AuthFailure.UnauthorizedOperation",                 Permanent, Action,  "unauthorized_operation",       POLICY),
        known_as("UnauthorizedOperation",                             Permanent, Action,  "unauthorized_operation",       POLICY),
        known_as("UnauthorizedOperation.SdkAppId",                    Permanent, Query,   "unauthorized_operation",       APP),
        known_as("IpInBlacklist",                                     Permanent, Account, "ip_in_blacklist",              ADDRESS),
        known_as("IpNotInWhitelist",                                  Permanent, Account, "ip_not_in_whitelist",          ADDRESS),
        known_as("InvalidParameter",                                  Permanent, Query,   "invalid_parameter",            ""),
        known_as("InvalidParameter.SdkAppId",                         Permanent, Query,   "invalid_parameter",            APP),
        known_as("InvalidParameterValue",                             Permanent, Query,   "invalid_parameter",            ""),
        known_as("MissingParameter",                                  Permanent, Query,   "missing_parameter",            ""),
        known_as("UnknownParameter",                                  Permanent, Query,   "unknown_parameter",            ""),
        known_as("InvalidRequest",                                    Permanent, Query,   "invalid_request",              ""),
        known_as("UnsupportedRegion",                                 Permanent, Action,  "unsupported_region",           "the only region is ap-guangzhou"),
        known_as("UnsupportedProtocol",                               Permanent, Action,  "unsupported_protocol",         ""),
        known_as("RequestSizeLimitExceeded",                          Permanent, Query,   "request_size_limit_exceeded",  ""),
        known_as("ResponseSizeLimitExceeded",                         Permanent, Query,   "response_size_limit_exceeded", ""),
        known_as("ResourceNotFound",                                  Permanent, Query,   "resource_not_found",           APP),
        known_as("FailedOperation.SdkAppIdNotExist",                  Permanent, Query,   "resource_not_found",           APP),
        known_as("RequestLimitExceeded",                              Throttled, Action,  "request_limit_exceeded",       ""),
        known_as("RequestLimitExceeded.UinLimitExceeded",             Throttled, Account, "request_limit_exceeded",       ""),
        known_as("RequestLimitExceeded.GlobalRegionUinLimitExceeded", Throttled, Account, "request_limit_exceeded",       ""),
        known_as("RequestLimitExceeded.IPLimitExceeded",              Throttled, Account, "request_limit_exceeded",       ""),
        known_as("LimitExceeded",                                     Permanent, Query,   "limit_exceeded",               ""),
        known_as("ResourceInsufficient",                              Permanent, Query,   "resource_insufficient",        ""),
        known_as("ResourceUnavailable",                               Transient, Query,   "resource_unavailable",         ""),
        known_as("ServiceUnavailable",                                Transient, Query,   "service_unavailable",          ""),
        known_as("InternalError",                                     Transient, Query,   "internal_error",               ""),
        known_as("FailedOperation",                                   Transient, Query,   "failed_operation",             ""),
    ]
};

const fn known_as(
    code: &'static str,
    class: Class,
    scope: Scope,
    label: &'static str,
    hint: &'static str,
) -> Known {
    Known {
        code,
        class,
        scope,
        label,
        hint,
    }
}
