//! Temporary keys, from servers on loopback that stand in for STS and a metadata server, by a clock that the test moves.

use std::sync::Mutex;

use chrono::TimeDelta;
use tokio::net::TcpListener;

use super::*;
use crate::clock::Moment;
use crate::simulator::{Fault, Handle, MACHINE_ROLE, Options, SECRET_ID, SECRET_KEY, Simulator};

const ARN: &str = "qcs::cam::uin/100000000001:roleName/usage-reader";

/// A clock that stands until it is moved.
struct Hand(Mutex<Moment>);

impl Hand {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Moment {
            utc: DateTime::from_timestamp(1_599_555_600, 0).expect("a time"),
            mono: Duration::from_secs(1000),
        })))
    }

    fn advance(&self, seconds: u64) {
        let mut now = self.0.lock().expect("no panic");
        now.utc += TimeDelta::seconds(seconds as i64);
        now.mono += Duration::from_secs(seconds);
    }
}

impl Clock for Hand {
    fn now(&self) -> Moment {
        *self.0.lock().expect("no panic")
    }
}

/// Servers, a machine that uses them, and the time of both.
struct Stage {
    servers: Handle,
    machine: Machine,
    clock: Arc<Hand>,
}

impl Stage {
    async fn new(variables: &[(&'static str, &'static str)], machine_role: Option<&str>) -> Self {
        let clock = Hand::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let options = Options {
            machine_role: machine_role.map(str::to_owned),
            ..Options::default()
        };
        let servers = Simulator::start(listener, options, Arc::clone(&clock) as Arc<dyn Clock>);
        let servers = servers.expect("it serves");
        let mut machine = Machine::with(variables);
        machine
            .variables
            .push(("TRTC_EXPORTER_METADATA_ENDPOINT", servers.endpoint()));
        Self {
            servers,
            machine,
            clock,
        }
    }

    fn upstream(&self, credentials: CredentialSource, role: Option<Role>) -> Upstream {
        Upstream {
            endpoint: self.servers.endpoint().parse().expect("a URL"),
            role,
            ..upstream(credentials)
        }
    }

    fn provider(&self, credentials: CredentialSource, role: Option<Role>) -> Provider {
        let upstream = self.upstream(credentials, role);
        self.machine
            .provider(&upstream, Arc::clone(&self.clock) as Arc<dyn Clock>)
    }

    fn chain(&self) -> Provider {
        self.provider(CredentialSource::Chain, None)
    }
}

fn long_term() -> CredentialSource {
    CredentialSource::Configured {
        secret_id: inline(SECRET_ID),
        secret_key: inline(SECRET_KEY),
        token: None,
    }
}

async fn id(provider: &Provider) -> String {
    shown(provider).await.0
}

/// Looks until a renewal that is due has ended.
async fn renewed(provider: &Provider) {
    provider.refresh();
    provider.issuing.attempt_ended(AMPLE).await;
}

#[tokio::test]
async fn a_role_is_taken_on_with_keys_of_the_environment() {
    let keys = [
        ("TENCENTCLOUD_SECRET_ID", SECRET_ID),
        ("TENCENTCLOUD_SECRET_KEY", SECRET_KEY),
        ("TENCENTCLOUD_ROLE_ARN", ARN),
    ];
    let stage = Stage::new(&keys, None).await;
    let provider = stage.chain();
    let (id, _, token) = shown(&provider).await;
    assert!(id.contains("temporary") && token.is_some(), "{id}");
    let standing = provider.refresh();
    assert_eq!(standing.place, Some(Place::Environment));
    assert_eq!(standing.role, "usage-reader");
    let expires = stage.clock.now().utc + TimeDelta::seconds(7200);
    assert_eq!(standing.expires, Some(expires));
}

/// The configuration wins, and what it says is not mixed with what others say.
#[tokio::test]
async fn the_environments_role_is_not_for_keys_of_the_configuration() {
    let stage = Stage::new(&[("TENCENTCLOUD_ROLE_ARN", ARN)], None).await;
    assert_eq!(id(&stage.provider(long_term(), None)).await, SECRET_ID);
    let with_role = stage.provider(long_term(), Some(Role::new(ARN.to_owned())));
    assert_ne!(id(&with_role).await, SECRET_ID);
}

