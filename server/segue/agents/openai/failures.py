"""What went wrong with a model, in words for people. What may be secret or long stays in the log."""

from typing import Final

import openai

from segue.agents.openai.reply import Reply

_MAX_DETAIL: Final = 200

_SERVER_ERROR: Final = 500
_NO_KEY: Final = "The model's server refuses the key. An operator has to check OPENAI_API_KEY."
_NO_MODEL: Final = (
    "The model's server has no such model. An operator has to check SEGUE_AGENT_MODEL."
)
_TEXTS: Final = (
    (openai.APITimeoutError, "The model's server did not answer in time. Try again in a moment."),
    (openai.APIConnectionError, "The model's server can't be reached. Try again in a moment."),
    ((openai.AuthenticationError, openai.PermissionDeniedError), _NO_KEY),
    (openai.NotFoundError, _NO_MODEL),
    (
        openai.RateLimitError,
        "The model's server has too much to do, or the quota is used up. Try again later.",
    ),
)
_BROKE_OFF: Final = "The model's answer broke off. Resume it, or try again."


class ModelFailed(Exception):
    """The model gave no whole answer; the text is for people."""


class BrokenOff(ModelFailed):
    """The stream ended before the answer did."""


def check_whole(reply: Reply) -> None:
    """Has a reply be whole.

    Raises:
        ModelFailed: it isn't.
    """
    match reply.finish:
        case "stop" | "tool_calls" | "function_call":
            return
        case None:
            raise BrokenOff(_BROKE_OFF)
        case "length":
            raise ModelFailed("The answer is as long as the model may make it. Resume it to go on.")
        case "content_filter":
            raise ModelFailed("The model's server filtered the answer. Say it in another way.")
        case other:
            raise ModelFailed(f"The model ended its answer early ({other[:_MAX_DETAIL]}).")


def readable(error: Exception, *, has_begun: bool) -> str:
    """Gives what happened, and the next step; `has_begun`: people saw some of the answer."""
    if isinstance(error, ModelFailed):
        return str(error)
    if has_begun and isinstance(error, openai.APIConnectionError):
        return _BROKE_OFF
    for kinds, text in _TEXTS:
        if isinstance(error, kinds):
            return text
    if isinstance(error, openai.APIStatusError) and error.status_code >= _SERVER_ERROR:
        return f"The model's server has failed ({error.status_code}). Try again in a moment."
    if isinstance(error, openai.APIError):
        return f"The model's server refused the request: {error.message[:_MAX_DETAIL]}"
    return _BROKE_OFF


def is_worth_another_try(error: Exception) -> bool:
    """Tells whether the same request may succeed, of failures that came after the server's first word.

    Those before it the SDK tries again itself.
    """
    return isinstance(error, BrokenOff | openai.APIConnectionError | ValueError)
