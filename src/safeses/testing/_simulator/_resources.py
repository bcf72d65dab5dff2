"""Identities, templates and configuration sets: as much as senders need."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP

from ._account import Account, ConfigurationSet
from ._addresses import identity
from ._fields import Params, flag, mapping, needed, text
from ._operations import page_of, read_reasons
from ._refused import RefusedError, bad, missing
from ._requests import check_set_name
from ._templates import read_data, render


def create_email_identity(account: Account, params: Params) -> Params:
    """Add an identity that is not verified yet."""
    name = identity(needed(params, "EmailIdentity"))
    if name in account.identities:
        raise RefusedError(
            "AlreadyExistsException", f"Email identity {name} already exist."
        )
    account.identities[name] = False
    return {
        "IdentityType": _kind(name),
        "VerifiedForSendingStatus": False,
        "DkimAttributes": _dkim(name, verified=False),
    }


def get_email_identity(account: Account, params: Params) -> Params:
    """Describe an identity; every one where all of them are verified."""
    name = identity(needed(params, "EmailIdentity"))
    if name not in account.identities and not account.any_identity:
        raise missing(f"Email identity {name} does not exist.")
    verified = account.identities.get(name, True)
    return {
        "IdentityType": _kind(name),
        "FeedbackForwardingStatus": True,
        "VerifiedForSendingStatus": verified,
        "DkimAttributes": _dkim(name, verified=verified),
        "MailFromAttributes": {"BehaviorOnMxFailure": "USE_DEFAULT_VALUE"},
        "Policies": {},
        "Tags": [],
        "VerificationStatus": _status(verified=verified),
    }


def delete_email_identity(account: Account, params: Params) -> Params:
    """Remove an identity."""
    del account.identities[_known(account, params)]
    return {}


def list_email_identities(account: Account, params: Params) -> Params:
    """List identities by name."""
    page, following = page_of(sorted(account.identities.items()), params)
    return {
        "EmailIdentities": [
            {
                "IdentityType": _kind(name),
                "IdentityName": name,
                "SendingEnabled": verified,
                "VerificationStatus": _status(verified=verified),
            }
            for name, verified in page
        ]
    } | following


def create_email_template(account: Account, params: Params) -> Params:
    """Store a template."""
    name = needed(params, "TemplateName")
    if name in account.templates:
        raise RefusedError(
            "AlreadyExistsException", f"Template {name} already exists."
        )
    return _store(account, name, params)


def update_email_template(account: Account, params: Params) -> Params:
    """Replace a template."""
    return _store(account, _template(account, params), params)


def get_email_template(account: Account, params: Params) -> Params:
    """Return a template."""
    name = _template(account, params)
    content = account.templates[name]
    return {"TemplateName": name, "TemplateContent": content}


def delete_email_template(account: Account, params: Params) -> Params:
    """Remove a template; whether SES minds a missing one is unverified."""
    name = needed(params, "TemplateName")
    account.templates.pop(name, None)
    account.template_times.pop(name, None)
    return {}


def list_email_templates(account: Account, params: Params) -> Params:
    """List templates by name."""
    page, following = page_of(sorted(account.templates), params)
    return {
        "TemplatesMetadata": [
            {
                "TemplateName": name,
                "CreatedTimestamp": account.template_times[name],
            }
            for name in page
        ]
    } | following


def test_render_email_template(account: Account, params: Params) -> Params:
    """Return the whole message that a template and data make."""
    content = account.templates[_template(account, params)]
    rendered = render(content, read_data(needed(params, "TemplateData")))
    if rendered.fault is not None:
        raise bad(rendered.fault)
    message = EmailMessage(policy=SMTP)
    message["Subject"] = rendered.subject or ""
    message.set_content(rendered.text or "")
    if rendered.html is not None:
        message.add_alternative(rendered.html, subtype="html")
    return {"RenderedTemplate": message.as_string()}


def create_configuration_set(account: Account, params: Params) -> Params:
    """Add a configuration set."""
    name = needed(params, "ConfigurationSetName")
    check_set_name(name)
    if name in account.configuration_sets:
        raise RefusedError(
            "AlreadyExistsException",
            f"Configuration set <{name}> already exists.",
        )
    sending = mapping(params, "SendingOptions") or {}
    suppression = mapping(params, "SuppressionOptions")
    account.configuration_sets[name] = ConfigurationSet(
        name=name,
        sending_enabled=flag(sending, "SendingEnabled", default=True),
        suppressed_reasons=(
            None if suppression is None else read_reasons(suppression)
        ),
        options={
            key: value
            for key, value in params.items()
            if key.endswith("Options") or key == "Tags"
        },
    )
    return {}


def get_configuration_set(account: Account, params: Params) -> Params:
    """Describe a configuration set."""
    found = _set(account, params)
    answer: Params = {"ConfigurationSetName": found.name, "Tags": []}
    answer |= found.options
    answer["SendingOptions"] = {"SendingEnabled": found.sending_enabled}
    if found.suppressed_reasons is not None:
        answer["SuppressionOptions"] = {
            "SuppressedReasons": sorted(found.suppressed_reasons)
        }
    return answer


def delete_configuration_set(account: Account, params: Params) -> Params:
    """Remove a configuration set."""
    del account.configuration_sets[_set(account, params).name]
    return {}


def list_configuration_sets(account: Account, params: Params) -> Params:
    """List configuration sets by name."""
    page, following = page_of(sorted(account.configuration_sets), params)
    return {"ConfigurationSets": list(page)} | following


def put_configuration_set_sending_options(
    account: Account, params: Params
) -> Params:
    """Pause or resume what is sent with a configuration set."""
    found = _set(account, params)
    found.sending_enabled = flag(params, "SendingEnabled", default=False)
    return {}


def put_configuration_set_suppression_options(
    account: Account, params: Params
) -> Params:
    """Override the account's reasons; an empty list suppresses nothing."""
    _set(account, params).suppressed_reasons = read_reasons(params)
    return {}


def _kind(name: str) -> str:
    return "EMAIL_ADDRESS" if "@" in name else "DOMAIN"


def _status(*, verified: bool) -> str:
    return "SUCCESS" if verified else "PENDING"


def _dkim(name: str, *, verified: bool) -> Params:
    if "@" in name:
        return {"SigningEnabled": False, "Status": "NOT_STARTED"}
    return {
        "SigningEnabled": True,
        "Status": _status(verified=verified),
        "Tokens": ["token1", "token2", "token3"],
        "SigningAttributesOrigin": "AWS_SES",
        "NextSigningKeyLength": "RSA_2048_BIT",
        "CurrentSigningKeyLength": "RSA_2048_BIT",
    }


def _known(account: Account, params: Params) -> str:
    name = identity(needed(params, "EmailIdentity"))
    if name not in account.identities:
        raise missing(f"Email identity {name} does not exist.")
    return name


def _template(account: Account, params: Params) -> str:
    name = needed(params, "TemplateName")
    if name not in account.templates:
        raise missing(f"Template {name} does not exist.")
    return name


def _store(account: Account, name: str, params: Params) -> Params:
    content = mapping(params, "TemplateContent")
    if not content or not text(content, "Subject"):
        raise bad("TemplateContent needs a Subject.")
    account.templates[name] = content
    account.template_times.setdefault(name, account.now())
    return {}


def _set(account: Account, params: Params) -> ConfigurationSet:
    name = needed(params, "ConfigurationSetName")
    if name not in account.configuration_sets:
        raise missing(f"Configuration set <{name}> does not exist.")
    return account.configuration_sets[name]
