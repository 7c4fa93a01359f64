"""The formats by their names."""

from collections.abc import Callable, Mapping
from typing import Final

from segue.transcripts.ai_sdk import AiSdkWriter, read_ai_sdk
from segue.transcripts.jsonl import JsonlWriter, read_jsonl
from segue.transcripts.model import Format, Transcript, Writer
from segue.transcripts.openai import OpenAiWriter, read_openai

WRITERS: Final[Mapping[Format, Callable[[], Writer]]] = {
    Format.JSONL: JsonlWriter,
    Format.AI_SDK: AiSdkWriter,
    Format.OPENAI: OpenAiWriter,
}
READERS: Final[Mapping[Format, Callable[[bytes], Transcript]]] = {
    Format.JSONL: read_jsonl,
    Format.AI_SDK: read_ai_sdk,
    Format.OPENAI: read_openai,
}
