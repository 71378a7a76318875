//! `magia-app --call METHOD PARAMS`: one command without a running program, for `magia hooks` and `magia settings`.

use crate::os::ancestry::ancestors;
use crate::places::Places;
use crate::run;
use anyhow::Result;
use magia_core::model::no_agent_above;
use magia_protocol::wire::method::Access;
use magia_protocol::wire::{Command, ErrorCode, Response, RpcError};
use serde_json::Value;
use std::process::ExitCode;

/// Does the command and prints its reply as one JSON line; exits 0 when it has a result.
#[allow(clippy::print_stdout, reason = "the reply is what this prints")]
pub fn print_reply(method: &str, params: &str) -> ExitCode {
    let outcome = answer(method, params);
    let failed = outcome.is_err();
    let reply = Response::new(Value::Null, outcome);
    println!("{}", serde_json::to_string(&reply).unwrap_or_default());
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn answer(method: &str, params: &str) -> Result<Value, RpcError> {
    let params = match params.trim() {
        "" => Value::Null,
        text => serde_json::from_str(text).map_err(|err| {
            RpcError::new(ErrorCode::BadParams, format!("the parameters are not JSON: {err}"))
        })?,
    };
    let command = Command::parse(method, &params)?;
    if command.spec().is_some_and(|spec| spec.access == Access::Guarded) {
        no_agent_above(&ancestors(std::process::id()))?;
    }
    let places = Places::find().map_err(|err| RpcError::new(ErrorCode::Internal, format!("{err:#}")))?;
    run::one_shot(places, command).map_err(|err| RpcError::new(ErrorCode::Internal, format!("{err:#}")))?
}
