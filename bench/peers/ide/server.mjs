// The same answer as magia's, on node's `ws`: reads JSON-RPC, answers a tool's call. usage: node server.mjs MODULES
import { createRequire } from "node:module";

const { WebSocketServer } = createRequire(process.argv[2] + "/")("ws");
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false }, () =>
  console.log(server.address().port),
);
const tools = { getDiagnostics: () => ({ content: [{ type: "text", text: "[]" }] }) };
server.on("connection", (socket) =>
  socket.on("message", (data) => {
    const { id, method, params } = JSON.parse(data);
    const result = method === "tools/call" ? tools[params.name](params.arguments) : {};
    socket.send(JSON.stringify({ jsonrpc: "2.0", id, result }));
  }),
);
