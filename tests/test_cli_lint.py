"""``safeses lint``: what it reads, what it writes, how it ends."""

from __future__ import annotations

import base64
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from safeses import _ses
from safeses._commands.lint import _read, _reports, _sarif
from safeses._findings import Finding
from safeses._rules import RULES
from safeses.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Files = Callable[..., str]

HEAD = (
    b"From: shop@example.com\r\nTo: ann@example.net\r\n"
    b"Subject: Secret\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    b"Message-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n"
)
GOOD = HEAD + b"\r\nHello\r\n"
LONG_LINE = GOOD + b"x" * 2_000 + b"\r\n"
RULE = "raw.line"


@pytest.fixture
def in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """Write a file in the folder in which the command runs."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, content: bytes | dict[str, Any]) -> str:
        if isinstance(content, dict):
            content = json.dumps(content).encode()
        (tmp_path / name).write_bytes(content)
        return name

    return write


def parameters(**body: Any) -> dict[str, Any]:
    """Return what the AWS CLI takes, in the manner of its JSON files."""
    return {
        "FromEmailAddress": "shop@example.com",
        "Destination": {"ToAddresses": ["ann@example.net"]},
        "Content": {
            "Simple": {
                "Subject": {"Data": "Secret"},
                "Body": {"Text": {"Data": "Hello"}},
                **body,
            }
        },
    }


def test_text_is_a_line_each(
    in_files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error is a line as compilers write it, and status 1."""
    names = [in_files("good.eml", GOOD), in_files("bad.eml", LONG_LINE)]
    status = main(["lint", *names])

    rule = RULES[RULE]
    line = f"{rule.limit}, seen one of 2000 bytes; {rule.remedy}"

    assert (
        1,
        [f"bad.eml: error[raw.line] Raw.Data: {line}", "2 files: 1 error"],
    ) == (status, capsys.readouterr().out.splitlines())


@pytest.mark.parametrize(
    "options,expected",
    [
        ([], (1, ["error"])),
        (["--rule", f"{RULE}=warning"], (0, ["warning"])),
        (["--rule", f"{RULE}=off"], (0, [])),
        (["--rule", f"{RULE}=off", "--bulk"], (0, ["warning"])),
    ],
)
def test_levels(
    in_files: Files,
    capsys: pytest.CaptureFixture[str],
    options: Sequence[str],
    expected: tuple[int, list[str]],
) -> None:
    """The options decide what a finding is, and so the exit status."""
    name = in_files("bad.eml", LONG_LINE)
    status = main(["lint", name, "--format", "json", *options])
    document = json.loads(capsys.readouterr().out)
    levels = [f["severity"] for f in document["files"][0]["findings"]]

    assert expected == (status, levels)


