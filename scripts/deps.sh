#!/usr/bin/env bash
# Installs the Debian packages that are missing for one purpose, or says which they are. And Rust's standard library for
# musl, when rustup can get it: with it the hook handler starts quicker (scripts/static.sh).
#   scripts/deps.sh build    to compile
#   scripts/deps.sh window   to show the window
#   scripts/deps.sh test     to run the tests
#   scripts/deps.sh agents   to run the tests with the real agent CLIs
#   scripts/deps.sh bench    to run the benchmarks
#   scripts/deps.sh package  to make the Debian package and try it
# When nothing is missing it neither asks for a password nor touches the network.
set -euo pipefail

build=(gcc libc6-dev make pkg-config)
window=(libx11-6 libx11-xcb1 libxcursor1 libxi6 libxkbcommon0 libxkbcommon-x11-0 libgl1 libegl1 libfontconfig1)
# A display without a screen, a window manager (without one nothing gets the keyboard), software OpenGL.
headless=(xvfb xauth openbox xdotool x11-utils imagemagick libgl1-mesa-dri dbus dbus-x11 dunst xterm)
# A tray, and a clock that jumps.
desktop=(xfce4-panel xfconf faketime)
# The terminal programs that magia opens, and what the examples of the docs use.
terminals=(xterm kitty alacritty gnome-terminal konsole xfce4-terminal netcat-openbsd curl)
# An editor that is a client of magia.
editors=(neovim)
# Programs that fill a terminal, which the tests drive.
tuis=(vim htop tmux less)
agents=(git ca-certificates python3-venv)
bench=(netcat-openbsd procps kitty alacritty)
package=(dpkg-dev binutils lintian debootstrap desktop-file-utils)

case "${1:-}" in
  build) wanted=("${build[@]}") ;;
  window) wanted=("${build[@]}" "${window[@]}") ;;
  test) wanted=("${build[@]}" "${window[@]}" "${headless[@]}" "${desktop[@]}" "${terminals[@]}" "${tuis[@]}" "${editors[@]}") ;;
  agents) wanted=("${build[@]}" "${window[@]}" "${headless[@]}" "${desktop[@]}" "${editors[@]}" "${agents[@]}") ;;
  bench) wanted=("${build[@]}" "${window[@]}" "${headless[@]}" "${desktop[@]}" "${bench[@]}") ;;
  package) wanted=("${build[@]}" "${package[@]}") ;;
  *) echo "usage: $0 build|window|test|agents|bench|package" >&2; exit 2 ;;
esac

# Rust comes from rustup, whatever the distribution.
if ! command -v cargo >/dev/null; then
  echo "error: cargo is missing: install Rust from https://rustup.rs" >&2
  exit 1
fi

musl=$(dirname "$0")/musl.sh
if ! "$musl" >/dev/null && wanted_musl=$("$musl" --wanted) && [ -n "$wanted_musl" ] && command -v rustup >/dev/null; then
  echo "Installing: Rust's $wanted_musl"
  timeout 60 rustup target add "$wanted_musl" >/dev/null 2>&1 ||
    echo "note: it cannot be had now; the hook handler is built with glibc and starts slower" >&2
fi

if ! command -v dpkg-query >/dev/null; then
  echo "note: not a Debian system; these packages' contents are taken to be here: ${wanted[*]}" >&2
  exit 0
fi

# node and npm may come from anywhere: only their commands count.
if [ "$1" = agents ]; then
  command -v node >/dev/null || wanted+=(nodejs)
  command -v npm >/dev/null || wanted+=(npm)
fi

missing=()
for package in "${wanted[@]}"; do
  case "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" in
    installed) ;;
    *) missing+=("$package") ;;
  esac
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "error: these packages are missing, and installing them needs root: ${missing[*]}" >&2
    echo "hint: as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "Installing: ${missing[*]}"
# ${a[@]+..}: an empty array is "unbound" to older bash.
${as_root[@]+"${as_root[@]}"} apt-get update -qq
${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
