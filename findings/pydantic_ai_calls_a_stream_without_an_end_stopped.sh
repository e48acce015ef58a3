#!/usr/bin/env bash
# pydantic-ai-slim 2.68.0 over openai 3.57.0: a stream that ends without a finish_reason has the finish reason "stop".
#
# The guess: a stream that breaks off after three words is an error, or at least has no reason to have finished, as in the
# openai package itself (`finish_reason` None in every chunk). What is seen: where the body ends in an orderly way (a proxy
# that closes its answer when the server behind it dies), `run_stream` gives the words that had come as the output, raises
# nothing, and the message in the history says finish_reason "stop". Whether the answer is whole cannot be told from it.
#
# Needs python3 and a package registry; runs in a temporary folder and asks nothing of the network beyond that.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "pydantic-ai-slim[openai]==2.68.0" "openai==3.57.0"
cat > "$folder/seen.py" <<'PY'
import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

CHUNK = {
    "id": "c",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Half of"}, "finish_reason": None}],
}
answer = f"data: {json.dumps(CHUNK)}\n\n".encode()

class Vendor(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
threading.Thread(target=server.serve_forever, daemon=True).start()
URL = f"http://127.0.0.1:{server.server_port}"

chunks = openai.OpenAI(api_key="k", base_url=URL).chat.completions.create(
    model="m", messages=[{"role": "user", "content": "hi"}], stream=True
)
reasons = [chunk.choices[0].finish_reason for chunk in chunks]
print("openai", openai.__version__, "finish reasons:", reasons)
assert reasons == [None]


async def main():
    agent = Agent(OpenAIChatModel("m", provider=OpenAIProvider(base_url=URL, api_key="k")))
    async with agent.run_stream("hi") as run:
        output = await run.get_output()
        reason = run.all_messages()[-1].finish_reason
    print(f"pydantic-ai: {output!r} with finish reason {reason!r}")
    assert (output, reason) == ("Half of", "stop")


asyncio.run(main())
PY
"$folder/venv/bin/python" "$folder/seen.py"
