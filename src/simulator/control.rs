//! The little that can be steered over HTTP, for whoever tries out alerts against `trtc-exporter simulate`: spikes,
//! refusals and the end of an action. Tests use [`Simulator`]'s methods instead.

use std::str::FromStr;
use std::time::Duration;

use super::faults::Fault;
use super::gateway::Simulator;
use super::refusal::ACTION_OFFLINE;
use crate::tencent::Action;
use crate::usage::TimeKey;

/// The parameters of a request, by name.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn parse(query: &str) -> Result<Self, String> {
        let url = reqwest::Url::parse(&format!("http://localhost/?{query}"))
            .map_err(|err| format!("the query string is malformed: {err}"))?;
        Ok(Self(url.query_pairs().into_owned().collect()))
    }

    fn only(self, names: &[&str]) -> Result<Self, String> {
        match self.0.iter().find(|(name, _)| !names.contains(&&**name)) {
            None => Ok(self),
            Some((name, _)) => Err(format!(
                "unknown parameter {name:?}; there are {}",
                names.join(", ")
            )),
        }
    }

    /// The value of `name`, which must be there unless there is a `default`.
    fn get<T: FromStr>(&self, name: &str, default: Option<T>) -> Result<T, String> {
        let Some((_, text)) = self.0.iter().find(|(known, _)| known == name) else {
            return default.ok_or_else(|| format!("the parameter {name} is missing"));
        };
        text.parse()
            .map_err(|_| format!("{text:?} is no value for {name}"))
    }

    /// An error code of the API.
    fn code(&self, default: Option<&str>) -> Result<String, String> {
        let code: String = self.get("code", default.map(str::to_owned))?;
        let possible = |letter: char| letter.is_ascii_alphanumeric() || letter == '.';
        if (1..=100).contains(&code.len()) && code.chars().all(possible) {
            Ok(code)
        } else {
            Err(
                "code must be an error code such as InternalError or RequestLimitExceeded"
                    .to_owned(),
            )
        }
    }

    fn action(&self) -> Result<&'static str, String> {
        let name: String = self.get("action", None)?;
        let action = Action::by_name(&name).ok_or_else(|| {
            let names = Action::ALL.map(|action| action.name);
            format!("there is no action {name:?}, only {}", names.join(", "))
        })?;
        Ok(action.name)
    }
}

/// Carries out `POST path?query`; `None` when there is no such path.
///
/// The result says what was done, or what is wrong with the request.
pub(super) fn control(
    simulator: &Simulator,
    path: &str,
    query: &str,
) -> Option<Result<String, String>> {
    match path {
        "/-/spike" => Some(spike(simulator, query)),
        "/-/refuse" => Some(refuse(simulator, query)),
        "/-/retire" => Some(retire(simulator, query)),
        "/-/revive" => Some(revive(simulator, query)),
        _ => None,
    }
}

fn spike(simulator: &Simulator, query: &str) -> Result<String, String> {
    let parameters = Parameters::parse(query)?.only(&["sdk_app_id", "factor", "minutes"])?;
    let app: u64 = parameters.get("sdk_app_id", None)?;
    let factor: f64 = parameters.get("factor", Some(6.0))?;
    let minutes: u64 = parameters.get("minutes", Some(30))?;
    if !(0.0..=1000.0).contains(&factor) {
        return Err("factor must lie between 0 and 1000".to_owned());
    }
    if !(1..=24 * 60).contains(&minutes) {
        return Err("minutes must lie between 1 and 1440".to_owned());
    }
    let from = TimeKey::from_unix(simulator.now().utc.timestamp()).slot();
    simulator.inject_spike(app, from, factor, Duration::from_secs(minutes * 60));
    Ok(format!(
        "App {app} uses {factor} times the usual from {from} (Beijing time) on, for {minutes} minutes. \
         The API shows it with its usual delay of five minutes and more.\n"
    ))
}

