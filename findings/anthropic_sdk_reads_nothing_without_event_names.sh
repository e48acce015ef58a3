#!/usr/bin/env bash
# anthropic 2.15.0: a stream without `event:` lines is empty, and an error in it is the end of an answer.
#
# The guess: every event carries its `type` in its data, so the SDK, as OpenAI's, reads the data; a proxy that forwards only
# `data:` lines works or is an error. What is seen: an event without a name is passed over. A whole, valid answer gives no
# event at all and raises nothing; and where only the `error` event has lost its name, the helper hands over the text that
# had come as the final message, with `stop_reason` None. With the names in place both are as expected.
#
# Needs python3 and a package registry; runs in a temporary folder and asks nothing of the network beyond that.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "anthropic==2.15.0"
cat > "$folder/seen.py" <<'PY'
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic

answer = b""

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

CLIENT = anthropic.Anthropic(api_key="k", base_url=URL, max_retries=0)
ASKED = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
BEGIN = [
    {"type": "message_start", "message": MESSAGE},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Half of"}},
]
END = [
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
]
BROKEN = [{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}]


def sent(events, named):
    name = [f"event: {event['type']}\n" if named else "" for event in events]
    return "".join(f"{name[i]}data: {json.dumps(event)}\n\n" for i, event in enumerate(events)).encode()


print("anthropic", anthropic.__version__)
for named, count in ((True, 6), (False, 0)):
    answer = sent(BEGIN + END, named)
    events = list(CLIENT.messages.create(**ASKED, stream=True))
    print(f"a whole answer, event names {named}: {len(events)} events")
    assert len(events) == count

answer = sent(BEGIN, True) + sent(BROKEN, True)
try:
    list(CLIENT.messages.create(**ASKED, stream=True))
except anthropic.APIStatusError as error:
    print("an error with its name:", type(error).__name__)
else:
    raise SystemExit("an error with its name is no error any more")

answer = sent(BEGIN, True) + sent(BROKEN, False)
with CLIENT.messages.stream(**ASKED) as stream:
    final = stream.get_final_message()
print(f"an error without its name: a message of {final.content[0].text!r}, stop_reason {final.stop_reason}")
assert (final.content[0].text, final.stop_reason) == ("Half of", None)
PY
"$folder/venv/bin/python" "$folder/seen.py"
