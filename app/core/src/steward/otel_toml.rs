//! `[otel]` of Codex's `config.toml`: one exporter per signal, each with its full address.

use serde_json::{Map, Value};
use toml_edit::{Item, Table};

use super::error::StewardError;
use super::json::{decode, position};
use super::plan::{Footprint, Origin, Plan};
use super::telemetry::{Written, base, plan_of};
use super::toml::{Config, is_blank_toml, plain_table, same};

/// The keys of ours and the path of their signal. No spans: Codex' are half a megabyte for one turn.
const EXPORTERS: [(&str, &str); 2] = [("exporter", "/v1/logs"), ("metrics_exporter", "/v1/metrics")];
/// All keys that name a collector.
const ALL: [&str; 3] = ["exporter", "metrics_exporter", "trace_exporter"];

/// Where Codex' telemetry goes; Codex' own service for metrics is no collector of the user's.
pub(crate) fn endpoints(bytes: Option<&[u8]>) -> Result<Vec<String>, StewardError> {
    let config = Config::read(decode(bytes.unwrap_or_default())?)?;
    let otel = config.find(&["otel"]).and_then(Item::as_table_like);
    let found = ALL.iter().filter_map(|key| endpoint(otel?.get(key)?));
    Ok(found.collect())
}

/// `{ otlp-http = { endpoint = "..." } }`, or a word.
fn endpoint(item: &Item) -> Option<String> {
    match item.as_str() {
        Some("none" | "statsig") => None,
        Some(word) => Some(format!("the exporter {word}")),
        None => {
            let (kind, exporter) = item.as_table_like()?.iter().next()?;
            let endpoint = exporter.as_table_like().and_then(|exporter| exporter.get("endpoint")?.as_str());
            Some(endpoint.map_or_else(|| format!("the exporter {kind}"), str::to_owned))
        }
    }
}

/// Works out the file with both exporters. Any that stand there say `none`, or are ours already; `known` is what was written
/// before, if anything was.
pub(crate) fn plan_on(
    bytes: Option<&[u8]>,
    collector: &str,
    known: &Written,
    mut footprint: Footprint,
) -> Result<(Plan, Written), StewardError> {
    let text = decode(bytes.unwrap_or_default())?;
    let config = Config::read(text)?;
    let otel = config.find(&["otel"]);
    if let Some(item) = otel.filter(|item| item.as_table().is_none_or(|table| table.is_dotted())) {
        return Err(StewardError::WrongType {
            what: "otel".into(),
            expected: "a table with a header of its own",
            at: position(text, item.span().map_or(0, |span| span.start)),
        });
    }
    let table = otel.and_then(Item::as_table).filter(|table| !table.is_implicit());
    let line = |key: &str, path: &str| {
        let endpoint = Value::String(format!("{collector}{path}"));
        format!("{key} = {{ otlp-http = {{ endpoint = {endpoint}, protocol = \"binary\" }} }}")
    };
    let newline = config.newline();
    let mut edits: Vec<(std::ops::Range<usize>, String)> = Vec::new();
    let mut new = Vec::new();
    let (mut wrote, mut before) = (Map::new(), Map::new());
    for (key, path) in EXPORTERS {
        let full = line(key, path);
        let value = full.split_once(" = ").map(|(_, value)| value.to_owned()).unwrap_or_default();
        let old = table.and_then(|table| table.get(key));
        let stands = old.and_then(endpoint);
        let is_ours = stands.is_some() && stands.as_deref() == known.wrote.get(key).and_then(Value::as_str);
        let first = if is_ours {
            known.before.get(key).cloned()
        } else {
            old.and_then(Item::as_str).map(Value::from)
        };
        before.insert(key.to_owned(), first.unwrap_or_default());
        wrote.insert(key.to_owned(), Value::from(format!("{collector}{path}")));
        match old.map(|old| (stands, old.span())) {
            Some((Some(same), _)) if same == format!("{collector}{path}") => {}
            Some((_, Some(span))) => edits.push((span, value)),
            Some((_, None)) => return Err(StewardError::BrokenEdit),
            None => new.push(full),
        }
    }
    if !new.is_empty() {
        let lines = new.join(newline);
        match table.and_then(|table| table.span()) {
            // Behind the header, before all that stands under it.
            Some(header) => {
                let end = config.line(header).end;
                let gap = if text.get(..end).is_some_and(|text| text.ends_with('\n')) { "" } else { newline };
                edits.push((end..end, format!("{gap}{lines}{newline}")));
            }
            None => {
                let gap = match text.trim_start_matches('\u{feff}') {
                    "" => "",
                    text if text.ends_with('\n') => newline,
                    _ => &format!("{newline}{newline}"),
                };
                edits.push((text.len()..text.len(), format!("{gap}[otel]{newline}{lines}{newline}")));
            }
        }
    }
    let after = apply(text, edits);
    check(text, &after)?;
    let wanted: Vec<String> = EXPORTERS.iter().map(|(_, path)| format!("{collector}{path}")).collect();
    let found = endpoints(Some(after.as_bytes()))?;
    if wanted.iter().any(|endpoint| !found.contains(endpoint)) {
        return Err(StewardError::BrokenEdit);
    }
    if bytes.is_none() {
        footprint.origin = Origin::Absent;
    }
    let written = Written { wrote: wrote.into(), before: before.into(), footprint };
    let plan = plan_of(bytes, if after == text { bytes.map(<[u8]>::to_vec) } else { Some(after.into()) });
    Ok((plan, written))
}

