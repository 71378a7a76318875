//! What is typed outside of text fields.

use super::action::{Action, Actions};
use super::command::{UiCommand, digit};
use super::shell::View;
use super::state::{Route, UiState};
use super::terminal::clipboard::terminal_has_focus;
use eframe::egui::{Context, Popup};

/// Turns keys into wishes. A dialog and an open menu have the keyboard for themselves, a terminal all but two chords, a
/// text field all but a few.
pub fn read(ctx: &Context, view: &View<'_>, state: &mut UiState, actions: &mut Actions) {
    if !state.dialogs.is_empty() || Popup::is_any_open(ctx) {
        return;
    }
    if terminal_has_focus(ctx) {
        let typed = ctx.input_mut(UiCommand::take_in_terminal);
        return push(typed.into_iter(), ctx, state, actions);
    }
    let in_field = ctx.text_edit_focused();
    // A field that was just opened gets the focus with its first frame; what is typed until then is meant for
    // it, and must not run commands.
    let typing = in_field
        || state.wants_filter
        || state.timeline.wants_find_focus()
        || state.rename.is_some()
        || state.cards.is_denying();
    let widget_has_focus = ctx.memory(|memory| memory.focused().is_some());
    if typing {
        // Escape belongs to the field; the rest that works there has Ctrl or is a function key.
        let before = ctx.input(|input| input.events.clone());
        let typed = ctx.input_mut(|input| UiCommand::take(input, true));
        if typed.contains(&UiCommand::Back) && in_field {
            ctx.input_mut(|input| input.events = before);
        }
        let ours = typed.into_iter().filter(|command| *command != UiCommand::Back || !in_field);
        push(ours, ctx, state, actions);
        return;
    }
    let typed = ctx.input_mut(|input| {
        // Enter and arrows belong to a button that has the focus.
        let kept: Vec<_> = if widget_has_focus { input.events.clone() } else { Vec::new() };
        let typed = UiCommand::take(input, false);
        if widget_has_focus {
            input.events = kept;
        }
        typed
    });
    let focus_moves =
        |command: &UiCommand| matches!(command, UiCommand::Open | UiCommand::Up | UiCommand::Down);
    let ours = typed.into_iter().filter(|command| !(widget_has_focus && focus_moves(command)));
    push(ours, ctx, state, actions);
    if state.route == Route::Sessions
        && let Some((digit, modifier)) = ctx.input_mut(digit)
    {
        state.cards.digit(digit, modifier, &view.snapshot.requests, view.clock.now_s, actions);
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
