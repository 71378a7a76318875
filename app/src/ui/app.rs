//! The native window: one frame, one waker, and the quiet between frames.

use super::action::{Action, Actions};
use super::clock::{self, Clock};
use super::frames::Frames;
use super::markdown;
use super::pointer_events::Gathered;
use super::shell::{View, shell_ui};
use super::state::{Dialog, UiState, waiting};
use super::terminal;
use crate::link::{FromWindow, Waker, WindowLink};
use crate::os::fonts::NamedFonts;
use crate::terminal_link::TerminalPort;
use anyhow::{anyhow, ensure};
use crossbeam_channel::TrySendError;
use eframe::egui::{self, Context, IconData, UserAttentionType, ViewportBuilder, ViewportCommand};
use magia_core::settings::CloseBehavior;
use magia_core::snapshot::Snapshot;
use magia_core::tray::TrayHost;
use magia_protocol::wire::{Command, SessionId, SessionState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use winit::event_loop::EventLoop;

/// Half a beat of a working session's dot.
const HALF_BEAT: Duration = Duration::from_millis(500);

/// How often the focus of a raised window is asked for.
const FOCUS_TRIES: u8 = 8;

/// The pause between two of these.
const FOCUS_PAUSE: Duration = Duration::from_millis(120);

/// How often the hub is told that a person does something here.
const USED_EVERY_S: f64 = 5.0;

/// How the window is to be.
#[derive(Clone, Debug)]
pub struct WindowOptions {
    /// Size in points.
    pub size: [f32; 2],
    /// No pulse.
    pub reduced_motion: bool,
}

impl Default for WindowOptions {
    fn default() -> Self {
        Self { size: [1_280.0, 800.0], reduced_motion: false }
    }
}

/// How a window of ours is drawn and takes keys, for the programs that measure it too.
pub fn native_options(viewport: ViewportBuilder) -> eframe::NativeOptions {
    eframe::NativeOptions {
        viewport,
        renderer: eframe::Renderer::Glow,
        // All areas have one colour: there are no steps between colours that noise could hide, and it takes as long as
        // all other work on a pixel where there is no GPU.
        dithering: false,
        persist_window: false,
        // In a terminal Ctrl+C is the program's; `raw_input_hook` makes copy of it everywhere else.
        clipboard_shortcuts: false,
        ..Default::default()
    }
}

/// Opens the window and stays until it is closed. `on_start` gets the bell to ring when there is a new snapshot.
///
/// # Errors
/// When there is no display, or it cannot be drawn on.
pub fn run(link: WindowLink, options: WindowOptions, on_start: impl FnOnce(Waker)) -> anyhow::Result<()> {
    let viewport = ViewportBuilder::default()
        .with_app_id("magia")
        .with_title("magia")
        .with_inner_size(options.size)
        .with_min_inner_size([800.0, 500.0])
        .with_icon(icon());
    let native = native_options(viewport);
    // The loop's own text is a path in a library and the names of environment variables.
    let events = EventLoop::with_user_event()
        .build()
        .map_err(|_err| anyhow!("the window cannot be opened: there is no display"))?;
    let (opened, closed) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let app = eframe::create_native(
        "magia",
        native,
        Box::new({
            let (opened, closed) = (Arc::clone(&opened), Arc::clone(&closed));
            move |context| {
                opened.store(true, Ordering::Relaxed);
                let named = Arc::new(NamedFonts::new(super::fonts::mono_fallbacks()));
                context.egui_ctx.add_font_provider(named.clone());
                let mut window = Window::new(link, options, &context.egui_ctx);
                window.named = Some(named);
                window.closed = closed;
                on_start(window.waker());
                Ok(Box::new(window))
            }
        }),
        &events,
    );
    let mut app = Gathered::new(app, closed);
    events.run_app(&mut app).map_err(|err| anyhow!("the window broke: {err}"))?;
    // Why is in the log: eframe keeps it to itself.
    ensure!(opened.load(Ordering::Relaxed), "the window cannot be opened: OpenGL cannot be used here");
    ensure!(!app.is_broken(), "the window broke: the log says why");
    Ok(())
}

/// The window's program.
pub struct Window {
    ctx: Context,
    link: WindowLink,
    terminals: TerminalPort,
    options: WindowOptions,
    snapshot: Arc<Snapshot>,
    /// Whether a session is at work.
    works: bool,
    state: UiState,
    bell: Arc<Bell>,
    told: Option<(bool, Option<SessionId>)>,
    /// Fonts of the system; none in tests.
    named: Option<Arc<NamedFonts>>,
    was_focused: bool,
    /// It was closed in good order.
    closed: Arc<AtomicBool>,
    /// When the hub was last told that the window is used, by egui's clock.
    told_used_s: Option<f64>,
    attention: usize,
    /// The window was raised and did not get the focus: the desktop was asked to point at it.
    asked_for_focus: bool,
    /// How often the focus is still to be asked for: a window that was hidden cannot have it before it is on the screen.
    asks_for_focus: u8,
    /// It was closed into the tray.
    in_tray: bool,
    hub_gone: bool,
    frames: Frames,
}

/// Says whether a frame is on its way already, and whether anyone would see it.
#[derive(Debug, Default)]
struct Bell {
    dirty: AtomicBool,
    hidden: AtomicBool,
}

impl Window {
    /// A window on an egui context.
    pub fn new(link: WindowLink, options: WindowOptions, ctx: &Context) -> Self {
        super::install(ctx);
        let bell: Arc<Bell> = Arc::default();
        let terminals = TerminalPort::new(link.to_terminals.clone(), waker(ctx, &bell));
        Self {
            ctx: ctx.clone(),
            link,
            terminals,
            options,
            snapshot: Arc::default(),
            works: false,
            state: UiState::default(),
            bell,
            told: None,
            named: None,
            was_focused: false,
            closed: Arc::default(),
            told_used_s: None,
            attention: 0,
            asked_for_focus: false,
            asks_for_focus: 0,
            in_tray: false,
            hub_gone: false,
            frames: Frames::default(),
        }
    }

    /// Rings for a frame. A hidden window's frames are worth nothing, but its `logic` has to hear of a wish to
    /// be raised: so it is rung for too, and egui holds that to ten times a second.
    pub fn waker(&self) -> Waker {
        waker(&self.ctx, &self.bell)
    }

    fn drain(&mut self, ctx: &Context, now_s: f64) {
        // In one order with what the hub does, or a snapshot sent just now could be missed by both.
        self.bell.dirty.store(false, Ordering::SeqCst);
        let mut newest = None;
        while let Ok(snapshot) = self.link.snapshots.try_recv() {
            newest = Some(snapshot);
        }
        let Some(snapshot) = newest else { return };
        let wanted = self.state.follow(&snapshot, now_s);
        self.works = snapshot.sessions.iter().any(|session| session.state == SessionState::Working);
        self.snapshot = snapshot;
        self.state.look.follow(ctx, &self.snapshot, self.named.as_deref());
        if wanted.raise {
            ctx.send_viewport_cmd(ViewportCommand::Visible(true));
            ctx.send_viewport_cmd(ViewportCommand::Minimized(false));
            ctx.send_viewport_cmd(ViewportCommand::Focus);
            self.in_tray = false;
            self.bell.hidden.store(false, Ordering::Release);
            // Where a program cannot raise itself, as on Wayland, its window is pointed at.
            if !ctx.input(|input| input.focused) {
                let attention = UserAttentionType::Informational;
                ctx.send_viewport_cmd(ViewportCommand::RequestUserAttention(attention));
                self.asked_for_focus = true;
                self.asks_for_focus = FOCUS_TRIES;
            }
        }
    }

    /// What the close button does: into the tray, a question where there is none, or the end.
    fn closing(&mut self, ctx: &Context) {
        let stays = self.snapshot.settings.notices.close == CloseBehavior::MinimizeToTray;
        if !stays || !ctx.input(|input| input.viewport().close_requested()) {
            return;
        }
        if self.snapshot.tray == TrayHost::Present {
            // Without the core nothing would bring the window back: then it is the end.
            if !matches!(self.link.to_hub.try_send(FromWindow::Hidden), Err(TrySendError::Disconnected(_))) {
                ctx.send_viewport_cmd(ViewportCommand::CancelClose);
                ctx.send_viewport_cmd(ViewportCommand::Visible(false));
                self.in_tray = true;
            }
        } else if self.state.dialogs.front() != Some(&Dialog::NoTray) {
            // Whoever closes it again means it.
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            self.state.dialogs.push_front(Dialog::NoTray);
        }
    }

    /// winit asks for the focus of a window only once that is on the screen, which a hidden one is some frames later.
    fn ask_for_focus_again(&mut self, ctx: &Context, came: bool) {
        if came || self.in_tray {
            self.asks_for_focus = 0;
        } else if self.asks_for_focus > 0 {
            self.asks_for_focus -= 1;
            ctx.send_viewport_cmd(ViewportCommand::Focus);
            ctx.request_repaint_after(FOCUS_PAUSE);
        }
    }

    /// The tray went away and has not come back: the window does not stay where nothing can bring it back.
    fn come_back(&mut self, ctx: &Context, now_s: f64) {
        if self.in_tray && self.snapshot.tray == TrayHost::Absent {
            self.in_tray = false;
            ctx.send_viewport_cmd(ViewportCommand::Visible(true));
            self.state.toasts.say("The tray has gone, so the window is back".to_owned(), now_s);
        }
    }

    /// The task bar asks for attention while something waits and the window is not in front; anew for each.
    fn ask_for_attention(&mut self, ctx: &Context, focused: bool) {
        let waiting = waiting(&self.snapshot);
        if focused || waiting == 0 {
            if self.attention > 0 {
                ctx.send_viewport_cmd(ViewportCommand::RequestUserAttention(UserAttentionType::Reset));
            }
            self.attention = 0;
        } else if waiting > self.attention {
            ctx.send_viewport_cmd(ViewportCommand::RequestUserAttention(UserAttentionType::Informational));
            self.attention = waiting;
        } else {
            self.attention = waiting;
        }
    }

    fn tell(&mut self, focused: bool) {
        let now = (focused, self.state.selected);
        if self.told != Some(now) {
            let changed = FromWindow::Changed { focused, selected: self.state.selected };
            if self.link.to_hub.try_send(changed).is_ok() {
                self.told = Some(now);
            }
        }
    }

    /// Tells that a person is here, from time to time: agents wait longer for an answer then.
    fn tell_use(&mut self, ctx: &Context, now_s: f64) {
        let due = self.told_used_s.is_none_or(|told_s| now_s - told_s >= USED_EVERY_S);
        if due && ctx.input(is_used) && self.link.to_hub.try_send(FromWindow::Used).is_ok() {
            self.told_used_s = Some(now_s);
        }
    }

    fn send(&mut self, command: Command, now_s: f64) {
        match self.link.to_hub.try_send(FromWindow::Command(command)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                self.state.toasts.fail("magia is busy: that was not done, try again".to_owned(), now_s);
            }
            Err(TrySendError::Disconnected(_)) => self.hub_gone = true,
        }
        if std::mem::take(&mut self.hub_gone) {
            self.state.toasts.fail("magia's core stopped: restart it".to_owned(), now_s);
        }
    }

    fn act(&mut self, actions: Actions, ctx: &Context, now_s: f64) {
        if actions.is_empty() {
            return;
        }
        for action in actions {
            let command = self.state.apply(action, &self.snapshot, ctx, now_s);
            if let Some(command) = command {
                self.send(command, now_s);
            }
        }
        ctx.request_repaint_after(Duration::from_millis(1));
    }

    /// Asks for the next frame, when something on screen changes by itself.
    fn plan_next_frame(&mut self, ctx: &Context, clock: &Clock, focused: bool) {
        let now_s = clock.now_s;
        let mut next: Option<Duration> = clock.next_change_ms().map(|left| Duration::from_millis(left + 20));
        let mut sooner = |other: Duration| next = Some(next.map_or(other, |next| next.min(other)));
        if let Some(left) = self.state.toasts.expire(now_s) {
            sooner(Duration::from_secs_f64(left.max(0.02)));
        }
        if self.pulses(focused) {
            let beat = HALF_BEAT.as_secs_f64();
            sooner(Duration::from_secs_f64((beat - now_s % beat).max(0.02)));
        }
        if let Some(next) = next {
            ctx.request_repaint_after(next);
        }
    }

    fn pulses(&self, focused: bool) -> bool {
        focused && !self.options.reduced_motion && !self.snapshot.settings.reduced_motion && self.works
    }
}

