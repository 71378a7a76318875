// VS Code's side: what is selected, open and wrong here goes to magia; what agents want of an editor comes back.

import * as vscode from "vscode";
import { Client, OpenFile, Problem, Wish } from "./client";

const QUIET_MS = 120;
const SEVERITY = ["Error", "Warning", "Info", "Hint"] as const;

export function activate(context: vscode.ExtensionContext): void {
  const folders = () => (vscode.workspace.workspaceFolders ?? []).map((folder) => folder.uri.fsPath);
  const client = new Client({ name: "VS Code", version: vscode.version, folders });
  const status = vscode.window.createStatusBarItem(vscode.StatusBarAlignment.Right, 0);
  status.command = "magia.status";

  const words = () => {
    if (!client.connected) return "not connected to magia";
    const count = client.agents.length;
    return `${count} agent${count === 1 ? "" : "s"} of these folders hear${count === 1 ? "s" : ""} of what is shown here`;
  };
  const show = () => {
    status.text = client.connected ? `magia ${client.agents.length}` : "magia off";
    status.tooltip = words();
    status.show();
  };

  const isFile = (document: vscode.TextDocument) => document.uri.scheme === "file";
  const tellSelection = () => {
    const editor = vscode.window.activeTextEditor;
    if (!editor || !isFile(editor.document)) return;
    const { start, end } = editor.selection;
    client.selection({
      filePath: editor.document.uri.fsPath,
      text: editor.document.getText(editor.selection),
      start: { line: start.line, character: start.character },
      end: { line: end.line, character: end.character },
    });
  };
  let quiet: NodeJS.Timeout | undefined;
  const soon = () => {
    clearTimeout(quiet);
    quiet = setTimeout(tellSelection, QUIET_MS);
  };
  const tellFiles = () => {
    const active = vscode.window.activeTextEditor?.document;
    const shown = new Set(
      vscode.window.tabGroups.all.flatMap((group) => group.tabs).map((tab) => String((tab.input as any)?.uri ?? "")),
    );
    const files = vscode.workspace.textDocuments.filter((it) => isFile(it) && shown.has(String(it.uri)));
    client.files(
      files.map(
        (it): OpenFile => ({
          filePath: it.uri.fsPath,
          active: it === active,
          dirty: it.isDirty,
          language: it.languageId,
        }),
      ),
    );
  };
  const tellProblems = (uris: readonly vscode.Uri[]) => {
    for (const uri of uris.filter((it) => it.scheme === "file")) {
      const rows = vscode.languages.getDiagnostics(uri).map((it): Problem => {
        const code = typeof it.code === "object" ? it.code.value : it.code;
        const { start, end } = it.range;
        return {
          message: it.message,
          severity: SEVERITY[it.severity] ?? "Info",
          source: it.source,
          code: code === undefined ? undefined : String(code),
          range: {
            start: { line: start.line, character: start.character },
            end: { line: end.line, character: end.character },
          },
        };
      });
      client.diagnostics(uri.toString(), rows);
    }
  };
  const wish = async ({ wish, arguments: wanted }: Wish) => {
    if (typeof wanted.filePath !== "string") throw new Error("filePath is missing");
    const uri = vscode.Uri.file(wanted.filePath);
    if (wish === "openFile") {
      await vscode.window.showTextDocument(uri, { preview: wanted.preview === true });
    } else {
      const document = vscode.workspace.textDocuments.find((it) => it.uri.fsPath === uri.fsPath);
      if (!document) throw new Error("it is not open");
      if (document.isDirty && !(await document.save())) throw new Error("it could not be saved");
    }
  };

  client.on("connected", () => {
    tellFiles();
    tellSelection();
    tellProblems(vscode.languages.getDiagnostics().map(([uri]) => uri));
    show();
  });
  client.on("lost", show);
  client.on("agents", show);
  client.on("wish", (wanted, done) => {
    wish(wanted).then(() => done(), (err) => done(err instanceof Error ? err.message : String(err)));
  });

  context.subscriptions.push(
    client,
    status,
    vscode.window.onDidChangeTextEditorSelection(soon),
    vscode.window.onDidChangeActiveTextEditor(() => {
      tellFiles();
      soon();
    }),
    vscode.window.tabGroups.onDidChangeTabs(tellFiles),
    vscode.workspace.onDidSaveTextDocument(tellFiles),
    vscode.languages.onDidChangeDiagnostics((event) => tellProblems(event.uris)),
    vscode.workspace.onDidChangeWorkspaceFolders(() => client.folders()),
    vscode.commands.registerCommand("magia.status", () => vscode.window.showInformationMessage(words())),
    vscode.commands.registerCommand("magia.mention", () => {
      const editor = vscode.window.activeTextEditor;
      if (!editor || !isFile(editor.document)) return;
      const { start, end, isEmpty } = editor.selection;
      client.mention(editor.document.uri.fsPath, isEmpty ? null : [start.line, end.line]);
    }),
  );
  show();
  client.start();
}

export function deactivate(): void {}
