//! What a session is called, from a bounded look at its transcript.

use crate::services::regular_file;
use magia_core::event::Titles;
use magia_core::transcript::{Content, first_prompt_title, parse_line};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes read at each end of the file. The first prompt is near the beginning; names are written again near the end.
const END_BYTES: u64 = 256 * 1024;

/// Reads both ends of a transcript. A file that cannot be read says nothing.
pub fn read_titles(path: &Path) -> Titles {
    let mut titles = Titles::default();
    match read_ends(path) {
        Ok(ends) => ends.iter().for_each(|text| take(&mut titles, text)),
        Err(err) if err.kind() == io::ErrorKind::NotFound => {}
        Err(err) => tracing::debug!("cannot read a transcript's titles: {err}: {}", path.display()),
    }
    titles
}

/// Takes what these lines say; the last name wins, the first prompt stays.
fn take(titles: &mut Titles, text: &str) {
    // Most lines are big and say nothing of titles; parsing them would be most of the work.
    for line in text.lines() {
        let name = line.contains("-title\"");
        if !name && (titles.prompt.is_some() || !line.contains("\"user\"")) {
            continue;
        }
        for item in parse_line(line) {
            match item.content {
                Content::CustomTitle(title) => titles.custom = Some(title),
                Content::AiTitle(title) => titles.ai = Some(title),
                Content::Prompt(text) if item.agent_id.is_none() && titles.prompt.is_none() => {
                    let title = first_prompt_title(&text);
                    titles.prompt = (!title.is_empty()).then_some(title);
                }
                _ => {}
            }
        }
    }
}

/// The beginning, and the end from the start of a line.
fn read_ends(path: &Path) -> io::Result<Vec<String>> {
    let (mut file, metadata) = regular_file::open(path)?;
    let head = read_some(&mut file, END_BYTES)?;
    let mut ends = vec![String::from_utf8_lossy(&head).into_owned()];
    let tail_start = metadata.len().saturating_sub(END_BYTES).max(END_BYTES);
    if metadata.len() > tail_start {
        file.seek(SeekFrom::Start(tail_start))?;
        let tail = read_some(&mut file, END_BYTES)?;
        let whole_lines = tail.splitn(2, |byte| *byte == b'\n').nth(1).unwrap_or_default();
        ends.push(String::from_utf8_lossy(whole_lines).into_owned());
    }
    Ok(ends)
}

fn read_some(file: &mut File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_at_both_ends_of_a_long_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let filler = format!("{}\n", serde_json::json!({"type": "attachment", "x": "y".repeat(999)}));
        let mut text = String::from("{\"type\":\"ai-title\",\"aiTitle\":\"From the head\"}\n");
        text += "{\"type\":\"custom-title\",\"customTitle\":\"Old\"}\n";
        text += "{\"type\":\"user\",\"message\":{\"content\":\"# Mend **it**\"}}\n";
        text += &filler.repeat(2_000);
        text += "{\"type\":\"user\",\"message\":{\"content\":\"second\"}}\n";
        text += "{\"type\":\"custom-title\",\"customTitle\":\"New\"}\n";
        std::fs::write(file.path(), &text).unwrap();
        assert_eq!(
            read_titles(file.path()),
            Titles {
                custom: Some("New".into()),
                ai: Some("From the head".into()),
                prompt: Some("Mend it".into())
            }
        );
        assert_eq!(read_titles(Path::new("/dev/null")), Titles::default());
        assert_eq!(read_titles(Path::new("/nowhere")), Titles::default());
    }
}
