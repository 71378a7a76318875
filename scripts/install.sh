#!/usr/bin/env bash
# Installs the programs that were built, their manual pages, completions, desktop file, icons and systemd unit.
#   PREFIX=~/.local DESTDIR= scripts/install.sh [DIRECTORY WITH THE PROGRAMS]
# With DESTDIR everything goes below that directory, as for a package. `magia uninstall` reads the list that is left in
# share/magia/installed, and removes what it names; with LIST=no there is none.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "${1:-target/release}")
prefix=${PREFIX:-$HOME/.local}
dest=${DESTDIR:-}
case $prefix in
  /*) ;;
  *) echo "error: PREFIX must be an absolute path: $prefix" >&2; exit 2 ;;
esac
for program in magia magia-app magia-hook-handler; do
  [ -x "$bin/$program" ] || { echo "error: $bin/$program is missing: run make build" >&2; exit 1; }
done

installed=()
# put MODE FROM TO: TO is a path below the prefix.
put() {
  install -D -m "$1" "$2" "$dest$prefix/$3"
  installed+=("$prefix/$3")
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

strip=(install -s)
for program in magia magia-app magia-hook-handler; do
  if ! "${strip[@]}" -D -m 755 "$bin/$program" "$dest$prefix/bin/$program" 2>/dev/null; then
    install -D -m 755 "$bin/$program" "$dest$prefix/bin/$program"
  fi
  installed+=("$prefix/bin/$program")
done

# A user's own bin directory need not be known to the desktop.
exec=magia-app
[ "$prefix" = /usr ] || exec=$prefix/bin/magia-app
sed "s|^Exec=magia-app|Exec=$exec|; s|^TryExec=magia-app|TryExec=$exec|" assets/magia.desktop >"$work/magia.desktop"
put 644 "$work/magia.desktop" share/applications/magia.desktop
put 644 assets/icons/magia.svg share/icons/hicolor/scalable/apps/magia.svg
for size in 48 128 256; do
  put 644 "assets/icons/magia-$size.png" "share/icons/hicolor/${size}x$size/apps/magia.png"
done
sed "s|@bindir@|$prefix/bin|" assets/magia.service >"$work/magia.service"
put 644 "$work/magia.service" lib/systemd/user/magia.service

# From the definition of the verbs, so that they are never behind.
"$bin/magia" man "$work/man" >/dev/null 2>&1
cp assets/man/*.1 "$work/man/"
for page in "$work"/man/*.1; do
  gzip -9n "$page"
  put 644 "$page.gz" "share/man/man1/$(basename "$page").gz"
done
for shell in bash zsh fish; do "$bin/magia" completions "$shell" >"$work/$shell"; done
put 644 "$work/bash" share/bash-completion/completions/magia
zsh=share/zsh/site-functions
[ "$prefix" != /usr ] || zsh=share/zsh/vendor-completions
put 644 "$work/zsh" "$zsh/_magia"
put 644 "$work/fish" share/fish/vendor_completions.d/magia.fish

if [ "${LIST:-yes}" = yes ]; then
  list=share/magia/installed
  mkdir -p "$dest$prefix/share/magia"
  printf '%s\n' "${installed[@]}" "$prefix/$list" >"$dest$prefix/$list"
fi
[ -n "$dest" ] || {
  echo "installed below $prefix; \`magia uninstall\` removes it again"
  case :$PATH: in *":$prefix/bin:"*) ;; *) echo "note: $prefix/bin is not in PATH" ;; esac
}
