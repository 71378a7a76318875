//! What is typed outside of text fields.

use super::action::{Action, Actions};
use super::command::{self, UiCommand, chord_of, digit};
use super::shell::View;
use super::state::{Recording, Route, UiState};
use super::terminal::clipboard::terminal_has_focus;
use eframe::egui::{Context, Event, Key, Modifiers, Popup};
use magia_core::keys::Keymap;

/// Turns keys into wishes. A dialog and an open menu have the keyboard for themselves, a terminal all but a few chords, a
/// text field all but a few more.
pub fn read(ctx: &Context, view: &View<'_>, state: &mut UiState, actions: &mut Actions) {
    if !state.dialogs.is_empty() || Popup::is_any_open(ctx) {
        return;
    }
    let keymap = &view.snapshot.keymap;
    // A field that has gone from the screen has lost the keyboard: what stood in a title is given up, as with a click
    // elsewhere.
    state.rename.take_if(|rename| !rename.seen.is_there());
    state.recording = state.recording.filter(|recording| recording.seen.is_there());
    if let Some(recording) = state.recording {
        return record(ctx, recording, keymap, state, actions);
    }
    if terminal_has_focus(ctx) {
        let typed = ctx.input_mut(|input| command::take_in_terminal(input, keymap));
        return push(typed.into_iter(), ctx, state, actions);
    }
    let in_field = ctx.text_edit_focused();
    // A field that was just opened gets the focus with its first frame; what is typed until then is meant for
    // it, and must not run commands.
    let typing = in_field
        || state.wants_filter
        || state.timeline.wants_find_focus()
        || state.rename.is_some()
        || state.cards.is_reason_typed();
    let widget_has_focus = ctx.memory(|memory| memory.focused().is_some());
    if typing {
        // Escape belongs to the field; the rest that works there has Ctrl or is a function key.
        let before = ctx.input(|input| input.events.clone());
        let typed = ctx.input_mut(|input| command::take(input, keymap, true));
        if typed.contains(&UiCommand::Back) && in_field {
            ctx.input_mut(|input| input.events = before);
        }
        let ours = typed.into_iter().filter(|command| *command != UiCommand::Back || !in_field);
        push(ours, ctx, state, actions);
        return;
    }
    // Before all else: while a request's card has the keys, digits answer it.
    if state.route == Route::Sessions
        && state.cards.has_keys(&view.snapshot.requests)
        && let Some((digit, modifier)) = ctx.input_mut(digit)
    {
        state.cards.digit(digit, modifier, &view.snapshot.requests, view.clock.now_s, actions);
    }
    if state.route == Route::Sessions
        && !widget_has_focus
        && ctx.input(|input| input.key_pressed(Key::Enter))
        && state.cards.enter(&view.snapshot.requests, view.clock.now_s, actions)
    {
        ctx.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
    }
    let typed = ctx.input_mut(|input| {
        // Enter and arrows belong to a button that has the focus.
        let kept: Vec<_> = if widget_has_focus { input.events.clone() } else { Vec::new() };
        let typed = command::take(input, keymap, false);
        if widget_has_focus {
            input.events = kept;
        }
        typed
    });
    let focus_moves =
        |command: &UiCommand| matches!(command, UiCommand::Open | UiCommand::Up | UiCommand::Down);
    let ours = typed.into_iter().filter(|command| !(widget_has_focus && focus_moves(command)));
    push(ours, ctx, state, actions);
}

/// Takes the next key for a command whose keys are being changed. Escape alone leaves them as they are.
fn record(ctx: &Context, recording: Recording, keymap: &Keymap, state: &mut UiState, actions: &mut Actions) {
    let mut pressed = Vec::new();
    ctx.input_mut(|input| {
        input.events.retain(|event| match event {
            Event::Key { pressed: true, .. } => {
                pressed.push(event.clone());
                false
            }
            // What the key would have typed.
            Event::Text(_) => false,
            _ => true,
        });
    });
    for event in pressed {
        if matches!(&event, Event::Key { key: Key::Escape, modifiers, .. } if modifiers.is_none()) {
            state.recording = None;
            return;
        }
        // A modifier by itself is no chord.
        let Some(chord) = chord_of(&event) else { continue };
        let mut chords: Vec<String> = Vec::new();
        if recording.add {
            chords.extend(keymap.chords(recording.command).iter().map(ToString::to_string));
        }
        let chord = chord.to_string();
        if !chords.contains(&chord) {
            chords.push(chord);
        }
        state.recording = None;
        actions.push(Action::keys_of(recording.command, Some(chords)));
        return;
    }
}

fn push(
    commands: impl Iterator<Item = UiCommand>,
    ctx: &Context,
    state: &mut UiState,
    actions: &mut Actions,
) {
    for command in commands {
        match command {
            // At once: the letters typed after it belong to the filter.
            UiCommand::Filter if state.route == Route::Sessions => state.wants_filter = true,
            UiCommand::Details => {
                let shown = state.details.is_shown(ctx.content_rect().width());
                state.details.set(!shown);
            }
            other => actions.push(Action::Run(other)),
        }
    }
}
