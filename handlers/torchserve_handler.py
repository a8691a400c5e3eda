"""The handler that TorchServe loads.

TorchServe copies it to the top of the unpacked archive, beside the package `handlers`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import torch

from handlers.answer import as_json, error_answer
from handlers.card import ModelCard
from handlers.engines.changing import ChangingEngine, coming
from handlers.engines.settings import EngineSettings
from handlers.errors import UnexpectedError
from handlers.load_errors import NOT_LOADED, one_line
from handlers.metrics import INSTRUMENTS, Measurement, measurements
from handlers.predictor import Outcome, Predictor
from handlers.receiving import mark_repeated_inputs, use_one_buffer
from handlers.request import Bundle, Request, asks_for_card, read_request
from handlers.trial import try_out
from imaging.errors import Busy, CodedError

logger = logging.getLogger(__name__)

JSON = "application/json"
UNSAFE_IN_LOGS = re.compile(r"[^A-Za-z0-9._:/+=-]")
MAX_ID_LENGTH = 64
VERSION_HEADER = "X-Model-Version"
"""The header of an answer with the version that gave it."""
STREAM_NEXT = "ts_stream_next"
"""The header of an answer that tells TorchServe whether another piece of it follows."""
SEQUENCE_HEADERS = "ts_request_sequence_"
"""How TorchServe's own headers of gRPC calls begin."""
ONE_BUNDLE = (
    "Others wait, so requests of several images are answered one after the other. Try again in some seconds."
)
FAILED = "The model server failed on this request; its log says why."
READ_BYTES = 64 * 2**10
"""Bytes that TorchServe reads from a worker at once."""
Entry = Request | Bundle | CodedError | ModelCard
"""A batch entry that has been read; ModelCard for one that asks for the card."""


class ImageHandler:
    """Answers TorchServe's batches with the model in its archive."""

    def __init__(self) -> None:
        self._predictor: Predictor | None = None
        self._metrics: dict[str, Any] = {}
        self._metrics_thread = ThreadPoolExecutor(1, thread_name_prefix="metrics")

    def initialize(self, context: Any) -> None:
        """Load the model and try it out, so that a worker that counts as ready can answer.

        TorchServe sets the number of threads by OMP_NUM_THREADS, and names the GPU of this worker, if any.
        """
        properties = context.system_properties
        gpu = properties.get("gpu_id")
        device = torch.device("cuda", int(gpu)) if gpu is not None and torch.cuda.is_available() else None
        if device is not None:
            # Otherwise each worker would also take some 500 MiB of the first GPU, for a context that it doesn't use.
            torch.cuda.set_device(device)
        cv2.setNumThreads(torch.get_num_threads())
        use_one_buffer()
        mark_repeated_inputs()
        self._predictor = _load(Path(properties["model_dir"]), device)
        self._metrics = _declared(context.metrics)
        card = self._predictor.card
        logger.info(
            "loaded %s %s as %s on %s with %d threads",
            card.name,
            card.version,
            self._predictor.engine.description,
            device or "cpu",
            torch.get_num_threads(),
        )
        if isinstance(engine := self._predictor.engine, ChangingEngine):
            engine.start()

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[bytes]:
        """An answer for each request of the batch. Each depends on its own request alone.

        TorchServe mixes predictions and explanations of all callers in one batch.
        """
        assert self._predictor is not None
        headers = [context.get_all_request_header(index) for index in range(len(data))]
        read = _in_turn([self._read(row, of_request) for row, of_request in zip(data, headers, strict=True)])
        predicted = iter(self._predictor.answer(list(_to_predict(read))))
        answers = []
        measured: list[Measurement] = []
        for index, (row, item) in enumerate(zip(data, read, strict=True)):
            images = item.items if isinstance(item, Bundle) else (item,)
            outcomes = [next(predicted) if isinstance(image, Request) else image for image in images]
            answer, error = self._written(item, outcomes, is_for_management=not row)
            answers.append(answer)
            for outcome in outcomes if error is None or error in outcomes else [error]:
                if not isinstance(outcome, ModelCard):
                    measured += measurements(outcome, self._predictor.card.version)
            status, code = (error.status, error.code) if error else (200, "ok")
            if error:
                context.set_response_status(code=status, phrase=code, idx=index)
            if isinstance(error, Busy):
                context.set_response_header(index, "Retry-After", str(error.retry_after_s))
            context.set_response_content_type(index, JSON)
            if _over_http(headers[index]):
                context.set_response_header(index, VERSION_HEADER, self._predictor.card.version)
            else:
                # gRPC's streaming calls wait for the last piece. If an answer doesn't say whether it is the last,
                # TorchServe ends the worker, and with it the batch.
                context.set_response_header(index, STREAM_NEXT, "false")
            logger.info(
                "request %s: %d %s, %d bytes in a batch of %d",
                _request_id(headers[index], context.get_request_id(index)),
                status,
                code,
                len(answers[-1]),
                len(data),
            )
        # TorchServe writes a line of output for each measurement; callers need not wait for that.
        self._metrics_thread.submit(self._record, measured)
        return _send_large(answers, headers, context)

    def _written(
        self, item: Entry, outcomes: Sequence[Outcome | ModelCard], is_for_management: bool
    ) -> tuple[bytes, CodedError | None]:
        """The answer to a batch entry, as JSON, and its error if it is nothing else."""
        assert self._predictor is not None
        first, error = outcomes[0], None
        if isinstance(first, CodedError) and all(isinstance(each, CodedError) for each in outcomes):
            error = first
        try:
            if isinstance(item, Bundle) and error is None:
                return as_json(item.wrap([_as_answer(each) for each in outcomes], self._predictor.card)), None
            if isinstance(item, ModelCard) and is_for_management:  # not for callers, who read it as a card
                return as_json(item.to_dict() | self._engine()), None
            return as_json(_as_answer(first)), error
        except Exception:
            # An error that leaves the handler would be the answer to the whole batch.
            logger.exception("one answer of a batch could not be written")
            error = UnexpectedError(FAILED)
            return as_json(_as_answer(error)), error

    def _engine(self) -> dict[str, Any]:
        """What the description for TorchServe's management has beside the card: the engine of this worker."""
        assert self._predictor is not None
        engine = self._predictor.engine
        return {"engine": {"name": engine.description, "coming": coming(engine)}}

    def _record(self, measured: Sequence[Measurement]) -> None:
        for instrument, value, words in measured:
            if metric := self._metrics.get(instrument.name):
                metric.add_or_update(value, words)

    def _read(self, row: Mapping[str, Any], headers: Mapping[str, Any]) -> Entry:
        """Read a batch entry: a request, an error, or the model card if the entry asks for that."""
        assert self._predictor is not None
        if asks_for_card(row, headers):
            return self._predictor.card
        try:
            return read_request(row, headers, self._predictor.card.labels)
        except CodedError as error:
            return error
        except Exception:
            logger.exception("one request of a batch could not be read")
            return UnexpectedError(FAILED)


