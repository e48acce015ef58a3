"""What an engine takes from where it runs: the proxy on its way, and whose certificates it believes.

The rule: nothing of the environment counts unless the settings trust it, and both engines read it here, so that they
differ in neither.
"""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from returns.result import Failure, Success

from llm_manager.domain.errors import ConfigurationError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.parse_config import proxy_problem
from llm_manager.domain.problem import Problem
from llm_manager.domain.settings import HttpSettings


def proxy_for(url: str, settings: HttpSettings) -> Outcome[str | None, ConfigurationError]:
    """The proxy on the way to *url*: that of the settings, else that of a trusted environment, else none.

    ``NO_PROXY`` counts for proxies of the environment alone. Fails if the proxy is one that we cannot use.
    """
    path, proxy = "http.proxy", settings.proxy
    if proxy is None and settings.trust_environment:
        path, proxy = "http.trust_environment", _of_the_environment(url)
    said = None if proxy is None else proxy_problem(proxy)
    return Success(proxy) if said is None else Failure(ConfigurationError((Problem(path, f"the proxy {said}"),)))


def _of_the_environment(url: str) -> str | None:
    parts = urlsplit(url)
    proxies = getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    if not found or proxy_bypass(parts.netloc):
        return None
    return found if "://" in found else f"http://{found}"


def certificates(settings: HttpSettings) -> ssl.SSLContext:
    """Those of the system; ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name others if the environment is trusted."""
    import httpx2  # noqa: PLC0415  # heavy, and only who calls over TLS needs it

    return httpx2.create_ssl_context(trust_env=settings.trust_environment)
