//! The command line from outside: what is written, what it means.

use std::process::Command;

use super::*;
use crate::history::{self, Wish};
use crate::log::{Format, Level};

fn parsed(arguments: &[&str]) -> Invocation {
    let all = ["trtc-exporter"].iter().chain(arguments);
    parse_from(all).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
}

fn refused(arguments: &[&str]) -> Error {
    let all = ["trtc-exporter"].iter().chain(arguments);
    parse_from(all).expect_err("a usage error")
}

fn web(arguments: &[&str]) -> WebFlags {
    match parsed(arguments).call {
        Call::Run { web, .. } | Call::Demo { web, .. } => web,
        call => panic!("{arguments:?} serves no metrics: {call:?}"),
    }
}

fn folder(name: &str) -> Storage {
    Storage {
        folder: Some(name.into()),
        kept_days: 35,
    }
}

fn addresses(texts: &[&str]) -> Vec<ListenAddress> {
    texts
        .iter()
        .map(|text| text.parse().expect("an address"))
        .collect()
}

#[test]
fn the_definition_holds_together() {
    command::command().debug_assert();
}

/// `--help` is part of what users rely on. A wanted change is taken over by copying the text from the failure.
#[test]
fn help_is_as_recorded() {
    for (arguments, recorded) in [
        (&["--help"][..], "help.txt"),
        (&["demo", "--help"], "help-demo.txt"),
        (&["simulate", "--help"], "help-simulate.txt"),
        (&["healthcheck", "--help"], "help-healthcheck.txt"),
        (&["backfill", "--help"], "help-backfill.txt"),
    ] {
        let mut command = command::command().term_width(100);
        let all = ["trtc-exporter"].iter().chain(arguments);
        let help = command
            .try_get_matches_from_mut(all)
            .expect_err("the help")
            .to_string();
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        let file = format!("tests/data/cli/{recorded}");
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(
            lines,
            expected.lines().collect::<Vec<_>>(),
            "{file} differs from:\n{help}"
        );
    }
}

#[test]
fn completions_and_the_manual_know_every_flag_and_subcommand() {
    let of = |shell| vec!["completions", shell];
    for arguments in [of("bash"), of("zsh"), of("fish"), of("elvish"), vec!["man"]] {
        let Call::Print(text) = parsed(&arguments).call else {
            panic!("{arguments:?} prints nothing");
        };
        for known in [
            "web.config.file",
            "storage.retention",
            "backfill",
            "healthcheck",
        ] {
            assert!(text.contains(known), "{arguments:?}: {known}");
        }
        for hidden in ["clock.script", "trtc-exporter-demo(1)"] {
            assert!(!text.contains(hidden), "{arguments:?}: {hidden}");
        }
    }
}

#[test]
fn examples_of_the_help_are_good_calls() {
    let help = refused(&["--help"]).to_string();
    let examples = help
        .lines()
        .filter_map(|line| line.strip_prefix("  trtc-exporter "));
    let mut count = 0;
    for example in examples {
        parsed(&example.split_whitespace().collect::<Vec<_>>());
        count += 1;
    }
    assert_eq!(count, 4, "{help}");
}

#[test]
fn version_names_everything_about_the_build() {
    let shown = refused(&["--version"]);
    assert_eq!(shown.exit_code(), 0);
    let expected = format!(
        "trtc-exporter {}\n  revision:  {}\n  rustc:     {}\n",
        crate::build_info::VERSION,
        crate::build_info::REVISION,
        crate::build_info::RUSTC
    );
    assert_eq!(shown.to_string(), expected);
}

#[test]
fn without_flags_the_documented_defaults_hold() {
    let web = WebFlags {
        listen_addresses: addresses(&[":10088"]),
        systemd_socket: false,
        config_file: None,
        telemetry_path: "/metrics".into(),
        enable_lifecycle: false,
        max_requests: 40,
    };
    let source = ConfigSource::File("trtc-exporter.yml".into());
    let storage = folder("data");
    let expected = Invocation {
        log: LogFlags {
            level: Level::Info,
            format: Format::Logfmt,
        },
        clock_script: None,
        call: Call::Run {
            source,
            shard: Shard::WHOLE,
            check: false,
            web,
            storage,
            destination: None,
        },
    };
    assert_eq!(parsed(&[]), expected);
}

