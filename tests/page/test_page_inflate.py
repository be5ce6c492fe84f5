"""The page's reader of zlib streams against Python's: the same bytes come out, and the same streams are refused."""

import base64
import json
import random
import subprocess
import zlib

from tests.page.damage import damaged_bytes
from tests.page.engine import SOURCES, node

MOST = 1 << 18
_PROGRAM = f"""
import {{ createInterface }} from "node:readline";
const {{ inflate }} = await import("{(SOURCES / "inflate.js").as_uri()}");
for await (const line of createInterface({{ input: process.stdin }})) {{
  try {{
    console.log(Buffer.from(inflate(new Uint8Array(Buffer.from(line, "base64")), {MOST})).toString("base64"));
  }} catch (error) {{
    console.log(`! ${{error.constructor.name}}`);
  }}
}}
"""


def by_page(streams: list[bytes]) -> list[str]:
    given = "".join(f"{base64.b64encode(stream).decode()}\n" for stream in streams)
    program = [node(), "--input-type=module", "--eval", _PROGRAM]
    done = subprocess.run(program, input=given, capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.splitlines()


def by_python(stream: bytes) -> str:
    reader = zlib.decompressobj()
    try:
        content = reader.decompress(stream, MOST + 1)
    except zlib.error:
        return "! NotZlib"
    if len(content) > MOST:
        return "! TooLarge"
    return base64.b64encode(content).decode() if reader.eof and not reader.unused_data else "! NotZlib"


def contents() -> list[bytes]:
    chance = random.Random(1)
    return [
        b"",
        b"a",
        bytes(MOST),
        bytes(MOST + 1),
        chance.randbytes(70_000),
        bytes(chance.choice([0, 0, 0, 0, 1, 64, 128]) for _ in range(16_384)),
        json.dumps([chance.random() for _ in range(4000)]).encode(),
    ]


def test_what_zlib_writes_at_any_level_is_read() -> None:
    streams = []
    for content in contents():
        streams += [zlib.compress(content, level) for level in range(10)]
        for strategy in (zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE):
            writer = zlib.compressobj(9, zlib.DEFLATED, 9, 9, strategy)
            streams.append(writer.compress(content) + writer.flush())
    assert by_page(streams) == [by_python(stream) for stream in streams]


def test_damaged_streams_are_refused_by_both() -> None:
    streams = [b"", b"x", b"\x78\x9c", zlib.compress(b"a") * 2, zlib.compress(b"a") + b"b", zlib.compress(b"a")[2:-4]]
    for seed, content in enumerate([b"", b"abcabcabcabc" * 40, bytes(range(256)) * 3, random.Random(2).randbytes(300)]):
        for level in (0, 1, 9):
            streams += [made for _, made in damaged_bytes(zlib.compress(content, level), 250, seed)]
    assert by_page(streams) == [by_python(stream) for stream in streams]
