//! What an installation brings: the list of files, and that each is what it should be. The programs are those of the
//! tests; what is in a Debian package besides is tried by `make deb` and `make try-deb`.

use anyhow::{Context, Result};
use magia_tests::{Program, Sandbox, binary, sandbox_test};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn install(sandbox: &Sandbox, prefix: &str, dest: &Path) -> Result<()> {
    let programs = binary("magia")?;
    let mut command = sandbox.command(root().join("scripts/install.sh"));
    command.arg(programs.parent().context("no directory")?).env("PREFIX", prefix).env("DESTDIR", dest);
    // Its own tools, wherever they are.
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let output = command.output().context("running install.sh")?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Every file below a directory, as paths from it.
fn files(dir: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path.strip_prefix(dir)?.to_string_lossy().into_owned());
            }
        }
    }
    Ok(found)
}

#[test]
fn what_is_installed_is_listed_and_in_its_place() -> Result<()> {
    sandbox_test(|sandbox| {
        let dest = sandbox.root().join("d");
        install(sandbox, "/usr/local", &dest)?;
        let found = files(&dest.join("usr/local"))?;
        for wanted in [
            "bin/magia",
            "bin/magia-app",
            "bin/magia-hook-handler",
            "lib/systemd/user/magia.service",
            "share/applications/magia.desktop",
            "share/bash-completion/completions/magia",
            "share/fish/vendor_completions.d/magia.fish",
            "share/icons/hicolor/128x128/apps/magia.png",
            "share/icons/hicolor/256x256/apps/magia.png",
            "share/icons/hicolor/48x48/apps/magia.png",
            "share/icons/hicolor/scalable/apps/magia.svg",
            "share/magia/installed",
            "share/man/man1/magia.1.gz",
            "share/man/man1/magia-app.1.gz",
            "share/man/man1/magia-hook-handler.1.gz",
            "share/man/man1/magia-hooks-install.1.gz",
            "share/zsh/site-functions/_magia",
        ] {
            assert!(found.contains(wanted), "{wanted} is not among {found:#?}");
        }
        let pages = found.iter().filter(|path| path.starts_with("share/man/man1/")).count();
        assert!(pages > 40, "a page for every verb, not {pages}");
        assert_eq!(found.len(), 13 + pages, "nothing else: {found:#?}");

        let list = fs::read_to_string(dest.join("usr/local/share/magia/installed"))?;
        let listed: BTreeSet<String> =
            list.lines().map(|line| line.trim_start_matches("/usr/local/").to_owned()).collect();
        assert_eq!(listed, found, "what is removed is what was installed");

        let mode = |path: &str| -> Result<u32> {
            Ok(fs::metadata(dest.join("usr/local").join(path))?.permissions().mode() & 0o777)
        };
        assert_eq!((mode("bin/magia")?, mode("share/man/man1/magia.1.gz")?), (0o755, 0o644));
        let entry = fs::read_to_string(dest.join("usr/local/share/applications/magia.desktop"))?;
        assert!(entry.contains("\nExec=/usr/local/bin/magia-app\n"), "{entry}");
        let unit = fs::read_to_string(dest.join("usr/local/lib/systemd/user/magia.service"))?;
        assert!(unit.contains("\nExecStart=/usr/local/bin/magia-app --headless\n"), "{unit}");
        let installed = Command::new(dest.join("usr/local/bin/magia")).arg("--version").output()?;
        assert_eq!(Program::exit_code(installed.status), 0);
        Ok(())
    })
}
