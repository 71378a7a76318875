//! The link at VibeTunnel's place, which everybody can write to: it leads to our socket, which stays in our own closed
//! directory. Off unless the user wants it; nothing that is not ours is touched.

use magia_protocol::paths::Socket;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The link and where it leads.
#[derive(Debug)]
pub(super) struct Link {
    place: PathBuf,
    target: PathBuf,
    /// Whether we have made it.
    made: Mutex<bool>,
}

/// What stands in the link's place.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    /// Our link, or one that an earlier magia of this user left.
    Ours,
    /// Whatever else.
    Foreign(&'static str),
}

impl Link {
    pub(super) fn new(place: PathBuf, runtime: &Path) -> Self {
        Self { place, target: runtime.join(Socket::Terminal.file_name()), made: Mutex::new(false) }
    }

    /// Makes the link or takes it away. The error says, for a person, what is in its place.
    pub(super) fn want(&self, wanted: bool) -> Result<(), String> {
        if !wanted {
            self.remove();
            return Ok(());
        }
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let place = self.place.display();
        match self.found() {
            Ok(Found::Nothing) => {}
            Ok(Found::Ours) if std::fs::read_link(&self.place).is_ok_and(|to| to == self.target) => {
                *made = true;
                return Ok(());
            }
            Ok(Found::Ours) => {
                std::fs::remove_file(&self.place)
                    .map_err(|err| format!("cannot replace the old link ({err}): {place}"))?;
            }
            Ok(Found::Foreign(what)) => {
                return Err(format!(
                    "programs that look for VibeTunnel do not find magia: {what} stands in the way: {place}"
                ));
            }
            Err(err) => return Err(format!("cannot look at it ({err}): {place}")),
        }
        symlink(&self.target, &self.place).map_err(|err| format!("cannot make the link ({err}): {place}"))?;
        *made = true;
        Ok(())
    }

    /// Takes the link away, if it is the one that we made.
    pub(super) fn remove(&self) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = std::mem::take(&mut *made)
            && self.found().is_ok_and(|found| found == Found::Ours)
            && std::fs::read_link(&self.place).is_ok_and(|to| to == self.target);
        if ours && let Err(err) = std::fs::remove_file(&self.place) {
            tracing::debug!("the link stays: {err}");
        }
    }

    #[cfg(unix)]
    fn found(&self) -> io::Result<Found> {
        use std::os::unix::fs::MetadataExt as _;
        let facts = match std::fs::symlink_metadata(&self.place) {
            Ok(facts) => facts,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(err) => return Err(err),
        };
        if facts.uid() != magia_protocol::paths::own_uid() {
            return Ok(Found::Foreign("something of another user"));
        }
        if !facts.is_symlink() {
            return Ok(Found::Foreign("something that is no link"));
        }
        let to = std::fs::read_link(&self.place)?;
        let own_kind = to.file_name().is_some_and(|name| name == Socket::Terminal.file_name());
        Ok(if own_kind { Found::Ours } else { Found::Foreign("a link to something else") })
    }
    #[cfg(not(unix))]
    fn found(&self) -> io::Result<Found> {
        Ok(Found::Foreign("a system without such links"))
    }
}

#[cfg(unix)]
fn symlink(target: &Path, place: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, place)
}
#[cfg(not(unix))]
fn symlink(_target: &Path, _place: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::net::UnixListener;

    fn link(dir: &tempfile::TempDir) -> Link {
        Link::new(dir.path().join("seed"), &dir.path().join("run"))
    }

    #[test]
    fn it_comes_and_goes_with_the_setting() {
        let dir = tempfile::tempdir().unwrap();
        let link = link(&dir);
        link.want(false).unwrap();
        assert!(fs::symlink_metadata(&link.place).is_err(), "off until wanted");
        for _ in 0..2 {
            link.want(true).unwrap();
            assert_eq!(fs::read_link(&link.place).unwrap(), link.target);
        }
        link.want(false).unwrap();
        assert!(fs::symlink_metadata(&link.place).is_err());
    }

    #[test]
    fn an_old_one_of_ours_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let link = link(&dir);
        std::os::unix::fs::symlink(Path::new("/gone").join(Socket::Terminal.file_name()), &link.place)
            .unwrap();
        link.want(true).unwrap();
        assert_eq!(fs::read_link(&link.place).unwrap(), link.target);
    }

    #[test]
    fn what_is_not_ours_stays() {
        let dir = tempfile::tempdir().unwrap();
        let place = link(&dir).place;
        let check = |what: &str| {
            let link = link(&dir);
            assert!(link.want(true).unwrap_err().contains(what));
            link.want(false).unwrap();
            link.remove();
            fs::symlink_metadata(&link.place).expect("it is still there");
        };
        let listener = UnixListener::bind(&place).unwrap();
        check("no link");
        drop(listener);
        fs::remove_file(&place).unwrap();
        fs::write(&place, "x").unwrap();
        check("no link");
        fs::remove_file(&place).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &place).unwrap();
        check("something else");
    }
}
