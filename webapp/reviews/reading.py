"""Recording verdicts and adjudications."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.accounts.models import User
from webapp.audit import recording
from webapp.audit.models import Action
from webapp.metrics import instruments
from webapp.mongodb.transactions import all_or_nothing
from webapp.recommendations.answers import Answer, State
from webapp.reviews.models import Adjudication, Review, Source, Verdict
from webapp.reviews.outcome import fields_of, final_of, independent_labels, pairs_of
from webapp.scans import disclosure
from webapp.scans.final import By, FinalReading
from webapp.scans.holding import hold
from webapp.scans.models import Scan
from webapp.scans.outcomes import Outcome, tell


@dataclass(frozen=True)
class PredictionSeen:
    """The prediction that a reader sees, by its label, its version and its state.

    Predictions of versions that give no state count as answered.
    """

    label: str
    model_version: str
    state: str = State.ANSWERED.value

    def __str__(self) -> str:
        said = {State.UNDECIDED: "an undecided answer", State.NOT_ANSWERED: "no answer"}
        return f"{said.get(State(self.state), self.label)} by version {self.model_version}"


class NothingToAgreeWith(Exception):
    """The verdict agrees or disagrees, and the model has given no answer, or none that is one label."""


class PredictionChanged(Exception):
    """The verdict is on another prediction than the scan's newest."""

    def __init__(self, seen: PredictionSeen, newest: PredictionSeen) -> None:
        super().__init__(
            f"The model's answer has changed since you saw it: {newest} now, {seen} then. "
            "Look at the scan again and give your verdict on that. Nothing was recorded."
        )


class LeadMoved(Exception):
    """The verdict is on a volume, and another B-scan stands for it by now."""

    def __init__(self) -> None:
        super().__init__(
            "Another B-scan stands for the volume by now, as more of it was answered. "
            "Look at the volume again and give your verdict on that. Nothing was recorded."
        )


def prediction_of(scan: Scan) -> PredictionSeen:
    """The scan's newest prediction."""
    return PredictionSeen(scan.label, scan.model_version, scan.state or State.ANSWERED.value)


def verdict_of(answer: Answer, verdict: str, label: str) -> str:
    """The verdict to record for what a reader says of the model's answer.

    A verdict of "" follows from the label: to name a label of the model's answer is to agree, to name another is to
    disagree, and where the model has not answered the verdict is "named". Raises NothingToAgreeWith.
    """
    if verdict == Verdict.UNSURE:
        return verdict
    if not answer.is_given:
        if verdict in (Verdict.AGREE, Verdict.DISAGREE):
            raise NothingToAgreeWith(
                "The model has not answered: there is nothing to agree or disagree with. Leave the verdict out and give "
                "the label that you see, or say that you are unsure."
            )
        return Verdict.NAMED.value
    if verdict == Verdict.AGREE and not label and not answer.names_label:
        raise NothingToAgreeWith(
            f"The model leaves open which label it is: {answer.text}. Give the one that you see."
        )
    if verdict in (Verdict.AGREE, Verdict.DISAGREE):
        return verdict
    return (Verdict.AGREE if label in answer.said else Verdict.DISAGREE).value


