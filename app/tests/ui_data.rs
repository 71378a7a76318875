//! What the panels say, without drawing.
#![cfg(feature = "window")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod ui_scenes;

use magia_app::ui::panels::banners::banners;
use magia_app::ui::panels::card::CardData;
use magia_app::ui::panels::details::DetailsData;
use magia_app::ui::panels::sessions::{Made, Row, SessionsData};
use magia_app::ui::panels::timeline::TimelineData;
use magia_app::ui::panels::top_bar::TopBarData;
use magia_core::tray::TrayView;
use std::collections::HashSet;
use std::sync::Arc;
use ui_scenes::{busy, scene, session_id};

const NOW_MS: u64 = 1_795_257_667_000;

fn lines(data: &SessionsData) -> String {
    let lines = data.rows.iter().map(|row| match row {
        Row::Heading { text, count, .. } => format!("{text} {count}"),
        Row::Request(row) => format!("  {} | {} | {}", row.title, row.what, row.state),
        Row::Session(row) => {
            let pin = if row.pinned { " (pinned)" } else { "" };
            format!("  {}{pin} | {} | {}", row.title, row.state, row.place)
        }
        Row::Ended { count, open, .. } => format!("  {count} ended, open: {open}"),
        Row::Note(words) => format!("  {words}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_list() {
    insta::assert_snapshot!(lines(&SessionsData::new(&busy(NOW_MS), "")));
}

#[test]
fn who_waits_in_a_terminal_needs_you_too() {
    use magia_protocol::wire::{RequestState, SessionState};
    let mut snapshot = busy(NOW_MS);
    let count = |snapshot: &_| (TopBarData::new(snapshot).needs_you, TrayView::of(snapshot).waiting);
    let before = count(&snapshot).0;
    assert_eq!(count(&snapshot), (before, before));
    // One whose request has gone to its terminal, and one of which only its state is known.
    let asked = Arc::make_mut(&mut snapshot.requests[0]);
    (asked.answerable, asked.info.state) = (false, RequestState::InTerminal);
    let (gone, title) = (asked.info.session, asked.info.session_title.clone());
    let idle = snapshot.sessions.iter_mut().find(|row| row.state == SessionState::Idle).unwrap();
    Arc::make_mut(idle).state = SessionState::WaitingPermission;
    let (unasked, name) = (idle.id, idle.title.clone());
    assert_eq!(count(&snapshot), (before + 1, before + 1));
    let rows = SessionsData::new(&snapshot, "").rows;
    let waiting = rows.iter().filter_map(|row| match row {
        Row::Request(row) if row.id.is_none() => Some((row.session, row.title.as_str(), row.what.as_str())),
        _ => None,
    });
    let rows: Vec<_> = waiting.collect();
    assert_eq!(rows.len(), 2, "{rows:?}");
    for (session, title, what) in
        [(gone, &title, "In its terminal: Bash  "), (unasked, &name, "In its terminal")]
    {
        let row = rows.iter().find(|row| row.0 == session).unwrap();
        assert!(row.1 == title && row.2.starts_with(what), "{row:?}");
    }
}

#[test]
fn a_filter_without_a_hit_says_so_and_keeps_what_needs_you() {
    let text = lines(&SessionsData::new(&busy(NOW_MS), "no such session"));
    assert!(text.starts_with("NEEDS YOU, WHATEVER THE FILTER 3\n"), "{text}");
    assert!(text.ends_with("\n  Nothing matches"), "{text}");
    assert!(!lines(&SessionsData::new(&busy(NOW_MS), "web")).contains("Nothing matches"));
}

#[test]
fn many_ended_sessions_stand_in_one_row() {
    use magia_protocol::wire::SessionState;
    let mut snapshot = busy(NOW_MS);
    let webshop = snapshot.sessions[0].project.clone();
    for number in 0..5 {
        let mut session = (*snapshot.sessions[0]).clone();
        (session.id, session.title) = (session_id(100 + number), format!("Old {number}"));
        (session.state, session.pinned) = (SessionState::Ended, number == 4);
        snapshot.sessions.push(Arc::new(session));
    }
    let text = lines(&SessionsData::new(&snapshot, ""));
    assert!(text.contains("  4 ended, open: false"), "{text}");
    assert!(text.contains("Old 4 (pinned)") && !text.contains("Old 0"), "{text}");
    let found = lines(&SessionsData::new(&snapshot, "old"));
    assert!(
        found.contains("Old 0") && !found.contains("ended, open"),
        "what is searched for is shown: {found}"
    );
    let open = [Arc::from(webshop.to_lowercase())].into();
    let text = lines(&SessionsData::with(&mut Made::default(), &snapshot, "", &open));
    assert!(text.contains("  4 ended, open: true") && text.contains("Old 0"), "{text}");
}

#[test]
fn the_filtered_list() {
    let data = SessionsData::new(&busy(NOW_MS), "WORKING web");
    assert_eq!(data.counts, (1, 9));
    insta::assert_snapshot!(lines(&data));
}

#[test]
fn a_list_under_the_pointer_keeps_its_places() {
    let before = SessionsData::new(&busy(NOW_MS), "");
    let mut snapshot = busy(NOW_MS);
    snapshot.requests.remove(0);
    let after = SessionsData::new(&snapshot, "");
    assert!(!after.keeps_places_of(&before));
    assert!(before.keeps_places_of(&before.clone()));
}

#[test]
fn rows_of_sessions_that_did_not_change_are_kept() {
    let mut made = Made::default();
    let mut snapshot = busy(NOW_MS);
    let before = SessionsData::with(&mut made, &snapshot, "", &HashSet::new());
    let mut changed = (*snapshot.sessions[0]).clone();
    changed.title = "Another title".into();
    let id = changed.id;
    snapshot.sessions[0] = std::sync::Arc::new(changed);
    let gone = snapshot.sessions.remove(1).id;
    let after = SessionsData::with(&mut made, &snapshot, "", &HashSet::new());
    assert_eq!(after, SessionsData::new(&snapshot, ""), "as if all were made anew");
    for row in &after.rows {
        let Row::Session(row) = row else { continue };
        let kept = before
            .rows
            .iter()
            .any(|old| matches!(old, Row::Session(old) if std::sync::Arc::ptr_eq(old, row)));
        assert_eq!(kept, row.id != id, "{}", row.title);
    }
    assert!(after.sessions().all(|id| id != gone));
}

#[test]
fn the_cards() {
    let mut snapshot = scene("long", NOW_MS);
    let mut expired = (*snapshot.requests[1]).clone();
    (expired.answerable, expired.info.agent_id) = (false, Some("a1".into()));
    snapshot.requests.push(std::sync::Arc::new(expired));
    let cards: Vec<CardData> = snapshot.requests.iter().map(|view| CardData::new(view)).collect();
    insta::assert_debug_snapshot!(cards);
}

#[test]
fn the_details() {
    let snapshot = scene("long", NOW_MS);
    let mut session = (*snapshot.sessions[4]).clone();
    session.editor = Some("claude-code 2.1.197".into());
    insta::assert_debug_snapshot!(DetailsData::new(&session));
}

#[test]
fn bar_and_banners() {
    let snapshot = scene("errors", NOW_MS);
    insta::assert_debug_snapshot!((TopBarData::new(&snapshot), banners(&snapshot)));
}

#[test]
fn the_timeline_keeps_rows_that_did_not_change() {
    let mut snapshot = busy(NOW_MS);
    let mut data = TimelineData::default();
    data.update(&snapshot, Some(session_id(1)));
    let before: Vec<_> = data.rows.iter().map(|row| std::sync::Arc::clone(&row.entry)).collect();
    let copied: Vec<String> = data.rows.iter().map(|row| row.copy_text()).collect();
    insta::assert_debug_snapshot!(copied);
    snapshot.revision += 1;
    data.update(&snapshot, Some(session_id(1)));
    let kept = data.rows.iter().zip(&before).filter(|(row, old)| std::sync::Arc::ptr_eq(&row.entry, old));
    assert_eq!(kept.count(), before.len());
    data.update(&snapshot, Some(session_id(2)));
    assert!(data.rows.is_empty() && data.loading, "another session's entries are never shown");
}
