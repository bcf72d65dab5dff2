from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from safeses import Client, Email, Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from safeses.testing import FakeClock, Outbox, SimulatedSES

pytest_plugins = ["pytester"]

MAIL = Email(
    from_email="shop@a.example",
    to="eva@b.example",
    subject="Your order",
    text="It is on its way.",
)


def run_inside(pytester: pytest.Pytester, test: str) -> dict[str, int]:
    """Run *test* in the project of a user; return the outcomes."""
    pytester.makepyfile(
        shop="""
        from safeses import Client, Email

        ses = Client()

        def order(item):
            ses.send(
                Email(
                    from_email="shop@a.example",
                    to="eva@b.example",
                    subject="Your order",
                    text=item,
                )
            )
        """
    )
    pytester.makepyfile(test)
    # In a process of its own, which finds the plugin by its entry point.
    return pytester.runpytest_subprocess().parseoutcomes()


def test_two_lines_are_a_test(pytester: pytest.Pytester) -> None:
    """A user's test needs one line to stub and one to look."""
    outcomes = run_inside(
        pytester,
        """
        import shop

        def test_order(ses_stub):
            outbox = ses_stub(shop.ses)
            shop.order("book")
            assert outbox[0].subject == "Your order"

        def test_next(ses_stub):
            assert len(ses_stub(shop.ses)) == 0
        """,
    )

    assert {"passed": 2} == outcomes


def test_stubs_end_with_the_test(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the test the client is the application's own again."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    outcomes = run_inside(
        pytester,
        """
        import pytest, shop
        from safeses import ConfigurationError

        def test_order(ses_stub):
            ses_stub(shop.ses)
            shop.order("book")

        def test_next():
            with pytest.raises(ConfigurationError, match="region"):
                shop.order("book")
        """,
    )

    assert {"passed": 2} == outcomes


def test_stub_shares_the_clock(
    ses_stub: Callable[..., Outbox], fake_clock: FakeClock
) -> None:
    """Two stubbed clients live in one virtual time."""
    one, two = Client(), Client()
    ses_stub(one, limits=Limits(per_second=1))
    ses_stub(two, limits=Limits(per_second=1))
    for ses in (one, one, two, two):
        ses.send(MAIL)

    assert 2.0 == fake_clock.monotonic()


def test_simulates(simulated_ses: SimulatedSES) -> None:
    """The simulated account takes mail from a client."""
    receipt = Client(simulated_ses.client()).send(MAIL)

    assert 1 == simulated_ses.copies(receipt.tag)


def test_loads_nothing_heavy() -> None:
    """Starting pytest with the plugin loads no boto3 and no hypothesis."""
    code = (
        "import sys, safeses.testing.plugin;"
        " print({'boto3', 'botocore', 'hypothesis', 'tenacity', 'django'}"
        " & sys.modules.keys())"
    )
    run = subprocess.run(  # noqa: S603  # this interpreter, this code
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        text=True,
    )

    assert "set()" == run.stdout.strip()
