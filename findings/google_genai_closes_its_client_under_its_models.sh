#!/usr/bin/env bash
# google-genai 3.6.1: `genai.Client(...).models` cannot be kept without the client, not even for one expression.
#
# The guess: `genai.Client(...).models.generate_content(...)` works as the same line does with the SDKs of openai and
# anthropic; a function may return `client.models`, which holds on to what it needs. What is seen: the client closes its
# connections when it is collected, and `models` does not keep it alive, so the very first call raises
# RuntimeError("Cannot send a request, as the client has been closed.") and nothing is sent. Keep the client itself.
#
# Needs python3 and a package registry; runs in a temporary folder and asks nothing of the network beyond that.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "google-genai==3.6.1"
cat > "$folder/seen.py" <<'PY'
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google import genai

asked = []
SAID = b'{"candidates": [{"content": {"role": "model", "parts": [{"text": "hello"}]}, "finishReason": "STOP"}]}'


class Vendor(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        asked.append(self.path)
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(SAID)))
        self.end_headers()
        self.wfile.write(SAID)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
threading.Thread(target=server.serve_forever, daemon=True).start()
OPTIONS = {"base_url": f"http://127.0.0.1:{server.server_port}"}

print("google-genai", genai.__version__)
client = genai.Client(api_key="k", http_options=OPTIONS)
text = client.models.generate_content(model="m", contents="hi").text
print("the client kept:", text)
assert text == "hello"

asked.clear()
models = genai.Client(api_key="k", http_options=OPTIONS).models
try:
    models.generate_content(model="m", contents="hi")
except RuntimeError as error:
    print("only its models kept:", error)
    assert "closed" in str(error)
else:
    raise SystemExit("the client now lives as long as its models")
assert not asked, "the request was sent"
PY
"$folder/venv/bin/python" "$folder/seen.py"