/// Works out the file without what was written; what was changed since stays.
pub(crate) fn plan_off(bytes: Option<&[u8]>, written: &Written) -> Result<Plan, StewardError> {
    let text = decode(bytes.unwrap_or_default())?;
    let config = Config::read(text)?;
    let Some(table) = config.find(&["otel"]).and_then(Item::as_table) else {
        return Ok(plan_of(bytes, bytes.map(<[u8]>::to_vec)));
    };
    let mut edits: Vec<(std::ops::Range<usize>, String)> = Vec::new();
    let mut gone = 0;
    for (key, _) in EXPORTERS {
        let Some(item) = table.get(key) else { continue };
        let ours = written.wrote.get(key).and_then(Value::as_str);
        if ours.is_none() || endpoint(item).as_deref() != ours {
            continue;
        }
        let value = item.span().ok_or(StewardError::BrokenEdit)?;
        match written.before.get(key).and_then(Value::as_str) {
            Some(word) => edits.push((value, Value::from(word).to_string())),
            None => {
                let name = table.key(key).and_then(|key| key.span()).ok_or(StewardError::BrokenEdit)?;
                edits.push((config.line(name.start..value.end), String::new()));
                gone += 1;
            }
        }
    }
    // What a dotted key makes is written under the header too; a table with a header of its own is not.
    let under = |item: &Item| item.as_table().map_or(!item.is_none(), Table::is_dotted);
    if gone > 0
        && gone == table.iter().filter(|(_, item)| under(item)).count()
        && let Some(header) = table.span()
    {
        let header = config.line(header);
        let before = text.get(..header.start).unwrap_or_default();
        // With the empty line that came along.
        let cut = before
            .strip_suffix("\r\n")
            .or_else(|| before.strip_suffix('\n'))
            .filter(|before| before.ends_with('\n') || before.trim_start_matches('\u{feff}').is_empty());
        edits.push((cut.map_or(header.start, str::len)..header.end, String::new()));
    }
    let after = apply(text, edits);
    check(text, &after)?;
    let gone = written.footprint.origin == Origin::Absent && is_blank_toml(&after);
    let after = if after == text { bytes.map(<[u8]>::to_vec) } else { Some(after.into()) };
    Ok(plan_of(bytes, after.filter(|_| !gone)))
}

/// Makes edits that do not overlap.
fn apply(text: &str, mut edits: Vec<(std::ops::Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let mut after = String::with_capacity(text.len() + 256);
    let mut at = 0;
    for (range, new) in edits {
        after.push_str(text.get(at..range.start).unwrap_or_default());
        after.push_str(&new);
        at = range.end.max(at);
    }
    after.push_str(text.get(at..).unwrap_or_default());
    after
}

/// Whether two texts say the same but for the exporters that are ours.
fn check(before: &str, after: &str) -> Result<(), StewardError> {
    let rest = |text: &str| -> Result<Value, StewardError> {
        let mut all = plain_table(Config::read(text).map_err(|_| StewardError::BrokenEdit)?.root());
        if let Some(otel) = all.get_mut("otel").and_then(Value::as_object_mut) {
            otel.retain(|key, _| !EXPORTERS.iter().any(|(ours, _)| ours == key));
        }
        Ok(all)
    };
    if same(&rest(before)?, &rest(after)?) { Ok(()) } else { Err(StewardError::BrokenEdit) }
}

/// Whether an endpoint belongs to a collector, whatever the signal.
#[must_use]
pub fn is_of(endpoint: &str, collector: &str) -> bool {
    base(endpoint) == collector
}
