//! The jobs about telemetry: how agents' settings stand, and switching them.

use super::JobShell;
use super::jobs::steward_error;
use crate::services::steward::{
    self, PIN_FILE, StewardPaths, TelemetryWish, preview_telemetry, set_telemetry, telemetry_status,
};
use magia_core::steward::{Collector, TelemetryState};
use magia_protocol::wire::command::{SetTelemetry, TelemetryStatus};
use magia_protocol::wire::info::ChangeInfo;
use magia_protocol::wire::metrics::TelemetryInfo;
use magia_protocol::wire::{ErrorCode, Provider, RpcError};

/// What is said when another's collector stands there.
pub(super) const FOREIGN: &str = "magia never writes over a collector of yours; take it out of the file first, and have \
    magia send it a copy: `magia settings set telemetryForward URL`";

/// Where telemetry would be received by a program that runs: the port that settings name, else the usual one.
pub(super) fn usual_endpoint(shell: &JobShell) -> Option<String> {
    let pinned = std::fs::read_to_string(shell.places.state.join(PIN_FILE)).ok();
    let pinned = pinned.and_then(|port| port.trim().parse::<u16>().ok());
    let port = pinned.unwrap_or(shell.current.otel_port);
    (port > 0).then(|| format!("http://127.0.0.1:{port}"))
}

/// How agents' telemetry stands.
pub(super) fn status(
    shell: &JobShell,
    params: &TelemetryStatus,
    endpoint: Option<&str>,
) -> Result<Vec<TelemetryInfo>, RpcError> {
    let all = Provider::ALL.iter().copied();
    let whose = all.filter(|provider| params.provider.is_none_or(|wanted| wanted == *provider));
    whose.map(|provider| info(&shell.steward(provider, params.home.as_deref())?, endpoint)).collect()
}

/// Switches an agent's telemetry.
pub(super) fn set(
    shell: &JobShell,
    params: &SetTelemetry,
    endpoint: Option<String>,
) -> Result<ChangeInfo, RpcError> {
    let home = params.home.as_deref();
    let paths = if params.on {
        shell.steward_to_write(params.provider, home)?
    } else {
        shell.steward(params.provider, home)?
    };
    let wish = match (params.on, &endpoint) {
        (false, _) => TelemetryWish::Off,
        (true, Some(endpoint)) => {
            TelemetryWish::On(Collector { endpoint: endpoint.clone(), traces: params.traces })
        }
        (true, None) => {
            return Err(RpcError::new(ErrorCode::Conflict, "magia receives no telemetry now")
                .with_hint("`magia call get_otel_port` says why; otelCollectorPort chooses the port"));
        }
    };
    let plans = preview_telemetry(&paths, &wish).map_err(|err| steward_error(&err))?;
    let diffs = plans.iter().map(|one| one.plan.unified_diff(&one.file.display().to_string()));
    let mut change = ChangeInfo {
        diff: diffs.collect(),
        file: plans.first().map(|one| one.file.display().to_string()).unwrap_or_default(),
        changed: plans.iter().any(|one| !one.plan.is_unchanged()),
        dry_run: params.dry_run,
        backup: None,
        hooks: None,
        telemetry: None,
    };
    let mut warnings = Vec::new();
    if !params.dry_run {
        let outcome: steward::Outcome = set_telemetry(&paths, &wish).map_err(|err| steward_error(&err))?;
        change.changed = outcome.changed;
        change.file = outcome.settings.display().to_string();
        change.backup = outcome.backup.map(|path| path.display().to_string());
        warnings = outcome.warnings;
    }
    let mut info = info(&paths, endpoint.as_deref())?;
    info.problem = info.problem.or_else(|| warnings.pop());
    change.telemetry = Some(info);
    Ok(change)
}

fn info(paths: &StewardPaths, endpoint: Option<&str>) -> Result<TelemetryInfo, RpcError> {
    let status = telemetry_status(paths, endpoint).map_err(|err| steward_error(&err))?;
    let mut info = TelemetryInfo {
        provider: paths.provider,
        file: status.settings.display().to_string(),
        state: "off".to_owned(),
        endpoint: None,
        problem: None,
    };
    match status.state {
        Ok(TelemetryState::Off) => {}
        Ok(TelemetryState::On(found)) if endpoint.is_none_or(|ours| ours == found) => {
            info.state = "on".to_owned();
            info.endpoint = Some(found);
        }
        Ok(TelemetryState::On(found)) => {
            info.state = "outdated".to_owned();
            info.problem = endpoint.map(|ours| format!("magia receives at {ours} now"));
            info.endpoint = Some(found);
        }
        Ok(TelemetryState::Theirs(found)) => {
            info.state = "elsewhere".to_owned();
            info.endpoint = Some(found);
        }
        Err(why) => {
            info.state = "unreadable".to_owned();
            info.problem = Some(why);
        }
    }
    Ok(info)
}