def _in_turn(entries: Sequence[Entry]) -> list[Entry]:
    """Admit just one request of several images beside requests of one, which would otherwise wait for all of them."""
    if not any(isinstance(entry, Request) for entry in entries):
        return list(entries)
    admitted: list[Entry] = []
    has_several = False
    for entry in entries:
        of_several = isinstance(entry, Bundle) and sum(isinstance(item, Request) for item in entry.items) > 1
        admitted.append(Busy(ONE_BUNDLE) if of_several and has_several else entry)
        has_several |= of_several
    return admitted


def _to_predict(entries: Sequence[Entry]) -> Iterator[Request]:
    for entry in entries:
        for image in entry.items if isinstance(entry, Bundle) else (entry,):
            if isinstance(image, Request):
                yield image


def _as_answer(outcome: Outcome | ModelCard) -> Any:
    """An outcome as the JSON values of its answer."""
    if isinstance(outcome, ModelCard):
        return outcome.to_dict()
    return error_answer(outcome) if isinstance(outcome, CodedError) else outcome


def _load(folder: Path, device: torch.device | None) -> Predictor:
    """Load the model and try it out. Any error is logged in one line, and raised.

    A worker answers while its network is compiled.
    """
    try:
        predictor = Predictor.load(folder, device, replace(EngineSettings.from_environment(), interim=True))
        try_out(predictor)
    except Exception as error:
        logger.error("%s %s", NOT_LOADED, one_line(error).replace(f"{folder}/", ""))
        raise
    return predictor


def _send_large(answers: list[bytes], headers: Sequence[Mapping[str, Any]], context: Any) -> list[bytes]:
    """Send large answers to TorchServe one by one, each as a stream of one piece. Returns the answers that are left.

    TorchServe reads a worker's message in pieces of 64 KiB. For each piece it parses all complete answers of the
    message again, which is some 200 MB of copies for eight answers with heat maps. Just answers over HTTP can be sent
    like that: gRPC has other calls for streams. Errors can't, as TorchServe hangs up before their second piece.
    """
    from ts.handler_utils.utils import send_intermediate_predict_response

    large = [
        index
        for index, answer in enumerate(answers)
        if len(answer) > READ_BYTES
        and context.get_response_status(index)[0] == 200
        and isinstance(_header(headers[index], "host"), str)
    ]
    # The last large answer is the only one in the message that ends the batch.
    for index in large[:-1]:
        send_intermediate_predict_response(
            answers, {index: context.get_request_id(index)}, "Prediction success", 200, context
        )
        answers[index] = b""
    return answers


def _over_http(headers: Mapping[str, Any]) -> bool:
    """Whether a request came over HTTP. For gRPC, the headers are its inputs, as mappings, and TorchServe's own."""
    return any(
        isinstance(value, str) and not name.startswith(SEQUENCE_HEADERS) for name, value in headers.items()
    )


def _declared(cache: Any) -> dict[str, Any]:
    """TorchServe's objects for our instruments, without those that its metrics file doesn't declare."""
    kinds = getattr(cache, "cache", None) or {}
    known: dict[str, Any] = {name: metric for kind in kinds.values() for name, metric in kind.items()}
    return {each.name: known[each.name] for each in INSTRUMENTS if each.name in known}


def _request_id(headers: Mapping[str, Any], own: str | None) -> str:
    """The caller's X-Request-Id, made safe for a log, or TorchServe's own id."""
    given = _header(headers, "x-request-id")
    if not isinstance(given, str) or not given:
        return own or "-"
    return UNSAFE_IN_LOGS.sub("?", given[:MAX_ID_LENGTH])


def _header(headers: Mapping[str, Any], name: str) -> Any:
    """The header with that lower-case name, in any spelling; None without one."""
    return next((value for given, value in headers.items() if given.lower() == name), None)
