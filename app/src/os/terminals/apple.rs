//! What macOS says when a terminal cannot be told what to do.

use super::failed;
use magia_protocol::wire::spawn::SpawnError;

/// The error of `open` or `osascript`, by the number in its last line. Numbers: Apple's `AEDataModel.h` and
/// `MacErrors.h`, as the seed's list has them.
pub fn apple_error(name: &str, code: Option<i32>, last_line: &str) -> SpawnError {
    match number(last_line) {
        // Not allowed to send events; not allowed to use accessibility.
        Some(-1743 | -25211 | -1719) => SpawnError::denied(name),
        // No such object; the application cannot be found; it is not there to be opened.
        Some(-1728 | -10814 | -600 | -43) => SpawnError::not_found(name),
        _ if last_line.contains("Unable to find application") => SpawnError::not_found(name),
        // Not handled; a mistake in the script.
        _ => failed(name, code, last_line),
    }
}

/// The last number in parentheses, as in `... (-1743)`.
fn number(line: &str) -> Option<i32> {
    let (_, rest) = line.rsplit_once('(')?;
    rest.split_once(')')?.0.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use magia_protocol::wire::spawn::SpawnCode;

    #[test]
    fn the_seeds_numbers() {
        let check = |line: &str, code: SpawnCode, text: &str| {
            let err = apple_error("iterm2", Some(1), line);
            assert_eq!(err.code, code, "{line}");
            assert!(err.message.starts_with(text), "{line}: {}", err.message);
            assert!(err.remedy.is_some());
        };
        let denied = "Permission denied";
        check(
            "execution error: Not authorized to send Apple events to iTerm2. (-1743)",
            SpawnCode::PermissionDenied,
            denied,
        );
        check("execution error: not allowed assistive access. (-25211)", SpawnCode::PermissionDenied, denied);
        check("execution error: Invalid index. (-1719)", SpawnCode::PermissionDenied, denied);
        let missing = "Terminal application not found";
        check(
            "execution error: Can't get application \"iTerm2\". (-1728)",
            SpawnCode::TerminalNotFound,
            missing,
        );
        check("Unable to find application named 'Ghostty'", SpawnCode::TerminalNotFound, missing);
        let failed = "Process launch failed";
        check("execution error: iTerm2 got an error: not handled (-1708)", SpawnCode::TerminalFailed, failed);
        check("syntax error: Expected end of line. (-2741)", SpawnCode::TerminalFailed, failed);
        check("", SpawnCode::TerminalFailed, failed);
    }
}
