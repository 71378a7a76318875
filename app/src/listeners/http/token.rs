//! The token that each request shows: 256 bits of chance in a file for the owner alone. It stays when magia restarts.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq as _;

const BYTES: usize = 32;
/// A file of ours is shorter.
const FILE_MAX: u64 = 256;

/// The token.
pub(super) struct Token {
    text: String,
    path: PathBuf,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// Reads the file, or makes it.
    ///
    /// # Errors
    /// When the file is not the owner's alone, holds no token, or cannot be written.
    pub(super) fn load(path: &Path) -> io::Result<Self> {
        let text = match read(path) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => make(path)?,
            read => read?,
        };
        Ok(Self { text, path: path.to_owned() })
    }

    /// Whether this is it. Takes as long whatever is wrong with it.
    pub(super) fn is(&self, shown: &str) -> bool {
        bool::from(self.text.as_bytes().ct_eq(shown.as_bytes()))
    }

    /// Writes beside it where the API listens, so that a script finds a port that the system chose.
    pub(super) fn write_address(&self, address: SocketAddr) -> io::Result<()> {
        put(&self.path.with_file_name("http-address"), &format!("http://{address}\n"))
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let facts = file.metadata()?;
        let ours = facts.is_file() && facts.uid() == magia_protocol::paths::own_uid();
        if !ours || facts.mode() & 0o077 != 0 {
            return Err(io::Error::other(format!(
                "the token's file is not yours alone; remove it and a new one is made: {}",
                path.display()
            )));
        }
    }
    let mut text = String::new();
    file.take(FILE_MAX).read_to_string(&mut text)?;
    let text = text.trim();
    match URL_SAFE_NO_PAD.decode(text) {
        Ok(bytes) if bytes.len() == BYTES => Ok(text.to_owned()),
        _ => Err(io::Error::other(format!(
            "the token's file holds no token; remove it and a new one is made: {}",
            path.display()
        ))),
    }
}

fn make(path: &Path) -> io::Result<String> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|err| io::Error::other(format!("no random numbers ({err})")))?;
    let text = URL_SAFE_NO_PAD.encode(bytes);
    if let Some(dir) = path.parent() {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(dir)?;
    }
    put(path, &format!("{text}\n"))?;
    Ok(text)
}

/// Puts a file for the owner alone in its place, whole or not at all.
fn put(path: &Path, text: &str) -> io::Result<()> {
    let fresh = path.with_extension("tmp");
    match fs::remove_file(&fresh) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&fresh)?.write_all(text.as_bytes())?;
    fs::rename(fresh, path)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// Tells a test that it is the process on a full disk, and where its token is.
    const CHILD: &str = "MAGIA_TEST_TOKEN_CHILD";

    #[test]
    fn it_is_made_once_and_for_the_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/http-token");
        let token = Token::load(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(token.text.len(), 43);
        assert!(Token::load(&path).unwrap().is(&token.text), "a restart keeps it");
        for wrong in ["", "x", &token.text[1..], &format!("{}x", token.text), &"A".repeat(43)] {
            assert!(!token.is(wrong), "{wrong}");
        }
        token.write_address("127.0.0.1:4020".parse().unwrap()).unwrap();
        token.write_address("[::1]:7".parse().unwrap()).unwrap();
        assert_eq!(fs::read_to_string(path.with_file_name("http-address")).unwrap(), "http://[::1]:7\n");
        assert_eq!(format!("{token:?}"), "Token");
    }

    #[test]
    fn a_token_is_made_whole_or_not_at_all() {
        let Some(path) = std::env::var_os(CHILD).map(PathBuf::from) else {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("http-token");
            // No file may have a single byte: for the child, the disk is full.
            let mut child = std::process::Command::new("sh");
            child.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"]);
            child.arg(std::env::current_exe().unwrap());
            let name = "listeners::http::token::tests::a_token_is_made_whole_or_not_at_all";
            let output = child.args(["--exact", name, "--nocapture"]).env(CHILD, &path).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains("1 passed"), "{said}");
            Token::load(&path).unwrap();
            return;
        };
        assert!(Token::load(&path).is_err());
        assert!(!path.exists(), "a file without a token would be refused for ever");
    }

    #[test]
    fn a_file_that_others_may_read_or_that_is_no_token_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("http-token");
        let refused = |what: &str| {
            let err = Token::load(&path).unwrap_err().to_string();
            assert!(err.contains(what), "{err}");
        };
        Token::load(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        refused("not yours alone");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "password\n").unwrap();
        refused("holds no token");
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(Token::load(&path).is_err());
    }
}
