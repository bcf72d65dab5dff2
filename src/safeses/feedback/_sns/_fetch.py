"""
How a certificate is fetched: once, in bounded time, from where it is.

No redirect is followed, and no answer but 200 counts. The time is for all
of it, as a server that drips a byte now and then holds a time-out per
read for ever; only the look-up of the host's name cannot be broken off.
"""

from __future__ import annotations

import os
import time
import urllib.request
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import attrs
import urllib3
from botocore.httpsession import get_cert_path
from urllib3.exceptions import HTTPError, ReadTimeoutError

from safeses._transport._deadline import POOLS, Attempt, Watchdog
from safeses.errors import CertificateError

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_S: Final = 5.0
MAX_BYTES: Final = 16 * 1024
_OK: Final = 200
# The socket may give up a moment before the watchdog does.
_LATE: Final = (TimeoutError, ReadTimeoutError)


@attrs.frozen
class Fetcher:
    """
    Fetches certificates, with the trust and the proxies of boto3.

    ``AWS_CA_BUNDLE`` names other authorities; ``HTTPS_PROXY`` and
    ``NO_PROXY`` are respected.

    Attributes:
        timeout_s: Seconds for everything together.
        max_bytes: A longer answer is refused.
        ca_bundle: A file of authorities instead of the usual ones.
    """

    timeout_s: float = TIMEOUT_S
    max_bytes: int = MAX_BYTES
    ca_bundle: str | None = None

    def __call__(self, url: str) -> bytes:
        """
        Return what is at *url*, which the caller has checked.

        Raises:
            CertificateError: It did not come, not in time, or is too long.
        """
        host = urlsplit(url).hostname or ""
        attempt = Attempt(time.monotonic() + self.timeout_s, _nothing)
        # A watchdog for each: a child of a fork has none of its parent's.
        failed: Exception | None = None
        try:
            with Watchdog().watch(attempt):
                data = self._fetch(url, host, attempt)
        except (OSError, HTTPError, ValueError) as error:
            failed, data = error, b""
        if attempt.expired or isinstance(failed, _LATE):
            problem = f"no whole answer within {self.timeout_s:g} s"
        elif failed is not None:
            problem = f"the connection failed ({type(failed).__name__})"
        else:
            return data
        raise CertificateError(host, problem) from failed

    def _fetch(self, url: str, host: str, attempt: Attempt) -> bytes:
        with self._manager(url, host) as manager:
            response = manager.request(
                "GET",
                url,
                headers={"Accept-Encoding": "identity"},
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                enforce_content_length=True,  # urllib3 1 would not
                timeout=urllib3.Timeout(total=attempt.left_s()),
            )
            try:
                if response.status != _OK:
                    raise CertificateError(
                        host, f"the answer was HTTP {response.status}"
                    )
                return self._read(response, host, attempt)
            finally:
                response.close()

    def _read(self, response: Any, host: str, attempt: Attempt) -> bytes:
        data = b""
        while attempt.left_s():
            part = response.read(self.max_bytes + 1 - len(data))
            data += part
            if len(data) > self.max_bytes:
                raise CertificateError(
                    host, f"the answer has over {self.max_bytes:,} bytes"
                )
            if not part:
                break
        if not data:
            # Also one that was broken off in its header.
            raise CertificateError(host, "the answer is empty")
        return data

    def _manager(self, url: str, host: str) -> Any:
        # A file is given as it is; True stands for boto3's own.
        bundle: Any = self.ca_bundle or os.environ.get("AWS_CA_BUNDLE")
        settings: Mapping[str, Any] = {
            "cert_reqs": "CERT_REQUIRED",
            "ca_certs": get_cert_path(bundle or True),
            "maxsize": 1,
        }
        proxy = _proxy_for(url, host)
        manager: Any
        if proxy is None:
            manager = urllib3.PoolManager(**settings)
        else:
            address, headers = proxy
            manager = urllib3.ProxyManager(
                address, proxy_headers=headers, **settings
            )
        # Connections that keep the deadline.
        manager.pool_classes_by_scheme = POOLS
        return manager


def _nothing() -> None:
    """Nothing is to be done before the first byte."""


def _proxy_for(url: str, host: str) -> tuple[str, dict[str, str]] | None:
    proxies = urllib.request.getproxies()
    proxy = proxies.get(urlsplit(url).scheme) or proxies.get("all")
    if not proxy or urllib.request.proxy_bypass(host):
        return None
    if "//" not in proxy:
        proxy = f"http://{proxy}"
    parts = urlsplit(proxy)
    headers = {}
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers = urllib3.make_headers(proxy_basic_auth=login)
    return proxy, dict(headers)