impl eframe::App for Window {
    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.closed.store(true, Ordering::Relaxed);
    }

    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        let (focused, came, hidden, now_s) = ctx.input(|input| {
            let viewport = input.viewport();
            let hidden =
                viewport.minimized == Some(true) || viewport.visible() == Some(false) || self.in_tray;
            // It may have had the focus between two frames, and lost it again to whoever turned elsewhere.
            let came = input.events.iter().any(|event| matches!(event, egui::Event::WindowFocused(true)));
            (input.focused, came, hidden, input.time)
        });
        self.bell.hidden.store(hidden, Ordering::Release);
        self.drain(ctx, now_s);
        self.closing(ctx);
        self.come_back(ctx, now_s);
        self.bell.hidden.fetch_or(self.in_tray, Ordering::AcqRel);
        let focused = focused && !self.in_tray;
        let came = (focused || came) && !self.in_tray;
        self.ask_for_focus_again(ctx, came);
        if came && std::mem::take(&mut self.asked_for_focus) {
            ctx.send_viewport_cmd(ViewportCommand::RequestUserAttention(UserAttentionType::Reset));
        }
        if focused && !self.was_focused {
            self.state.cards.rearm(now_s);
        }
        self.was_focused = focused;
        self.ask_for_attention(ctx, focused);
        self.tell(focused);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        let (focused, minimized, now_s) =
            ctx.input(|input| (input.focused, input.viewport().minimized == Some(true), input.time));
        if minimized || self.bell.hidden.load(Ordering::Acquire) {
            return;
        }
        let frame = self.frames.begin();
        let clock = Clock::new(now_ms(), now_s, clock::local);
        let pulse = self.pulses(focused) && (now_s / HALF_BEAT.as_secs_f64()) as u64 % 2 == 1;
        let mut actions = Actions::new();
        let snapshot = Arc::clone(&self.snapshot);
        let view = View { snapshot: &snapshot, terminals: &self.terminals, clock: &clock, pulse };
        shell_ui(ui, view, &mut self.state, &mut actions);
        markdown::keep_web_links(&ctx);
        if let Some(zoom) = self.state.look.zoomed(&ctx) {
            actions.push(Action::setting("zoomFactor", zoom));
        }
        self.act(actions, &ctx, now_s);
        self.tell(focused);
        self.tell_use(&ctx, now_s);
        self.plan_next_frame(&ctx, &clock, focused);
        if let Some(frame) = frame {
            frame.end(clock.now_ms.saturating_sub(snapshot.made_at_ms));
        }
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }

    fn persist_egui_memory(&self) -> bool {
        false
    }

    fn raw_input_hook(&mut self, ctx: &Context, input: &mut egui::RawInput) {
        terminal::clipboard::translate(ctx, input);
    }
}

