//! A terminal by itself, with a real program in it: the test bench of `ui::terminal`.
//!
//! ```text
//! terminal [--light] [--size WxH] [--zoom Z] [--font POINTS] [--family NAME] [--line-height H] [--cursor block|bar|underline]
//!          [--grid COLUMNSxLINES] [--] [PROGRAM ARGUMENT...]
//! ```
//! `--grid` keeps the grid at one size, as when another client owns it.
#![allow(missing_docs, clippy::print_stderr)]

use alacritty_terminal::Term;
use alacritty_terminal::event::{Event, EventListener, WindowSize};
use alacritty_terminal::event_loop::{EventLoop, EventLoopSender, Msg};
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::sync::FairMutex;
use alacritty_terminal::term::Config;
use alacritty_terminal::tty::{self, Options, Shell};
use eframe::egui;
use magia_app::ui::terminal::{FontZoom, GridSize, TerminalOptions, TerminalStyle, TerminalView, clipboard};
use magia_app::ui::theme::terminal::TerminalInk;
use magia_core::settings::TerminalCursor;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

struct Arguments {
    light: bool,
    size: [f32; 2],
    zoom: f32,
    style: TerminalStyle,
    grid: Option<(u16, u16)>,
    program: Vec<String>,
}

fn main() -> anyhow::Result<()> {
    let arguments = read()?;
    let viewport = egui::ViewportBuilder::default()
        .with_title("terminal")
        .with_app_id("magia-terminal")
        .with_inner_size(arguments.size);
    let native = magia_app::ui::native_options(viewport);
    eframe::run_native(
        "terminal",
        native,
        Box::new(move |context| Ok(Box::new(Bench::start(arguments, context)?))),
    )
    .map_err(|err| anyhow::anyhow!("{err}"))
}

fn read() -> anyhow::Result<Arguments> {
    let mut style = TerminalStyle::default();
    let mut arguments = Arguments {
        light: false,
        size: [1_000.0, 600.0],
        zoom: 1.0,
        style: style.clone(),
        grid: None,
        program: Vec::new(),
    };
    let mut words = std::env::args().skip(1);
    let pair = |word: Option<String>| -> anyhow::Result<(f32, f32)> {
        let word = word.unwrap_or_default();
        let (one, other) = word.split_once('x').ok_or_else(|| anyhow::anyhow!("{word:?} is no AxB"))?;
        Ok((one.parse()?, other.parse()?))
    };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--light" => arguments.light = true,
            "--size" => arguments.size = pair(words.next())?.into(),
            "--grid" => {
                let (columns, lines) = pair(words.next())?;
                arguments.grid = Some((columns as u16, lines as u16));
            }
            "--zoom" => arguments.zoom = words.next().unwrap_or_default().parse()?,
            "--font" => style.font_size = words.next().unwrap_or_default().parse()?,
            "--family" => style.font_family = words.next().unwrap_or_default(),
            "--line-height" => style.line_height = words.next().unwrap_or_default().parse()?,
            "--no-blink" => style.blink = false,
            "--cursor" => {
                let shape = words.next().unwrap_or_default();
                let known = TerminalCursor::ALL.iter().find(|cursor| cursor.as_str() == shape);
                style.cursor = *known.ok_or_else(|| anyhow::anyhow!("{shape:?} is no cursor"))?;
            }
            "--" => arguments.program.extend(words.by_ref()),
            _ => {
                arguments.program.push(word);
                arguments.program.extend(words.by_ref());
            }
        }
    }
    arguments.style = style;
    Ok(arguments)
}

/// Columns and lines for the emulator.
struct Cells(usize, usize);

impl Dimensions for Cells {
    fn total_lines(&self) -> usize {
        self.1
    }

    fn screen_lines(&self) -> usize {
        self.1
    }

    fn columns(&self) -> usize {
        self.0
    }
}

/// What emulator and window share.
#[derive(Default)]
struct Shared {
    sender: OnceLock<EventLoopSender>,
    ctx: OnceLock<egui::Context>,
    dirty: AtomicBool,
    bells: AtomicU64,
    ended: AtomicBool,
    title: Mutex<Option<String>>,
    size: Mutex<GridSize>,
    light: AtomicBool,
    stored: Mutex<Option<String>>,
}

#[derive(Clone)]
struct Listener(Arc<Shared>);

impl Listener {
    fn answer(&self, text: String) {
        if let Some(sender) = self.0.sender.get() {
            let _ended = sender.send(Msg::Input(text.into_bytes().into()));
        }
    }
}

impl EventListener for Listener {
    fn send_event(&self, event: Event) {
        let shared = &self.0;
        match event {
            Event::PtyWrite(text) => self.answer(text),
            Event::ColorRequest(index, format) => {
                let light = shared.light.load(Ordering::Relaxed);
                let ink = TerminalInk::of(if light { egui::Theme::Light } else { egui::Theme::Dark });
                let palette = ink.palette();
                self.answer(format(palette.color(index).unwrap_or(palette.foreground)));
            }
            Event::TextAreaSizeRequest(format) => {
                let size = *shared.size.lock().unwrap_or_else(PoisonError::into_inner);
                self.answer(format(window_size(size)));
            }
            Event::Title(title) => *shared.title.lock().unwrap_or_else(PoisonError::into_inner) = Some(title),
            Event::ClipboardStore(_, text) => {
                *shared.stored.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
            }
            Event::Bell => {
                shared.bells.fetch_add(1, Ordering::Relaxed);
            }
            Event::ChildExit(_) | Event::Exit => shared.ended.store(true, Ordering::Relaxed),
            _ => {}
        }
        if !shared.dirty.swap(true, Ordering::AcqRel)
            && let Some(ctx) = shared.ctx.get()
        {
            ctx.request_repaint_after(Duration::from_millis(1));
        }
    }
}

