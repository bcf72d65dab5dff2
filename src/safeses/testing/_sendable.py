"""
Would this mail be sent? Asked without a client.
"""

from __future__ import annotations

from safeses._lint import lint
from safeses.errors import ConfigurationError


def assert_sendable(message: object) -> None:
    """
    Assert that safeses would send a message; warnings do not count.

    Args:
        message: What `safeses.lint` takes: `Email`, `RawEmail` or
            `TemplateEmail`; the parameters of boto3's ``send_email``; the
            standard library's `EmailMessage`; or a message of Django.

    Raises:
        AssertionError: It would be refused; with every finding.
    """
    __tracebackhide__ = True
    try:
        found = lint(message)
    except ConfigurationError as error:
        raise AssertionError(str(error)) from None
    errors = [str(f) for f in found if f.severity == "error"]
    if errors:
        raise AssertionError("\n".join(errors))
