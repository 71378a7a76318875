#!/usr/bin/env bash
# Tries the package in a Debian of its own: installs it, runs it, removes it, and looks for what is left over.
#   scripts/deb-try.sh [PACKAGE]          as root; needs debootstrap and a Debian mirror
# SUITE and MIRROR choose the Debian. The base system is kept in target/deb, for the next time.
set -euo pipefail
cd "$(dirname "$0")/.."
deb=$(realpath "${1:-$(ls -t target/deb/*.deb | head -n 1)}")
suite=${SUITE:-bookworm}
base=$PWD/target/deb/base-$suite.tar
place=$(mktemp -d /tmp/magia-deb-XXXX)
chmod 755 "$place"
app=
end() {
  [ -z "$app" ] || kill "$app" 2>/dev/null || true
  umount "$place/proc" 2>/dev/null || true
  rm -rf --one-file-system "$place"
}
trap end EXIT
fail() { echo "error: $*" >&2; exit 1; }

if [ ! -f "$base" ]; then
  echo "a Debian $suite, once"
  debootstrap --variant=minbase "$suite" "$place" "${MIRROR:-http://deb.debian.org/debian}" >"$base.log" ||
    fail "debootstrap failed: see $base.log"
  tar -C "$place" -cf "$base.new" .
  mv "$base.new" "$base"
else
  tar -C "$place" -xf "$base"
fi
# The archive has the directory's own mode in it.
chmod 755 "$place"

root=(chroot "$place" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/home/ann TMPDIR=/tmp LANG=C.UTF-8
  DEBIAN_FRONTEND=noninteractive)
ann=("${root[@]}" setpriv --reuid=1000 --regid=1000 --clear-groups)
files() {
  find "$place" -xdev \( -path "$place/proc" -o -path "$place/var" -o -path "$place/tmp" \
    -o -path "$place/home/ann" \) -prune -o -print | sort
}

mount -t proc proc "$place/proc"
"${root[@]}" useradd -m -u 1000 ann
files >"$place/tmp/before"
cp "$deb" "$place/tmp/magia.deb"
# Without the network: libc6 and libgcc are there, and the window's libraries are only recommended.
"${root[@]}" dpkg -i /tmp/magia.deb
"${root[@]}" dpkg --verify magia
"${ann[@]}" magia --version
"${ann[@]}" magia status >/dev/null 2>&1 && fail "it runs before it was started"
# No function here: the process that is started becomes the app, so that it can be ended.
"${ann[@]}" magia-app --headless >"$place/tmp/app.log" 2>&1 &
app=$!
for _ in $(seq 100); do "${ann[@]}" magia status >/dev/null 2>&1 && break; sleep 0.1; done
"${ann[@]}" magia status | head -n 1
"${ann[@]}" magia hooks install >/dev/null
"${ann[@]}" test -s /home/ann/.claude/settings.json || fail "no hooks"
# The nearest program above the handler that is no shell is taken for the agent, and what runs below an agent may change
# nothing: `timeout` stands for it here, or it were whatever runs this script.
echo '{"hook_event_name":"Stop","session_id":"s"}' |
  "${ann[@]}" timeout 20 magia-hook-handler --provider claude --event Stop || fail "the handler failed"
"${ann[@]}" magia hooks uninstall >/dev/null
kill "$app"
wait "$app" || fail "it did not end as it should: $(cat "$place/tmp/app.log")"
app=
"${root[@]}" dpkg --purge magia
files >"$place/tmp/after"
left=$(comm -13 "$place/tmp/before" "$place/tmp/after")
[ -z "$left" ] || fail "left over: $left"
echo "installed, ran, removed: nothing is left but the user's own"
