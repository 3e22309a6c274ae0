//! The page for people: complete without anything from elsewhere and without JavaScript.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::plot::HEIGHT;
use super::{Lane, MediaStatus, Plot, Question, Status, TargetStatus};
use crate::usage::{App, BUCKETS_PER_DAY, Media, TimeKey};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The header `Content-Security-Policy` of the page: nothing but its own style and script, each by its hash, and requests
/// to where it comes from.
pub static SECURITY_POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; img-src data:; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
});

/// The page; `metrics` is the path of the metrics.
pub fn page(status: &Status, question: &Question, metrics: &str) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "TRTC exporter" }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "TRTC exporter" }
                    span.soft { "version " (status.version) }
                    nav {
                        a href=(metrics) { "Metrics" }
                        a href="/config" { "Configuration" }
                        a href="/-/healthy" { "Health" }
                        a href="/-/ready" { "Readiness" }
                        a href="/api/v1/status" { "JSON" }
                    }
                }
                main { (content(status, question)) }
                footer.soft.small {
                    p { "Times are Beijing time, as the upstream bills. Usage is in minutes of 60 seconds, before rounding." }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn content(status: &Status, question: &Question) -> Markup {
    html! {
        (summary(status))
        @if let Some(trouble) = status.trouble { p.notice.bad { (trouble) } }
        @if status.targets_in_all > 1 {
            form action="/" {
                input type="search" name="search" value=(question.search) placeholder="App id, name, account or item" aria-label="Search";
                button { "Search" }
            }
        }
        (legend(&status.targets))
        @for target in &status.targets { (of_target(target, status.now)) }
        @if status.targets.is_empty() { (nothing(status, question)) }
        @if status.pages > 1 { (pages(status, question)) }
    }
}

fn summary(status: &Status) -> Markup {
    let failing = status.targets_failing;
    html! {
        div.summary {
            div { b { (status.targets_in_all) } " " (if status.targets_in_all == 1 { "target" } else { "targets" }) }
            div {
                @if failing == 0 { span.good { "none fails" } }
                @else { b.bad { (failing) } " " span.bad { (if failing == 1 { "fails" } else { "fail" }) } }
            }
            @for lane in &status.lanes { (of_lane(lane)) }
            div.soft { "as of " span.number { (clock(status.now)) } }
        }
    }
}

fn of_lane(lane: &Lane) -> Markup {
    html! {
        div title=(format!("{}: requests of the last second, of those that the rate limit allows", lane.account)) {
            b { (lane.requests) "/" (lane.limit) } " " span.soft { "requests/s " (lane.action) " (" (lane.account) ")" }
        }
    }
}

/// The media that are seen on this page.
fn legend(targets: &[TargetStatus]) -> Markup {
    let plots = targets.iter().filter_map(|target| target.plot.as_ref());
    let stacks = plots.flat_map(|plot| &plot.media);
    let seen: BTreeSet<Media> = stacks
        .filter_map(|stack| stack.media.parse().ok())
        .collect();
    html! {
        @if !seen.is_empty() {
            div.legend.small.soft {
                @for media in seen { span { i class=(colour(media.as_str())) {} (title(media.as_str())) } }
                span { "minutes per 5-minute bucket, last 24 hours" }
            }
        }
    }
}

fn of_target(target: &TargetStatus, now: i64) -> Markup {
    html! {
        article {
            div.target {
                div {
                    h2 { (name(target)) }
                    div.soft.small { (target.target.app) " · " (target.target.account) " · " (target.target.item) }
                    div.small { (state(target, now)) }
                }
                figure { @if target.bandwidth.is_none() { (picture(target)) } }
                dl { (figures(target, now)) }
            }
            @if let Some(error) = &target.error {
                p.notice.small {
                    b.bad { (error.code) } " since " (clock(error.since)) ": " (error.message)
                }
            }
        }
    }
}

fn name(target: &TargetStatus) -> String {
    match (&target.app_name, target.target.app) {
        (Some(name), _) if !name.is_empty() => name.clone(),
        (_, App::Total) => "All apps of the account".to_owned(),
        (_, app) => app.to_string(),
    }
}

fn state(target: &TargetStatus, now: i64) -> Markup {
    let next = match target.next_poll_seconds {
        Some(0) => "next poll now".to_owned(),
        Some(seconds) => format!("next poll in {}", span(seconds)),
        None => "being polled".to_owned(),
    };
    html! {
        @match (target.up, target.last_success) {
            (Some(true), _) => span.good { "● up" },
            (Some(false), Some(at)) => span.bad { "● failing, last success " (ago(now - at)) },
            (Some(false), None) => span.bad { "● failing, no success yet" },
            (None, _) => span.wait { "● not polled yet" },
        }
        @if target.catching_up { span.wait { " · catching up, counters are held back" } }
        span.soft { " · " (next) }
    }
}

fn picture(target: &TargetStatus) -> Markup {
    let Some(plot) = &target.plot else {
        return html! { div.soft.small { "Its buckets could not be read in time." } };
    };
    let label = match plot.peak() {
        Some((at, seconds)) => format!(
            "peak {} min at {}",
            minutes(seconds as f64),
            &clock(at)[11..16]
        ),
        None if plot.known == 0 => "no bucket shown yet".to_owned(),
        None => "no usage in 24 hours".to_owned(),
    };
    html! {
        svg viewBox=(format!("0 0 {BUCKETS_PER_DAY} {HEIGHT}")) preserveAspectRatio="none" role="img" aria-label=(label) {
            rect.ground width=(BUCKETS_PER_DAY) height=(HEIGHT) {}
            @for (media, outline) in plot.outlines() { path class=(colour(media)) d=(outline) {} }
        }
        figcaption.soft.small.number {
            span { (day_and_time(plot)) } span { (label) } span { "now" }
        }
    }
}

fn day_and_time(plot: &Plot) -> String {
    clock(plot.begin)[5..16].to_owned()
}

fn figures(target: &TargetStatus, now: i64) -> Markup {
    let sum = |of: fn(&MediaStatus) -> f64| minutes(together(&target.media, of));
    html! {
        @if let Some(bits) = target.bandwidth {
            dt { "Bandwidth" } dd { (format!("{:.2}", bits as f64 / 1e6)) " Mbit/s" }
        } @else {
            dt { "Today" } dd { (sum(|media| media.today_seconds)) " min" }
            dt { "Yesterday" } dd { (sum(|media| media.yesterday_seconds)) " min" }
        }
        dt { "Newest bucket" }
        dd { @match target.bucket { Some(at) => (ago(now - at)), None => "–" } }
    }
}

/// All media together. The old counter covers the same usage once more, so it counts only where it is alone.
fn together(media: &[MediaStatus], of: fn(&MediaStatus) -> f64) -> f64 {
    let (old, others): (Vec<&MediaStatus>, Vec<&MediaStatus>) = media
        .iter()
        .partition(|media| media.media == Media::AudioVideo.as_str());
    let sum = |media: Vec<&MediaStatus>| media.into_iter().map(of).sum::<f64>();
    let others = sum(others);
    if others > 0.0 { others } else { sum(old) }
}

fn nothing(status: &Status, question: &Question) -> Markup {
    html! {
        article.soft {
            @if !question.search.is_empty() { "Nothing is found by “" (question.search) "”." }
            @else if status.trouble.is_some() { "What is polled cannot be said now; the metrics are served all the same." }
            @else { "Nothing is polled: no app is named or found, and no total is asked for." }
        }
    }
}

fn pages(status: &Status, question: &Question) -> Markup {
    let link = |page: usize| format!("/?{}", question.to_query(page));
    html! {
        div.pages {
            @if status.page > 1 { a href=(link(status.page - 1)) rel="prev" { "← previous" } }
            span.soft { "page " (status.page) " of " (status.pages) ", " (status.targets_found) " targets" }
            @if status.page < status.pages { a href=(link(status.page + 1)) rel="next" { "next →" } }
        }
    }
}

/// The name of a media for people.
fn title(media: &str) -> String {
    let (size, codec) = match media.rsplit_once("_h26") {
        Some((size, version)) => (size, format!(", H.26{version}")),
        None => (media, String::new()),
    };
    let size = match size {
        "audio" => "Audio",
        "video_sd" => "SD video",
        "video_hd" => "HD video",
        "video_full_hd" => "Full HD video",
        "video_2k" => "2K video",
        "video_4k" => "4K video",
        "audio_video" => "Audio and video, old price",
        other => other,
    };
    format!("{size}{codec}")
}

/// The classes that give a media its colour: one for its size, whatever the codec, and a paler one for the newer codec.
fn colour(media: &str) -> &'static str {
    match media {
        "audio" => "audio",
        "video_sd" | "video_sd_h264" => "video_sd",
        "video_hd" | "video_hd_h264" => "video_hd",
        "video_full_hd" | "video_full_hd_h264" => "video_full_hd",
        "video_2k" | "video_2k_h264" => "video_2k",
        "video_4k" | "video_4k_h264" => "video_4k",
        "video_sd_h265" => "video_sd pale",
        "video_hd_h265" => "video_hd pale",
        "video_full_hd_h265" => "video_full_hd pale",
        "video_2k_h265" => "video_2k pale",
        "video_4k_h265" => "video_4k pale",
        _ => "other",
    }
}

