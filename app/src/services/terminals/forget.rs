//! Forgetting terminals that ended: what is too old, and the oldest when there are too many. One that is held, starts or
//! cannot be read stays.

use magia_tty::directory::remove;
use magia_tty::{TerminalRecord, TerminalState};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Ended terminals that stay: every list has them all, and each may have 32 MiB of recording.
const ENDED_MAX: usize = 200;
/// So many are removed by one look; the directory has changed then, so that another follows.
const AT_ONCE: usize = 200;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Removes what ended more than `days` ago, and what is beyond the newest [`ENDED_MAX`], from the disk and from `records`.
pub(super) fn forget(root: &Path, records: &mut Vec<TerminalRecord>, days: u32, now: SystemTime) {
    let cutoff_ms = unix_ms(now).saturating_sub(u64::from(days) * DAY_MS);
    let mut ended: Vec<(u64, &TerminalRecord)> = records
        .iter()
        .filter(|record| is_over(record))
        .map(|record| (ended_ms(record, now), record))
        .collect();
    ended.sort_by_key(|(ended_ms, _)| *ended_ms);
    let surplus = ended.len().saturating_sub(ENDED_MAX);
    let mut gone = Vec::new();
    for (place, (ended_ms, record)) in ended.into_iter().enumerate() {
        if gone.len() == AT_ONCE || (place >= surplus && ended_ms >= cutoff_ms) {
            break;
        }
        // It looks again whether somebody holds it.
        match remove(root, &record.id) {
            Ok(()) => gone.push(record.id.clone()),
            Err(err) => tracing::debug!("an ended terminal is not forgotten: {err}"),
        }
    }
    records.retain(|record| !gone.contains(&record.id));
}

fn is_over(record: &TerminalRecord) -> bool {
    matches!(record.state, TerminalState::Exited { held: false, .. } | TerminalState::Lost)
}

/// When it ended; of one whose holder could not say, when something was last written.
fn ended_ms(record: &TerminalRecord, now: SystemTime) -> u64 {
    if let Some(ended_ms) = record.session.as_ref().and_then(|session| session.ended_at_ms()) {
        return ended_ms;
    }
    let files = ["stdout", "session.json"].map(|name| record.dir.join(name).symlink_metadata());
    let written = files.into_iter().flatten().filter_map(|facts| facts.modified().ok()).max();
    unix_ms(written.unwrap_or(now))
}

fn unix_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