fn refuse(simulator: &Simulator, query: &str) -> Result<String, String> {
    let parameters = Parameters::parse(query)?.only(&["code", "next"])?;
    let code = parameters.code(None)?;
    let next: u64 = parameters.get("next", Some(1))?;
    simulator.order(Fault::refuse(&code).next(next));
    Ok(format!(
        "The next {next} requests are refused with {code}.\n"
    ))
}

fn retire(simulator: &Simulator, query: &str) -> Result<String, String> {
    let parameters = Parameters::parse(query)?.only(&["action", "code"])?;
    let action = parameters.action()?;
    let code = parameters.code(Some(ACTION_OFFLINE))?;
    simulator.retire(action, &code);
    Ok(format!(
        "{action} is refused with {code} until it is revived.\n"
    ))
}

fn revive(simulator: &Simulator, query: &str) -> Result<String, String> {
    let action = Parameters::parse(query)?.only(&["action"])?.action()?;
    if simulator.revive(action) {
        Ok(format!("{action} is answered again.\n"))
    } else {
        Err(format!("{action} is not retired"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::SystemClock;
    use crate::simulator::Options;

    fn run(path: &str, query: &str) -> (Simulator, Option<Result<String, String>>) {
        let simulator = Simulator::new(Options::default(), Arc::new(SystemClock::start()));
        let result = control(&simulator, path, query);
        (simulator, result)
    }

    #[test]
    fn a_spike_reaches_the_model() {
        let (simulator, result) = run("/-/spike", "sdk_app_id=1400000001&factor=8&minutes=10");
        result.expect("a known path").expect("good parameters");
        let spike = simulator.model().spikes[0];
        assert_eq!((spike.sdk_app_id, spike.seconds), (1_400_000_001, 600));
    }

    #[test]
    fn an_action_is_retired_and_revived() {
        let (simulator, result) = run("/-/retire", "action=DescribeRelayUsage");
        result.expect("a known path").expect("good parameters");
        let again = "action=DescribeRelayUsage&code=InvalidAction";
        for (query, code) in [
            ("action=DescribeTrtcUsage", "ActionOffline"),
            (again, "InvalidAction"),
        ] {
            let done = control(&simulator, "/-/retire", query).expect("a known path");
            assert!(done.expect("good parameters").contains(code));
        }
        let retired: Vec<_> = simulator.retired().into_iter().collect();
        let pair = |action: &str, code: &str| (action.to_owned(), code.to_owned());
        let expected = [
            pair("DescribeRelayUsage", "InvalidAction"),
            pair("DescribeTrtcUsage", "ActionOffline"),
        ];
        assert_eq!(retired, expected);
        let done = control(&simulator, "/-/revive", "action=DescribeRelayUsage");
        done.expect("a known path").expect("good parameters");
        assert_eq!(simulator.retired().len(), 1);
    }

    #[test]
    fn bad_parameters_are_told() {
        for (path, query, hint) in [
            ("/-/spike", "", "sdk_app_id is missing"),
            ("/-/spike", "sdk_app_id=x", "no value for sdk_app_id"),
            ("/-/spike", "sdk_app_id=1&factor=NaN", "factor must"),
            ("/-/spike", "sdk_app_id=1&minutes=0", "minutes must"),
            ("/-/spike", "app=1", "unknown parameter \"app\""),
            ("/-/refuse", "code=%22", "code must"),
            ("/-/refuse", "code=", "code must"),
            ("/-/retire", "", "action is missing"),
            ("/-/retire", "action=Describe", "only DescribeTrtcInt"),
            (
                "/-/retire",
                "action=DescribeTrtcUsage&code=%22",
                "code must",
            ),
            ("/-/revive", "action=DescribeTrtcUsage", "not retired"),
            ("/-/revive", "action=DescribeTrtcUsage&code=X", "unknown"),
        ] {
            let problem = run(path, query).1.expect("a known path");
            let problem = problem.expect_err(query);
            assert!(problem.contains(hint), "{problem}");
        }
        assert!(run("/-/quit", "").1.is_none());
    }
}