#[test]
fn what_cannot_be_kept_or_pushed_is_refused() {
    for bad in [
        "--storage.retention=30d",
        "--storage.retention=11y",
        "--remote-write.url=localhost:9090",
        "--remote-write.url=http://me:secret@localhost:9090/",
        "--remote-write.label=media=x",
    ] {
        assert_eq!(refused(&[bad]).exit_code(), 2, "{bad}");
    }
}

#[test]
fn every_flag_of_backfill_is_read() {
    let Invocation { call, .. } = parsed(&[
        "--config.file=c.yml",
        "backfill",
        "--sdk-app-id=1,2",
        "--storage.path=",
        "--account=main",
        "--start=2024-02-28",
        "--end=2024-02-29",
        "--output=h.csv",
        "--format=csv",
        "--label=job=trtc",
        "--label=instance=a:1",
    ]);
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected = backfill::Order {
        config: "c.yml".into(),
        sdk_app_ids: vec![1, 2],
        accounts: vec!["main".to_owned()],
        state: None,
        wish: Wish {
            start: Some("2024-02-28".parse().expect("a date")),
            end: Some("2024-02-29".parse().expect("a date")),
            figures: true,
        },
        format: history::Format::Csv,
        labels: vec![label("job", "trtc"), label("instance", "a:1")],
        output: Some("h.csv".into()),
    };
    assert_eq!(call, Call::Backfill(expected));
    let Call::Backfill(plain) = parsed(&["backfill"]).call else {
        panic!("another call");
    };
    assert_eq!((plain.output, plain.state), (None, Some("data".into())));
    assert_eq!(plain.wish, Wish::default());
    for bad in [
        "--start=today",
        "--label=job",
        "--web.max-requests=1",
        "--shard.count=2",
    ] {
        assert_eq!(refused(&["backfill", bad]).exit_code(), 2, "{bad}");
    }
}

#[test]
fn every_flag_of_a_run_is_read() {
    let Invocation { log, call, .. } = parsed(&[
        "--config.file=c.yml",
        "--shard.index=1",
        "--shard.count=3",
        "--config.check",
        "--web.listen-address=127.0.0.1:0",
        "--web.listen-address",
        "[::1]:0,localhost:1",
        "--web.config.file=web.yml",
        "--web.telemetry-path=/m",
        "--web.enable-lifecycle",
        "--web.max-requests=3",
        "--storage.path=",
        "--storage.retention=1y",
        "--remote-write.url=http://localhost:9090/api/v1/write",
        "--remote-write.label=job=trtc",
        "--log.level=debug",
        "--log.format=json",
    ]);
    let web = WebFlags {
        listen_addresses: addresses(&["127.0.0.1:0", "[::1]:0", "localhost:1"]),
        systemd_socket: false,
        config_file: Some("web.yml".into()),
        telemetry_path: "/m".into(),
        enable_lifecycle: true,
        max_requests: 3,
    };
    let source = ConfigSource::File("c.yml".into());
    assert_eq!(
        log,
        LogFlags {
            level: Level::Debug,
            format: Format::Json
        }
    );
    assert_eq!(
        call,
        Call::Run {
            source,
            shard: Shard::new(1, 3).expect("below the count"),
            check: true,
            web,
            storage: Storage {
                folder: None,
                kept_days: 365
            },
            destination: Some(Destination {
                url: "http://localhost:9090/api/v1/write".parse().expect("a URL"),
                labels: vec![("job".to_owned(), "trtc".to_owned())],
            }),
        }
    );
}

#[test]
fn app_ids_stand_for_a_configuration() {
    let Call::Run { source, .. } = parsed(&["--sdk-app-id=7", "--sdk-app-id=8,9"]).call else {
        panic!("a run");
    };
    assert_eq!(source, ConfigSource::SdkAppIds(vec![7, 8, 9]));
}

#[test]
fn flags_of_the_server_are_good_on_either_side_of_demo() {
    for arguments in [
        ["demo", "--web.max-requests=3"],
        ["--web.max-requests=3", "demo"],
    ] {
        assert_eq!(web(&arguments).max_requests, 3, "{arguments:?}");
    }
    let behind = ["--web.listen-address=:1", "demo", "--web.listen-address=:2"];
    assert_eq!(web(&behind).listen_addresses, addresses(&[":2"]));
    assert_eq!(parsed(&["demo", "--log.level=warn"]).log.level, Level::Warn);
}

