// magia's protocol for editors (docs/ide-protocol.md), without VS Code.

import { EventEmitter } from "node:events";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import WebSocket from "ws";

const PROTOCOL = 1;

export interface Position {
  line: number;
  character: number;
}

export interface Selection {
  filePath: string;
  text: string;
  start: Position;
  end: Position;
}

export interface OpenFile {
  filePath: string;
  active: boolean;
  dirty: boolean;
  language: string;
}

export interface Problem {
  message: string;
  severity: "Error" | "Warning" | "Info" | "Hint";
  source?: string;
  code?: string;
  range: { start: Position; end: Position };
}

export interface SessionEvent {
  event: string;
  seq: number;
  payload: unknown;
}

export interface Agent {
  cwd: string;
}

export interface Wish {
  wish: "openFile" | "saveDocument";
  arguments: Record<string, unknown>;
}

interface Found {
  port: number;
  token: string;
}

/** Where `ide.json` may be, the likeliest first. */
export function places(env: NodeJS.ProcessEnv = process.env): string[] {
  if (env.MAGIA_RUNTIME_DIR) return [env.MAGIA_RUNTIME_DIR];
  const own = `magia-${process.getuid?.() ?? 0}`;
  return [...new Set([path.join(env.TMPDIR ?? os.tmpdir(), own), path.join("/tmp", own)])];
}

/** Reads where magia listens; a file that is not ours alone is not believed. */
export function discover(dirs: string[] = places()): Found | undefined {
  for (const dir of dirs) {
    const file = path.join(dir, "ide.json");
    try {
      const facts = fs.lstatSync(file);
      const uid = process.getuid?.();
      const others = uid !== undefined && (facts.uid !== uid || (facts.mode & 0o077) !== 0);
      if (!facts.isFile() || others) continue;
      const found = JSON.parse(fs.readFileSync(file, "utf8"));
      if (found.version === 1 && Number.isInteger(found.port) && typeof found.token === "string") return found;
    } catch {
      // Not there: magia does not run.
    }
  }
  return undefined;
}

interface Options {
  name: string;
  version: string;
  folders: () => string[];
  dirs?: string[];
  retryMs?: number;
}

interface Events {
  /** It is greeted; everything is to be told anew. */
  connected: [];
  lost: [];
  agents: [Agent[]];
  event: [SessionEvent];
  /** An agent wants it; it hears of it when `done` is called, with what went wrong or with nothing. */
  wish: [Wish, (problem?: string) => void];
}

/** A connection to magia that comes back by itself, and goes on with the events where it was. */
export class Client extends EventEmitter<Events> {
  private socket: WebSocket | undefined;
  private retry: NodeJS.Timeout | undefined;
  private waiting = new Map<number, { resolve: (result: any) => void; reject: (err: Error) => void }>();
  private nextId = 1;
  private ended = false;
  private greeted = false;
  /** The last event's number. */
  seq: number | undefined;
  agents: Agent[] = [];

  constructor(private readonly options: Options) {
    super();
  }

  get connected(): boolean {
    return this.greeted;
  }

  start(): void {
    if (this.socket || this.ended) return;
    const found = discover(this.options.dirs);
    if (!found) return this.later();
    const socket = new WebSocket(`ws://127.0.0.1:${found.port}/editor`, {
      headers: { authorization: `Bearer ${found.token}` },
      perMessageDeflate: false,
      handshakeTimeout: 5_000,
    });
    this.socket = socket;
    socket.on("open", () => void this.greet());
    socket.on("message", (data) => this.take(String(data)));
    socket.on("error", () => {});
    socket.on("close", () => this.lost());
  }

  dispose(): void {
    this.ended = true;
    clearTimeout(this.retry);
    this.socket?.close(1000);
  }

  folders(): void {
    this.notify("folders", { folders: this.options.folders() });
  }

  selection(selection: Selection): void {
    this.notify("selection", selection);
  }

  mention(filePath: string, lines: [number, number] | null): void {
    this.notify("mention", { filePath, lines });
  }

  files(files: OpenFile[]): void {
    this.notify("files", { files });
  }

  diagnostics(uri: string, diagnostics: Problem[]): void {
    this.notify("diagnostics", { uri, diagnostics });
  }

  sessions(): Promise<Record<string, unknown>[]> {
    return this.request("sessions", {});
  }

  private async greet(): Promise<void> {
    const { name, version, folders } = this.options;
    try {
      await this.request("initialize", { protocolVersion: PROTOCOL, name, version, folders: folders() });
      const { seq } = await this.request("subscribe", this.seq === undefined ? {} : { since: this.seq });
      // Lower when magia lost its newest events: it was killed before they were on disk.
      this.seq = Math.min(this.seq ?? seq, seq);
    } catch {
      return this.socket?.close();
    }
    this.greeted = true;
    this.emit("connected");
  }

  private take(text: string): void {
    const message = JSON.parse(text);
    const asked = this.waiting.get(message.id);
    if (asked) {
      this.waiting.delete(message.id);
      if (message.error) asked.reject(new Error(message.error.message));
      else asked.resolve(message.result);
    } else if (message.method === "event") {
      this.seq = message.params.seq ?? this.seq;
      this.emit("event", message.params);
    } else if (message.method === "agents") {
      this.agents = message.params.agents;
      this.emit("agents", this.agents);
    } else if (message.method === "editor/wish") {
      const { id } = message;
      this.emit("wish", message.params, (problem?: string) => {
        const outcome = problem === undefined ? { result: {} } : { error: { code: -32000, message: problem } };
        if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ jsonrpc: "2.0", id, ...outcome }));
      });
    }
  }

  private lost(): void {
    const was = this.greeted;
    this.socket = undefined;
    this.greeted = false;
    this.agents = [];
    for (const { reject } of this.waiting.values()) reject(new Error("the connection to magia was lost"));
    this.waiting.clear();
    if (was) this.emit("lost");
    this.later();
  }

  private later(): void {
    if (this.ended) return;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.start(), this.options.retryMs ?? 3_000);
  }

  private request(method: string, params: unknown): Promise<any> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      if (this.socket?.readyState !== WebSocket.OPEN) return reject(new Error("not connected to magia"));
      this.waiting.set(id, { resolve, reject });
      this.socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  }

  private notify(method: string, params: unknown): void {
    if (this.greeted) this.socket?.send(JSON.stringify({ jsonrpc: "2.0", method, params }));
  }
}