/// Minutes with separated thousands.
fn minutes(seconds: f64) -> String {
    let digits = format!("{:.0}", seconds / 60.0);
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

fn ago(seconds: i64) -> String {
    format!("{} ago", span(u64::try_from(seconds).unwrap_or(0)))
}

fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// `YYYY-MM-DD HH:MM:SS` on a wall in Beijing.
fn clock(unix: i64) -> String {
    TimeKey::from_unix(unix).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{Failing, Snapshot};
    use crate::usage::Target;

    fn target(id: u64) -> TargetStatus {
        TargetStatus {
            target: Target {
                account: "main".into(),
                app: App::Id(id),
                item: "interactive".into(),
            },
            app_name: None,
            up: None,
            last_success: None,
            bucket: None,
            next_poll_seconds: Some(5),
            catching_up: false,
            error: None,
            media: Vec::new(),
            bandwidth: None,
            plot: None,
        }
    }

    fn shown(targets: Vec<TargetStatus>, question: &Question) -> String {
        let snapshot = Snapshot {
            lanes: Vec::new(),
            targets,
        };
        let status = Status::answer(question, snapshot, "0.0.0", 1_709_136_000);
        page(&status, question, "/metrics")
    }

    #[test]
    fn what_others_wrote_is_text() {
        let evil = "<script>alert(1)</script>\"'&";
        let mut target = target(1);
        target.app_name = Some(evil.into());
        target.target.account = evil.into();
        target.up = Some(false);
        target.error = Some(Failing {
            code: "other",
            message: evil.into(),
            since: 0,
        });
        let question = Question::default();
        let page = shown(vec![target], &question);
        assert!(!page.contains("<script>alert"), "{page}");
        assert!(page.contains("&lt;script&gt;alert"));
        let searched = Question {
            search: evil.to_owned(),
            page: 0,
        };
        assert!(!shown(Vec::new(), &searched).contains("<script>alert"));
    }

    #[test]
    fn failing_targets_come_first_and_the_rest_is_on_further_pages() {
        let mut targets: Vec<TargetStatus> = (1000..1500).map(target).collect();
        targets[499].error = Some(Failing {
            code: "timeout",
            message: "no answer".into(),
            since: 0,
        });
        let first = shown(targets.clone(), &Question::default());
        assert!(first.contains("1499") && first.contains("no answer"));
        assert!(!first.contains("1100"));
        assert!(first.contains("page 1 of 25"));
        let found = shown(targets, &Question::from_query("search=1100"));
        assert!(found.contains("1100") && !found.contains("1499"));
    }

    #[test]
    fn the_old_counter_is_never_added_to_the_others() {
        let media = |media: Media, today_seconds| MediaStatus {
            media: media.as_str(),
            total_seconds: 0.0,
            today_seconds,
            yesterday_seconds: 0.0,
        };
        for (audio, old, sum) in [(60.0, 90.0, 60.0), (0.0, 90.0, 90.0), (60.0, 0.0, 60.0)] {
            let all = [media(Media::Audio, audio), media(Media::AudioVideo, old)];
            assert_eq!(together(&all, |media| media.today_seconds), sum);
        }
    }

    #[test]
    fn times_and_figures_are_written_for_people() {
        assert_eq!(clock(1_709_136_000), "2024-02-29 00:00:00");
        assert_eq!(minutes(74_074_020.0), "1\u{202f}234\u{202f}567");
        assert_eq!(minutes(59_940.0), "999");
        for (seconds, text) in [
            (119, "119 s"),
            (120, "2 min"),
            (7_200, "2 h"),
            (172_800, "2 days"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }
}
