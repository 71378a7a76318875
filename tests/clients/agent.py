"""An agent of its own making, on the `websockets` package: greets magia, lists the tools, shows a change and waits for its
answer.
usage: python agent.py PORT TOKEN FILE   prints one JSON line: what it was answered"""

import asyncio
import json
import sys

import websockets

port, token, file = sys.argv[1:4]
URL = f"ws://127.0.0.1:{port}/"
HEADER = "x-claude-code-ide-authorization"


async def refused(headers):
    try:
        async with websockets.connect(URL, subprotocols=["mcp"], additional_headers=headers):
            return "let in"
    except websockets.exceptions.InvalidStatus as err:
        return err.response.status_code


async def closed_by(data):
    """The code with which the server ends a connection that sends this."""
    async with websockets.connect(URL, subprotocols=["mcp"], additional_headers={HEADER: token}) as socket:
        await socket.send(data)
        try:
            await socket.recv()
        except websockets.exceptions.ConnectionClosed as err:
            return err.rcvd.code


async def main():
    async with websockets.connect(
        URL, subprotocols=["mcp"], additional_headers={HEADER: token}, max_size=None
    ) as socket:
        count = 0

        async def ask(method, params, pieces=False):
            nonlocal count
            text = json.dumps({"jsonrpc": "2.0", "id": count, "method": method, "params": params})
            wanted, count = count, count + 1
            if pieces:
                await socket.send(iter([text[:9], text[9:10], text[10:]]))
            else:
                await socket.send(text)
            while True:
                message = json.loads(await socket.recv())
                if message.get("id") == wanted:
                    return message

        hello = await ask(
            "initialize",
            {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "python", "version": "1"}},
        )
        tools = await ask("tools/list", {})
        pong = await socket.ping()
        await pong
        call = lambda **arguments: {"name": "getDiagnostics", "arguments": arguments}
        problems = await ask("tools/call", call(), pieces=True)
        long = await ask("tools/call", call(uri="x" * 3_000_000))
        told = {
            "protocol": socket.subprotocol,
            "server": hello["result"]["serverInfo"]["name"],
            "tools": len(tools["result"]["tools"]),
            "pong": "between",
            "problems": problems["result"]["content"][0]["text"],
            "long": long["result"]["content"][0]["text"],
            "wrong": await refused({HEADER: "wrong"}),
            "missing": await refused({}),
            "origin": await refused({HEADER: token, "origin": "https://evil.example"}),
            "binary": await closed_by(b"\x00"),
        }
        arguments = {
            "old_file_path": file,
            "new_file_path": file,
            "new_file_contents": "new\n",
            "tab_name": "tab",
        }
        diff = await ask("tools/call", {"name": "openDiff", "arguments": arguments})
        told["diff"] = diff["result"]["content"][0]["text"]
    print(json.dumps({**told, "closed": socket.close_code}))


asyncio.run(main())
