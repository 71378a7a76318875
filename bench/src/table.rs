//! The printed result.

/// One line of the result.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// What came out.
    pub figures: String,
    /// What it should be; empty when nothing is promised.
    pub goal: String,
    /// Whether it is; `None` without a goal.
    pub met: Option<bool>,
}

impl Row {
    /// A line with a promise.
    pub fn new(
        name: impl Into<String>,
        figures: impl Into<String>,
        goal: impl Into<String>,
        met: bool,
    ) -> Self {
        Self { name: name.into(), figures: figures.into(), goal: goal.into(), met: Some(met) }
    }

    /// A line that only tells.
    pub fn told(name: impl Into<String>, figures: impl Into<String>) -> Self {
        Self { name: name.into(), figures: figures.into(), goal: String::new(), met: None }
    }

    fn cells(&self) -> [&str; 4] {
        let met = match self.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        [&self.name, &self.figures, &self.goal, met]
    }
}

const HEADS: [&str; 4] = ["what", "figures", "goal", ""];

/// Columns as wide as their widest cell.
pub fn aligned(rows: &[Row]) -> String {
    let lines: Vec<[&str; 4]> = std::iter::once(HEADS).chain(rows.iter().map(Row::cells)).collect();
    let mut widths = [0; 4];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for line in &lines {
        let padded: Vec<String> =
            line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(padded.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A Markdown table.
pub fn markdown(rows: &[Row]) -> String {
    let mut text = format!("| {} |\n|{}\n", HEADS.join(" | "), " --- |".repeat(HEADS.len()));
    for row in rows {
        let cells = row.cells().map(|cell| cell.replace('|', "\\|"));
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let rows = [Row::new("a | b", "1 µs", "<= 2 µs", true), Row::told("long name", "7")];
        assert_eq!(
            aligned(&rows),
            "what       figures  goal\na | b      1 µs     <= 2 µs  met\nlong name  7\n"
        );
        assert_eq!(
            markdown(&rows),
            "| what | figures | goal |  |\n| --- | --- | --- | --- |\n| a \\| b | 1 µs | <= 2 µs | met |\n| long name | 7 |  |  |\n"
        );
    }
}