#[test]
fn passed_sockets_are_listened_on_instead_of_addresses() {
    for arguments in [
        &["--web.systemd-socket"][..],
        &["demo", "--web.systemd-socket"],
        &["--web.systemd-socket", "demo"],
    ] {
        assert!(web(arguments).systemd_socket, "{arguments:?}");
    }
    for arguments in [
        &["--web.systemd-socket", "--web.listen-address=:1"][..],
        &["--web.systemd-socket", "demo", "--web.listen-address=:1"],
    ] {
        let error = refused(arguments).to_string();
        assert!(error.contains("exclude each other"), "{error}");
    }
    assert!(!web(&["--web.systemd-socket=false", "--web.listen-address=:1"]).systemd_socket);
}

#[test]
fn demo_keeps_nothing_unless_told_to() {
    let storage = |arguments: &[&str]| match parsed(arguments).call {
        Call::Demo { storage, .. } => storage,
        call => panic!("not a demo: {call:?}"),
    };
    assert_eq!(
        storage(&["demo"]),
        Storage {
            folder: None,
            kept_days: 35
        }
    );
    assert_eq!(
        storage(&["demo", "--storage.path=d"]),
        Storage {
            folder: Some("d".into()),
            kept_days: 35
        }
    );
    assert_eq!(
        storage(&["--storage.path=d", "demo"]),
        Storage {
            folder: Some("d".into()),
            kept_days: 35
        }
    );
}

#[test]
fn the_simulator_has_its_own_flags() {
    let expected = |seed, requests_per_second, sparse, retired: &[&str]| SimulatorFlags {
        seed,
        requests_per_second,
        sparse,
        retired: retired.iter().map(ToString::to_string).collect(),
    };
    let listen_address = "127.0.0.1:10089".parse().expect("an address");
    let simulator = expected(1, None, false, &[]);
    assert_eq!(
        parsed(&["simulate"]).call,
        Call::Simulate {
            listen_address,
            simulator
        }
    );
    let listen_address = ":0".parse().expect("an address");
    let simulator = expected(7, Some(2), true, &["DescribeTrtcInteractiveTime"]);
    let arguments = [
        "simulate",
        "--simulator.listen-address=:0",
        "--simulator.seed=7",
        "--simulator.requests-per-second=2",
        "--simulator.sparse",
        "--simulator.retired=DescribeTrtcInteractiveTime",
    ];
    assert_eq!(
        parsed(&arguments).call,
        Call::Simulate {
            listen_address,
            simulator
        }
    );
}

#[test]
fn a_health_check_asks_where_the_exporter_listens() {
    for (arguments, expected) in [
        (&["healthcheck"][..], ":10088"),
        (
            &["healthcheck", "--web.listen-address=[::1]:1,:2"],
            "[::1]:1",
        ),
        (&["--web.listen-address=:0,:2", "healthcheck"], ":2"),
    ] {
        let listens_on = expected.parse().expect("an address");
        assert_eq!(parsed(arguments).call, Call::Healthcheck { listens_on });
    }
}

#[test]
fn usage_errors_say_what_is_wrong() {
    for (arguments, expected) in [
        (&["--web.listen-address=10088"][..], "it has no port"),
        (&["--web.telemetry-path=metrics"], "must begin with a slash"),
        (
            &["--web.telemetry-path=/-/ready"],
            "something else is served",
        ),
        (
            &["--shard.index=3", "--shard.count=3"],
            "possible is 0 to 2",
        ),
        (&["--shard.index=1"], "no --shard.index=1 among"),
        (&["--shard.count=0"], "nobody to poll"),
        (&["--shard.count=-1"], "invalid value"),
        (
            &["--shard.count=2", "demo"],
            "--shard.count cannot be used with `demo`",
        ),
        (&["--sdk-app-id=0"], "0 is not in 1..=4294967295"),
        (
            &["--log.level=trace"],
            "[possible values: debug, info, warn, error]",
        ),
        (&["--sdk-app-id=7", "--config.file=x"], "exclude each other"),
        (
            &["--config.file=x", "demo"],
            "--config.file cannot be used with `demo`",
        ),
        (
            &["--sdk-app-id=7", "simulate"],
            "--sdk-app-id cannot be used with `simulate`",
        ),
        (
            &["simulate", "--storage.path=x"],
            "--storage.path cannot be used with `simulate`",
        ),
        (
            &["--web.max-requests=1", "simulate"],
            "--web.max-requests cannot be used with `simulate`",
        ),
        (
            &["simulate", "--simulator.requests-per-second=0"],
            "1..=1000",
        ),
        (
            &["simulate", "--simulator.retired=DescribeTrtc"],
            "DescribeTrtcUsage, ",
        ),
        (
            &["demo", "--simulator.listen-address=:0"],
            "unexpected argument",
        ),
        (
            &["healthcheck", "--web.listen-address=:0"],
            "give one by --web.listen-address",
        ),
        (
            &["healthcheck", "--web.max-requests=1"],
            "--web.max-requests cannot be used with `healthcheck`",
        ),
        (
            &["healthcheck", "--log.level=debug"],
            "--log.level cannot be used with `healthcheck`",
        ),
        (
            &["--storage.path=x", "healthcheck"],
            "--storage.path cannot be used with `healthcheck`",
        ),
        (
            &["man", "--web.listen-address=:1"],
            "--web.listen-address cannot be used with `man`",
        ),
        (&["completions", "cmd"], "possible values: bash"),
        (&["--secret-key=fake"], "unexpected argument"),
        (&["backwards"], "unrecognized subcommand"),
    ] {
        let error = refused(arguments);
        assert_eq!(error.exit_code(), 2, "{arguments:?}");
        assert!(
            error.to_string().contains(expected),
            "{arguments:?}: {error}"
        );
    }
}

