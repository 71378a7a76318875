//! The tray: an icon that says whether something needs the user, and a menu.
//!
//! It follows snapshots on a thread of its own and is no part of any frame. There is an icon only while the bus has a
//! StatusNotifier watcher; whether someone shows it is asked and told to the hub, since a window may be closed into a
//! tray only where there is one. tray-icon's `ksni` part registers the icon anew when the watcher restarts.

mod icon;
mod menu;
mod watch;

pub use icon::TrayColors;

use crate::service::{Outbox, ServiceThread};
use crossbeam_channel::{Receiver, Sender, bounded, never, select};
use icon::draw;
use magia_core::event::Event;
use magia_core::snapshot::Snapshot;
use magia_core::tray::{TrayChoice, TrayHost, TrayView};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tray_icon::menu::MenuEvent;
use tray_icon::{MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent};
use watch::{Seen, Watch};

/// Choices on the way to the thread; a person makes none so fast.
const CHOICES: usize = 64;
/// How long a bus that hangs may keep the program from ending.
const STOP_WAIT: Duration = Duration::from_secs(1);
/// The icon is drawn anew at most so often: a burst of events would flicker.
const CALM: Duration = Duration::from_millis(100);
/// A host that restarts is gone for a moment. Only after this the window is told.
const GRACE: Duration = Duration::from_secs(5);

/// The newest facts, and the bell that says that they are new.
type Newest = Arc<Mutex<Option<Arc<Snapshot>>>>;

/// Shows the icon on a thread of its own. Dropping it takes the icon away.
pub struct Tray {
    newest: Newest,
    ring: Sender<()>,
    thread: ServiceThread,
}

impl Tray {
    /// Starts the thread. What is chosen is told as [`Event::TrayChosen`], whether there is a tray as
    /// [`Event::TrayReported`].
    ///
    /// # Errors
    /// When the system has no thread for us.
    pub fn start(events: Sender<Event>, colors: TrayColors) -> std::io::Result<Self> {
        let newest = Newest::default();
        // One ring is as good as many.
        let (ring, bell) = bounded(1);
        let facts = Arc::clone(&newest);
        let thread = ServiceThread::start("magia-tray", events, move |outbox| {
            let (chosen, choices) = bounded(CHOICES);
            hear_of_choices(chosen);
            let mut worker = Worker { colors, icon: None, shown: None, watch: None, told: TrayHost::Unknown };
            worker.run(&outbox, &bell, &choices, &facts);
        })?;
        Ok(Self { newest, ring, thread })
    }

    /// Shows these facts. Never waits.
    pub fn show(&self, snapshot: &Arc<Snapshot>) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(snapshot));
        // A bell that rings already is enough.
        let _already_ringing = self.ring.try_send(());
    }
}

impl Drop for Tray {
    fn drop(&mut self) {
        if !self.thread.stop_within(STOP_WAIT) {
            tracing::warn!("the tray does not answer; its thread is left behind");
        }
    }
}

impl std::fmt::Debug for Tray {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tray")
    }
}

/// Menu and icon tell of clicks on threads of their own.
fn hear_of_choices(chosen: Sender<TrayChoice>) {
    let clicked = chosen.clone();
    MenuEvent::set_event_handler(Some(move |event: MenuEvent| {
        if let Some(choice) = menu::meaning(event.id.as_ref()) {
            // A full queue is a program that clicks, not a person.
            let _lost = chosen.try_send(choice);
        }
    }));
    TrayIconEvent::set_event_handler(Some(move |event: TrayIconEvent| {
        let left = matches!(
            event,
            TrayIconEvent::Click { button: MouseButton::Left, button_state: MouseButtonState::Up, .. }
        );
        if left {
            let _lost = clicked.try_send(TrayChoice::Show);
        }
    }));
}

struct Worker {
    colors: TrayColors,
    icon: Option<TrayIcon>,
    /// What the icon and its menu show.
    shown: Option<TrayView>,
    watch: Option<Watch>,
    told: TrayHost,
}

