use serde_json::Value;

use super::*;
use crate::simulator::testing::{Call, ManualClock, beijing};
use crate::usage::Date;

const ACTION: &str = "DescribeTrtcInteractiveTime";
const BODY: &str = r#"{"StartTime":"2020-09-08","EndTime":"2020-09-08","SdkAppId":1400000001}"#;

struct Bench {
    clock: Arc<ManualClock>,
    simulator: Simulator,
}

impl Bench {
    fn new(options: Options) -> Self {
        let clock = ManualClock::at(beijing("2020-09-08 12:00:00"));
        let simulator = Simulator::new(options, Arc::clone(&clock) as Arc<dyn Clock>);
        Self { clock, simulator }
    }

    fn call(&self, action: &str, body: &str) -> Call {
        Call::new(action, body, self.clock.now().utc)
    }

    fn ask(&self, action: &str, body: &str) -> Value {
        self.send(&self.call(action, body).sign())
    }

    fn send(&self, call: &Call) -> Value {
        let (Reply::Envelope(text) | Reply::Faulty(_, text)) =
            self.simulator.respond(&call.received());
        let mut json: Value = serde_json::from_str(&text).expect("JSON");
        json["Response"].take()
    }
}

fn code(response: &Value) -> Option<&str> {
    response["Error"]["Code"].as_str()
}

#[test]
fn an_answer_is_what_the_model_says() {
    let bench = Bench::new(Options::default());
    let rows = &bench.ask(ACTION, BODY)["Usages"][0]["SdkAppIdTrtcTimeUsages"];
    let rows = rows.as_array().expect("rows");
    let audio: u64 = rows
        .iter()
        .filter_map(|row| row["AudioTime"].as_u64())
        .sum();
    let date: Date = "2020-09-08".parse().expect("a date");
    let range = date.midnight()..date.succ().midnight();
    let app = App::Id(1_400_000_001);
    assert!(audio > 0);
    assert_eq!(bench.simulator.truth(app, Media::Audio, range), audio);
    let entry = &bench.simulator.requests()[0];
    assert_eq!(entry.outcome, Outcome::Answered(rows.len()));
    assert_eq!((entry.app(), &*entry.action), (Some(app), ACTION));
}

#[test]
fn each_action_has_its_own_limit() {
    let bench = Bench::new(Options::default());
    for (action, limit) in [(ACTION, 20), ("DescribeTrtcUsage", 5)] {
        for _ in 0..limit {
            assert_eq!(code(&bench.ask(action, BODY)), None);
        }
        let refused = bench.ask(action, BODY);
        assert_eq!(code(&refused), Some("RequestLimitExceeded"));
        let message = refused["Error"]["Message"].as_str().expect("text");
        assert!(message.contains(&format!("`{}`", limit + 1)), "{message}");
        assert_eq!(bench.simulator.peak(action), limit + 1);
    }
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(code(&bench.ask(ACTION, BODY)), None);
    let counts = bench.simulator.counts();
    assert_eq!(counts.refused_with("RequestLimitExceeded"), 2);
    assert_eq!((counts.answered, counts.requests), (26, 28));
}

#[test]
fn the_message_follows_the_language() {
    let bench = Bench::new(Options::default());
    for _ in 0..5 {
        bench.ask("DescribeTrtcUsage", BODY);
    }
    let call = bench
        .call("DescribeTrtcUsage", BODY)
        .with("x-tc-language", "zh-CN");
    let message = bench.send(&call.sign())["Error"]["Message"].to_string();
    assert!(message.contains("每秒"), "{message}");
}

#[test]
fn actions_can_be_unknown_or_retired() {
    let bench = Bench::new(Options::default());
    let unknown = bench.ask("DescribeEverything", BODY);
    assert_eq!(code(&unknown), Some("InvalidAction"));
    bench.simulator.retire(ACTION, "ActionOffline");
    assert_eq!(code(&bench.ask(ACTION, BODY)), Some("ActionOffline"));
    assert_eq!(code(&bench.ask("DescribeTrtcUsage", BODY)), None);
}

#[test]
fn keys_can_be_replaced() {
    let bench = Bench::new(Options::default());
    let fresh = Credential::new("AKIDrotatedFAKE", "rotatedFAKEkey");
    bench.simulator.set_credentials(vec![fresh]);
    let old = bench.ask(ACTION, BODY);
    assert_eq!(code(&old), Some("AuthFailure.SecretIdNotFound"));
    let call = Call {
        secret_id: "AKIDrotatedFAKE".to_owned(),
        secret_key: "rotatedFAKEkey".to_owned(),
        ..bench.call(ACTION, BODY)
    };
    assert_eq!(code(&bench.send(&call.sign())), None);
}

#[test]
fn an_app_outside_a_fixed_list_does_not_exist() {
    let mut options = Options::default();
    options.model.only_these = true;
    let bench = Bench::new(options);
    assert_eq!(code(&bench.ask(ACTION, BODY)), None);
    let stranger = BODY.replace("1400000001", "42");
    let refused = bench.ask(ACTION, &stranger);
    assert_eq!(code(&refused), Some("FailedOperation.SdkAppIdNotExist"));
}

#[test]
fn ordered_faults_happen_and_are_logged() {
    let bench = Bench::new(Options::default());
    let busy = Fault::refuse("InternalError.DBError");
    bench.simulator.order(busy.next(1));
    assert_eq!(
        code(&bench.ask(ACTION, BODY)),
        Some("InternalError.DBError")
    );
    bench.simulator.order(Fault::Hang.next(1));
    let call = bench.call(ACTION, BODY).sign();
    let reply = bench.simulator.respond(&call.received());
    assert!(matches!(reply, Reply::Faulty(Fault::Hang, _)));
    assert_eq!(code(&bench.ask(ACTION, BODY)), None);
    let counts = bench.simulator.counts();
    assert_eq!(counts.faulted_with("InternalError.DBError"), 1);
    assert_eq!(counts.faulted_with("hang"), 1);
    assert_eq!(counts.answered, 1);
}

#[test]
fn a_spike_injected_now_raises_what_is_shown_later() {
    let bench = Bench::new(Options::default());
    let from = TimeKey::from_unix(bench.clock.now().utc.timestamp());
    let app = App::Id(1_400_000_001);
    let truth =
        |simulator: &Simulator| simulator.truth(app, Media::Audio, from..from.plus_seconds(1800));
    bench.clock.advance(Duration::from_secs(86_400));
    let usual = truth(&bench.simulator);
    let half_hour = Duration::from_secs(1800);
    bench
        .simulator
        .inject_spike(1_400_000_001, from, 6.0, half_hour);
    let spiked = truth(&bench.simulator);
    assert!((5.9..6.1).contains(&(spiked as f64 / usual as f64)));
}

#[test]
fn request_ids_look_like_uuids_and_differ() {
    let bench = Bench::new(Options::default());
    let ids: std::collections::BTreeSet<String> = (0..20)
        .map(|_| {
            bench.ask(ACTION, BODY)["RequestId"]
                .as_str()
                .expect("text")
                .to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 20);
    for id in ids {
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
        assert!(id.chars().all(|c| c == '-' || c.is_ascii_hexdigit()));
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&id.as_bytes()[19]));
    }
}
