# For scripts that take pictures, to be sourced with $bin set: a private place and display with a window manager, the demo in
# it, and its window. Everything ends with the script.
#   stage WIDTH HEIGHT     the display's size; sets place, own (what every command is run with) and window
started=()
end() {
  # Newest first: the demo removes its own place.
  for ((at = ${#started[@]} - 1; at >= 0; at--)); do
    kill "${started[at]}" 2>/dev/null || true
    wait "${started[at]}" 2>/dev/null || true
  done
  rm -rf "$place"
}
fail() { echo "error: $*" >&2; tail -n 20 "$place"/*.log >&2 || true; exit 1; }

# until_true WHAT COMMAND...: asks again and again, for 40 s.
until_true() {
  local what=$1 end=$((SECONDS + 40))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || fail "waited in vain for $what"
    sleep 0.1
  done
}

has_manager() { "${own[@]}" xprop -root _NET_SUPPORTING_WM_CHECK | grep -q "window id"; }
has_daemon() {
  "${own[@]}" dbus-send --session --print-reply --dest=org.freedesktop.DBus /org/freedesktop/DBus \
    org.freedesktop.DBus.NameHasOwner string:org.freedesktop.Notifications | grep -q "boolean true"
}
find_window() { window=$("${own[@]}" xdotool search --onlyvisible --pid "$app" | head -n 1) && [ -n "$window" ]; }
keys() { "${own[@]}" xdotool key --window "$window" --delay 60 "$@"; }
asks() { "${own[@]}" "$bin/magia" permissions | grep -q "$1"; }

stage() {
  # Short: its path is in the pictures.
  place=$(mktemp -d /tmp/p-XXXX)
  trap end EXIT
  mkdir -p "$place"/{home,run}
  chmod 700 "$place/run"
  own=(env -i PATH="$PATH" HOME="$place/home" TMPDIR="$place" XDG_RUNTIME_DIR="$place/run" LANG=C.UTF-8 TZ=UTC
    LIBGL_ALWAYS_SOFTWARE=1)
  "${own[@]}" Xvfb -displayfd 3 -screen 0 "$1x$2x24" -nolisten tcp -noreset 3>"$place/display" >"$place/xvfb.log" 2>&1 &
  started+=($!)
  until_true "the display" test -s "$place/display"
  own+=(DISPLAY=":$(cat "$place/display")")
  "${own[@]}" openbox >"$place/openbox.log" 2>&1 &
  started+=($!)
  until_true "the window manager" has_manager
  # A bus with a notification daemon that shows nothing: what it shows would lie over the window.
  "${own[@]}" dbus-daemon --session --nofork --print-address=3 3>"$place/bus" 2>"$place/bus.log" &
  started+=($!)
  until_true "the bus" test -s "$place/bus"
  own+=(DBUS_SESSION_BUS_ADDRESS="$(head -n 1 "$place/bus")")
  printf '[hidden]\nsummary = "*"\nskip_display = yes\n' >"$place/dunstrc"
  "${own[@]}" dunst -conf "$place/dunstrc" >"$place/dunst.log" 2>&1 &
  started+=($!)
  until_true "the notification daemon" has_daemon
  # Faster than a person reads, so that all sessions are well under way.
  "${own[@]}" "$bin/magia" demo --json --speed 4 >"$place/demo.json" 2>"$place/demo.log" &
  started+=($!)
  until_true "the demo" grep -q runtime_dir "$place/demo.json"
  own+=(MAGIA_RUNTIME_DIR="$(sed -n 's/.*"runtime_dir":"\([^"]*\)".*/\1/p' "$place/demo.json" | head -n 1)")
  app=$(sed -n 's/.*"app_pid":\([0-9]*\).*/\1/p' "$place/demo.json" | head -n 1)
  window=
  until_true "the window" find_window
}

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
