// The VS Code extension's client against a real magia: tells what it shows, hears of agents and events, comes back.
// usage: node vscode.mjs CLIENT_JS FOLDER   reads commands from stdin, prints one JSON line for each thing that happens
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [script, folder] = process.argv.slice(2);
const { Client } = (await import(pathToFileURL(script).href)).default;
const say = (what, value) => console.log(JSON.stringify({ what, value }));

const client = new Client({ name: "VS Code", version: "test", folders: () => [folder], retryMs: 200 });
client.on("connected", () => say("connected", client.seq));
client.on("lost", () => say("lost", client.seq));
client.on("agents", (agents) => say("agents", agents));
client.on("event", (event) => say("event", { event: event.event, seq: event.seq, kind: event.payload?.kind }));
// What is to be answered to an agent's wish comes by a command.
let done = () => {};
client.on("wish", (wish, answer) => {
  done = answer;
  say("wish", wish);
});
client.start();

for await (const line of createInterface({ input: process.stdin })) {
  const { method, args } = JSON.parse(line);
  const result = method === "done" ? done(...args) : await client[method](...args);
  say(method, result ?? null);
  if (method === "dispose") break;
}
process.exit(0);