impl Worker {
    fn run(&mut self, outbox: &Outbox, bell: &Receiver<()>, choices: &Receiver<TrayChoice>, facts: &Newest) {
        match Watch::start() {
            Ok(watch) => self.watch = Some(watch),
            Err(err) => tracing::info!("no tray: {err}"),
        }
        let mut has_host = self.watch.as_ref().is_some_and(|watch| watch.has_host);
        if self.watch.as_ref().is_some_and(|watch| watch.has_watcher) {
            self.build();
        }
        let mut host = if has_host { TrayHost::Present } else { TrayHost::Absent };
        let (mut calm, mut grace) = (never(), never());
        let mut calms = false;
        loop {
            if self.told != host {
                self.told = host;
                if !outbox.send(Event::TrayReported(host)) {
                    return;
                }
            }
            let seen = self.watch.as_ref().map_or_else(never, |watch| watch.seen.clone());
            select! {
                recv(outbox.stop()) -> _ => return,
                recv(bell) -> rung => {
                    if rung.is_err() {
                        return;
                    }
                    if !std::mem::replace(&mut calms, true) {
                        calm = crossbeam_channel::after(CALM);
                    }
                }
                recv(calm) -> _ => {
                    (calm, calms) = (never(), false);
                    let newest = facts.lock().unwrap_or_else(PoisonError::into_inner).take();
                    if let Some(snapshot) = newest {
                        self.show(TrayView::of(&snapshot));
                    }
                }
                recv(choices) -> choice => {
                    let Ok(choice) = choice else { return };
                    if !outbox.send(Event::TrayChosen(choice)) {
                        return;
                    }
                }
                recv(grace) -> _ => {
                    grace = never();
                    host = TrayHost::Absent;
                }
                recv(seen) -> seen => match seen {
                    Ok(Seen::Host(here)) => {
                        if here {
                            host = TrayHost::Present;
                            grace = never();
                        } else if has_host {
                            grace = crossbeam_channel::after(GRACE);
                        }
                        has_host = here;
                    }
                    Ok(Seen::Watcher) if self.icon.is_none() => self.build(),
                    Ok(Seen::Watcher) => {}
                    // The bus is gone, and the icon with it.
                    Err(_) => {
                        self.watch = None;
                        host = TrayHost::Absent;
                    }
                },
            }
        }
    }

    fn build(&mut self) {
        let view = self.shown.clone().unwrap_or_default();
        let icon = match draw(&view, &self.colors) {
            Ok(icon) => icon,
            Err(err) => return tracing::error!("the tray's icon cannot be drawn: {err}"),
        };
        let built = TrayIconBuilder::new()
            .with_id("magia")
            .with_title("magia")
            .with_tooltip(&view.words)
            .with_icon(icon)
            .with_menu(Box::new(menu::build(&view)))
            .build();
        match built {
            Ok(icon) => self.icon = Some(icon),
            Err(err) => tracing::warn!("the tray's icon cannot be shown: {err}"),
        }
    }

    /// Shows what differs.
    fn show(&mut self, view: TrayView) {
        let before = self.shown.replace(view);
        let (Some(icon), Some(view)) = (&mut self.icon, &self.shown) else { return };
        let same =
            |part: fn(&TrayView, &TrayView) -> bool| before.as_ref().is_some_and(|before| part(before, view));
        if !same(|a, b| (a.state, a.waiting) == (b.state, b.waiting)) {
            let drawn = draw(view, &self.colors).map(Some);
            if let Err(err) = drawn
                .map_err(|err| err.to_string())
                .and_then(|drawn| icon.set_icon(drawn).map_err(|err| err.to_string()))
            {
                tracing::warn!("the tray's icon stays as it was: {err}");
            }
        }
        if !same(|a, b| a.words == b.words)
            && let Err(err) = icon.set_tooltip(Some(&view.words))
        {
            tracing::warn!("the tray's words stay as they were: {err}");
        }
        // Words and count have their own places; the menu is made anew only when it reads otherwise.
        if !same(|a, b| {
            let strip = |view: &TrayView| TrayView { words: String::new(), waiting: 0, ..view.clone() };
            strip(a) == strip(b)
        }) {
            icon.set_menu(Some(Box::new(menu::build(view))));
        }
    }
}
