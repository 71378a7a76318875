//! What is typed outside of text fields.

use super::action::{Action, Actions};
use super::command::{UiCommand, digit};
use super::shell::View;
use super::state::{Route, UiState};
use eframe::egui::{Context, Popup};

/// Turns keys into wishes. A dialog and an open menu have the keyboard for themselves; a text field has all
/// but a few chords.
pub fn read(ctx: &Context, view: &View<'_>, state: &mut UiState, actions: &mut Actions) {
    if !state.dialogs.is_empty() || Popup::is_any_open(ctx) {
        return;
    }
    let typing = ctx.text_edit_focused();
    let widget_has_focus = ctx.memory(|memory| memory.focused().is_some());
    if typing {
        // Escape belongs to the field; the rest that works there has Ctrl or is a function key.
        let typed = ctx.input_mut(|input| UiCommand::take(input, true));
        actions.extend(typed.into_iter().filter(|command| *command != UiCommand::Back).map(Action::Run));
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
    for command in typed {
        let focus_moves = matches!(command, UiCommand::Open | UiCommand::Up | UiCommand::Down);
        if widget_has_focus && focus_moves {
            continue;
        }
        if command == UiCommand::Details {
            let width = ctx.content_rect().width();
            let shown = state.details.is_shown(width);
            state.details.set(!shown);
        } else {
            actions.push(Action::Run(command));
        }
    }
    if state.route == Route::Sessions
        && let Some((digit, modifier)) = ctx.input_mut(digit)
    {
        state.cards.digit(digit, modifier, &view.snapshot.requests, view.clock.now_s, actions);
    }
}
