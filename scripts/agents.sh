#!/usr/bin/env bash
# Installs the agent CLIs that the tests run into .agents, at the versions pinned in tests/agents, and prints
# what is there. Needs node and npm; runs no install scripts.
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in node npm; do
  command -v "$tool" >/dev/null || { echo "error: $tool is missing: make install-deps" >&2; exit 1; }
done

mkdir -p .agents
if ! cmp -s tests/agents/package-lock.json .agents/package-lock.json || [ ! -f .agents/installed ]; then
  rm -f .agents/installed
  cp tests/agents/package.json tests/agents/package-lock.json .agents/
  npm ci --prefix .agents --ignore-scripts --no-audit --no-fund --loglevel=error
  touch .agents/installed
fi

claude=.agents/node_modules/@anthropic-ai/claude-code-linux-x64/claude
[ -x "$claude" ] || { echo "error: Claude Code has no build for this machine ($(uname -sm))" >&2; exit 1; }
# A HOME of its own: even --version may write there.
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
printf 'claude %s\n' "$(env -i HOME="$home" PATH="$PATH" DISABLE_AUTOUPDATER=1 "$claude" --version)"
printf 'node %s\n' "$(node --version)"
