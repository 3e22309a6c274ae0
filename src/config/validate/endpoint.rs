//! Where the upstream is: a scheme, a host and a port. Keys are only ever sent encrypted, or not beyond this machine.

use reqwest::Url;

/// Why a text is not an endpoint. Does not repeat the text: a URL may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum EndpointError {
    #[error("not a URL; write a scheme and a host such as https://trtc.tencentcloudapi.com")]
    Malformed,
    #[error("the scheme must be https (or http to a loopback address)")]
    Scheme,
    #[error(
        "http is possible to a loopback address only (127.0.0.0/8, [::1], localhost); write https"
    )]
    Unencrypted,
    #[error("a user or password does not belong here; keys are given under `credentials`")]
    User,
    #[error("only scheme, host and port are possible; leave out what follows")]
    Path,
    #[error("port 0 cannot be connected to; give another one or leave it out")]
    Port,
}

pub(super) fn parse(text: &str) -> Result<Url, EndpointError> {
    let url = Url::parse(text).map_err(|_| EndpointError::Malformed)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(EndpointError::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(EndpointError::User);
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(EndpointError::Path);
    }
    if url.port() == Some(0) {
        return Err(EndpointError::Port);
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(EndpointError::Unencrypted);
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_reached_encrypted_or_not_at_all() {
        for good in [
            "https://trtc.tencentcloudapi.com",
            "https://trtc.tencentcloudapi.com/",
            "https://proxy.example:8443",
            "http://127.0.0.1:10089",
            "http://127.255.0.1",
            "http://[::1]:80",
            "http://localhost:1",
            "HTTPS://Example.com",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn anything_else_says_why() {
        for (bad, error) in [
            ("", EndpointError::Malformed),
            ("trtc.tencentcloudapi.com", EndpointError::Malformed),
            ("https://", EndpointError::Malformed),
            ("https://host:99999", EndpointError::Malformed),
            ("trtc.tencentcloudapi.com:443", EndpointError::Scheme),
            ("file:///etc/passwd", EndpointError::Scheme),
            ("ftp://127.0.0.1", EndpointError::Scheme),
            (
                "http://trtc.tencentcloudapi.com",
                EndpointError::Unencrypted,
            ),
            ("http://128.0.0.1", EndpointError::Unencrypted),
            ("http://localhost.example.com", EndpointError::Unencrypted),
            ("http://127.0.0.1.example.com", EndpointError::Unencrypted),
            ("http://[::2]", EndpointError::Unencrypted),
            ("https://id:fake@host", EndpointError::User),
            ("https://id@host", EndpointError::User),
            ("http://127.0.0.1@evil.example", EndpointError::User),
            ("https://host/path", EndpointError::Path),
            ("https://host/?a=b", EndpointError::Path),
            ("https://host#x", EndpointError::Path),
            ("https://host:0", EndpointError::Port),
        ] {
            assert_eq!(parse(bad), Err(error), "{bad}");
        }
    }
}
