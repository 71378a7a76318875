"""The same answer as magia's, on Python's `websockets`: reads JSON-RPC, answers a tool's call."""

import asyncio
import json

from websockets.asyncio.server import serve

TOOLS = {"getDiagnostics": lambda arguments: {"content": [{"type": "text", "text": "[]"}]}}


async def answer(socket):
    async for message in socket:
        asked = json.loads(message)
        params = asked.get("params", {})
        result = TOOLS[params["name"]](params["arguments"]) if asked["method"] == "tools/call" else {}
        await socket.send(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}))


async def main():
    async with serve(answer, "127.0.0.1", 0, compression=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())