#[tokio::test]
async fn a_profile_of_the_command_line_may_name_a_role() {
    let stage = Stage::new(&[("TCCLI_PROFILE", "ops")], None).await;
    let write = |text: &str| stage.machine.write("home/.tccli/ops.credential", text);
    let chain = stage.chain();
    write(r#"{"type":"oauth","secretId":"AKIDfake","secretKey":"fake"}"#);
    assert!(refused(&chain).await.contains("ops.credential"));
    write("{ fake");
    assert!(
        refused(&chain)
            .await
            .contains("is not JSON as tccli writes it")
    );
    write(r#"{"secretId":"AKIDfake","secretKey":"","token":null}"#);
    assert!(refused(&chain).await.contains("secretKey in"));
    write(&format!(
        r#"{{"type":"default","secretId":"{SECRET_ID}","secretKey":"{SECRET_KEY}"}}"#
    ));
    assert_eq!(id(&chain).await, SECRET_ID);
    write(&format!(
        r#"{{"secretId":"{SECRET_ID}","secretKey":"{SECRET_KEY}","role-arn":"{ARN}"}}"#
    ));
    assert_ne!(id(&chain).await, SECRET_ID);
    assert_eq!(chain.refresh().role, "usage-reader");
}

#[tokio::test]
async fn a_named_profile_file_comes_in_the_place_of_the_users() {
    let folder = tempfile::tempdir().expect("a folder");
    let named = folder.path().join("keys");
    fs::write(&named, "[default]\nsecret_id=AKIDnamed\nsecret_key=fake\n").expect("a file");
    let mut machine = Machine::with(&[]);
    machine.write("home/.tencentcloud/credentials", PROFILE);
    let path = named.to_str().expect("UTF-8").to_owned();
    machine
        .variables
        .push(("TENCENTCLOUD_CREDENTIALS_FILE", path));
    assert_eq!(id(&machine.chain()).await, "AKIDnamed");
}

#[tokio::test]
async fn a_machine_without_keys_has_those_of_its_role() {
    let stage = Stage::new(&[], Some(MACHINE_ROLE)).await;
    let provider = stage.chain();
    assert!(id(&provider).await.contains("temporary"));
    let standing = provider.refresh();
    assert_eq!(standing.place, Some(Place::CvmRole));
    assert_eq!(standing.role, MACHINE_ROLE);
    assert!(standing.expires.is_some());
    // What is kept on the machine comes first.
    stage.machine.write("etc/credentials", PROFILE);
    assert_eq!(id(&provider).await, "AKIDfake-profile");
    assert_eq!(provider.refresh().expires, None);
}

#[tokio::test]
async fn a_machine_without_a_role_is_no_error_but_no_keys_either() {
    let stage = Stage::new(&[], None).await;
    let error = refused(&stage.chain()).await;
    for place in [
        "the environment",
        "home/.tencentcloud/credentials",
        "home/.tccli/default.credential",
        "the role of this machine (it has none)",
    ] {
        assert!(error.contains(place), "{error}");
    }
    let only = stage.provider(CredentialSource::Only(Place::CvmRole), None);
    let error = refused(&only).await;
    assert_eq!(
        error,
        "found none in the role of this machine (it has none)"
    );
}

/// The four variables that TKE sets, with a token in this file.
fn pod(token_file: &'static str) -> [(&'static str, &'static str); 4] {
    [
        ("TKE_REGION", "ap-guangzhou"),
        ("TKE_PROVIDER_ID", "cls-fake"),
        ("TKE_WEB_IDENTITY_TOKEN_FILE", token_file),
        ("TKE_ROLE_ARN", ARN),
    ]
}

#[tokio::test]
async fn a_pods_token_is_read_anew_for_each_renewal() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    let path: &'static str = token.to_str().expect("UTF-8").to_owned().leak();
    let stage = Stage::new(&pod(path), None).await;
    let provider = stage.chain();
    let error = refused(&provider).await;
    assert!(
        error.contains("cannot read") && error.contains(path),
        "{error}"
    );

    fs::write(&token, "fake-token-1").expect("a file");
    stage.servers.set_identity("fake-token-1");
    stage.clock.advance(60);
    let first = id(&provider).await;
    assert_eq!(provider.refresh().place, Some(Place::TkeOidc));
    assert_eq!(provider.refresh().role, "usage-reader");

    fs::write(&token, "fake-token-2\n").expect("a file");
    stage.servers.set_identity("fake-token-2");
    stage.clock.advance(7000);
    renewed(&provider).await;
    assert_ne!(id(&provider).await, first);
    assert_eq!(provider.refresh().failures, 1, "before there was a token");

    stage.servers.set_identity("fake-token-3");
    stage.clock.advance(7200);
    let error = refused(&provider).await;
    assert!(error.contains("WebIdentityTokenError"), "{error}");
}

#[tokio::test]
async fn what_is_demanded_is_used_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    fs::write(&token, "fake-token").expect("a file");
    let path: &'static str = token.to_str().expect("UTF-8").to_owned().leak();
    let mut variables = pod(path).to_vec();
    variables.push(("TENCENTCLOUD_SECRET_ID", SECRET_ID));
    variables.push(("TENCENTCLOUD_SECRET_KEY", SECRET_KEY));
    let stage = Stage::new(&variables, Some(MACHINE_ROLE)).await;
    for place in [Place::Environment, Place::CvmRole, Place::TkeOidc] {
        let provider = stage.provider(CredentialSource::Only(place), None);
        shown(&provider).await;
        assert_eq!(provider.refresh().place, Some(place));
    }
    let profile = stage.provider(CredentialSource::Only(Place::Profile), None);
    assert!(!refused(&profile).await.contains("environment"));
    let nowhere = Stage::new(&[("TKE_REGION", "r")], None).await;
    let pod = nowhere.provider(CredentialSource::Only(Place::TkeOidc), None);
    let error = refused(&pod).await;
    assert!(
        error.contains("TKE_WEB_IDENTITY_TOKEN_FILE is not set"),
        "{error}"
    );
}

