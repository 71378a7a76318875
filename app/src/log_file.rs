//! The log's file: begun anew when it is large, the last ones kept, and no secret in it.

use magia_protocol::wire::redact::redact;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The file is begun anew when it is larger than this.
const ROTATE_BYTES: u64 = 4 * 1024 * 1024;
/// Older files that are kept: `magia.log.1` is the newest of them.
const KEPT: u32 = 3;

/// The file that is written to.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    most: u64,
    home: Option<String>,
}

impl LogFile {
    /// Opens `magia.log` in a directory, which is made.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn open(dir: &Path, home: Option<String>) -> io::Result<Self> {
        Self::open_with(dir, home, ROTATE_BYTES)
    }

    fn open_with(dir: &Path, home: Option<String>, most: u64) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let path = dir.join("magia.log");
        let (file, bytes) = append_to(&path)?;
        let mut log = Self { path, file, bytes, most, home };
        if log.bytes > log.most {
            log.rotate()?;
        }
        Ok(log)
    }

    fn rotate(&mut self) -> io::Result<()> {
        let numbered = |number: u32| PathBuf::from(format!("{}.{number}", self.path.display()));
        for number in (1..KEPT).rev() {
            match fs::rename(numbered(number), numbered(number + 1)) {
                Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
                _ => {}
            }
        }
        fs::rename(&self.path, numbered(1))?;
        (self.file, self.bytes) = append_to(&self.path)?;
        Ok(())
    }
}

fn append_to(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

impl Write for LogFile {
    /// Takes whole lines: one call is one event of the log.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.bytes > self.most {
            // A file that cannot be moved is better too long than missing what comes now.
            let _stays = self.rotate();
        }
        let text = String::from_utf8_lossy(line);
        let text = redact(&text, self.home.as_deref());
        self.file.write_all(text.as_bytes())?;
        self.bytes += text.len() as u64;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn it_is_begun_anew_while_it_is_written_and_the_last_are_kept() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("state/logs");
        let mut log = LogFile::open_with(&dir, None, 100).unwrap();
        for round in 0..40 {
            log.write_all(format!("WARN round {round} of many\n").as_bytes()).unwrap();
        }
        let mut names: Vec<String> =
            dir.read_dir().unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["magia.log", "magia.log.1", "magia.log.2", "magia.log.3"]);
        let newest = fs::read_to_string(dir.join("magia.log")).unwrap();
        assert!(newest.ends_with("WARN round 39 of many\n") && newest.len() <= 130, "{newest}");
        let before = fs::read_to_string(dir.join("magia.log.1")).unwrap();
        assert!(before.len() <= 130 && before.ends_with('\n'), "no line is in two files: {before}");
        assert_eq!(fs::metadata(dir.join("magia.log")).unwrap().permissions().mode() & 0o777, 0o600);
        // A large one of an earlier run is not written to.
        drop(log);
        fs::write(dir.join("magia.log"), "x".repeat(200)).unwrap();
        let log = LogFile::open_with(&dir, None, 100).unwrap();
        assert_eq!(log.bytes, 0);
    }

    #[test]
    fn no_secret_and_no_home_reaches_the_disk() {
        let home = tempfile::tempdir().unwrap();
        let mut log = LogFile::open(home.path(), Some("/home/ann".to_owned())).unwrap();
        let line = "WARN cannot read /home/ann/.claude: api_key=sk-ant-api03-abc123def\n";
        assert_eq!(log.write(line.as_bytes()).unwrap(), line.len());
        let text = fs::read_to_string(home.path().join("magia.log")).unwrap();
        assert_eq!(text, "WARN cannot read ~/.claude: api_key=[redacted]\n");
    }
}
