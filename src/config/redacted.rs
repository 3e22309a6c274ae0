//! The running configuration as YAML, for people: defaults filled in, secrets replaced.

mod billing;

use std::fmt::Write;

use super::{Account, Choice, Config, Shard, duration};
use crate::quote::quote;
use crate::secret::REDACTED;
use crate::tencent::{CredentialSource, Role, SecretSource, Upstream};

/// Writes a configuration so that it could be read again, except for its secrets.
pub fn redacted_yaml(config: &Config) -> String {
    let mut yaml = String::new();
    write_config(&mut yaml, config).expect("writing to a String cannot fail");
    yaml
}

fn write_config(yaml: &mut String, config: &Config) -> std::fmt::Result {
    writeln!(
        yaml,
        "poll_interval: {}",
        duration::format(config.poll_interval)
    )?;
    writeln!(
        yaml,
        "settle_after: {}",
        duration::format(config.settle_after)
    )?;
    if config.accounts.is_empty() {
        return writeln!(yaml, "accounts: []");
    }
    writeln!(yaml, "accounts:")?;
    config
        .accounts
        .iter()
        .try_for_each(|account| write_account(yaml, account))
}

fn write_account(yaml: &mut String, account: &Account) -> std::fmt::Result {
    writeln!(yaml, "  - name: {}", quote(&account.name))?;
    writeln!(
        yaml,
        "    endpoint: {}",
        account.upstream.endpoint.as_str().trim_end_matches('/')
    )?;
    writeln!(yaml, "    region: {}", quote(&account.upstream.region))?;
    writeln!(yaml, "    language: {}", account.upstream.language)?;
    writeln!(
        yaml,
        "    request_timeout: {}",
        duration::format(account.upstream.request_timeout)
    )?;
    if let Some(authorities) = &account.upstream.authorities {
        let file = authorities.file.to_string_lossy();
        writeln!(yaml, "    ca_file: {}", quote(&file))?;
    }
    write_credentials(yaml, &account.upstream)?;
    writeln!(yaml, "    items:")?;
    for item in &account.items {
        writeln!(yaml, "      - name: {}", item.kind.name)?;
        match item.choice {
            Choice::Fixed(action) => writeln!(yaml, "        action: {}", action.name)?,
            Choice::Auto => writeln!(yaml, "        action: auto")?,
        }
        if item.requests_per_second.is_some() || item.shard != Shard::WHOLE {
            let limit = item.share_of_limit(item.action(None));
            writeln!(yaml, "        requests_per_second: {limit}")?;
        }
    }
    match (&account.found, &account.apps[..]) {
        (Some(_), []) => {}
        (None, []) => writeln!(yaml, "    apps: []")?,
        _ => writeln!(yaml, "    apps:")?,
    }
    for app in &account.apps {
        writeln!(yaml, "      - sdk_app_id: {}", app.sdk_app_id)?;
        if let Some(name) = &app.name {
            writeln!(yaml, "        name: {}", quote(name))?;
        }
    }
    writeln!(yaml, "    total: {}", account.total)?;
    account
        .billing
        .iter()
        .try_for_each(|billing| billing::write(yaml, billing))
}

fn write_credentials(yaml: &mut String, upstream: &Upstream) -> std::fmt::Result {
    let (source, role) = (&upstream.credentials, upstream.role.as_ref());
    if *source == CredentialSource::Chain && role.is_none() {
        return Ok(());
    }
    writeln!(yaml, "    credentials:")?;
    match source {
        CredentialSource::Chain => {}
        CredentialSource::Only(place) => writeln!(yaml, "      from: {}", place.as_str())?,
        CredentialSource::Configured {
            secret_id,
            secret_key,
            token,
        } => {
            write_secret(yaml, "secret_id", secret_id)?;
            write_secret(yaml, "secret_key", secret_key)?;
            if let Some(token) = token {
                write_secret(yaml, "token", token)?;
            }
        }
    }
    role.map_or(Ok(()), |role| write_role(yaml, role))
}

fn write_secret(yaml: &mut String, name: &str, secret: &SecretSource) -> std::fmt::Result {
    match secret {
        SecretSource::Inline(_) => writeln!(yaml, "      {name}: {REDACTED}"),
        SecretSource::File(path) => {
            writeln!(
                yaml,
                "      {name}_file: {}",
                quote(&path.to_string_lossy())
            )
        }
    }
}

fn write_role(yaml: &mut String, role: &Role) -> std::fmt::Result {
    writeln!(yaml, "      role_arn: {}", quote(&role.arn))?;
    let session_name = quote(&role.session_name);
    writeln!(yaml, "      role_session_name: {session_name}")?;
    let duration = duration::format(role.duration);
    writeln!(yaml, "      role_duration: {duration}")?;
    if role.external_id.is_some() {
        writeln!(yaml, "      external_id: {REDACTED}")?;
    }
    Ok(())
}
