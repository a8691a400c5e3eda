"""Command sets of DICOM messages (PS3.7, annex E): group 0000 in implicit VR, little endian."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

MOST_COMMAND_BYTES = 16 * 2**10
ELEMENT = struct.Struct("<HHL")
NUMBER = struct.Struct("<H")
SOP_CLASS, REQUESTED_CLASS, KIND, MESSAGE, ANSWERED = 0x0002, 0x0003, 0x0100, 0x0110, 0x0120
DATA_SET, STATUS, COMMENT, SOP_INSTANCE, REQUESTED_INSTANCE = 0x0800, 0x0900, 0x0902, 0x1000, 0x1001
EVENT, ACTION = 0x1002, 0x1008
PRIORITY = 0x0700
NO_DATA_SET, WITH_DATA_SET = 0x0101, 0x0001
ANSWER = 0x8000
STORE, ECHO, EVENT_REPORT, DO, CANCEL = 0x0001, 0x0030, 0x0100, 0x0130, 0x0FFF
SUCCESS = 0x0000
NO_RESOURCES, NOT_UNDERSTOOD, OTHER_CLASS = 0xA700, 0xC000, 0xA900
CLASS_NOT_SUPPORTED, NOT_RECOGNISED, PROCESSING_FAILED = 0x0122, 0x0211, 0x0110
COMMENT_LETTERS = 64


class NoCommand(ValueError):
    """Bytes that are no command set."""


@dataclass
class Command:
    """A command set: numbers and UIDs by the element's second half of its tag."""

    numbers: dict[int, int] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)

    @property
    def kind(self) -> int:
        """Which command it is."""
        return self.numbers.get(KIND, -1)

    @property
    def has_data(self) -> bool:
        """Whether a data set follows."""
        return self.numbers.get(DATA_SET, NO_DATA_SET) != NO_DATA_SET


def decoded(content: bytes) -> Command:
    """The command set of these bytes. Raises NoCommand."""
    found = Command()
    at = 0
    while at < len(content):
        if at + ELEMENT.size > len(content):
            raise NoCommand
        group, element, length = ELEMENT.unpack_from(content, at)
        at += ELEMENT.size
        value = content[at : at + length]
        if group or len(value) != length:
            raise NoCommand
        at += length
        if element in (SOP_CLASS, REQUESTED_CLASS, SOP_INSTANCE, REQUESTED_INSTANCE):
            found.texts[element] = value.rstrip(b"\0 ").decode("ascii", "replace")
        elif length == NUMBER.size:
            found.numbers[element] = NUMBER.unpack(value)[0]
    if KIND not in found.numbers or (MESSAGE not in found.numbers and ANSWERED not in found.numbers):
        raise NoCommand
    return found


def encoded(command: Command) -> bytes:
    """The bytes of a command set, its elements in their order."""
    values = {element: NUMBER.pack(number) for element, number in command.numbers.items()}
    for element, text in command.texts.items():
        raw = text.encode("ascii", "replace")
        fill = b" " if element == COMMENT else b"\0"
        values[element] = raw + fill * (len(raw) % 2)
    body = b"".join(ELEMENT.pack(0, each, len(values[each])) + values[each] for each in sorted(values))
    return ELEMENT.pack(0, 0, 4) + struct.pack("<L", len(body)) + body


def answer_to(asked: Command, status: int, comment: str = "") -> Command:
    """The answer to a request, without a data set. `comment` says for people why it failed."""
    texts = {}
    if sop_class := asked.texts.get(SOP_CLASS) or asked.texts.get(REQUESTED_CLASS):
        texts[SOP_CLASS] = sop_class
    if instance := asked.texts.get(SOP_INSTANCE) or asked.texts.get(REQUESTED_INSTANCE):
        texts[SOP_INSTANCE] = instance
    if comment:
        texts[COMMENT] = comment[:COMMENT_LETTERS]
    numbers = {
        KIND: asked.kind | ANSWER,
        ANSWERED: asked.numbers.get(MESSAGE, 0),
        DATA_SET: NO_DATA_SET,
        STATUS: status,
    }
    if ACTION in asked.numbers:
        numbers[ACTION] = asked.numbers[ACTION]
    return Command(numbers, texts)
