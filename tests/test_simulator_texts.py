"""Half a character, a lone surrogate, in what the simulated SES is given."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from safeses.testing import SimulatedSES

HALF = "\ud800"
SHOP = "shop@example.com"


def request(**changed: Any) -> dict[str, Any]:
    """Return a request that SES takes, with changes of its content."""
    content: dict[str, Any] = {
        "Simple": {
            "Subject": {"Data": "Hello"},
            "Body": {"Text": {"Data": "Hi"}},
        }
        | changed.pop("simple", {})
    }
    return {
        "FromEmailAddress": SHOP,
        "Destination": {"ToAddresses": ["ann@example.net"]},
        "Content": changed.pop("content", content),
    } | changed


def inline(data: str) -> dict[str, Any]:
    """Return content of a template with its data."""
    parts = {"Subject": "Hello {{name}}", "Text": "Hi"}
    return {"Template": {"TemplateContent": parts, "TemplateData": data}}


@pytest.mark.parametrize(
    "given",
    [
        request(simple={"Subject": {"Data": f"a {HALF}"}}),
        request(simple={"Body": {"Text": {"Data": HALF}}}),
        request(simple={"Body": {"Html": {"Data": HALF}}}),
        request(simple={"Headers": [{"Name": "X-A", "Value": HALF}]}),
        request(Destination={"ToAddresses": [f"a{HALF}@example.net"]}),
        request(Destination={"ToAddresses": [f"{HALF} <a@example.net>"]}),
        request(FromEmailAddress=f"{HALF} <{SHOP}>"),
        request(EmailTags=[{"Name": "a", "Value": HALF}]),
        request(ConfigurationSetName=HALF),
        request(content=inline(json.dumps({"name": HALF}))),
        request(content=inline(f'{{"name": "{HALF}"}}')),
    ],
    ids=range(11),
)
def test_refused(given: dict[str, Any]) -> None:
    """The answer is a refusal of SES, and nothing is accepted."""
    ses = SimulatedSES()
    with pytest.raises(ClientError) as caught:
        ses.client().send_email(**given)

    error: Any = caught.value.response
    assert ("BadRequestException", 400, ()) == (
        error["Error"]["Code"],
        error["ResponseMetadata"]["HTTPStatusCode"],
        ses.sent,
    )


@pytest.mark.server
def test_over_http() -> None:
    """boto3 itself gets the same answer, and the server goes on."""
    ses = SimulatedSES()
    with ses.serve() as url:
        client = boto3.client(
            "sesv2",
            region_name="eu-west-1",
            endpoint_url=url,
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=Config(retries={"total_max_attempts": 1}),
        )
        subject = {"Subject": {"Data": HALF}}
        with pytest.raises(ClientError) as caught:
            client.send_email(**request(simple=subject))
        client.send_email(**request())
        client.close()

    assert ("BadRequestException", 1) == (
        caught.value.response["Error"]["Code"],
        len(ses.sent),
    )


def test_one_of_a_bulk() -> None:
    """Only the entry that has it is refused."""
    ses = SimulatedSES()
    entries = [
        {
            "Destination": {"ToAddresses": ["ann@example.net"]},
            "ReplacementEmailContent": {
                "ReplacementTemplate": {"ReplacementTemplateData": data}
            },
        }
        for data in (json.dumps({"name": HALF}), '{"name": "Ann"}')
    ]
    answer = ses.client().send_bulk_email(
        FromEmailAddress=SHOP,
        DefaultContent=inline("{}"),
        BulkEmailEntries=entries,
    )

    assert ["INVALID_PARAMETER", "SUCCESS"] == [
        entry["Status"] for entry in answer["BulkEmailEntryResults"]
    ]


def test_whole_characters() -> None:
    """Whatever UTF-8 has goes through, beyond 16 bits as well."""
    ses = SimulatedSES()
    ses.client().send_email(
        **request(simple={"Subject": {"Data": "\u20ac \U0001f600"}})
    )

    assert ["\u20ac \U0001f600"] == [mail.subject for mail in ses.sent]