#[tokio::test]
async fn a_role_can_be_taken_on_with_keys_of_another() {
    let stage = Stage::new(&[], Some(MACHINE_ROLE)).await;
    let provider = stage.provider(CredentialSource::Chain, Some(Role::new(ARN.to_owned())));
    shown(&provider).await;
    assert_eq!(provider.refresh().place, Some(Place::CvmRole));
    assert_eq!(provider.refresh().role, "usage-reader");
}

#[tokio::test]
async fn keys_are_renewed_before_they_expire_and_nobody_waits() {
    let stage = Stage::new(&[], None).await;
    let provider = stage.provider(long_term(), Some(Role::new(ARN.to_owned())));
    let first = id(&provider).await;
    let generation = provider.generation();
    stage.clock.advance(6000);
    renewed(&provider).await;
    assert_eq!(id(&provider).await, first, "still fresh");

    stage.clock.advance(600);
    assert_eq!(
        id(&provider).await,
        first,
        "whoever asks first does not wait"
    );
    renewed(&provider).await;
    assert_ne!(id(&provider).await, first);
    assert_eq!(provider.generation(), generation, "nobody had to give up");
}

#[tokio::test]
async fn a_failing_renewal_leaves_the_old_keys_until_they_expire() {
    let stage = Stage::new(&[], None).await;
    let provider = stage.provider(long_term(), Some(Role::new(ARN.to_owned())));
    let first = id(&provider).await;
    let generation = provider.generation();
    stage.servers.order(
        Fault::refuse("InternalError")
            .always()
            .on_action("AssumeRole"),
    );
    for _ in 0..10 {
        stage.clock.advance(700);
        renewed(&provider).await;
        assert_eq!(id(&provider).await, first);
    }
    let failures = provider.refresh().failures;
    assert!(failures >= 1, "{failures}");

    stage.clock.advance(300);
    let error = refused(&provider).await;
    assert!(
        error.contains("InternalError") && error.contains("usage-reader"),
        "{error}"
    );

    stage.servers.clear_faults();
    stage.clock.advance(60);
    assert_ne!(id(&provider).await, first);
    assert_eq!(
        provider.generation(),
        generation + 1,
        "who gave up tries again"
    );
}

#[tokio::test]
async fn refused_keys_are_replaced_once() {
    let stage = Stage::new(&[], None).await;
    let provider = stage.provider(long_term(), Some(Role::new(ARN.to_owned())));
    let first = provider.current(AMPLE).await.expect("keys");
    stage.clock.advance(60);
    assert!(provider.renew(&first, AMPLE).await);
    let second = provider.current(AMPLE).await.expect("keys");
    assert_ne!(first, second);
    assert!(
        provider.renew(&first, AMPLE).await,
        "others have come meanwhile"
    );
    assert!(!provider.renew(&second, AMPLE).await, "not over and over");

    let long_term = stage.provider(long_term(), None);
    let keys = long_term.current(AMPLE).await.expect("keys");
    assert!(
        !long_term.renew(&keys, AMPLE).await,
        "there is nobody to ask"
    );
}

#[tokio::test]
async fn other_keys_for_the_role_are_noticed() {
    let stage = Stage::new(&[], None).await;
    let key = stage.machine.write("key", "fake-wrong-key");
    let source = CredentialSource::Configured {
        secret_id: inline(SECRET_ID),
        secret_key: file(&key),
        token: None,
    };
    let provider = stage.provider(source, Some(Role::new(ARN.to_owned())));
    let error = refused(&provider).await;
    assert!(error.contains("AuthFailure.SignatureFailure"), "{error}");
    stage.machine.write("key", SECRET_KEY);
    assert!(id(&provider).await.contains("temporary"), "at once");
}

#[tokio::test]
async fn who_waits_for_keys_does_not_wait_for_ever() {
    let stage = Stage::new(&[], None).await;
    stage
        .servers
        .order(Fault::Hang.always().on_action("AssumeRole"));
    let provider = stage.provider(long_term(), Some(Role::new(ARN.to_owned())));
    let waiting = provider.current(Duration::from_millis(1));
    let error = waiting.await.expect_err("no keys").to_string();
    assert!(error.starts_with("no answer from "), "{error}");
}
