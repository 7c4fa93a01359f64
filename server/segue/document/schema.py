"""The names of a session's roots and fields, as every device writes and reads them."""

from typing import Final

MESSAGES: Final = "messages"
"""id -> Y.Map. A message is added whole, in one transaction; only its author changes it later."""

REQUESTS: Final = "requests"
"""id -> {kind, target, value?, by}, written once; answered in place by the server, later removed."""

RUNS: Final = "runs"
"""id -> {agent, status, reply_to, number, message?, attempt?, supersedes?, waiting_for?, error?, ...}.

Written by the server. `number` is its place in the line, `attempt` names who works on it now.
"""

CONTEXT: Final = "context"
"""key -> {value, source, by, observed_at, max_age?}: what is known in the session, and from whom."""

SESSIONS: Final = "sessions"
"""In a home: id -> {title, last_activity, seq, role}, written by the server."""

PROFILE: Final = "profile"
"""In a home: what is known of its user, entries as in `context`."""

ARTIFACTS: Final = "artifacts"
"""name -> what it is: {title, kind}. Its text is the root that `ARTIFACT` and the name give."""

ARTIFACT: Final = "artifact:"

SESSION: Final = "session"
"""title, settings: written by members; head: by the server."""

RESPONDER: Final = "responder"
"""In the settings: the name of the agent that answers, or anything else for none."""

WHILE_RUNNING: Final = "while_running"
"""In the settings, or in a message's metadata: `enqueue`, `interrupt` or `reject`."""

WHEN_INTERRUPTED: Final = "when_interrupted"
"""In the settings: `resume` has a run that a crash cut off go on by itself."""

HEAD: Final = "head"
TITLE: Final = "title"
NAMED: Final = "named"
"""The title that an agent gave last: it gives no other once a person has."""

SETTINGS: Final = "settings"

SEQ: Final = "seq"
PARENT: Final = "parent"
SUPERSEDES: Final = "supersedes"
