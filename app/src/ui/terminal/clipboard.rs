//! Ctrl+C, Ctrl+X and Ctrl+V: a program's own in a terminal, the clipboard's everywhere else.
//!
//! The window is opened with `clipboard_shortcuts: false`, so that they come as keys. [`translate`] runs before egui sees
//! them and makes the clipboard's events of them again, unless a terminal has the keyboard.

use eframe::egui::{Context, Event, Id, Key, Modifiers, RawInput, ViewportCommand};

/// Where the id of the terminal that is shown and has the focus is kept.
fn key() -> Id {
    Id::unique("terminal with the keyboard")
}

/// Remembers that this widget is a terminal.
pub(super) fn announce(ctx: &Context, terminal: Id) {
    ctx.data_mut(|data| data.insert_temp(key(), terminal));
}

/// Whether a terminal has the keyboard: keys are the program's then, but for the few that the view takes.
pub fn terminal_has_focus(ctx: &Context) -> bool {
    let focused = ctx.memory(|memory| memory.focused());
    focused.is_some() && ctx.data(|data| data.get_temp::<Id>(key())) == focused
}

/// What a key means for the clipboard.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Copy,
    Cut,
    Paste,
}

/// Makes copy, cut and paste of their keys where no terminal has the keyboard. For `App::raw_input_hook`.
pub fn translate(ctx: &Context, input: &mut RawInput) {
    if terminal_has_focus(ctx) {
        return;
    }
    let mut paste = false;
    input.events.retain_mut(|event| {
        let Event::Key { key, pressed: true, modifiers, .. } = event else { return true };
        match wish(*key, *modifiers) {
            Some(Wish::Copy) => *event = Event::Copy,
            Some(Wish::Cut) => *event = Event::Cut,
            Some(Wish::Paste) => {
                paste = true;
                return false;
            }
            None => {}
        }
        true
    });
    if paste {
        // The clipboard's text comes as an event with the next pass.
        ctx.send_viewport_cmd(ViewportCommand::RequestPaste);
    }
}

fn wish(key: Key, modifiers: Modifiers) -> Option<Wish> {
    let windows = cfg!(target_os = "windows");
    match key {
        Key::Copy => Some(Wish::Copy),
        Key::Cut => Some(Wish::Cut),
        Key::Paste => Some(Wish::Paste),
        Key::C if modifiers.command_only() => Some(Wish::Copy),
        Key::X if modifiers.command_only() => Some(Wish::Cut),
        Key::V if modifiers.command_only() => Some(Wish::Paste),
        Key::Insert if windows && modifiers.ctrl => Some(Wish::Copy),
        Key::Delete if windows && modifiers.shift => Some(Wish::Cut),
        Key::Insert if modifiers.shift_only() => Some(Wish::Paste),
        _ => None,
    }
}
