//! The little that can be steered over HTTP, for whoever tries out alerts against `trtc-exporter simulate`: spikes and
//! refusals. Tests use [`Simulator`]'s methods instead.

use std::str::FromStr;
use std::time::Duration;

use super::faults::Fault;
use super::gateway::Simulator;
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
    let code: String = parameters.get("code", None)?;
    let next: u64 = parameters.get("next", Some(1))?;
    if code.is_empty()
        || code.len() > 100
        || !code.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
    {
        return Err(
            "code must be an error code such as InternalError or RequestLimitExceeded".to_owned(),
        );
    }
    simulator.order(Fault::refuse(&code).next(next));
    Ok(format!(
        "The next {next} requests are refused with {code}.\n"
    ))
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
    fn bad_parameters_are_told() {
        for (path, query, hint) in [
            ("/-/spike", "", "sdk_app_id is missing"),
            ("/-/spike", "sdk_app_id=x", "no value for sdk_app_id"),
            ("/-/spike", "sdk_app_id=1&factor=NaN", "factor must"),
            ("/-/spike", "sdk_app_id=1&minutes=0", "minutes must"),
            ("/-/spike", "app=1", "unknown parameter \"app\""),
            ("/-/refuse", "code=%22", "code must"),
        ] {
            let problem = run(path, query).1.expect("a known path");
            let problem = problem.expect_err(query);
            assert!(problem.contains(hint), "{problem}");
        }
        assert!(run("/-/quit", "").1.is_none());
    }
}
