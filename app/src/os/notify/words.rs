//! Words on notifications: shortened, and errors for a person.

/// What an error of the session bus means to a person; its own words are in the log.
pub(super) fn in_words(err: &str) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|word| err.contains(word));
    if says(&["ServiceUnknown", "NameHasNoOwner", "not provided by any"]) {
        "no program of this desktop shows any"
    } else if says(&["I/O error", "os error", "autolaunch", "address", "Address"]) {
        "this login has no session bus"
    } else {
        "the desktop did not take one"
    }
}

/// At most so many characters, with an ellipsis when there are more.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_what_is_missing() {
        let unknown = "org.freedesktop.DBus.Error.ServiceUnknown: The name org.freedesktop.Notifications was not \
                       provided by any .service files";
        assert_eq!(in_words(unknown), "no program of this desktop shows any");
        assert_eq!(
            in_words("I/O error: No such file or directory (os error 2)"),
            "this login has no session bus"
        );
        assert_eq!(in_words("something else"), "the desktop did not take one");
    }

    #[test]
    fn texts_are_cut_by_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüx", 3), "äöü…");
    }
}
