//! Whole-program tests: the real binaries, sockets, terminals and agents, each run in a directory of its own.
//!
//! A test starts with [`sandbox_test`], which gives it a [`Sandbox`]: private HOME, XDG directories, runtime
//! directory and environment, and an end to everything it started. [`FakeModel`] stands for the model's
//! server, [`Claude`] starts the real Claude Code in a terminal ([`InteractiveClaude`]) or with JSON lines
//! ([`StreamClaude`]), [`Codex`] the real Codex on its daemon or without, [`Gemini`] the real Gemini CLI, [`ScriptedAgent`] fires hooks without one. [`App`] is magia without its window, [`Window`] magia with it, and [`Cli`] the command
//! line; [`Scene`] is all of it together. Nothing sleeps: [`wait_until`] waits for a named fact.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod agent;
mod app;
mod bus;
mod claude;
mod cli;
mod codex;
mod codex_hooks;
mod codex_trust;
mod display;
mod dunst;
pub mod exporter;
mod gemini;
pub mod http;
mod ide;
mod model;
mod process;
mod registry;
mod sandbox;
mod scene;
mod shown;
pub mod spawn;
pub mod states;
mod states_claude;
mod states_codex;
mod states_gemini;
mod states_ground;
mod stream;
mod terminal;
pub mod tidy;
mod tray;
mod wait;
mod window;

pub use agent::{RunningHook, ScriptedAgent};
pub use app::{App, Reply, binary, magia};
pub use bus::Bus;
pub use claude::{CLAUDE_VERSION, Claude, InteractiveClaude};
pub use cli::{Cli, text, with_json};
pub use codex::{CODEX_VERSION, Codex, InteractiveCodex};
pub use codex_trust::CodexHook;
pub use display::Display;
pub use dunst::Dunst;
pub use gemini::{GEMINI_VERSION, Gemini, InteractiveGemini};
pub use ide::{IdeAgent, ide_door};
pub use model::{FakeModel, Vendor, script, steps};
pub use process::Program;
pub use registry::RegistryEntry;
pub use sandbox::{Sandbox, sandbox_test};
pub use scene::{Scene, bash, touch};
pub use shown::{ShownTerminal, hold, hold_with};
pub use states_claude::ClaudePlayer;
pub use states_codex::CodexPlayer;
pub use states_gemini::GeminiPlayer;
pub use states_ground::Ground;
pub use stream::{StreamClaude, ToolRequest};
pub use terminal::{Key, Terminal};
pub use tray::{MenuEntry, Panel, TrayIcon};
pub use wait::{PATIENCE, wait_until};
pub use window::{Element, Window};
