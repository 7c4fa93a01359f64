"""One tool call in an answer: its part of the message, from the call to its one result.

    input-available --ask for approval--> approval-requested --approve--> approval-responded
           |                                       '---------deny-------> output-denied
           '--start, or ask for output; then also from approval-responded: end
                                                  --> output-available | output-error

Invariants:
1. The first decision, and the first result, count; what comes later is told whose that was.
2. A call is started once, unless it is repeatable: after a crash nobody knows what it has done.

Pure: a call goes in as a JSON object, and comes out as it is then. The states are the AI SDK's.
"""

from collections.abc import Mapping

from segue.document.content import Refusal
from segue.document.steps import AskForApproval, AskForOutput, EndTool, StartTool, ToolStep
from segue.document.values import stored_value

JsonObject = dict[str, object]

_READY = ("input-available", "approval-responded")
_CUT_OFF = "It was interrupted; nobody knows how far it came."


def new_call(value: JsonObject) -> JsonObject:
    """Gives a call as it begins.

    Raises:
        Refusal: a field is missing.
    """
    if not isinstance(value.get("tool_call_id"), str) or not isinstance(value.get("name"), str):
        raise Refusal("a tool call has a `tool_call_id` and a `name`")
    return {"args": {}, **value, "state": "input-available"}


def after(call: JsonObject, step: ToolStep, attempt: str) -> JsonObject:
    """Gives a call after a step of the attempt's.

    Raises:
        Refusal: it is not there.
    """
    match step:
        case StartTool():
            return _started(call, attempt, repeatable=step.repeatable)
        case AskForApproval():
            return _asked_for_approval(call)
        case AskForOutput():
            return _asked_for_output(call)
        case EndTool(_, output, error_text):
            return _ended(call, _result(output, error_text))


def is_waiting(call: JsonObject) -> bool:
    """Tells whether people have to decide."""
    state = call.get("state")
    return state == "approval-requested" or (state == "input-available" and _is_persons(call))


def decided(call: JsonObject, *, approved: bool, by: str, reason: str) -> JsonObject:
    """Gives a call after a person's yes or no.

    Raises:
        Refusal: it is decided already, or nobody asked.
    """
    if call.get("state") != "approval-requested":
        raise Refusal(_why_not(call, "approval"))
    approval: JsonObject = {"id": call["tool_call_id"], "approved": approved, "by": by}
    if reason:
        approval["reason"] = reason
    state = "approval-responded" if approved else "output-denied"
    return {**call, "state": state, "approval": approval}


def supplied(call: JsonObject, result: JsonObject, by: str) -> JsonObject:
    """Gives a call after a person's result, which is as `{output}` or `{error_text}`.

    Raises:
        Refusal: it has its result, or nobody asked.
    """
    if not (call.get("state") == "input-available" and _is_persons(call)):
        raise Refusal(_why_not(call, "output"))
    return {**_with_result(call, result), "by": by}


def closed(call: JsonObject, reason: str) -> JsonObject:
    """Gives a call after its run has ended for good: nothing is left open."""
    match call.get("state"):
        case "approval-requested":
            approval = {"id": call["tool_call_id"], "approved": False, "reason": reason}
            return {**call, "state": "output-denied", "approval": approval}
        case "input-available" | "approval-responded":
            return {**call, "state": "output-error", "error_text": reason}
        case _:
            return call


def taken_up(call: JsonObject) -> JsonObject:
    """Gives a call as the next attempt finds it: one that was running failed, unless it may run again."""
    if call.get("state") in _READY and "attempt" in call and not call.get("repeatable"):
        return {**call, "state": "output-error", "error_text": _CUT_OFF}
    return call


def _started(call: JsonObject, attempt: str, *, repeatable: bool) -> JsonObject:
    if call.get("attempt") == attempt:
        return call
    if call.get("state") not in _READY or _is_persons(call):
        raise Refusal(f"the tool can't be started: it is {call.get('state')}")
    return {**call, "attempt": attempt, **({"repeatable": True} if repeatable else {})}


def _asked_for_approval(call: JsonObject) -> JsonObject:
    if "approval" in call:
        return call
    if call.get("state") != "input-available" or "attempt" in call or _is_persons(call):
        raise Refusal(f"it is too late to ask for approval: the tool is {call.get('state')}")
    return {**call, "state": "approval-requested", "approval": {"id": call["tool_call_id"]}}


def _asked_for_output(call: JsonObject) -> JsonObject:
    if _is_persons(call):
        return call
    if call.get("state") != "input-available" or "attempt" in call:
        raise Refusal(f"it is too late to ask for a result: the tool is {call.get('state')}")
    return {**call, "executor": "person"}


def _ended(call: JsonObject, result: JsonObject) -> JsonObject:
    then = _with_result(call, result)
    if then == call:
        return call
    if call.get("state") not in _READY or _is_persons(call):
        raise Refusal(f"the tool takes no result: it is {call.get('state')}")
    return then


def _with_result(call: JsonObject, result: JsonObject) -> JsonObject:
    state = "output-available" if "output" in result else "output-error"
    return {**call, **result, "state": state}


def _result(output: bytes | None, error_text: str) -> JsonObject:
    return {"error_text": error_text} if output is None else {"output": stored_value(output)}


def _is_persons(call: JsonObject) -> bool:
    return call.get("executor") == "person"


def _why_not(call: JsonObject, asked: str) -> str:
    approval, state = call.get("approval"), call.get("state")
    if asked == "approval" and isinstance(approval, Mapping) and "approved" in approval:
        verb = "approved" if approval["approved"] else "denied"
        by = approval.get("by")
        return f"{by} has {verb} it" if by else "the run was stopped"
    if asked == "output" and (by := call.get("by")):
        return f"{by} has given its result"
    return f"nobody asked for that: the tool is {state}"
