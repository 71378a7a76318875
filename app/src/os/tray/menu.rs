//! The tray's menu. An item's id is what it means, so that a click on an old menu still means what it said.

use magia_core::tray::{TrayChoice, TrayRequest, TrayView};
use magia_protocol::wire::info::Decision;
use tray_icon::menu::{IsMenuItem, Menu, MenuItem, PredefinedMenuItem, Submenu};

const SHOW: &str = "show";
const NEW: &str = "new";
const PAUSE: &str = "pause";
const RESUME: &str = "resume";
const QUIT: &str = "quit";

/// What an item's id means.
pub(super) fn meaning(id: &str) -> Option<TrayChoice> {
    let answer = |id: &str, decision| Some(TrayChoice::Answer { request: id.parse().ok()?, decision });
    match id.split_once(':') {
        None => match id {
            SHOW => Some(TrayChoice::Show),
            NEW => Some(TrayChoice::NewSession),
            PAUSE => Some(TrayChoice::Pause),
            RESUME => Some(TrayChoice::Resume),
            QUIT => Some(TrayChoice::Quit),
            _ => None,
        },
        Some(("session", id)) => id.parse().ok().map(TrayChoice::Open),
        Some(("request", id)) => id.parse().ok().map(TrayChoice::OpenRequest),
        Some(("allow", id)) => answer(id, Decision::Allow),
        Some(("deny", id)) => answer(id, Decision::Deny),
        Some(("project", path)) => Some(TrayChoice::OpenProject(path.to_owned())),
        Some(_) => None,
    }
}

/// The menu for what the tray shows.
pub(super) fn build(view: &TrayView) -> Menu {
    let menu = Menu::new();
    let add = |item: &dyn IsMenuItem| {
        if let Err(err) = menu.append(item) {
            tracing::warn!("an item is missing in the tray's menu: {err}");
        }
    };
    for request in &view.requests {
        add(&request_menu(request));
    }
    if view.more > 0 {
        add(&item(SHOW, &format!("{} more...", view.more)));
    }
    if !view.requests.is_empty() {
        add(&PredefinedMenuItem::separator());
    }
    add(&submenu(
        "Sessions",
        view.sessions.iter().map(|row| (format!("session:{}", row.id), row.line.as_str())),
    ));
    add(&submenu(
        "Projects",
        view.projects.iter().map(|row| (format!("project:{}", row.path), row.name.as_str())),
    ));
    add(&item(NEW, "New session..."));
    add(&PredefinedMenuItem::separator());
    match view.paused {
        true => add(&item(RESUME, "Resume notifications")),
        false => add(&item(PAUSE, "Pause notifications for 1 h")),
    }
    add(&item(SHOW, "Show window"));
    add(&item(QUIT, "Quit"));
    menu
}

fn request_menu(request: &TrayRequest) -> Submenu {
    let id = request.id;
    let mut items = vec![(format!("request:{id}"), "Open")];
    if request.decide {
        items.push((format!("allow:{id}"), "Allow"));
        items.push((format!("deny:{id}"), "Deny"));
    }
    submenu(&request.line, items.into_iter())
}

/// A submenu of ids and words; an empty one cannot be opened.
fn submenu<'a>(title: &str, items: impl Iterator<Item = (String, &'a str)>) -> Submenu {
    let items: Vec<MenuItem> = items.map(|(id, words)| item(&id, words)).collect();
    let menu = Submenu::new(plain(title), !items.is_empty());
    for item in &items {
        if let Err(err) = menu.append(item) {
            tracing::warn!("an item is missing in the tray's menu: {err}");
        }
    }
    menu
}

fn item(id: &str, words: &str) -> MenuItem {
    MenuItem::with_id(id, plain(words), true, None)
}

/// An agent's text names no key: `&` is itself.
fn plain(words: &str) -> String {
    words.replace('&', "&&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_mean_what_they_say_and_nothing_else() {
        let id = "0199aaaa-bbbb-7ccc-8ddd-eeeeff001122";
        let request = id.parse().unwrap();
        let allow = TrayChoice::Answer { request, decision: Decision::Allow };
        assert_eq!(meaning(&format!("allow:{id}")), Some(allow));
        assert_eq!(meaning(&format!("request:{id}")), Some(TrayChoice::OpenRequest(request)));
        assert_eq!(meaning("project:/a:b"), Some(TrayChoice::OpenProject("/a:b".to_owned())));
        assert_eq!(meaning("quit"), Some(TrayChoice::Quit));
        for other in ["", "allow:", "allow:12", "always:0199aaaa-bbbb-7ccc-8ddd-eeeeff001122", "x"] {
            assert_eq!(meaning(other), None, "{other}");
        }
    }
}
