//! A terminal that the user describes: a list of words, in which names in braces are filled in. No shell reads it.

use super::{Attach, Launch, Lookup};
use magia_protocol::wire::spawn::{SpawnCode, SpawnError};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The words of the setting `terminal`.
#[derive(Clone, Debug)]
pub struct Template<'a>(pub &'a [String]);

impl Template<'_> {
    /// The user's program.
    ///
    /// # Errors
    /// `TERMINAL_NOT_FOUND`.
    pub fn find(&self, installed: &dyn Lookup) -> Result<PathBuf, SpawnError> {
        let named = self.0.first().map(String::as_str).unwrap_or_default();
        let path = Path::new(named);
        let found = if path.is_absolute() {
            path.is_file().then(|| path.to_owned())
        } else {
            installed.program(named)
        };
        found.ok_or_else(|| {
            SpawnError::new(
                SpawnCode::TerminalNotFound,
                format!("Terminal application not found: {named}, of the setting terminal"),
            )
            .remedy("change it: `magia settings set terminal '[\"xterm\",\"-e\",\"{attach}\"]'`")
        })
    }

    /// The command.
    pub fn compose(&self, program: &Path, attach: &Attach) -> Launch {
        let arguments = self.0.iter().skip(1).flat_map(|word| filled(word, attach));
        Launch::new(program, arguments)
    }
}

/// One word: `{attach}` alone becomes all words of the attach command, other names stand for one text each.
fn filled(word: &str, attach: &Attach) -> Vec<OsString> {
    if word == "{attach}" {
        return attach.words().to_vec();
    }
    let (mut out, mut rest) = (OsString::new(), word);
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        out.push(before);
        let named = from.find('}').and_then(|end| from.get(1..end));
        let value = match named {
            Some("exe") => Some(attach.exe.as_os_str().to_owned()),
            Some("id") => Some(attach.id.clone().into()),
            Some("nonce") => Some(attach.nonce.clone().into()),
            Some("cwd") => Some(attach.cwd.as_os_str().to_owned()),
            Some("title") => Some(attach.title.clone().into()),
            _ => None,
        };
        // What is no name stays as it is.
        let taken = match (value, named) {
            (Some(value), Some(name)) => {
                out.push(value);
                name.len() + 2
            }
            _ => {
                out.push("{");
                1
            }
        };
        rest = from.get(taken..).unwrap_or_default();
    }
    out.push(rest);
    vec![out]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_filled_in_and_never_split() {
        let attach = Attach {
            exe: "/opt/my magia".into(),
            id: "a1".into(),
            nonce: "ff".into(),
            cwd: "/a b/{id}".into(),
            title: "$x; {exe}".into(),
        };
        let check = |words: &[&str], expected: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let launch = Template(&words).compose(Path::new("/bin/st"), &attach);
            assert_eq!(launch.arguments, expected.iter().map(OsString::from).collect::<Vec<_>>());
        };
        check(&["st", "-e", "{attach}"], &["-e", "/opt/my magia", "attach", "a1", "--spawn-nonce", "ff"]);
        check(
            &["st", "-T", "{title}", "-d={cwd}", "{exe}", "attach", "{id}", "--spawn-nonce={nonce}"],
            &["-T", "$x; {exe}", "-d=/a b/{id}", "/opt/my magia", "attach", "a1", "--spawn-nonce=ff"],
        );
        check(&["st", "{", "{}", "{other}", "a{id}b{id}"], &["{", "{}", "{other}", "aa1ba1"]);
    }
}
