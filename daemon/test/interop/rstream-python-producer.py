"""A producer on the official SDK: attaches when told to and serves HTTP/1.1 on the streams it is given.

Each line on stdin is one attempt: {engine, token, ca_file, name, labels, zero_rtt, heartbeat_interval}.
Events go to stdout as JSON lines: open, refused, ended, closed. {"close": true} closes in protocol.
"""

import asyncio
import base64
import hashlib
import json
import sys

from rstream import Client, CreateTunnelOptions, EngineError, RstreamError, TLSOptions
from rstream.types import TunnelAuth

WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


async def serve(stream):
    """Requests of one stream, until it ends."""
    try:
        while True:
            head = (await stream.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.rstrip("\r\n").split("\r\n")
            method, path, _ = first.split(" ")
            headers = {}
            for line in lines:
                name, value = line.split(":", 1)
                headers[name.strip().lower()] = value.strip()
            if headers.get("upgrade", "").lower() == "websocket":
                await echo_frames(stream, headers["sec-websocket-key"])
                return
            body = await stream.readexactly(int(headers.get("content-length", "0")))
            status, answer = 404, b"not found"
            if path == "/healthz":
                status, answer = 200, b"ok"
            elif path == "/whep" and method == "POST":
                status, answer = 201, b"answer to " + body
            stream.write(
                f"HTTP/1.1 {status} X\r\nContent-Length: {len(answer)}\r\n\r\n".encode() + answer
            )
            await stream.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        stream.close()


async def echo_frames(stream, key):
    """The server's side of a WebSocket that sends every text frame back."""
    accept = base64.b64encode(hashlib.sha1(key.encode() + WEBSOCKET_GUID).digest()).decode()
    stream.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
    )
    while True:
        start = await stream.readexactly(2)
        length = start[1] & 0x7F
        if length == 126:
            length = int.from_bytes(await stream.readexactly(2), "big")
        mask = await stream.readexactly(4)
        payload = bytes(
            byte ^ mask[at % 4] for at, byte in enumerate(await stream.readexactly(length))
        )
        if start[0] & 0x0F == 8:
            return
        size = bytes([length]) if length < 126 else b"\x7e" + length.to_bytes(2, "big")
        stream.write(bytes([start[0]]) + size + payload)
        await stream.drain()


async def attach(request, commands):
    """One attempt: until the tunnel or its control channel ends, or close is asked for."""
    client = Client(
        engine=request["engine"],
        token=request["token"],
        read_config_file=False,
        zero_rtt=request.get("zero_rtt", True),
        heartbeat_interval=request.get("heartbeat_interval", 5.0),
        operation_timeout=5.0,
        tls=TLSOptions(ca_file=request["ca_file"]),
    )
    async with client:
        control = await client.connect()
        tunnel = await control.create_tunnel(
            CreateTunnelOptions(
                name=request["name"],
                publish=True,
                protocol="http",
                http_version="http/1.1",
                labels=request["labels"],
                auth=TunnelAuth(token=True),
            )
        )
        say("open", id=tunnel.id, address=tunnel.forwarding_address)
        streams = set()

        async def accept():
            async for stream in tunnel:
                task = asyncio.create_task(serve(stream))
                streams.add(task)
                task.add_done_callback(streams.discard)

        accepting = asyncio.create_task(accept())
        closing = asyncio.create_task(commands.get())
        done, _ = await asyncio.wait({accepting, closing}, return_when=asyncio.FIRST_COMPLETED)
        if closing in done:
            await control.close()
            accepting.cancel()
            say("closed")
        else:
            closing.cancel()
            error = accepting.exception()
            say("ended", reason="" if error is None else str(error))


async def main():
    commands = asyncio.Queue()
    loop = asyncio.get_running_loop()

    async def read_stdin():
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            await commands.put(json.loads(line))
        loop.stop()

    reading = asyncio.create_task(read_stdin())
    while not reading.done():
        request = await commands.get()
        try:
            await attach(request, commands)
        except EngineError as error:
            say("refused", code=error.engine_code, message=str(error))
        except (RstreamError, OSError) as error:
            say("failed", message=f"{type(error).__name__}: {error}")


try:
    asyncio.run(main())
except RuntimeError:
    pass  # The loop was stopped: stdin has ended.
