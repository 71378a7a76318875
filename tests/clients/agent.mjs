// An agent of its own making, on the `ws` package: greets magia, lists the tools, shows a change and waits for its answer.
// usage: node agent.mjs PORT TOKEN FILE   prints one JSON line: what it was answered
import { createRequire } from "node:module";

const require = createRequire(process.env.MAGIA_TEST_MODULES + "/");
const WebSocket = require("ws");
const [port, token, file] = process.argv.slice(2);
const url = `ws://127.0.0.1:${port}/`;
const header = "x-claude-code-ide-authorization";

const refused = (headers) =>
  new Promise((resolve) => {
    const socket = new WebSocket(url, ["mcp"], { headers });
    socket.on("unexpected-response", (_request, response) => resolve(response.statusCode));
    socket.on("open", () => resolve("let in"));
    socket.on("error", () => {});
  });

const socket = new WebSocket(url, ["mcp"], { headers: { [header]: token } });
let next = 0;
const waiting = new Map();
const ask = (method, params, how = {}) =>
  new Promise((resolve) => {
    const id = next++;
    waiting.set(id, resolve);
    const text = JSON.stringify({ jsonrpc: "2.0", id, method, params });
    if (how.pieces) {
      const half = text.length >> 1;
      socket.send(text.slice(0, half), { fin: false });
      socket.ping("between");
      socket.send(text.slice(half), { fin: true });
    } else {
      socket.send(text);
    }
  });
socket.on("message", (data) => {
  const message = JSON.parse(data);
  waiting.get(message.id)?.(message);
});
socket.on("open", async () => {
  const hello = await ask("initialize", {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "node-ws", version: "1" },
  });
  const tools = await ask("tools/list", {});
  const pong = new Promise((resolve) => socket.on("pong", (data) => resolve(String(data))));
  const problems = await ask("tools/call", { name: "getDiagnostics", arguments: {} }, { pieces: true });
  const long = await ask("tools/call", { name: "getDiagnostics", arguments: { uri: "x".repeat(3_000_000) } });
  const diff = ask("tools/call", {
    name: "openDiff",
    arguments: { old_file_path: file, new_file_path: file, new_file_contents: "new\n", tab_name: "tab" },
  });
  const told = {
    protocol: socket.protocol,
    server: hello.result.serverInfo.name,
    tools: tools.result.tools.length,
    pong: await pong,
    problems: problems.result.content[0].text,
    long: long.result.content[0].text,
    wrong: await refused({ [header]: "wrong" }),
    missing: await refused({}),
    origin: await refused({ [header]: token, origin: "https://evil.example" }),
    diff: (await diff).result.content?.[0].text,
  };
  socket.close(1000);
  socket.on("close", (code) => console.log(JSON.stringify({ ...told, closed: code })));
});
