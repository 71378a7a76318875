#!/usr/bin/env bash
# Takes pictures of every page of the demo's window, on a display of its own, into docs/: the window in both themes,
# finding, the settings, the shortcuts, and the smallest window at 100 % and the usual one at 200 %. Nothing of the
# user's is read or written but these files.
#   scripts/screenshots.sh [DIRECTORY WITH THE PROGRAMS]
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "${1:-target/release}")
size=(1280 800)
# Faster than a person reads, so that all sessions are well under way.
speed=4

# Short: its path is in the pictures.
place=$(mktemp -d /tmp/p-XXXX)
started=()
end() {
  # Newest first: the demo removes its own place.
  for ((at = ${#started[@]} - 1; at >= 0; at--)); do
    kill "${started[at]}" 2>/dev/null || true
    wait "${started[at]}" 2>/dev/null || true
  done
  rm -rf "$place"
}
trap end EXIT

fail() { echo "error: $*" >&2; tail -n 20 "$place"/*.log >&2 || true; exit 1; }

# until_true WHAT COMMAND...: asks again and again, for half a minute.
until_true() {
  local what=$1 end=$((SECONDS + 30))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || fail "waited in vain for $what"
    sleep 0.1
  done
}

mkdir -p "$place"/{home,run}
chmod 700 "$place/run"
own=(env -i PATH="$PATH" HOME="$place/home" TMPDIR="$place" XDG_RUNTIME_DIR="$place/run" LANG=C.UTF-8 TZ=UTC
  LIBGL_ALWAYS_SOFTWARE=1)

"${own[@]}" Xvfb -displayfd 3 -screen 0 1600x1000x24 -nolisten tcp -noreset \
  3>"$place/display" >"$place/xvfb.log" 2>&1 &
started+=($!)
until_true "the display" test -s "$place/display"
own+=(DISPLAY=":$(cat "$place/display")")
"${own[@]}" openbox >"$place/openbox.log" 2>&1 &
started+=($!)
has_manager() { "${own[@]}" xprop -root _NET_SUPPORTING_WM_CHECK | grep -q "window id"; }
until_true "the window manager" has_manager

"${own[@]}" "$bin/magia" demo --json --speed "$speed" >"$place/demo.json" 2>"$place/demo.log" &
started+=($!)
until_true "the demo" grep -q runtime_dir "$place/demo.json"
own+=(MAGIA_RUNTIME_DIR="$(sed -n 's/.*"runtime_dir":"\([^"]*\)".*/\1/p' "$place/demo.json" | head -n 1)")
app=$(sed -n 's/.*"app_pid":\([0-9]*\).*/\1/p' "$place/demo.json" | head -n 1)

window=
find_window() { window=$("${own[@]}" xdotool search --onlyvisible --pid "$app" | head -n 1) && [ -n "$window" ]; }
until_true "the window" find_window
"${own[@]}" xdotool windowactivate --sync "$window" windowsize --sync "$window" "${size[@]}" \
  windowmove "$window" 40 40 mousemove 1599 999

asks() { "${own[@]}" "$bin/magia" permissions | grep -q "$1"; }
until_true "the demo's request" asks "rsync"
until_true "the demo's question" asks "database\|?"
# The first that needs an answer, and then the next: the words and the card of one session fill the window.
"${own[@]}" xdotool key --window "$window" n

# picture FILE: once two pictures in a row are the same.
picture() {
  local last=$place/last.png new=$place/new.png
  rm -f "$last"
  same() {
    "${own[@]}" import -window "$window" "$new" &&
      { [ -f "$last" ] && cmp -s "$last" "$new" || { mv "$new" "$last"; false; }; }
  }
  until_true "the window to come to rest" same
  install -m 644 "$last" "$1"
  echo "$1"
}

keys() { "${own[@]}" xdotool key --window "$window" --delay 60 "$@"; }
resize() { "${own[@]}" xdotool windowsize --sync "$window" "$@"; }

for theme in light dark; do
  "${own[@]}" "$bin/magia" settings set themeMode "$theme" >/dev/null
  case $theme in
    dark) picture docs/window.png ;;
    light) picture docs/window-light.png ;;
  esac
done

keys ctrl+f
"${own[@]}" xdotool type --window "$window" --delay 60 "dist"
keys Return
picture docs/find.png
keys Escape ctrl+comma
picture docs/settings.png
keys Escape question
picture docs/shortcuts.png
keys Escape
resize 800 500
picture docs/small.png
resize "${size[@]}"
# Ten steps of a tenth each.
for _ in {1..10}; do keys ctrl+equal; done
picture docs/zoomed.png
keys ctrl+0

# What the last `make test-agents` saw: a real Claude Code that asks.
if [ -f target/tmp/real-claude.png ]; then
  install -m 644 target/tmp/real-claude.png docs/real-claude.png
  echo docs/real-claude.png
fi
