#!/usr/bin/env bash
# Prints what a terminal has to draw: attributes, colours, lines, blocks, braille, wide and combining characters, links.
#   cargo run -p magia-app --example terminal -- bash -c 'scripts/terminal-card.sh; read'
set -euo pipefail
e=$'\e'
row() { printf '%b\n' "$*"; }

row "${e}[1mbold${e}[0m ${e}[3mitalic${e}[0m ${e}[1;3mboth${e}[0m ${e}[2mdim${e}[0m ${e}[7minverse${e}[0m [${e}[8mhidden${e}[0m] ${e}[9mstrike${e}[0m ${e}[4munder${e}[0m ${e}[4:2mdouble${e}[0m ${e}[4:3mcurly${e}[0m ${e}[4:4mdotted${e}[0m ${e}[4:5mdashed${e}[0m ${e}[4:3;58;5;9mred curl${e}[0m ${e}[4:2;58;2;80;200;120mgreen${e}[0m ${e}[1;4;9mall${e}[0m"
row "The quick brown fox jumps over the lazy dog 0O 1lI {}[]() => != >= |> gjpqy ÄÖÜßéñ ΩЖ ©®™"
for base in 30 90; do
  for i in 0 1 2 3 4 5 6 7; do printf '%s' "${e}[$((base + i))mcolour $i ${e}[0m "; done
  echo
done
for base in 40 100; do
  for i in 0 1 2 3 4 5 6 7; do printf '%s' "${e}[$((base + i));30m black ${e}[97m white ${e}[39m own ${e}[0m"; done
  echo
done
for i in $(seq 16 231); do
  printf '%s' "${e}[48;5;${i}m "
  [ $(((i - 15) % 72)) -ne 0 ] || echo "${e}[0m"
done
for i in $(seq 232 255); do printf '%s' "${e}[48;5;${i}m   "; done
echo "${e}[0m"
for i in $(seq 0 71); do printf '%s' "${e}[48;2;$((255 - i * 255 / 71));$((i * 255 / 71));128m "; done
echo "${e}[0m"
row "┌─┬┐ ╔═╦╗ ╓─╥╖ ╒═╤╕ ┏━┳┓ ╭─╮ ┍━┑ ┎─┒ ╱╲ ┄┄┄ ┅┅┅ ┈┈┈ ╌╌╌ ┆ ┇ ┊ ┋   █▉▊▋▌▍▎▏ ▁▂▃▄▅▆▇█ ░░▒▒▓▓██ ▖▗▘▙▚▛▜▝▞▟ ▔▔▕"
row "│ ││ ║ ║║ ║ ║║ │ ││ ┃ ┃┃ │ │ │ │ ┃ ┃ ╲╱ ╎╏      ╴╵╶╷╸╹╺╻╼╽╾╿ ╳╳╳   ▀▄▀▄▀▄ ▌▐▌▐ ⣿⣿⣿⣿ ⠁⠂⠄⡀⢀⠠⠐⠈ ⣀⣤⣶⣿⠛⠉ ⡇⢸"
row "├─┼┤ ╠═╬╣ ╟─╫╢ ╞═╪╡ ┣━╋┫ ╰─╯ ┕━┙ ┖─┚ ⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ${e}[34;42m\uE0B0${e}[42;33m\uE0B2 \uE0B1 \uE0B3${e}[0m  ${e}[31m███${e}[41m   ${e}[0m${e}[31m▐██▌${e}[0m"
row "└─┴┘ ╚═╩╝ ╙─╨╜ ╘═╧╛ ┗━┻┛ ┟┠┡┢┣╀╁╂╃╄╅╆╇╈╉╊╋ ┝┞┥┦┧┨┩┪┬┭┮┯┰┱┲┴┵┶┷┸┹┺ 🬀🬁🬂🬃🬄🬅🬆🬇🬈🬉🬊🬋🬌🬍🬎🬏🬞🬭🬹🬻"
row "日本語 中文 한국어 |ｗｉｄｅ| e\u0301 a\u030A o\u0302\u0323 n\u0303 🚀🎉🔥👍❤️ ✅ ☺ ➜ ✔ ✘ ★ ☐ ☒ ⏺ ⎿ ⏵⏵ ✻ ✽ ✶ ✢ ❯ ⏸ ⧉ ◐ ○ ● → ⇒ ↵ … ─ ﬁ ﷽"
row "${e}]8;;https://example.org/marked${e}\\\\marked link${e}]8;;${e}\\\\ https://example.org/written?a=b, (http://localhost:8080/x)."
row "╭──────────────────────────────────────╮  ✻ ${e}[38;2;215;119;87mWelcome to Claude Code${e}[0m ${e}[2m/help for help${e}[0m"
row "│ ${e}[38;2;215;119;87m>${e}[0m Try \"edit src/main.rs\"             │  ${e}[38;2;78;186;101m⏺${e}[0m ${e}[1mBash${e}[0m(cargo test)  ${e}[38;2;255;107;128m⏺${e}[0m ${e}[1mEdit${e}[0m(src/lib.rs)"
row "╰──────────────────────────────────────╯    ⎿  ${e}[48;2;34;92;43m+ let x = 1;${e}[0m ${e}[48;2;122;41;54m- let x = 2;${e}[0m"
