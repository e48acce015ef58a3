#!/usr/bin/env bash
# openai 3.57.0, anthropic 2.15.0, groq 1.7.0, mistralai 3.7.0, cohere 7.3.1, google-genai 3.6.1: what a base URL that ends
# in /v1 becomes.
#
# The guess: a gateway at https://host/v1 is given to every SDK as its base URL, as it is to OpenAI's; or, an SDK notices a
# version that is there already. What is seen: only openai takes the URL as the whole way to its endpoints. All others put
# their own version behind it whatever it ends in, so /v1 becomes /v1/v1/messages, /v1/openai/v1/chat/completions and
# /v1/v2/chat; google-genai repeats the version even where it is the very one that it would add. A server that speaks two
# wires therefore needs two base URLs, or has to answer both paths.
#
# Needs python3 and a package registry; runs in a temporary folder and asks nothing of the network beyond that.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "openai==3.57.0" "anthropic==2.15.0" "groq==1.7.0" \
    "mistralai==3.7.0" "cohere==7.3.1" "google-genai==3.6.1"
cat > "$folder/seen.py" <<'PY'
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
import cohere
import groq
import openai
from google import genai
from mistralai.client import Mistral

asked = []


class Vendor(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        asked.append(self.path)
        said = b'{"error": {"message": "no", "code": 400, "status": "INVALID_ARGUMENT"}}'
        self.send_response(400)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
threading.Thread(target=server.serve_forever, daemon=True).start()
HOST = f"http://127.0.0.1:{server.server_port}"
SAID = [{"role": "user", "content": "hi"}]


def by_openai(url):
    openai.OpenAI(api_key="k", base_url=url, max_retries=0).chat.completions.create(model="m", messages=SAID)


def by_anthropic(url):
    client = anthropic.Anthropic(api_key="k", base_url=url, max_retries=0)
    client.messages.create(model="m", messages=SAID, max_tokens=5)


def by_groq(url):
    groq.Groq(api_key="k", base_url=url, max_retries=0).chat.completions.create(model="m", messages=SAID)


def by_mistral(url):
    Mistral(api_key="k", server_url=url).chat.complete(model="m", messages=SAID)


def by_cohere(url):
    cohere.ClientV2(api_key="k", base_url=url).chat(model="m", messages=SAID)


def by_google(url):
    client = genai.Client(api_key="k", http_options={"base_url": url})
    client.models.generate_content(model="m", contents="hi")


EXPECTED = {
    by_openai: ("/chat/completions", "/v1/chat/completions"),
    by_anthropic: ("/v1/messages", "/v1/v1/messages"),
    by_groq: ("/openai/v1/chat/completions", "/v1/openai/v1/chat/completions"),
    by_mistral: ("/v1/chat/completions", "/v1/v1/chat/completions"),
    by_cohere: ("/v2/chat", "/v1/v2/chat"),
    by_google: ("/v1/models/m:generateContent", "/v1/v1/models/m:generateContent"),
}
for call, expected in EXPECTED.items():
    seen = []
    for url in (HOST, f"{HOST}/v1"):
        asked.clear()
        try:
            call(url)
        except Exception:  # each has a class of its own for a 400
            seen.append(asked[0])
    print(f"{call.__name__}: HOST -> {seen[0]}, HOST/v1 -> {seen[1]}")
    assert tuple(seen) == expected, seen
PY
"$folder/venv/bin/python" "$folder/seen.py"