def test_rate(in_files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """With the account's rate a mail to too many at once is warned of."""
    params = parameters()
    params["Destination"]["ToAddresses"] = [
        f"u{n}@example.net" for n in range(50)
    ]
    main(["lint", in_files("many.json", params), "--rate", "1"])
    out = capsys.readouterr().out

    assert "many.json: warning[recipients.slow]" == out.split(" Dest")[0]


def test_json_is_stable(
    in_files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    """The document has the format's number, counts and every field."""
    names = [in_files("bad.eml", LONG_LINE), "none.eml"]
    status = main(["lint", "--format", "json", *names])
    document = json.loads(capsys.readouterr().out)
    unreadable = document["files"][1]["unreadable"]

    assert (
        2,
        {
            "format": 1,
            "errors": 1,
            "warnings": 0,
            "unreadable": 1,
            "files": [
                {
                    "file": "bad.eml",
                    "unreadable": None,
                    "errors": 1,
                    "warnings": 0,
                    "findings": [
                        {
                            "rule": RULE,
                            "severity": "error",
                            "field": "Raw.Data",
                            "limit": RULES[RULE].limit,
                            "seen": "one of 2000 bytes",
                            "remedy": RULES[RULE].remedy,
                            "source": RULES[RULE].source,
                        }
                    ],
                },
                {
                    "file": "none.eml",
                    "unreadable": unreadable,
                    "errors": 0,
                    "warnings": 0,
                    "findings": [],
                },
            ],
        },
    ) == (status, document)


def test_sarif_of_the_tool(
    in_files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every rule is described, at its own level, in its place."""
    main(["lint", "--format", "sarif", in_files("good.eml", GOOD)])
    log = json.loads(capsys.readouterr().out)
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    described = {
        (
            rule["id"],
            rule["defaultConfiguration"]["level"],
            bool(rule["shortDescription"]["text"]),
            RULES[rule["id"]].source in rule["help"]["text"],
        )
        for rule in driver["rules"]
    }

    assert (
        "2.1.0",
        "safeses",
        "https://github.com/safeses/safeses",
        {(rule.id, rule.severity, True, True) for rule in RULES.values()},
        [],
        [{"executionSuccessful": True, "toolExecutionNotifications": []}],
    ) == (
        log["version"],
        driver["name"],
        driver["informationUri"],
        described,
        run["results"],
        run["invocations"],
    )


def test_sarif_of_findings(
    in_files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    """A result names its rule, its level, its file and what to do."""
    name = in_files("ö 1.eml", LONG_LINE)
    options = ["--rule", f"{RULE}=warning", "--format", "sarif"]
    main(["lint", name, "none.eml", *options])
    out, err = capsys.readouterr()
    (run,) = json.loads(out)["runs"]
    (result,) = run["results"]
    place = result["locations"][0]["physicalLocation"]
    (told,) = run["invocations"][0]["toolExecutionNotifications"]

    assert (
        RULE,
        RULE,
        "warning",
        True,
        {"artifactLocation": {"uri": "%C3%B6%201.eml"}}
        | {"region": {"startLine": 1}},
        {"field", "limit", "seen", "remedy", "source"},
        (False, "error", True),
    ) == (
        result["ruleId"],
        run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"],
        result["level"],
        RULES[RULE].remedy in result["message"]["text"],
        place,
        result["properties"].keys(),
        (
            run["invocations"][0]["executionSuccessful"],
            told["level"],
            f"none.eml: unreadable: {told['message']['text']}" in err,
        ),
    )


def test_sarif_doubles_braces() -> None:
    """A brace is text, and not the beginning of a placeholder."""
    finding = Finding(
        rule="body.placeholder", field="Body", limit="{{", seen="}", remedy="-"
    )
    log = _sarif.document([_read.Linted("a.eml", (finding,))])

    assert (
        "Body: {{{{, seen }}; -"
        == (log["runs"][0]["results"][0]["message"]["text"])
    )


@pytest.mark.parametrize(
    "name,expected",
    [
        ("-", "stdin"),
        ("mails/a b.eml", "mails/a%20b.eml"),
        ("c:d.eml", "c%3Ad.eml"),
        ("{}/100%.eml", "100%25.eml"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="has other paths")
def test_sarif_uri(name: str, expected: str) -> None:
    """A file below this folder has a relative URI, encoded."""
    uri = _sarif.uri(name.format(Path.cwd()))

    assert expected == uri


def test_sarif_uri_elsewhere(tmp_path: Path) -> None:
    """A file elsewhere has an absolute URI."""
    path = tmp_path / "a b.eml"

    assert path.as_uri() == _sarif.uri(str(path))


@pytest.mark.parametrize(
    "content,rules",
    [
        (parameters(), []),
        (
            parameters(
                Attachments=[
                    {
                        "FileName": "setup.exe",
                        "RawContent": base64.b64encode(b"MZ").decode(),
                    }
                ]
            ),
            ["attachment.extension"],
        ),
        (
            {
                "Content": {
                    "Raw": {"Data": base64.encodebytes(LONG_LINE).decode()}
                }
            },
            [RULE],
        ),
        ({"Content": 1, "Destination": None}, None),
        ({"Content": {"Simple": {"Attachments": {"a": 1}}}}, None),
        ({"Content": {"Template": {"Attachments": [1, None]}}}, None),
    ],
)
def test_parameters(
    in_files: Files,
    capsys: pytest.CaptureFixture[str],
    content: dict[str, Any],
    rules: list[str] | None,
) -> None:
    """JSON is what the AWS CLI takes, whatever shape it is in."""
    name = in_files("mail.JSON", content)
    status = main(["lint", name, "--format", "json"])
    document = json.loads(capsys.readouterr().out)
    found = [f["rule"] for f in document["files"][0]["findings"]]

    assert (bool(found), None, found if rules is None else rules) == (
        bool(status),
        document["files"][0]["unreadable"],
        found,
    )


@pytest.mark.parametrize(
    "name,content,why",
    [
        ("a.json", b"{", "not JSON"),
        ("a.json", b"[" * 200_000, "not JSON"),
        ("a.json", b"\xff\xfe\xff", "not JSON"),
        ("a.json", b"[]", "not an object of JSON"),
        (
            "a.json",
            {"Content": {"Raw": {"Data": "From: me"}}},
            "Data is not base64",
        ),
        ("a.json", {"Source": "a@example.com"}, "parameters of the v1 API"),
    ],
)
def test_unreadable(
    in_files: Files,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: bytes | dict[str, Any],
    why: str,
) -> None:
    """What holds no message says why, with status 2."""
    status = main(["lint", in_files(name, content)])
    first, last = capsys.readouterr().out.splitlines()

    assert (2, f"{name}: unreadable", True, "1 file: 1 unreadable file") == (
        status,
        first[: len(name) + 12],
        why in first,
        last,
    )


def test_folder(in_files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder is told as what cannot be read; the rest is linted."""
    status = main(["lint", ".", in_files("bad.eml", LONG_LINE)])
    lines = capsys.readouterr().out.splitlines()

    assert (2, ".: unreadable:", "2 files: 1 error, 1 unreadable file") == (
        status,
        lines[0][:14],
        lines[2],
    )


class Endless(io.RawIOBase):
    """A file without an end, which counts what is read of it."""

    read_bytes = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill *buffer* with zeros."""
        self.read_bytes += len(buffer)
        return len(buffer)


def test_endless(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file without an end is too large, and is not read to it."""
    endless = Endless()
    stdin = io.TextIOWrapper(io.BufferedReader(endless))
    monkeypatch.setattr(sys, "stdin", stdin)
    status = main(["lint", "-", "--rule", "message.size=off"])
    first = capsys.readouterr().out.splitlines()[0]

    assert (1, "-: error[message.size] Content", True) == (
        status,
        first.split(":", 2)[0] + ":" + first.split(":", 2)[1],
        endless.read_bytes < _ses.MAX_MESSAGE_BYTES + 2 * 1024 * 1024,
    )


def test_stdin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A raw message may come through a pipe."""
    stdin = io.TextIOWrapper(io.BytesIO(LONG_LINE))
    monkeypatch.setattr(sys, "stdin", stdin)
    status = main(["lint", "-"])

    assert (1, "-: error[raw.line]") == (
        status,
        capsys.readouterr().out[:18],
    )


def test_says_nothing_of_the_mail(
    in_files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    """No format repeats an address, a subject or a body."""
    raw = in_files("a.eml", LONG_LINE.replace(b"ann@", b"ann@@"))
    params = parameters(Body={"Html": {"Data": "Hello {{"}})
    params["Destination"]["ToAddresses"] = ["ann"]
    simple = in_files("b.json", params)
    for form in ("text", "json", "sarif"):
        main(["lint", raw, simple, "--bulk", "--format", form])
    out = "".join(capsys.readouterr())

    assert [] == [
        word
        for word in ("ann@", '"ann"', "shop", "Secret", "Hello")
        if word in out
    ]


def test_names_break_no_lines() -> None:
    """A file's name can neither begin a line nor move the cursor."""
    (line,) = _reports.lines(
        _read.Linted("a\n::error::\x1b[2J.eml", unreadable="gone")
    )

    assert "a\\n::error::\\x1b[2J.eml: unreadable: gone" == line


@pytest.mark.parametrize(
    "rule,problem",
    [
        ("no.such=off", "there is no rule 'no.such'"),
        (f"{RULE}=loud", "the level 'loud' of the rule 'raw.line'"),
        ("raw.signed-bcc=off", "is an error for everybody"),
    ],
)
def test_wrong_rules(
    in_files: Files,
    capsys: pytest.CaptureFixture[str],
    rule: str,
    problem: str,
) -> None:
    """A choice that does not exist ends it before a file is read."""
    status = main(["lint", in_files("bad.eml", LONG_LINE), "--rule", rule])
    out, err = capsys.readouterr()

    assert (2, "", True, 1) == (
        status,
        out,
        err.startswith("safeses: error: --rule: ") and problem in err,
        err.count("\n"),
    )


@pytest.mark.parametrize(
    "argv,problem",
    [
        ([], "are required: FILE"),
        (["a.eml", "--rule", RULE], "is not such as body.html-only=off"),
        (["a.eml", "--rate", "0"], "0 is not above 0"),
        (["a.eml", "--rate", "nan"], "nan is not above 0"),
        (["a.eml", "--rate", "fast"], "'fast' is no number"),
        (["a.eml", "--format", "xml"], "invalid choice: 'xml'"),
    ],
)
def test_wrong_arguments(
    argv: Sequence[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong arguments end with status 2 and say what is wrong."""
    with pytest.raises(SystemExit) as exit_:
        main(["lint", *argv])
    text = capsys.readouterr().err

    assert (2, True) == (exit_.value.code, problem in text.splitlines()[-1])
