//! Drawing the palette: a field and the rows that are seen.

use super::{Item, Palette, Target};
use crate::ui::action::{Action, Actions};
use crate::ui::command::{self, UiCommand};
use crate::ui::icon::{self, Lucide};
use crate::ui::text::{elided_job, format};
use crate::ui::theme::{self, palette as colors_of};
use eframe::egui::text::LayoutJob;
use eframe::egui::{
    self, Align2, Color32, Frame, Key, Margin, Modifiers, Rect, Role, ScrollArea, Sense, TextEdit, Ui,
    UiBuilder, WidgetInfo, pos2, vec2,
};
use magia_core::keys::Keymap;

/// Rows that are seen at once, when there is room.
const ROWS: usize = 12;

/// Width in points, when there is room.
const WIDTH: f32 = 620.0;

/// Draws the palette and reads its keys.
pub fn palette_ui(ui: &mut Ui, palette: &mut Palette, keymap: &Keymap, actions: &mut Actions) {
    let room = ui.ctx().content_rect().size();
    ui.set_width(WIDTH.min(room.x - 64.0));
    let chosen = keys(ui, palette, keymap, actions);
    ui.spacing_mut().item_spacing.y = theme::SPACE_1;
    field(ui, palette);
    palette.search();
    let rows = ROWS.min(((room.y - 190.0) / theme::ROW).max(3.0) as usize);
    let height = theme::ROW * rows as f32;
    if palette.count() == 0 {
        let text = format!("Nothing is called {:?}", palette.query.trim());
        let colors = colors_of(ui);
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
        let at = rect.left_top() + vec2(theme::SPACE_2, theme::ROW / 2.0);
        ui.painter().text(at, Align2::LEFT_CENTER, text, theme::regular(theme::UI), colors.muted);
        return;
    }
    let reveal = std::mem::take(&mut palette.reveal);
    ui.spacing_mut().item_spacing.y = 0.0;
    let mut clicked = None;
    let mut area = ScrollArea::vertical().id_salt("palette").auto_shrink(false).max_height(height);
    if reveal {
        // The chosen row stays in sight; rows have one height, so its place is known before it is drawn.
        let top = palette.at() as f32 * theme::ROW;
        let id = ui.make_persistent_id(("palette", "offset"));
        let before: f32 = ui.data(|data| data.get_temp(id)).unwrap_or_default();
        area = area.vertical_scroll_offset(before.clamp((top + theme::ROW - height).max(0.0), top));
    }
    // A place of its own height: a dialog remembers the least that it ever was high, and a list would end there.
    let (list, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    let mut list = ui.new_child(UiBuilder::new().max_rect(list));
    let shown = area.show_rows(&mut list, theme::ROW, palette.count(), |ui, seen| {
        for row in seen {
            if let Some(item) = palette.row(row)
                && row_ui(ui, palette, keymap, item, row == palette.at())
            {
                clicked = Some(item.target.clone());
            }
        }
    });
    let id = ui.make_persistent_id(("palette", "offset"));
    ui.data_mut(|data| data.insert_temp(id, shown.state.unclamped_offset().y));
    let chosen = chosen.and_then(|row| palette.row(row).map(|item| item.target.clone()));
    if let Some(target) = clicked.or(chosen) {
        actions.push(Action::Choose(target));
    }
}

/// Reads the keys that are not the field's. Gives the row that was chosen with Enter, when what is typed was searched
/// for already.
fn keys(ui: &Ui, palette: &mut Palette, keymap: &Keymap, actions: &mut Actions) -> Option<usize> {
    let page = ROWS as isize;
    let (step, enter, again) = ui.input_mut(|input| {
        let mut step = 0;
        for (modifiers, key, by) in [
            (Modifiers::NONE, Key::ArrowUp, -1),
            (Modifiers::NONE, Key::ArrowDown, 1),
            (Modifiers::CTRL, Key::P, -1),
            (Modifiers::CTRL, Key::N, 1),
            (Modifiers::NONE, Key::PageUp, -page),
            (Modifiers::NONE, Key::PageDown, page),
        ] {
            step += by * input.count_and_consume_key(modifiers, key) as isize;
        }
        let enter = input.consume_key(Modifiers::NONE, Key::Enter);
        let typed = command::take(input, keymap, true);
        let again = typed.contains(&UiCommand::Palette) || typed.contains(&UiCommand::Back);
        (step, enter, again)
    });
    if step != 0 {
        palette.step(step);
    }
    if again {
        actions.push(Action::CloseDialog);
    }
    if enter {
        palette.search();
    }
    enter.then(|| palette.at())
}

fn field(ui: &mut Ui, palette: &mut Palette) {
    let colors = colors_of(ui);
    let id = egui::Id::unique("palette");
    if !std::mem::replace(&mut palette.entered, true) {
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    let edit = TextEdit::singleline(&mut palette.query)
        .id(id)
        .frame(Frame::NONE)
        .font(theme::regular(theme::TITLE))
        .hint_text("Search commands, sessions, projects and settings")
        .margin(Margin::symmetric(8, 6))
        .desired_width(f32::INFINITY);
    let response = ui.add(edit).accessible_name("Search everything");
    // A list to choose from keeps the keyboard in its field, whatever is clicked.
    if !response.has_focus() {
        response.request_focus();
    }
    let line = response.rect.bottom() + 2.0;
    ui.painter().hline(response.rect.x_range(), line, colors.line());
    ui.add_space(theme::SPACE_1);
}

fn row_ui(ui: &mut Ui, palette: &Palette, keymap: &Keymap, item: &Item, chosen: bool) -> bool {
    let colors = colors_of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), theme::ROW), Sense::click());
    let key = match &item.target {
        Target::Command(command) => keymap.key(*command).unwrap_or_default(),
        _ => String::new(),
    };
    response.widget_info(|| {
        let name = if item.detail.is_empty() {
            item.text.clone()
        } else {
            format!("{}, {}", item.text, item.detail)
        };
        WidgetInfo::selected(Role::ListBoxOption, true, chosen, name)
    });
    let fill = match (chosen, response.hovered()) {
        (true, _) => colors.selected,
        (false, true) => colors.hover,
        (false, false) => Color32::TRANSPARENT,
    };
    ui.painter().rect_filled(rect.shrink2(vec2(0.0, 1.0)), theme::CONTROL_RADIUS, fill);
    let square = Rect::from_center_size(pos2(rect.left() + 16.0, rect.center().y), vec2(14.0, 14.0));
    icon::paint(ui.painter(), square, kind(&item.target), 14.0, colors.muted);
    let (text_places, detail_places) = item.places(palette.needle());
    let mut right = rect.right() - theme::SPACE_2;
    if !key.is_empty() {
        let galley = ui.painter().layout_no_wrap(key, theme::mono(theme::CAPTION), colors.muted);
        let at = pos2(right - galley.size().x, rect.center().y - galley.size().y / 2.0);
        right = at.x - theme::SPACE_2;
        ui.painter().galley(at, galley, colors.muted);
    }
    let left = rect.left() + 32.0;
    let text = marked(&item.text, &text_places, theme::UI, colors.foreground, colors.primary);
    let (text, _) = elided_job(ui, text, (right - left) * if item.detail.is_empty() { 1.0 } else { 0.62 });
    let after = left + text.size().x + theme::SPACE_3;
    ui.painter().galley(pos2(left, rect.center().y - text.size().y / 2.0), text, colors.foreground);
    if !item.detail.is_empty() && right - after > 40.0 {
        let detail = marked(&item.detail, &detail_places, theme::CAPTION, colors.muted, colors.primary);
        let (detail, _) = elided_job(ui, detail, right - after);
        let at = pos2(right - detail.size().x, rect.center().y - detail.size().y / 2.0);
        ui.painter().galley(at, detail, colors.muted);
    }
    response.clicked()
}

const fn kind(target: &Target) -> Lucide {
    match target {
        Target::Command(_) => Lucide::ChevronRight,
        Target::Session(_) => Lucide::MessageSquare,
        Target::Project(_) => Lucide::Folder,
        Target::Setting(_) => Lucide::Settings,
    }
}

/// A text with the letters that were meant in another weight and colour.
fn marked(text: &str, places: &[usize], size: f32, ink: Color32, mark: Color32) -> LayoutJob {
    let plain = format(theme::regular(size), ink);
    if places.is_empty() {
        return LayoutJob::single_section(text.to_owned(), plain);
    }
    let bold = format(theme::semibold(size), mark);
    let mut job = LayoutJob::default();
    let mut run = String::new();
    let mut is_marked = false;
    let mut wanted = places.iter().peekable();
    for (at, c) in text.chars().enumerate() {
        let meant = wanted.next_if(|place| **place == at).is_some();
        if meant != is_marked && !run.is_empty() {
            job.append(&run, 0.0, if is_marked { bold.clone() } else { plain.clone() });
            run.clear();
        }
        is_marked = meant;
        run.push(c);
    }
    job.append(&run, 0.0, if is_marked { bold } else { plain });
    job
}
