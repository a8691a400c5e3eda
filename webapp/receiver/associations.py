"""What one peer may do over its association: C-ECHO, C-STORE, and asking for storage commitment."""

from __future__ import annotations

import logging
from contextlib import suppress

from bson import ObjectId
from django.db import DatabaseError
from pymongo.errors import PyMongoError
from pynetdicom.presentation import PresentationContext, build_context

from webapp.receiver import commitment, filing, reports
from webapp.receiver.commands import (
    ACTION,
    ANSWERED,
    CANCEL,
    CLASS_NOT_SUPPORTED,
    DO,
    ECHO,
    EVENT_REPORT,
    MOST_COMMAND_BYTES,
    NO_RESOURCES,
    NOT_RECOGNISED,
    NOT_UNDERSTOOD,
    OTHER_CLASS,
    SOP_CLASS,
    SOP_INSTANCE,
    STATUS,
    STORE,
    SUCCESS,
    Command,
    NoCommand,
    answer_to,
    decoded,
    encoded,
)
from webapp.receiver.journal import Journal
from webapp.receiver.models import Sender
from webapp.receiver.storing import TRANSFER_SYNTAXES, NotTaken, Receiving, file_meta, sop_classes
from webapp.receiver.wire import Ended, Fragment, Wire

log = logging.getLogger(__name__)

VERIFICATION = "1.2.840.10008.1.1"
ANSWERS = 0x8000
MOST_REFERENCES_BYTES = 2**20
"""Of a data set that is no instance: the list of what is to be committed."""


def offered() -> list[PresentationContext]:
    """The SOP classes and transfer syntaxes that peers may use."""
    plain = list(TRANSFER_SYNTAXES[:2])
    return [
        build_context(VERIFICATION, plain),
        build_context(commitment.COMMITMENT, plain),
        *(build_context(sop_class, list(TRANSFER_SYNTAXES)) for sop_class in sop_classes()),
    ]


