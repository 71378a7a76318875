//! `call`: any method by name.

use crate::client::{self, Client};
use crate::failure::{Exit, Failure};
use crate::output::Out;
use crate::table::{Column, Table};
use anyhow::{Context as _, Result};
use clap::Args;
use magia_protocol::wire::method::{Access, METHODS, find};
use magia_protocol::wire::{Command, ErrorCode, RpcError};
use serde_json::{Value, json};
use std::io::Read as _;

/// `call`.
#[derive(Debug, Args)]
pub struct Call {
    /// The method's name.
    #[arg(required_unless_present = "list")]
    pub method: Option<String>,
    /// Its parameters as a JSON object; `-` reads them from standard input.
    #[arg(value_name = "JSON")]
    pub params: Option<String>,
    /// Print all methods.
    #[arg(long, conflicts_with = "method")]
    pub list: bool,
}

/// `magia call`.
pub fn run(call: &Call, out: &mut Out) -> Result<Exit> {
    let Some(method) = &call.method else {
        return list(out);
    };
    let params = params(call.params.as_deref())?;
    if let Err(err) = Command::parse(method, &params) {
        return Err(refused(err).into());
    }
    if find(method).is_some_and(|spec| spec.name == "subscribe_events") {
        return stream(method, &params, out);
    }
    let reply = client::ask_by_name(method, &params)?;
    if out.is_json() {
        out.json(reply.get())?;
    } else {
        out.pretty_json(reply.get())?;
    }
    Ok(Exit::Done)
}

fn params(text: Option<&str>) -> Result<Value> {
    let text = match text {
        None => return Ok(json!({})),
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
            text
        }
        Some(text) => text.to_owned(),
    };
    serde_json::from_str(&text).map_err(|err| {
        Failure::usage(format!("the parameters are not JSON: {err}"), "write them as '{\"name\":\"value\"}'")
            .into()
    })
}

fn refused(err: RpcError) -> Failure {
    let code = match err.code {
        ErrorCode::UnknownMethod => "unknown_method",
        _ => "bad_params",
    };
    Failure::Refused { code: code.to_owned(), message: err.message, hint: err.hint }
}

fn stream(method: &str, params: &Value, out: &mut Out) -> Result<Exit> {
    let mut client = Client::connect()?;
    let reply = client.call(method, params)?;
    out.json(reply.get())?;
    out.flush()?;
    client.wait_without_limit()?;
    while let Some(line) = client.line()? {
        out.json(&line)?;
        out.flush()?;
    }
    Ok(Exit::Done)
}

fn list(out: &mut Out) -> Result<Exit> {
    let access = |access: Access| match access {
        Access::Read => "read",
        Access::Act => "act",
        Access::Guarded => "guarded",
        Access::Asked => "asked",
    };
    if out.is_json() {
        let methods: Vec<Value> = METHODS
            .iter()
            .map(|spec| {
                let params: Vec<Value> = spec
                    .params
                    .iter()
                    .map(|param| json!({"name": param.name, "kind": param.kind, "required": param.required}))
                    .collect();
                json!({
                    "id": spec.name,
                    "aliases": spec.aliases,
                    "summary": spec.summary,
                    "params": params,
                    "returns": spec.returns,
                    "access": access(spec.access),
                })
            })
            .collect();
        out.json_of(&methods)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        Column::fixed("METHOD"),
        Column::fixed("ACCESS"),
        Column::flexible("SUMMARY"),
        Column::flexible("PARAMETERS"),
    ]);
    for spec in METHODS {
        let usage = spec.usage();
        let params = usage.strip_prefix(spec.name).unwrap_or(&usage).trim();
        table.row([
            spec.name.to_owned(),
            access(spec.access).to_owned(),
            spec.summary.to_owned(),
            if spec.params.is_empty() { String::new() } else { params.to_owned() },
        ]);
    }
    out.table(&table, "")?;
    out.text("\nguarded: refused to agents and their children")?;
    Ok(Exit::Done)
}
