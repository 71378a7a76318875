//! Typing into a terminal, and its size.

use super::answer::{Answer, Envelope, Refused, read};
use super::{Api, keys, rows};
use axum::body::Bytes;
use axum::extract::{Path, State};
use magia_tty::Size;
use magia_tty::client::errand;
use serde::Deserialize;
use utoipa::ToSchema;

/// Columns and rows at most.
const SIDE_MAX: u16 = 1000;

/// What is typed: exactly one of `text` and `key`.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Input {
    /// Characters. A text that is one of the seed's names of keys, as `enter` or `arrow_up`, presses that key, unless
    /// `literal` is set.
    text: Option<String>,
    /// A key by its name.
    key: Option<String>,
    /// The text is meant as it stands.
    #[serde(default)]
    literal: bool,
}

/// A size.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Resize {
    /// Columns, 1 to 1000.
    #[serde(alias = "width")]
    cols: u16,
    /// Rows, 1 to 1000.
    #[serde(alias = "height")]
    rows: u16,
}

/// Types into a terminal.
#[utoipa::path(post, path = "/api/sessions/{id}/input", request_body = Input,
    params(("id" = String, Path, description = "The terminal's id")),
    responses((status = 200, body = Envelope), (status = 400, body = Envelope), (status = 404, body = Envelope),
        (status = 410, body = Envelope)), tag = "sessions")]
pub(super) async fn input(State(api): State<Api>, Path(id): Path<String>, body: Bytes) -> Answer<Envelope> {
    let input: Input = read(&body)?;
    let bytes = match (&input.text, &input.key) {
        (Some(text), None) => match keys::of_text(text).filter(|_| !input.literal) {
            Some(bytes) => bytes.to_vec(),
            None => text.clone().into_bytes(),
        },
        (None, Some(key)) => match keys::bytes(key) {
            Some(bytes) => bytes.to_vec(),
            None => return Err(Refused::wrong(format!("there is no key {:?}", shown(key)))),
        },
        _ => return Err(Refused::wrong("Text is required: give either text or key")),
    };
    let record = rows::running(&api, &id).await?;
    errand::type_in(&record.dir, &bytes).await?;
    Ok(Envelope::done("Input sent successfully").about(id))
}

/// Gives a terminal a size, until whoever looks at it decides again.
#[utoipa::path(post, path = "/api/sessions/{id}/resize", request_body = Resize,
    params(("id" = String, Path, description = "The terminal's id")),
    responses((status = 200, body = Envelope), (status = 400, body = Envelope), (status = 404, body = Envelope),
        (status = 410, body = Envelope)), tag = "sessions")]
pub(super) async fn resize(State(api): State<Api>, Path(id): Path<String>, body: Bytes) -> Answer<Envelope> {
    let size: Resize = read(&body)?;
    if ![size.cols, size.rows].iter().all(|side| (1..=SIDE_MAX).contains(side)) {
        return Err(Refused::wrong("cols and rows are from 1 to 1000"));
    }
    let record = rows::running(&api, &id).await?;
    errand::resize(&record.dir, Size::new(size.cols, size.rows)).await?;
    Ok(Envelope::done("Session resized successfully").about(id))
}

fn shown(key: &str) -> String {
    key.chars().filter(|c| !c.is_control()).take(40).collect()
}