class Association:
    """An accepted association with a sender, until either side ends it."""

    def __init__(
        self,
        wire: Wire,
        sender: Sender,
        address: str,
        contexts: dict[int, tuple[str, str]],
        journal: Journal,
    ) -> None:
        self._wire = wire
        self._address = address
        self._journal = journal
        self._sender = sender
        self._contexts = contexts
        self._command = bytearray()
        self._asked: Command | None = None
        self._context = 0
        self._receiving: Receiving | None = None
        self._references = bytearray()
        self._fault: NotTaken | None = None
        self._messages = 0
        self._reported: dict[int, ObjectId] = {}
        """The reports that were sent and not yet answered, by their messages."""
        self.stored = 0
        """Instances that were answered with success, the same again counted again."""

    def serve(self) -> None:
        """Serve the peer. Raises wire.Ended."""
        try:
            for fragment in self._wire.fragments():
                if fragment.is_command:
                    self._command_piece(fragment)
                else:
                    self._data_piece(fragment)
        finally:
            if self._receiving is not None:
                self._receiving.__exit__(None, None, None)
            with suppress(DatabaseError, PyMongoError):
                for report in self._reported.values():
                    reports.send_soon(report)

    def _command_piece(self, fragment: Fragment) -> None:
        if self._asked is not None or fragment.context not in self._contexts:
            raise self._broken("a command in the middle of a message")
        if len(self._command) + len(fragment.content) > MOST_COMMAND_BYTES:
            raise self._broken("a command that is too long")
        self._command += fragment.content
        if not fragment.is_last:
            return
        try:
            asked = decoded(bytes(self._command))
        except NoCommand as error:
            raise self._broken("a command that can't be read") from error
        self._command.clear()
        self._context = fragment.context
        if asked.has_data:
            self._asked = asked
            self._begin(asked)
        else:
            self._without_data(asked)

    def _data_piece(self, fragment: Fragment) -> None:
        asked = self._asked
        if asked is None or fragment.context != self._context:
            raise self._broken("a data set without its command")
        if self._receiving is not None and self._fault is None:
            try:
                self._receiving.write(fragment.content)
            except NotTaken as fault:
                self._drop(fault)
        elif asked.kind == DO:
            if len(self._references) + len(fragment.content) > MOST_REFERENCES_BYTES:
                raise self._broken("a request for commitment that is too long")
            self._references += fragment.content
        if fragment.is_last:
            self._asked = None
            if asked.kind == STORE:
                self._end_store(asked)
            elif asked.kind == DO:
                self._commit(asked)
            elif asked.kind == EVENT_REPORT | ANSWERS:
                self._is_reported(asked)
            elif not asked.kind & ANSWERS:
                self._answer(asked, NOT_RECOGNISED)

    def _begin(self, asked: Command) -> None:
        sop_class, syntax = self._contexts[self._context]
        self._fault = None
        self._references.clear()
        if asked.kind != STORE:
            return
        if asked.texts.get(SOP_CLASS) != sop_class or sop_class not in sop_classes():
            self._fault = NotTaken("Not the SOP class of its presentation context", is_other_class=True)
            return
        try:
            meta = file_meta(sop_class, asked.texts.get(SOP_INSTANCE, ""), syntax)
            self._receiving = Receiving(self._sender.clinic, self._sender.ae_title, meta, self._journal)
        except NotTaken as fault:
            self._fault = fault

    def _drop(self, fault: NotTaken) -> None:
        """Give up an instance; the rest of it is read and forgotten."""
        self._fault = fault
        if self._receiving is not None:
            self._receiving.__exit__(None, None, None)
            self._receiving = None

    def _end_store(self, asked: Command) -> None:
        try:
            if self._fault is not None:
                raise self._fault
            assert self._receiving is not None
            said = self._receiving.said()
            if said.sop_class != asked.texts.get(SOP_CLASS) or said.sop_uid != asked.texts.get(SOP_INSTANCE):
                raise NotTaken("The data set is not the instance of the command", is_other_class=True)
            self._receiving.store(said)
            self.stored += 1
            status, comment = SUCCESS, ""
        except NotTaken as fault:
            log.warning("An instance of %s is refused: %s", self._sender.ae_title, fault.message)
            status, comment = _status(fault), fault.message
        finally:
            self._drop(self._fault or NotTaken(""))
            self._fault = None
        self._answer(asked, status, comment)

    def _without_data(self, asked: Command) -> None:
        if asked.kind == ECHO:
            self._answer(asked, SUCCESS)
        elif asked.kind == STORE:
            self._answer(asked, NOT_UNDERSTOOD, "The command has no data set")
        elif asked.kind == EVENT_REPORT | ANSWERS:
            self._is_reported(asked)
        elif not asked.kind & ANSWERS and asked.kind != CANCEL:
            self._answer(asked, NOT_RECOGNISED)

    def _commit(self, asked: Command) -> None:
        """Say which instances are stored: an answer at once, and the report over the same association."""
        if asked.numbers.get(ACTION) != commitment.REQUEST:
            self._answer(asked, commitment.NO_SUCH_ACTION)
            return
        try:
            self._journal.close_segment()
            filing.file_all()
            what = commitment.asked_by(bytes(self._references), self._contexts[self._context][1])
            report = commitment.report_on(what, self._sender)
            kept = reports.keep(self._sender, self._address, what)
        except commitment.NoRequest:
            self._answer(asked, commitment.INVALID)
            return
        except (DatabaseError, PyMongoError, OSError, filing.Busy) as error:
            log.warning("Commitment can't be looked up at the moment: %s", type(error).__name__)
            self._answer(asked, commitment.NO_RESOURCES)
            return
        self._messages = self._messages % 0xFFFF + 1
        if kept is not None:
            self._reported[self._messages] = kept
        self._answer(asked, SUCCESS)
        command = encoded(report.command(self._messages))
        self._wire.send(self._context, command, report.encoded(self._contexts[self._context][1]))

    def _is_reported(self, answer: Command) -> None:
        """The sender has answered a report. One that it could not take is sent again over an association of ours."""
        kept = self._reported.get(answer.numbers.get(ANSWERED, 0))
        if kept is not None and answer.numbers.get(STATUS) == SUCCESS:
            with suppress(DatabaseError, PyMongoError):
                reports.answered(kept)
                del self._reported[answer.numbers[ANSWERED]]

    def _answer(self, asked: Command, status: int, comment: str = "") -> None:
        self._wire.send(self._context, encoded(answer_to(asked, status, comment)))

    def _broken(self, what: str) -> Ended:
        self._wire.abort()
        return Ended(what)


def _status(fault: NotTaken) -> int:
    if not fault.is_lasting:
        return NO_RESOURCES
    if fault.is_other_class:
        return OTHER_CLASS if "instance" in fault.message else CLASS_NOT_SUPPORTED
    return NOT_UNDERSTOOD
