#!/usr/bin/env bash
# Installs the agent CLIs and clients that the tests run into .agents, at the versions pinned in tests, and prints
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

# Two clients of the IDE server that are not ours, and the compiler of the VS Code extension.
if ! cmp -s tests/clients/package-lock.json .agents/clients/package-lock.json || [ ! -f .agents/clients/installed ]; then
  mkdir -p .agents/clients
  rm -f .agents/clients/installed
  cp tests/clients/package.json tests/clients/package-lock.json .agents/clients/
  npm ci --prefix .agents/clients --ignore-scripts --no-audit --no-fund --loglevel=error
  touch .agents/clients/installed
fi
if ! cmp -s tests/clients/requirements.txt .agents/python/requirements.txt; then
  python3 -m venv .agents/python
  .agents/python/bin/pip install --quiet --disable-pip-version-check -r tests/clients/requirements.txt
  cp tests/clients/requirements.txt .agents/python/
fi

claude=.agents/node_modules/@anthropic-ai/claude-code-linux-x64/claude
codex=.agents/node_modules/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex
gemini=.agents/node_modules/.bin/gemini
for program in "$claude" "$codex" "$gemini"; do
  [ -x "$program" ] || { echo "error: no ${program##*/} for this machine ($(uname -sm))" >&2; exit 1; }
done
# A HOME of its own: even --version may write there.
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
printf 'claude %s\n' "$(env -i HOME="$home" PATH="$PATH" DISABLE_AUTOUPDATER=1 "$claude" --version)"
printf '%s\n' "$(env -i HOME="$home" PATH="$PATH" "$codex" --version)"
printf 'gemini %s\n' "$(env -i HOME="$home" PATH="$PATH" GEMINI_CLI_NO_RELAUNCH=true "$gemini" --version)"
printf 'node %s\n' "$(node --version)"

# OpenTelemetry's own SDKs, for Node and for Python.
sdk=tests/agents/otel
if ! cmp -s $sdk/package-lock.json .agents/otel/package-lock.json || [ ! -f .agents/otel/installed ]; then
  mkdir -p .agents/otel
  rm -f .agents/otel/installed
  cp $sdk/package.json $sdk/package-lock.json .agents/otel/
  (cd .agents/otel && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
  touch .agents/otel/installed
fi
if ! cmp -s $sdk/requirements.txt .agents/otel-python/requirements.txt; then
  rm -rf .agents/otel-python
  python3 -m venv .agents/otel-python
  .agents/otel-python/bin/pip install --quiet --disable-pip-version-check --only-binary :all: -r $sdk/requirements.txt
  cp $sdk/requirements.txt .agents/otel-python/
fi
