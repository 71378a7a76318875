//! Keys by their names, as terminals send them. Source: VibeTunnel's `tty-fwd` and the names that its server took later.

/// The seed's own names, which also work as a `text`.
const SEED: &[&str] =
    &["arrow_up", "arrow_down", "arrow_left", "arrow_right", "escape", "enter", "ctrl_enter", "shift_enter"];

/// What a key sends; `None` for an unknown name.
pub(super) fn bytes(name: &str) -> Option<&'static [u8]> {
    Some(match name {
        "arrow_up" => b"\x1b[A",
        "arrow_down" => b"\x1b[B",
        "arrow_right" => b"\x1b[C",
        "arrow_left" => b"\x1b[D",
        "escape" => b"\x1b",
        "enter" | "ctrl_enter" => b"\r",
        "shift_enter" => b"\x1b\r",
        "backspace" => b"\x7f",
        "tab" => b"\t",
        "shift_tab" => b"\x1b[Z",
        "page_up" => b"\x1b[5~",
        "page_down" => b"\x1b[6~",
        "home" => b"\x1b[H",
        "end" => b"\x1b[F",
        "delete" => b"\x1b[3~",
        "f1" => b"\x1bOP",
        "f2" => b"\x1bOQ",
        "f3" => b"\x1bOR",
        "f4" => b"\x1bOS",
        "f5" => b"\x1b[15~",
        "f6" => b"\x1b[17~",
        "f7" => b"\x1b[18~",
        "f8" => b"\x1b[19~",
        "f9" => b"\x1b[20~",
        "f10" => b"\x1b[21~",
        "f11" => b"\x1b[23~",
        "f12" => b"\x1b[24~",
        _ => return None,
    })
}

/// What a text sends that is, to the seed's clients, the name of a key.
pub(super) fn of_text(text: &str) -> Option<&'static [u8]> {
    SEED.contains(&text).then(|| bytes(text)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_names_work_as_text_and_later_ones_as_keys_only() {
        assert!(SEED.iter().all(|name| of_text(name).is_some()));
        assert_eq!(of_text("shift_enter"), Some(b"\x1b\r".as_slice()));
        assert_eq!((of_text("tab"), bytes("tab")), (None, Some(b"\t".as_slice())));
        assert_eq!((of_text("hello"), bytes("hello")), (None, None));
    }
}