def record(
    scan: Scan,
    reader: User,
    verdict: str = "",
    label: str = "",
    comment: str = "",
    seen: PredictionSeen | None = None,
    of_volume: bool = False,
) -> Review:
    """Keep a verdict as the reader's current one; earlier ones stay, no longer current.

    A reader who agrees gives the model's label, so `label` is taken from the scan where the model names one; who is
    unsure names none, so that it is dropped. A verdict of "" follows from the label, see `verdict_of`. Whether the
    reading is blind follows from what was shown to the reader until now.

    With `of_volume` it is a verdict on the scan's volume. Where another B-scan leads that by now, a reader who does not
    know the answers means that one; any other has seen another answer.

    Raises NothingToAgreeWith, PredictionChanged if the scan's newest prediction is another one than was seen, LeadMoved,
    Scan.DoesNotExist if the scan was deleted.
    """

    def write() -> Review:
        now = _meant(scan, reader, of_volume)
        # Inside the transaction, which changes the scan: a prediction that arrives meanwhile makes it start again.
        if seen and seen != prediction_of(now):
            raise PredictionChanged(seen, prediction_of(now))
        shown = disclosure.disclosed_to(reader, now)
        answer = now.answer
        said = verdict_of(answer, verdict, label)
        Review.objects.filter(scan=now, reader=reader, current=True).update(current=False)
        review = Review.objects.create(
            scan=now,
            reader=reader,
            verdict=said,
            label=_label_of(answer, said, label),
            comment=comment,
            blind=not (shown.answer or shown.readings or seen),
            blind_by_server=True,
            after_others=shown.readings,
            model_label=now.label,
            model_name=now.model_name,
            model_version=now.model_version,
            model_state=answer.state,
            model_set=list(answer.labels),
            model_group=answer.group,
        )
        _update_readings(now)
        # The response to a verdict shows the model's answer.
        disclosure.disclose_answers(reader, [now])
        recording.record(
            Action.REVIEW_CREATE,
            reader,
            "review",
            scan_id=now.pk,
            after=review,
            weights_sha256=now.weights_sha256,
        )
        tell(Outcome.READ, [scan.pk])
        return review

    review = all_or_nothing(write)
    instruments.REVIEWS.labels(review.verdict, scan.model_name, review.model_version).inc()
    scan.refresh_from_db()
    return review


def _label_of(answer: Answer, verdict: str, label: str) -> str:
    """The label to record for a verdict on the model's answer."""
    if verdict == Verdict.UNSURE:
        return ""
    return answer.label if verdict == Verdict.AGREE and answer.names_label else label


def _meant(scan: Scan, reader: User, of_volume: bool) -> Scan:
    """The scan that the verdict is on, as it is now."""
    now = Scan.objects.get(pk=scan.pk)
    if not of_volume or not now.follows:
        return now
    if not now.hides_answer_from(reader):
        raise LeadMoved
    return now.together().leading().get()


def _update_readings(scan: Scan) -> None:
    """Set the scan's fields that follow from its verdicts: readers, dispute and final reading."""
    reviews = list(Review.objects.filter(scan=scan))
    scan.readers = [str(given.reader_id) for given in reviews if given.current]
    dispute = pairs_of(independent_labels(reviews).values()).dispute
    final = fields_of(final_of(reviews, scan.settled_label), scan.model_name)
    Scan.objects.filter(pk=scan.pk).update(reviewed=True, readers=scan.readers, dispute=dispute, **final)
    if scan.volume_id and not scan.follows:  # a verdict on it is one on its volume
        scan.together().exclude(pk=scan.pk).update(volume_readers=scan.readers, reviewed=True)


def settle(scan: Scan, adjudicator: User, label: str, comment: str = "") -> Adjudication:
    """Keep an adjudicator's label as the one that settles the scan; earlier adjudications and all verdicts stay.

    Raises Scan.DoesNotExist if the scan was deleted.
    """

    def write() -> Adjudication:
        hold(scan.pk)
        final = fields_of(FinalReading(By.ADJUDICATOR, (label,)), scan.model_name)
        Scan.objects.filter(pk=scan.pk).update(settled_label=label, **final)
        settled = Adjudication.objects.create(
            scan=scan, adjudicator=adjudicator, label=label, comment=comment
        )
        recording.record(
            Action.ADJUDICATION_CREATE, adjudicator, "adjudication", scan_id=scan.pk, after=settled
        )
        tell(Outcome.READ, [scan.pk])
        return settled

    return all_or_nothing(write)


def independence_of(review: Review) -> str:
    """What the reader knew, in words: "blind", "after others" where others' readings had been shown, or ""."""
    if review.blind:
        return "blind" if review.blind_source == Source.SERVER else "blind by the browser's word"
    return "" if review.independent else "after others"