fn waker(ctx: &Context, bell: &Arc<Bell>) -> Waker {
    let (ctx, bell) = (ctx.clone(), Arc::clone(bell));
    Waker::new(move || {
        if !bell.dirty.swap(true, Ordering::SeqCst) {
            let hidden = bell.hidden.load(Ordering::Acquire);
            let soon = if hidden { Duration::from_millis(100) } else { Duration::from_millis(1) };
            ctx.request_repaint_after(soon);
        }
    })
}

/// Whether a person did something since the last frame.
fn is_used(input: &egui::InputState) -> bool {
    use egui::Event;
    input.events.iter().any(|event| {
        matches!(
            event,
            Event::Key { .. }
                | Event::Text(_)
                | Event::Ime(_)
                | Event::Paste(_)
                | Event::PointerMoved(_)
                | Event::PointerButton { .. }
                | Event::MouseWheel { .. }
                | Event::Touch { .. }
        )
    })
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The window's icon: a ring with a point in the accent's colour.
fn icon() -> IconData {
    const SIDE: u32 = 64;
    let [red, green, blue, _] = super::theme::Palette::of(egui::Theme::Dark).primary.to_array();
    let mut rgba = Vec::with_capacity((SIDE * SIDE * 4) as usize);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let (dx, dy) = (x as f32 - 31.5, y as f32 - 31.5);
            let r = dx.hypot(dy);
            let ring = (4.5 - (r - 24.0).abs()).clamp(0.0, 1.0);
            let point = (9.5 - r).clamp(0.0, 1.0);
            rgba.extend([red, green, blue, (ring.max(point) * 255.0) as u8]);
        }
    }
    IconData { rgba, width: SIDE, height: SIDE }
}
