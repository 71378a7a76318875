//! The matrix of `docs/providers.md`: each test that it names exists.

/// A test that a text names as `` `file::test` ``, with the file's name without its ending.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// As `agents_gemini`.
    pub file: String,
    /// The function's name.
    pub test: String,
}

/// Every test that a text names, in order.
pub fn named_tests(text: &str) -> Vec<Named> {
    let word = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let quoted = text.split('`').skip(1).step_by(2);
    quoted
        .filter_map(|quote| quote.split_once("::"))
        .filter(|(file, test)| word(file) && word(test))
        .map(|(file, test)| Named { file: file.to_owned(), test: test.to_owned() })
        .collect()
}

/// Cells of tables that say nothing, as `line: text`.
pub fn empty_cells(text: &str) -> Vec<String> {
    let rows =
        text.lines().enumerate().filter(|(_, line)| line.starts_with("| ") && !line.starts_with("| ---"));
    rows.filter(|(_, line)| {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').collect();
        // The first cell of a table's head is empty.
        !line.starts_with("| |") && cells.iter().any(|cell| cell.trim().is_empty())
    })
    .map(|(at, line)| format!("{}: {line}", at + 1))
    .collect()
}

/// Whether Rust text holds a test of this name.
pub fn has_test(source: &str, test: &str) -> bool {
    let head = format!("fn {test}(");
    let mut lines = source.lines().map(str::trim);
    let mut previous = "";
    lines.any(|line| {
        let found = previous == "#[test]" && line.starts_with(&head);
        previous = line;
        found
    })
}
