"""
The table of rules, judged by others: botocore's model, then a simulated SES.

The model (botocore's newest that is installed) is independent of us: its
required members, types, minima, maxima, patterns and choices. `SimulatedSES`
is ours, but was written after AWS's pages and recorded answers, and knows
nothing of the rules. Where one of them would take what a rule refuses, or
the other way round, the difference is named here with its reason.
"""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator
from tests.rule_table import TABLE, many
from tests.sesv2_model import MODEL, breaches

from safeses._request import request
from safeses._rules import RULES
from safeses.testing import SimulatedSES

_HEADER = MODEL.members["Content"].members["Simple"].members["Headers"].member
IS_NEW = _HEADER.members["Value"].metadata["max"] == 995
# Rules whose limit stands in the model itself.
IN_THE_MODEL = {
    "attachment.choice",
    "attachment.file-name",
    "attachment.text",
    "header.name",
    "header.value",
    "headers.count",
    "template.data",
    "type",
}
# Errors that our simulator does not know, so that it accepts the mail; each
# with who says so instead of AWS's model or a recorded answer.
NOT_SIMULATED = {
    "address.encoded-word": "RFC 2047: decoded by readers, not by SES",
    "address.syntax": "RFC 5321; two dots, of which no answer is recorded",
    "attachment.choice": "botocore's model, above",
    "attachment.encoding": "SES mangles it and does not refuse it",
    "attachment.text": "botocore's model, above",
    "attachment.trick": "readers are deceived, not SES",
    "header.bcc": "the simulator refuses Bcc, and knows no Resent-Bcc",
    "header.repeated": "SES's answer is unverified",
    "message.parts": "the simulator does not count parts",
    "raw.headers": "RFC 5322; servers on the way break it",
    "raw.line": "RFC 5321; servers on the way refuse or break it",
    "raw.nul": "RFC 5322; servers on the way cut it",
    "raw.signed-bcc": "it would leak the recipient",
    "template.which": "the API reference; SES's answer is unverified",
    "text.control": "RFC 5322; SES's answer is unverified",
    "template.size": "the quota is documented, the answer unverified",
}
# Warnings that the simulated SES refuses all the same.
REFUSED_WARNINGS: dict[str, str] = {}
# Rows whose mail just inside our limit another limit of SES refuses.
REFUSED_INSIDE: dict[str, str] = {}


def objections(params: dict[str, Any]) -> list[str]:
    """Return what botocore's model has against *params*."""
    report = ParamValidator().validate(params, MODEL).generate_report()
    return [report] if report else list(breaches(MODEL, params))


def answer(params: dict[str, Any]) -> str:
    """Return what a simulated SES says, ``""`` if it accepts."""
    ses = SimulatedSES(max_send_rate=1000, max_24_hour_send=10_000)
    client = ses.client()
    for name in ("a", "welcome"):
        client.create_email_template(
            TemplateName=name,
            TemplateContent={"Subject": "s", "Text": "t"},
        )
    client.create_configuration_set(ConfigurationSetName="s" * 64)
    try:
        client.send_email(**params)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    except Exception as error:  # noqa: BLE001  # as boto3's own checks
        return type(error).__name__
    return ""


def ready(params: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Return what safeses sends for *params*."""
    return request(params, tag="t", scope="s", **options).params


@pytest.mark.skipif(not IS_NEW, reason="botocore's model is an older one")
class TestModel:
    """botocore's newest model says the same."""

    @pytest.mark.parametrize("rule", sorted(IN_THE_MODEL))
    def test_objects(self, rule: str) -> None:
        """What breaks such a rule breaks the model."""
        assert [] != objections(TABLE[rule].breaks)

    @pytest.mark.parametrize("rule", TABLE)
    def test_takes_what_is_inside(self, rule: str) -> None:
        """What a rule lets through, as we send it, is what it allows."""
        case = TABLE[rule]

        assert [] == objections(ready(case.inside, **case.options))

    @pytest.mark.parametrize("rule", sorted(RULES.keys() & TABLE.keys()))
    def test_knows_no_more(self, rule: str) -> None:
        """A rule that the model has is not left out of the list."""
        known = rule in IN_THE_MODEL or RULES[rule].fixed
        objects = [] != objections(TABLE[rule].breaks)

        assert known or not objects


class TestSimulatedSES:
    """A simulated SES agrees, but for what is named."""

    @pytest.mark.parametrize(
        "rule", [r for r in TABLE if RULES[r].severity == "error"]
    )
    def test_refuses(self, rule: str) -> None:
        """It refuses what an error refuses."""
        refuses = answer(TABLE[rule].breaks) != ""

        assert refuses is (rule not in NOT_SIMULATED)

    @pytest.mark.parametrize(
        "rule", [r for r in TABLE if RULES[r].severity == "warning"]
    )
    def test_accepts_warnings(self, rule: str) -> None:
        """It takes what is only a warning."""
        refuses = answer(TABLE[rule].breaks) != ""

        assert refuses is (rule in REFUSED_WARNINGS)

    @pytest.mark.parametrize("rule", TABLE)
    def test_accepts_what_is_inside(self, rule: str) -> None:
        """It takes what we send just inside a limit."""
        case = TABLE[rule]
        refused = answer(ready(case.inside, **case.options))

        assert ("" != refused) is (rule in REFUSED_INSIDE), refused


def test_recorded_texts() -> None:
    """What AWS answered to real calls is refused before them."""
    recorded: dict[str, dict[str, Any]] = {
        # BadRequestException "Illegal address"
        "illegal": {"Destination": {"ToAddresses": ["not an address"]}},
        # BadRequestException "Invalid email address ."
        "empty": {"Destination": {"ToAddresses": [""]}},
        # "Missing final '@domain'", "Missing domain", "Missing local name"
        "no @": {"Destination": {"ToAddresses": ["ann"]}},
        "no domain": {"Destination": {"ToAddresses": ["ann@"]}},
        "no local": {"Destination": {"ToAddresses": ["@b.example"]}},
        # "Domain contains control or whitespace", and the local part
        "blank": {"Destination": {"ToAddresses": ["ann@b .example"]}},
        "blank local": {"Destination": {"ToAddresses": ["a nn@b.example"]}},
        # "Recipient count exceeds 50."
        "many": {"Destination": {"ToAddresses": many(51)}},
        # "There are no recipients specified"
        "none": {"Destination": {}},
        # "There are non-ASCII characters in the email address"
        "not ASCII": {"Destination": {"ToAddresses": ["änn@b.example"]}},
    }
    base = TABLE["recipients.none"].inside
    passed = []
    for name, change in recorded.items():
        try:
            ready({**base, **change})
        except ValueError:
            raise
        except Exception:  # noqa: BLE001, S112  # refused, as it should be
            continue
        passed.append(name)

    assert [] == passed
