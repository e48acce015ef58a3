#!/usr/bin/env bash
# @portkey-ai/gateway 1.15.2: installed as it is, it answers every stream with 500, and whole answers come through.
#
# The guess: a published program runs with what its own ranges of versions allow, and where it does not, it fails for all
# requests. What is seen: it asks for a range of hono, and with hono 4.13.19 and @hono/node-server 1.19.19, which are in it,
# a whole answer is 200 and a stream of the same model 500, "Something went wrong": it changes the headers of an answer whose
# body it passes on, and in newer hono these are immutable. With hono 4.9.7 and @hono/node-server 1.13.8 both are 200.
#
# Needs node, npm, python3 and a package registry; runs in a temporary folder, on loopback, and ends by itself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/seen.py" <<'PY'
import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Vendor(BaseHTTPRequestHandler):
    """Answers whole or as a stream, as it is asked."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if asked.get("stream"):
            delta = {"choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]}
            kind, body = "text/event-stream", b"data: " + json.dumps(delta).encode() + b"\n\ndata: [DONE]\n\n"
        else:
            message = {"role": "assistant", "content": "hi"}
            kind = "application/json"
            body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def status(port: int, vendor: int, stream: bool) -> int:
    headers = {
        "content-type": "application/json",
        "authorization": "Bearer none",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"http://127.0.0.1:{vendor}/v1",
    }
    body = json.dumps({"model": "m", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/chat/completions", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def main(start: str, port: int) -> None:
    vendor = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
    threading.Thread(target=vendor.serve_forever, daemon=True).start()
    quiet = subprocess.DEVNULL
    gateway = subprocess.Popen(["node", start, f"--port={port}", "--headless"], stdout=quiet, stderr=quiet)
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        found = [status(port, vendor.server_address[1], stream) for stream in (False, True)]
        print(f"whole {found[0]}, stream {found[1]}")
    finally:
        gateway.kill()
        gateway.wait()


main(sys.argv[1], int(sys.argv[2]))
PY
free() { python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
seen=()
for pair in "4.13.19 1.19.19" "4.9.7 1.13.8"; do
    read -r hono server <<< "$pair"
    mkdir -p "$folder/$hono"
    cat > "$folder/$hono/package.json" <<JSON
{"private": true, "dependencies": {"@portkey-ai/gateway": "1.15.2"}, "overrides": {"hono": "$hono", "@hono/node-server": "$server"}}
JSON
    (cd "$folder/$hono" && npm install --silent --ignore-scripts --no-audit --no-fund > /dev/null)
    said=$(python3 "$folder/seen.py" "$folder/$hono/node_modules/@portkey-ai/gateway/build/start-server.js" "$(free)")
    echo "hono $hono, @hono/node-server $server: $said"
    seen+=("$said")
done
[ "${seen[0]}" = "whole 200, stream 500" ] && [ "${seen[1]}" = "whole 200, stream 200" ]