fn window_size(size: GridSize) -> WindowSize {
    WindowSize {
        num_lines: size.lines.max(1),
        num_cols: size.columns.max(2),
        cell_width: size.cell_width,
        cell_height: size.cell_height,
    }
}

struct Bench {
    shared: Arc<Shared>,
    term: Arc<FairMutex<Term<Listener>>>,
    view: TerminalView,
    style: TerminalStyle,
    fixed: Option<(u16, u16)>,
    bells: u64,
}

impl Bench {
    fn start(arguments: Arguments, context: &eframe::CreationContext<'_>) -> anyhow::Result<Self> {
        let ctx = &context.egui_ctx;
        magia_app::ui::install(ctx);
        let fallbacks = magia_app::ui::fonts::mono_fallbacks();
        ctx.add_font_provider(Arc::new(magia_app::os::fonts::NamedFonts::new(fallbacks)));
        ctx.set_theme(if arguments.light { egui::Theme::Light } else { egui::Theme::Dark });
        ctx.set_zoom_factor(arguments.zoom);
        let shared = Arc::new(Shared::default());
        shared.light.store(arguments.light, Ordering::Relaxed);
        let _first = shared.ctx.set(ctx.clone());
        let listener = Listener(Arc::clone(&shared));
        let (columns, lines) = arguments.grid.unwrap_or((80, 24));
        let config = Config {
            kitty_keyboard: true,
            default_cursor_style: arguments.style.default_cursor(),
            ..Config::default()
        };
        let cells = Cells(usize::from(columns), usize::from(lines));
        let term = Arc::new(FairMutex::new(Term::new(config, &cells, listener.clone())));
        let shell =
            arguments.program.split_first().map(|(program, rest)| Shell::new(program.clone(), rest.to_vec()));
        let env: HashMap<String, String> = [("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let options = Options { shell, drain_on_exit: true, env, ..Options::default() };
        let size = GridSize { columns, lines, cell_width: 8, cell_height: 17 };
        let pty = tty::new(&options, window_size(size), 0)?;
        let events = EventLoop::new(Arc::clone(&term), listener, pty, true, false)?;
        let _first = shared.sender.set(events.channel());
        drop(events.spawn());
        let mut view = TerminalView::new(egui::Id::unique("terminal"));
        view.focus();
        Ok(Self { shared, term, view, style: arguments.style, fixed: arguments.grid, bells: 0 })
    }

    fn send(&self, message: Msg) {
        if let Some(sender) = self.shared.sender.get() {
            let _ended = sender.send(message);
        }
    }
}

impl eframe::App for Bench {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.shared.dirty.store(false, Ordering::Release);
        if self.shared.ended.load(Ordering::Relaxed) {
            ctx.send_viewport_cmd(egui::ViewportCommand::Close);
        }
        let bells = self.shared.bells.load(Ordering::Relaxed);
        if bells != std::mem::replace(&mut self.bells, bells) {
            self.view.ring();
        }
        if let Some(title) = self.shared.title.lock().unwrap_or_else(PoisonError::into_inner).take() {
            ctx.send_viewport_cmd(egui::ViewportCommand::Title(title));
        }
        if let Some(text) = self.shared.stored.lock().unwrap_or_else(PoisonError::into_inner).take() {
            eprintln!("the program wants to copy {text:?}");
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        let options =
            TerminalOptions { style: &self.style, name: "Terminal", sized_elsewhere: self.fixed.is_some() };
        let events = egui::CentralPanel::default()
            .frame(egui::Frame::NONE)
            .show(ui, |ui| self.view.show(ui, &self.term, &options))
            .inner;
        if let Some(size) = events.size.filter(|_| self.fixed.is_none()) {
            *self.shared.size.lock().unwrap_or_else(PoisonError::into_inner) = size;
            self.term.lock().resize(Cells(usize::from(size.columns), usize::from(size.lines)));
            self.send(Msg::Resize(window_size(size)));
            ui.ctx().request_repaint_after(Duration::from_millis(1));
        }
        if !events.bytes.is_empty() {
            self.send(Msg::Input(events.bytes.into()));
        }
        if let Some(text) = events.copy {
            ui.ctx().copy_text(text);
        }
        if let Some(text) = events.select {
            ui.ctx().output_mut(|output| {
                output.commands.push(egui::OutputCommand::TextSelectionSettled(text));
            });
        }
        if let Some(target) = events.open {
            eprintln!("open {target}");
        }
        if let Some(zoom) = events.zoom {
            self.style.font_size = self.style.zoomed(zoom);
            if zoom == FontZoom::Reset {
                ui.ctx().set_zoom_factor(1.0);
            }
        }
    }

    fn raw_input_hook(&mut self, ctx: &egui::Context, input: &mut egui::RawInput) {
        clipboard::translate(ctx, input);
    }

    fn persist_egui_memory(&self) -> bool {
        false
    }
}
