"""What the simulated SES takes and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from safeses.testing._simulator import SentMail, SimulatedSES

RAW = (
    b"From: Shop <shop@example.com>\r\n"
    b"To: Ann <ann@example.net>, bob@example.net\r\n"
    b"Cc: cy@example.net\r\n"
    b"Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n"
    b"X-SES-MESSAGE-TAGS: campaign=june, kind=news\r\n"
    b"X-SES-CONFIGURATION-SET: tracked\r\n"
    b"MIME-Version: 1.0\r\n"
    b'Content-Type: text/plain; charset="iso-8859-1"\r\n'
    b"Content-Transfer-Encoding: 8bit\r\n"
    b"\r\n"
    b"Gr\xfc\xdfe\r\n"
)
HTML = {"Html": {"Data": "<p>Hi</p>"}}
ADDRESS = "shop@example.com"


class Standstill:
    """A clock that stands still: what is spent stays spent."""

    def time(self) -> float:
        """Return seconds since the epoch."""
        return 1_700_000_000.0

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return 0.0


def simple(**changed: Any) -> dict[str, Any]:
    """Return a request that SES takes, with changes."""
    content: dict[str, Any] = {
        "Subject": {"Data": "Hello"},
        "Body": {"Text": {"Data": "Hi"}},
    }
    content |= changed.pop("simple", {})
    request: dict[str, Any] = {
        "FromEmailAddress": ADDRESS,
        "Destination": {"ToAddresses": ["ann@example.net"]},
        "Content": {"Simple": content},
    }
    return request | changed


def raw(data: bytes = RAW, **changed: Any) -> dict[str, Any]:
    """Return a request with raw content."""
    return {"Content": {"Raw": {"Data": data}}} | changed


def accepted(**request: Any) -> SentMail:
    """Return what SES made of a request."""
    ses = SimulatedSES()
    ses.client().send_email(**request)
    return ses.sent[0]


def refusal(ses: SimulatedSES, **request: Any) -> tuple[str, str]:
    """Return code and text of SES's refusal."""
    with pytest.raises(ClientError) as caught:
        ses.client().send_email(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


class TestSimple:
    """Simple content."""

    def test_parts(self) -> None:
        """Subject, bodies, tags and headers come out as they went in."""
        sent = accepted(
            **simple(
                simple={
                    "Body": {"Text": {"Data": "Hi"}, **HTML},
                    "Headers": [{"Name": "List-Id", "Value": "a"}],
                },
                EmailTags=[{"Name": "safeses-id", "Value": "x1"}],
                ConfigurationSetName="tracked",
            )
        )

        assert (
            "simple",
            "Hello",
            "Hi",
            "<p>Hi</p>",
            {"List-Id": "a"},
            {"safeses-id": "x1"},
            "tracked",
            "SendEmail",
        ) == (
            sent.kind,
            sent.subject,
            sent.text,
            sent.html,
            sent.headers,
            sent.tags,
            sent.configuration_set,
            sent.operation,
        )

    def test_recipients(self) -> None:
        """Names fall away, a group counts as its members."""
        sent = accepted(
            **simple(
                Destination={
                    "ToAddresses": ["Ann <ann@example.net>"],
                    "CcAddresses": ["Team: b@example.net, c@example.net;"],
                    "BccAddresses": ["d@example.net"],
                }
            )
        )

        assert (
            ("ann@example.net",),
            ("b@example.net", "c@example.net"),
            ("d@example.net",),
            4,
        ) == (sent.to, sent.cc, sent.bcc, len(sent.recipients))

    @pytest.mark.parametrize(
        "changed, part_of_text",
        [
            ({"Destination": {}}, "no recipients"),
            ({"Destination": {"ToAddresses": [""]}}, "Invalid email address"),
            ({"Destination": {"ToAddresses": ["ann"]}}, "final '@domain'"),
            ({"Destination": {"ToAddresses": ["ann@"]}}, "Missing domain"),
            ({"Destination": {"ToAddresses": ["@b.example"]}}, "local name"),
            ({"Destination": {"ToAddresses": ["é@b.example"]}}, "Illegal"),
            ({"Destination": {"ToAddresses": ["a@b.example\n"]}}, "Illegal"),
            (
                {"Destination": {"ToAddresses": ["a@b.example"] * 51}},
                "Recipient count exceeds 50.",
            ),
            ({"Content": {}}, "exactly one"),
            (
                {
                    "Content": {
                        "Template": {"TemplateName": "a"},
                        "Raw": {"Data": b"x"},
                    }
                },
                "exactly one",
            ),
            ({"simple": {"Body": {}}}, "Text or Html"),
            ({"EmailTags": [{"Name": "a b", "Value": "c"}]}, "tag name"),
            ({"EmailTags": [{"Name": "a", "Value": "c@d"}]}, "tag value"),
            ({"EmailTags": [{"Name": "a" * 257, "Value": "c"}]}, "tag name"),
            ({"ConfigurationSetName": "a b"}, "configuration set"),
            ({"ReplyToAddresses": ["nobody"]}, "final '@domain'"),
            (
                {"simple": {"Headers": [{"Name": "bcc", "Value": "a"}]}},
                "not allowed",
            ),
            (
                {"simple": {"Headers": [{"Name": "X", "Value": "a\r\nB: c"}]}},
                "Invalid header",
            ),
            (
                {"simple": {"Headers": [{"Name": "X", "Value": "a" * 996}]}},
                "Invalid header",
            ),
            (
                {
                    "simple": {
                        "Headers": [
                            {"Name": f"X-{n}", "Value": "a"} for n in range(16)
                        ]
                    }
                },
                "exceeds 15",
            ),
            (
                {
                    "simple": {
                        "Attachments": [
                            {"FileName": "run.exe", "RawContent": b"x"}
                        ]
                    }
                },
                "Illegal filename",
            ),
            (
                {
                    "simple": {
                        "Attachments": [
                            {
                                "FileName": "a.pdf",
                                "RawContent": bytes(31 * 2**20),
                            }
                        ]
                    }
                },
                "more than 41943040 bytes",
            ),
        ],
    )
    def test_refused(self, changed: dict[str, Any], part_of_text: str) -> None:
        """An invalid request is a BadRequestException and sends nothing."""
        ses = SimulatedSES()
        code, text = refusal(ses, **simple(**changed))

        assert ("BadRequestException", True, ()) == (
            code,
            part_of_text in text,
            ses.sent,
        )

    def test_feedback_tags(self) -> None:
        """The two Feedback-ID tags may carry their colon."""
        tags = [{"Name": "ses:feedback-id-a", "Value": "x"}]
        sent = accepted(**simple(EmailTags=tags))

        assert {"ses:feedback-id-a": "x"} == sent.tags

    def test_botocore_checks_first(self) -> None:
        """What botocore refuses never arrives."""
        ses = SimulatedSES()
        with pytest.raises(ParamValidationError):
            ses.client().send_email(Contents={})

        assert not ses.requests


class TestRaw:
    """Raw content."""

    def test_headers_decide(self) -> None:
        """Without parameters the header block says it all."""
        sent = accepted(**raw())

        assert (
            "shop@example.com",
            ("ann@example.net", "bob@example.net"),
            ("cy@example.net",),
            "Grüße",
            "Grüße\r\n",
            {"campaign": "june", "kind": "news"},
            "tracked",
            RAW,
        ) == (
            sent.source,
            sent.to,
            sent.cc,
            sent.subject,
            sent.text,
            sent.tags,
            sent.configuration_set,
            sent.raw,
        )

    def test_parameters_win(self) -> None:
        """Destination, EmailTags and the set replace what the headers say."""
        sent = accepted(
            **raw(
                Destination={"BccAddresses": ["eve@example.net"]},
                EmailTags=[{"Name": "only", "Value": "this"}],
                ConfigurationSetName="other",
            )
        )

        assert (
            ("eve@example.net",),
            {"only": "this"},
            "other",
        ) == (sent.recipients, sent.tags, sent.configuration_set)

    @pytest.mark.parametrize(
        "data, part_of_text",
        [
            (b"", "empty"),
            (b"To: a@b.example\r\n\r\nHi", "'From'"),
            (b"From: a@b.example\r\n\r\nHi", "no recipients"),
            (RAW.replace(b"Cc:", b"Subject: two\r\nCc:"), "Duplicate header"),
            (RAW + bytes(40 * 2**20), "more than 41943040 bytes"),
        ],
    )
    def test_refused(self, data: bytes, part_of_text: str) -> None:
        """An invalid message is refused for what its headers lack."""
        code, text = refusal(SimulatedSES(), **raw(data))

        assert ("BadRequestException", True) == (code, part_of_text in text)

    def test_every_sender_must_be_verified(self) -> None:
        """From, Sender and Return-Path count besides the parameter."""
        data = RAW.replace(b"Cc:", b"Sender: x@other.example\r\nCc:")
        ses = SimulatedSES(verified=["example.com"])
        code, text = refusal(ses, **raw(data))

        assert ("MessageRejected", True) == (
            code,
            text.endswith("EU-WEST-1: x@other.example"),
        )


class TestTemplate:
    """Templates."""

    def test_stored(self) -> None:
        """A stored template is filled; values are not escaped."""
        ses = SimulatedSES()
        ses.add_template("hi", Subject="Hi {{name}}", Html="<b>{{ a.b }}</b>")
        content = {
            "TemplateName": "hi",
            "TemplateData": '{"name": "Ann", "a": {"b": "<i>"}}',
        }
        ses.client().send_email(**simple(Content={"Template": content}))
        sent = ses.sent[0]

        assert ("template", "Hi Ann", "<b><i></b>") == (
            sent.kind,
            sent.subject,
            sent.html,
        )

    def test_missing_value(self) -> None:
        """A value that is missing fails after acceptance."""
        ses = SimulatedSES()
        content = {
            "TemplateContent": {"Subject": "Hi {{name}}", "Text": "Hi"},
            "TemplateData": "{}",
        }
        answer = ses.client().send_email(
            **simple(Content={"Template": content})
        )

        assert (answer["MessageId"],) == ses.rendering_failures

    @pytest.mark.parametrize("data", ["{", "[]", "0" * 262_145])
    def test_bad_data(self, data: str) -> None:
        """Template data is a JSON object of at most 262,144 characters."""
        content = {
            "TemplateContent": {"Subject": "s", "Text": "t"},
            "TemplateData": data,
        }
        code, _ = refusal(
            SimulatedSES(), **simple(Content={"Template": content})
        )

        assert "BadRequestException" == code

    def test_arn(self) -> None:
        """A template can be named by its ARN."""
        ses = SimulatedSES()
        ses.add_template("hi", Subject="Hi", Text="Hi")
        arn = "arn:aws:ses:eu-west-1:111122223333:template/hi"
        content = {"Template": {"TemplateArn": arn}}
        ses.client().send_email(**simple(Content=content))

        assert "Hi" == ses.sent[0].subject

    def test_unknown(self) -> None:
        """A template that nobody stored is not found."""
        content = {"Template": {"TemplateName": "no", "TemplateData": "{}"}}
        code, _ = refusal(SimulatedSES(), **simple(Content=content))

        assert "NotFoundException" == code


class TestBulk:
    """SendBulkEmail."""

    def test_each_entry_for_itself(self) -> None:
        """Bad entries fail alone, and tags replace the defaults by name."""
        ses = SimulatedSES(max_send_rate=2, clock=Standstill())
        ses.add_template("hi", Subject="Hi {{name}}", Text="Hi")
        entries = [
            {
                "Destination": {"ToAddresses": [address]},
                "ReplacementTags": [{"Name": "n", "Value": str(number)}],
            }
            for number, address in enumerate(
                ["a@b.example", "nobody", "c@b.example", "d@b.example"]
            )
        ]
        template = {"TemplateName": "hi", "TemplateData": '{"name": "you"}'}
        answer = ses.client().send_bulk_email(
            FromEmailAddress=ADDRESS,
            DefaultEmailTags=[
                {"Name": "n", "Value": "x"},
                {"Name": "m", "Value": "y"},
            ],
            DefaultContent={"Template": template},
            BulkEmailEntries=entries,
        )
        statuses = [
            entry["Status"] for entry in answer["BulkEmailEntryResults"]
        ]

        assert (
            ["SUCCESS", "INVALID_PARAMETER", "SUCCESS", "ACCOUNT_THROTTLED"],
            [{"n": "0", "m": "y"}, {"n": "2", "m": "y"}],
        ) == (statuses, [dict(sent.tags) for sent in ses.sent])

    def test_forced_status(self) -> None:
        """A forced status can hide that the entry was accepted."""
        ses = SimulatedSES()
        ses.faults.add("entry:TRANSIENT_FAILURE", every=2, accepted=True)
        content = {"TemplateContent": {"Subject": "s", "Text": "t"}}
        answer = ses.client().send_bulk_email(
            FromEmailAddress=ADDRESS,
            DefaultContent={"Template": content},
            BulkEmailEntries=[
                {"Destination": {"ToAddresses": [f"{name}@b.example"]}}
                for name in "abc"
            ],
        )
        statuses = [
            entry["Status"] for entry in answer["BulkEmailEntryResults"]
        ]

        assert (["SUCCESS", "TRANSIENT_FAILURE", "SUCCESS"], 3) == (
            statuses,
            len(ses.sent),
        )

    @pytest.mark.parametrize("count", [0, 51])
    def test_entry_count(self, count: int) -> None:
        """A call has 1 to 50 entries."""
        content = {"TemplateContent": {"Subject": "s", "Text": "t"}}
        with pytest.raises(ClientError) as caught:
            SimulatedSES().client().send_bulk_email(
                FromEmailAddress=ADDRESS,
                DefaultContent={"Template": content},
                BulkEmailEntries=[{"Destination": {}}] * count,
            )

        assert "BadRequestException" == caught.value.response["Error"]["Code"]

    @pytest.mark.parametrize(
        "changed, status",
        [
            ({"DefaultContent": "no"}, "TEMPLATE_NOT_FOUND"),
            ({"ConfigurationSetName": "no"}, "CONFIGURATION_SET_NOT_FOUND"),
            ({"quota": 0}, "ACCOUNT_DAILY_QUOTA_EXCEEDED"),
            ({"headers": 16}, "INVALID_PARAMETER"),
            ({"headers": 15}, "INVALID_PARAMETER"),
            ({"headers": 14}, "SUCCESS"),
        ],
    )
    def test_status(self, changed: dict[str, Any], status: str) -> None:
        """What is wrong with an entry is said in its status."""
        ses = SimulatedSES(configuration_sets=[])
        ses.set_limits(quota=changed.pop("quota", None))
        ses.add_template("hi", Subject="Hi", Text="Hi")
        template = {
            "TemplateName": changed.pop("DefaultContent", "hi"),
            "Headers": [{"Name": "Own", "Value": "a"}],
        }
        headers = [
            {"Name": f"X-{number}", "Value": "a"}
            for number in range(changed.pop("headers", 0))
        ]
        entry = {
            "Destination": {"ToAddresses": ["a@b.example"]},
            "ReplacementHeaders": headers,
        }
        answer = ses.client().send_bulk_email(
            FromEmailAddress=ADDRESS,
            DefaultContent={"Template": template},
            BulkEmailEntries=[entry],
            **changed,
        )

        assert [status] == [
            result["Status"] for result in answer["BulkEmailEntryResults"]
        ]

    def test_unverified_sender(self) -> None:
        """An unverified sender refuses the whole call."""
        ses = SimulatedSES(verified=[])
        content = {"TemplateContent": {"Subject": "s", "Text": "t"}}
        with pytest.raises(ClientError) as caught:
            ses.client().send_bulk_email(
                FromEmailAddress=ADDRESS,
                DefaultContent={"Template": content},
                BulkEmailEntries=[{"Destination": {}}],
            )

        assert "MessageRejected" == caught.value.response["Error"]["Code"]
