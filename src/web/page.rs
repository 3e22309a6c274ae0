//! The landing page.

use super::site::Site;

/// `/` as HTML.
pub(super) fn landing(site: &Site) -> String {
    let metrics = escaped(&site.telemetry_path);
    let version = escaped(site.version);
    format!(
        r#"<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>TRTC exporter</title></head>
<body>
<h1>TRTC exporter</h1>
<p>Usage of Tencent Cloud TRTC for Prometheus, version {version}.</p>
<ul>
<li><a href="{metrics}">Metrics</a></li>
<li><a href="/config">Configuration</a></li>
<li><a href="/-/healthy">Health</a></li>
<li><a href="/-/ready">Readiness</a></li>
</ul>
</body>
</html>
"#
    )
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(char),
        }
    }
    out
}
