"""What an error is in words for people: what happened, and what to do about it."""

from __future__ import annotations

from typing import assert_never

from llm_manager.domain.errors import (
    AllModelsFailed,
    AuthenticationFailed,
    BudgetExceeded,
    CircuitOpen,
    ConfigurationError,
    ContentFiltered,
    ContextTooLarge,
    ConversationConflict,
    ConversationNotFound,
    ExtractionFailed,
    GatewayError,
    InvalidRequest,
    LLMError,
    MalformedResponse,
    ModelUnavailable,
    NetworkCause,
    NetworkError,
    QuotaExhausted,
    RateLimitExceeded,
    RequestTimedOut,
    ResponseTruncated,
    SchemaMismatch,
    ServerError,
    StoreUnavailable,
    StreamBroken,
    UnsupportedCapability,
)
from llm_manager.domain.problem import listed
from llm_manager.domain.sanitize import escape_control_chars
from llm_manager.domain.unsupported import needs_of, way_out


def describe(error: LLMError) -> str:
    """One line for people: what happened, and what to do about it; nothing in it steers a terminal.

    >>> describe(RateLimitExceeded("gpt-5", 12.0, "slow down"))
    'gpt-5 is rate limited (slow down): wait 12 s, add keys, or allow a fallback model'
    """
    return escape_control_chars(" ".join(_sentence(error).split()))


def _said(error: LLMError) -> str:
    return f" ({error.message})" if error.message else ""


def _mended(cause: NetworkCause) -> str:
    """What to do about a network that does not carry us."""
    match cause:
        case "connect":
            return "check its base URL, that it is running, and whether a proxy is needed (http.proxy)"
        case "dns":
            return "check the network, the host in its base URL, and whether a proxy is needed (http.proxy)"
        case "tls":
            return (
                "check its certificate, the base URL, and who is between (a proxy that reads along?); certificates of "
                "your own, in SSL_CERT_FILE or SSL_CERT_DIR, are believed with http.trust_environment alone"
            )
        case "reset":
            return "try again, and check what stands between if it happens often"
        case "local":
            return "too much is going on here at once: ask for less, or raise http.max_connections"
        case _:
            assert_never(cause)


def _rate_limited(error: RateLimitExceeded) -> str:
    model, wait_s, said = error.model, error.retry_after_s, _said(error)
    wait = "wait a while" if wait_s is None else f"wait {wait_s:.3g} s"
    if error.local:
        return f"the limit set for {model} is reached{said}: {wait}, or raise rate_limit"
    return f"{model} is rate limited{said}: {wait}, add keys, or allow a fallback model"


def _over_budget(error: BudgetExceeded) -> str:
    limit, spent, reserved, said = error.limit_usd, error.spent_usd, error.reserved_usd, _said(error)
    if limit is None:
        return f"the budget does not allow what may cost anything{said or ': set a price'}"
    held = f" and {reserved:.4f} reserved by requests under way" if reserved else ""
    figures = f"the budget of {limit:.4f} USD does not allow it, {spent:.4f} are spent{held}{said}"
    return f"{figures}: raise the budget, or lower max_tokens"


def _sentence(error: LLMError) -> str:  # noqa: C901, PLR0912, PLR0915  # one flat table
    said = _said(error)
    match error:
        case ModelUnavailable(model=model):
            return f"{model or 'the model'} is not available{said}: check its name and that this account may use it"
        case RateLimitExceeded():
            return _rate_limited(error)
        case QuotaExhausted(model=model):
            return f"the quota for {model} is used up{said}: top up the account or use another key"
        case InvalidRequest(problems=problems, request_id=id_):
            which = "" if id_ is None else f" (request {id_})"
            what = listed(problems) or "the provider refused it; change the request"
            return f"the request is invalid{said}: {what}{which}"
        case AuthenticationFailed(model=model, forbidden=forbidden):
            if forbidden:
                return f"the key may not use {model}{said}: use one that may, or another model"
            return f"no valid key for {model}{said}: check it (`llm-manager config` shows what is set, and from where)"
        case RequestTimedOut(model=model, timeout_s=limit_s, phase=phase):
            who = model or "the operation"
            return f"{who} did not answer within {limit_s:.3g} s ({phase}){said}: raise the timeout or change models"
        case ContextTooLarge(model=model, token_count=count, max_tokens=most):
            size = "" if count is None else f" of {count} tokens"
            window = "" if most is None else f" of {most} tokens"
            return (
                f"the request{size} does not fit the window{window} of {model}{said}: shorten it or use another model"
            )
        case NetworkError(model=model, ambiguous=ambiguous, cause=cause):
            paid = "; it may have been processed" if ambiguous else ""
            return f"no connection to {model} ({cause}{paid}){said}: {_mended(cause)}"
        case ServerError(model=model, status_code=status):
            return f"{model} failed with status {status}{said}: try again later or allow a fallback model"
        case GatewayError(status_code=status):
            return f"the Portkey gateway failed with status {status}{said}: check its URL, key and configuration"
        case MalformedResponse(model=model, reason=reason):
            return f"{model} sent an unusable answer ({reason}){said}: try again or use another model"
        case ContentFiltered(model=model):
            return f"{model} withheld its answer for its content rules{said}: rephrase the request"
        case CircuitOpen(model=model, retry_after_s=wait_s, probing=probing):
            longest = " at most, while one call tries it out" if probing else ""
            wait = "" if wait_s is None else f" for another {wait_s:.3g} s{longest}"
            return f"{model} failed too often and is left alone{wait}{said}: wait or use another model"
        case StreamBroken(model=model, partial=partial):
            return f"the stream from {model} broke after {len(partial)} characters{said}: try again"
        case ExtractionFailed(kind=kind):
            return f"no value in the answer ({kind}){said}: ask for JSON, or look at the text in `response`"
        case SchemaMismatch(problems=problems):
            return f"the answer does not fit the schema: {listed(problems) or 'see its message'}"
        case ResponseTruncated():
            return f"the answer was cut off at its token limit{said}: raise max_tokens"
        case UnsupportedCapability(model=model, capability=capability):
            return f"{model} does not support {capability}{said}: {way_out(capability)}"
        case AllModelsFailed(failures=failures) if failures and needs_of(error):
            each = ", ".join(f"{model}: {need}" for (model, _), need in zip(failures, needs_of(error), strict=True))
            ways = "; or ".join(way_out(need) for need in dict.fromkeys(needs_of(error)))
            return f"no model of the chain supports what the request needs{said} ({each}): {ways}"
        case AllModelsFailed(failures=failures):
            each = "; ".join(f"{model}: {_sentence(failure)}" for model, failure in failures)
            return f"every model failed{said}: {each or 'none is configured; set a provider key'}"
        case BudgetExceeded():
            return _over_budget(error)
        case ConversationNotFound(conversation_id=id_):
            return f"there is no conversation {id_!r}{said}: list them to see which exist"
        case ConversationConflict(conversation_id=id_, response=answer):
            paid = "" if answer is None else "; the answer is in `response`, and is not stored"
            return f"conversation {id_!r} was changed elsewhere{said}: read it again, then continue{paid}"
        case StoreUnavailable(store=store, response=answer):
            paid = "" if answer is None else "; the answer is in `response`, and is not stored"
            return f"the store {store} cannot be used{said}: check that it is running and reachable{paid}"
        case ConfigurationError(problems=problems):
            return f"the configuration is wrong{said}: {listed(problems)}"
        case _:
            assert_never(error)
