#!/usr/bin/env bash
# aiohttp 3.14.5: a server whose certificate is not believed raises an exception that is a ValueError.
#
# The guess: `except ValueError` around a request of aiohttp catches URLs that are none (`InvalidURL` is a ValueError), and
# a certificate that is not believed comes later, as a `ClientSSLError`. What is seen: `ClientConnectorCertificateError`
# is both. Its second parent is Python's own `ssl.SSLCertVerificationError`, which is a ValueError since 3.7, so a check for
# bad values that stands first takes a fault of the network for a mistake of the caller. Of a handshake that fails in
# another way (`ClientConnectorSSLError`) that is not so.
#
# Needs python3, openssl and a package registry; runs in a temporary folder, on loopback, and ends by itself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "aiohttp==3.14.5"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=localhost" -keyout "$folder/key.pem" -out "$folder/cert.pem" 2> /dev/null
cat > "$folder/seen.py" <<'PY'
import asyncio
import ssl
import sys

import aiohttp


async def closed(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def main(folder: str) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
    server = await asyncio.start_server(closed, "127.0.0.1", 0, ssl=tls)
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}/"
    async with aiohttp.ClientSession() as session:
        for name, asked in (("a certificate of its own making", url), ("no URL", "http://")):
            try:
                await session.get(asked)
            except aiohttp.ClientError as raised:
                is_value_error = isinstance(raised, ValueError)
                print(f"{name}: {type(raised).__name__}, a ValueError: {is_value_error}")
                assert is_value_error, "it is a ValueError no more"
    assert issubclass(aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError)
    assert not issubclass(aiohttp.ClientConnectorSSLError, ValueError), "all faults of TLS are ValueErrors now"
    server.close()


asyncio.run(asyncio.wait_for(main(sys.argv[1]), 60))
PY
echo "aiohttp $("$folder/venv/bin/python" -c 'import aiohttp; print(aiohttp.__version__)')"
"$folder/venv/bin/python" "$folder/seen.py" "$folder"
