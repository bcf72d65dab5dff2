"""``safeses poll``: what it refuses before it asks SQS for anything."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from safeses import Client
from safeses._commands import poll
from safeses.cli import main
from safeses.feedback import PollCounts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PYTHON_S = 300
URL = "http://127.0.0.1:1/123456789012/ses-events"
HERE = "here: run this in the directory of your application, or install that"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:ses"
APPLICATION = f"""
from safeses import Client
from safeses.feedback import Receiver

ses = Client(state="sqlite:///mail.db", region="eu-west-1")
receiver = Receiver(ses, ["{TOPIC}"])
number = 7

class config:
    client = ses

    class Lazy:
        @property
        def client(self):
            raise RuntimeError("no settings")

    lazy = Lazy()

forgets = Client(state="memory:", region="eu-west-1")
nameless = Client(region="eu-west-1")
forgetful = Receiver(forgets)
parts = forgets.feedback_parts
elsewhere = Client(
    state="memory:", suppressions=ses.feedback_parts.suppressions
)
"""
BROKEN = {
    "lacks": "import not_there_at_all",
    "fails": "raise RuntimeError('two\\nlines')",
    "exits": "import sys; sys.exit(3)",
    "leaves": "import sys; sys.exit()",
    "misuses": "from safeses import Client; Client(processes=0)",
}

CHEAP = """
import sys
from safeses.cli import main

try:
    main(["poll", "--help"])
except SystemExit:
    sys.exit(str(sorted({"boto3", "safeses.feedback"} & sys.modules.keys())))
"""

BARE = """
import sys

sys.modules["cryptography"] = None
from safeses.cli import main