#[test]
fn a_flags_variable_is_its_name_in_upper_case() {
    assert_eq!(
        command::variable("web.listen-address"),
        "TRTC_EXPORTER_WEB_LISTEN_ADDRESS"
    );
    let command = command::command();
    let flags = command
        .get_subcommands()
        .flat_map(|subcommand| subcommand.get_arguments());
    for flag in command.get_arguments().chain(flags) {
        let expected = flag.get_long().map(command::variable);
        let variable = flag
            .get_env()
            .map(|name| name.to_string_lossy().into_owned());
        assert_eq!(variable, expected, "{flag}");
    }
}

/// The environment belongs to a whole process, so this test runs itself again as a child with another one.
#[test]
fn the_environment_is_read_and_flags_win() {
    const CHILD: &str = "TEST_CHILD_OF_CLI";
    if std::env::var_os(CHILD).is_none() {
        let name = "cli::tests::the_environment_is_read_and_flags_win";
        let output = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", name])
            .env(CHILD, "1")
            .env("TRTC_EXPORTER_WEB_LISTEN_ADDRESS", ":1,[::1]:2")
            .env("TRTC_EXPORTER_WEB_ENABLE_LIFECYCLE", "yes")
            .env("TRTC_EXPORTER_STORAGE_PATH", "")
            .env("TRTC_EXPORTER_SDK_APP_ID", "7,8")
            .env("TRTC_EXPORTER_SHARD_INDEX", "1")
            .env("TRTC_EXPORTER_SHARD_COUNT", "2")
            .env("TRTC_EXPORTER_LOG_LEVEL", "error")
            .output()
            .expect("the child");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{said}"
        );
        return;
    }
    let Invocation { log, call, .. } = parsed(&["--log.level=warn"]);
    assert_eq!(log.level, Level::Warn);
    let Call::Run {
        source,
        shard,
        web,
        storage,
        ..
    } = call
    else {
        panic!("a run")
    };
    assert_eq!(source, ConfigSource::SdkAppIds(vec![7, 8]));
    assert_eq!(shard, Shard::new(1, 2).expect("below the count"));
    assert_eq!(
        storage,
        Storage {
            folder: None,
            kept_days: 35
        }
    );
    assert_eq!(web.listen_addresses, addresses(&[":1", "[::1]:2"]));
    assert!(web.enable_lifecycle);
    let of_flags = self::web(&["--web.enable-lifecycle=false", "--web.listen-address=:3"]);
    assert!(!of_flags.enable_lifecycle);
    assert_eq!(of_flags.listen_addresses, addresses(&[":3"]));
    assert!(self::web(&["--web.systemd-socket"]).systemd_socket);
    let Call::Run { source, .. } = parsed(&["--config.file=x"]).call else {
        panic!("a run")
    };
    assert_eq!(source, ConfigSource::File("x".into()));
    // What the environment names for the exporter does not disturb the other calls.
    assert!(matches!(parsed(&["demo"]).call, Call::Demo { .. }));
    assert!(matches!(parsed(&["simulate"]).call, Call::Simulate { .. }));
    let listens_on = ":1".parse().expect("an address");
    assert_eq!(
        parsed(&["healthcheck"]).call,
        Call::Healthcheck { listens_on }
    );
}
