#!/usr/bin/env bash
# Makes a Debian package of the programs that were built: target/deb/magia_VERSION_ARCH.deb.
#   scripts/deb.sh [DIRECTORY WITH THE PROGRAMS]
# MAINTAINER and SOURCE_DATE_EPOCH may be set by whoever distributes it.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "${1:-target/release}")
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
arch=$(dpkg --print-architecture)
maintainer=${MAINTAINER:-magia developers <magia@packages.debian.org>}
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
out=target/deb
root=$out/root
rm -rf "$root"
mkdir -p "$root/DEBIAN"

LIST=no PREFIX=/usr DESTDIR="$PWD/$root" scripts/install.sh "$bin"

doc=$root/usr/share/doc/magia
mkdir -p "$doc"
install -m 644 assets/debian/copyright "$doc/copyright"
install -m 644 assets/debian/README.Debian "$doc/README.Debian"
gzip -9nc CHANGELOG.md >"$doc/changelog.gz"
{
  printf 'magia (%s-1) unstable; urgency=medium\n\n' "$version"
  printf '  * What changed is in changelog.gz.\n\n'
  printf ' -- %s  %s\n' "$maintainer" "$(LC_ALL=C date -u -R -d "@$epoch")"
} | gzip -9n >"$doc/changelog.Debian.gz"
chmod 644 "$doc"/*.gz
install -D -m 644 assets/debian/lintian-overrides "$root/usr/share/lintian/overrides/magia"

# What the programs are linked with, and what they open by name when there is a window.
libc=$(objdump -T "$root"/usr/bin/magia "$root"/usr/bin/magia-app |
  sed -n 's/.*GLIBC_\([0-9.]*\)).*/\1/p' | sort -uV | tail -n 1)
window="libx11-6, libx11-xcb1, libxcursor1, libxi6, libxkbcommon0, libxkbcommon-x11-0, libgl1, libegl1, libfontconfig1"
size=$(du -sk --exclude=DEBIAN "$root" | cut -f 1)
cat >"$root/DEBIAN/control" <<CONTROL
Package: magia
Version: $version-1
Architecture: $arch
Maintainer: $maintainer
Installed-Size: $size
Depends: libc6 (>= $libc), libgcc-s1
Recommends: $window
Suggests: notification-daemon
Section: devel
Priority: optional
Description: control centre for coding agents
 Shows every session of Claude Code, Codex and Gemini CLI on this machine,
 which one needs you and why, and lets you answer its permission requests,
 from a window, from the desktop or from the command line.
 .
 It also runs commands in terminals that outlive their window.
CONTROL
(cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
find "$root" -exec touch -h -d "@$epoch" {} +
deb=$out/magia_$version-1_$arch.deb
SOURCE_DATE_EPOCH=$epoch dpkg-deb --root-owner-group -Zxz --build "$root" "$deb" >/dev/null
echo "$deb"