sys.exit(main(["poll", *sys.argv[1:]]))
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Be in a directory with an application; leave nothing behind."""
    package = tmp_path / "shop_for_poll"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "mail.py").write_text(APPLICATION)
    for name, text in BROKEN.items():
        (package / f"{name}.py").write_text(f"{text}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SAFESES_STATE", raising=False)
    path = [*sys.path]
    yield tmp_path
    sys.path[:] = path
    for name in [*sys.modules]:
        if name.startswith("shop_for_poll"):
            del sys.modules[name]


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """Return the error of a command that cannot be begun."""
    status = main(["poll", *argv])
    error = capsys.readouterr().err.splitlines()[-1]
    return error if status == 2 else f"status {status}: {error}"


@pytest.mark.usefixtures("here")
class TestClient:
    """``--client``."""

    @pytest.mark.parametrize(
        "name, problem",
        [
            ("shop_for_poll", "--client shop_for_poll is not MODULE:NAME"),
            (":ses", "--client :ses is not MODULE:NAME"),
            ("no_shop.mail:ses", f"there is no module no_shop {HERE}"),
            (
                "shop_for_poll.male:ses",
                f"there is no module shop_for_poll.male {HERE}",
            ),
            (
                "shop_for_poll.mail:sas",
                "shop_for_poll.mail has no sas",
            ),
            (
                "shop_for_poll.mail:config.server",
                "shop_for_poll.mail has no config.server",
            ),
        ],
    )
    def test_names_nothing(
        self, name: str, problem: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """What cannot be found is named, in one line."""
        assert f"safeses: error: {problem}" == refused(
            capsys, URL, "--client", name
        )

    @pytest.mark.parametrize(
        "module, problem",
        [
            (
                "lacks",
                "ModuleNotFoundError: No module named 'not_there_at_all'",
            ),
            ("fails", r"RuntimeError: two\nlines"),
            ("exits", "SystemExit: 3"),
            ("leaves", "SystemExit: "),
            ("misuses", "ConfigurationError: processes=0 is not "),
        ],
    )
    def test_broken_application(
        self, module: str, problem: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """What an application does wrong is shown, and never its status."""
        status = main(["poll", URL, "--client", f"shop_for_poll.{module}:ses"])
        lines = capsys.readouterr().err.splitlines()
        begin = f"importing shop_for_poll.{module} fails, see above ({problem}"

        assert (2, True, True) == (
            status,
            lines[-1].startswith(f"safeses: error: {begin}"),
            any(f"shop_for_poll/{module}.py" in line for line in lines),
        )

    def test_broken_property(self, capsys: pytest.CaptureFixture[str]) -> None:
        """What fails as it is looked up is told of like an import."""
        name = "shop_for_poll.mail:config.lazy.client"
        error = refused(capsys, URL, "--client", name)

        assert (
            f"safeses: error: looking up {name} fails, see above"
            " (RuntimeError: no settings)"
        ) == error

    @pytest.mark.parametrize(
        "name, kind",
        [
            ("number", "of the type int"),
            ("Client", "the class Client"),
            ("Receiver", "the class Receiver"),
            ("config.lazy", "of the type Lazy"),
        ],
    )
    def test_no_client(
        self, name: str, kind: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """What is neither a client nor a receiver is refused by its kind."""
        name = f"shop_for_poll.mail:{name}"

        assert (
            f"safeses: error: --client {name} is {kind}: name a Client or a"
            " Receiver that the module has made"
        ) == refused(capsys, URL, "--client", name)

    @pytest.mark.parametrize(
        "name", ["forgets", "nameless", "forgetful", "parts"]
    )
    def test_memory(
        self, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A client that would forget all with the process is refused."""
        name = f"shop_for_poll.mail:{name}"
        error = refused(capsys, "no-queue", "--client", name)

        assert (
            f"safeses: error: the state of {name} is the memory of this"
            " command, where no sender looks; give the Client one that they"
            ' share, such as state="sqlite:////srv/shop/mail.db", or set'
            " SAFESES_STATE"
        ) == error

    def test_suppressions_elsewhere(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Memory beside suppressions that others see is told of, no more."""
        name = "shop_for_poll.mail:elsewhere"
        main(["poll", "no-queue", "--client", name])
        lines = capsys.readouterr().err.splitlines()

        problem = "the queue is named neither by a URL nor by an ARN"
        told = (
            f"but for suppressions, the state of {name} is the memory of this"
            " command, and lost with it"
        )

        assert [f"safeses: {told}", f"safeses: error: {problem}"] == [
            line.partition(";")[0] for line in lines
        ]

    @pytest.mark.parametrize("name", ["ses", "config.client", "receiver"])
    def test_found(
        self, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A Client and a Receiver are found, in a class too."""
        # So far, that the queue is what is wrong.
        client = f"shop_for_poll.mail:{name}"
        error = refused(capsys, "no-queue", "--client", client)

        assert "named neither by a URL nor by an ARN" in error

    @pytest.mark.parametrize(
        "option", [("--namespace", "n"), ("--account", "1")]
    )
    def test_has_its_own(
        self, option: tuple[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """What a client brings along cannot be given beside it."""
        error = refused(
            capsys, URL, "--client", "shop_for_poll.mail:ses", *option
        )

        assert error.endswith(
            f"{option[0]} is for --state; --client has its own"
        )

    def test_receiver_has_topics(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A receiver knows its topics."""
        client = "shop_for_poll.mail:receiver"
        error = refused(capsys, URL, "--client", client, "--topic-arn", TOPIC)

        assert error.endswith("your Receiver has its own")


@pytest.mark.parametrize(
    "argv", [("ses", "--topic-arn", TOPIC), ("receiver",)]
)
def test_topic_without_cryptography(here: Path, argv: tuple[str, ...]) -> None:
    """A queue whose topic is given needs nothing that checks signatures."""
    name, *others = argv
    client = f"shop_for_poll.mail:{name}"
    done = subprocess.run(  # noqa: S603  # our own code
        [sys.executable, "-c", BARE, "no-queue", "--client", client, *others],
        capture_output=True,
        check=False,
        cwd=here,
        text=True,
        timeout=PYTHON_S,
    )
    begin = "safeses: error: the queue is named neither by a URL nor"

    assert (2, begin, 1) == (
        done.returncode,
        done.stderr[: len(begin)],
        done.stderr.count("\n"),
    )


class TestState:
    """``--state``."""

    @pytest.mark.parametrize("state", [(), ("--state", "memory:")])
    def test_memory(
        self, state: tuple[str, ...], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Memory is refused: no sender would hear of a suppression."""
        error = refused(capsys, "no-queue", *state)

        assert "the memory of this command" in error

    def test_no_file(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A file that is not there is refused, and not made."""
        path = tmp_path / "typo.db"
        error = refused(capsys, URL, "--state", f"sqlite:///{path}")

        assert (True, False) == (
            f"there is no file {path}" in error,
            path.exists(),
        )

    @pytest.mark.parametrize("kind", ["directory", "no database"])
    def test_unusable_file(
        self, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """What no fact can be kept in is refused before SQS is asked."""
        path = tmp_path / "mail.db"
        if kind == "directory":
            path.mkdir()
        else:
            path.write_bytes(b"Dear customers, " * 500)
        status = main(["poll", URL, "--once", "--state", f"sqlite:///{path}"])
        (error,) = capsys.readouterr().err.splitlines()
        begin = "safeses: error: the state cannot be used (clock in sqlite:"

        assert (2, True, False) == (
            status,
            error.startswith(f"{begin} {path} is "),
            "nothing was sent" in error,
        )

    def test_no_namespace(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A namespace without a name is refused."""
        error = refused(capsys, URL, "--namespace", "")

        assert "safeses: error: the namespace has no name" == error

    @pytest.mark.parametrize(
        "option, problem",
        [
            (("--threads", "0"), "threads=0 does not work"),
            (("--visibility", "1"), "visibility_s=1 does not work"),
        ],
    )
    def test_wrong_numbers(
        self,
        option: tuple[str, str],
        problem: str,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """Numbers that cannot work are refused by their names."""
        state = f"sqlite:///{tmp_path}/mail.db"
        with Client(state=state, region="eu-west-1") as ses:
            ses.suppressions.add("ann@b.example", reason="manual")
        error = refused(capsys, URL, "--state", state, *option)

        assert problem in error


def test_not_both(capsys: pytest.CaptureFixture[str]) -> None:
    """A client and a state exclude each other."""
    with pytest.raises(SystemExit):
        main(["poll", URL, "--client", "a:b", "--state", "memory:"])

    assert "not allowed with" in capsys.readouterr().err


def test_log_is_left_alone() -> None:
    """What is shown of the log while it runs ends with it."""
    logger = logging.getLogger("safeses")
    before = (logger.level, [*logger.handlers])
    with poll._logged():  # noqa: SLF001  # ours
        pass

    assert before == (logger.level, logger.handlers)


def test_line_of_counts() -> None:
    """A line says what came of everything, and of whom nothing."""
    counts = PollCounts(
        received=9, handled=4, duplicates=3, failed=2, poison=1
    )

    assert (
        "4 handled, 3 duplicates, 2 failed, 0 ignored, 1 without an event"
    ) == poll.described(counts)


def test_help_is_cheap() -> None:
    """Help loads neither boto3 nor what handles events."""
    done = subprocess.run(  # noqa: S603  # our own code
        [
            sys.executable,
            "-c",
            CHEAP,
        ],
        capture_output=True,
        check=False,
        text=True,
        timeout=PYTHON_S,
    )

    assert "[]" == done.stderr.strip()
