"""The profile of a modality: what a file `profile.toml` says of it, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from handlers.card import CardError, checked_label
from handlers.card import checked_name as checked_model_name
from handlers.card_findings import Kind
from handlers.checks import STRICT, FieldError, Line, OneOf, Range, Text, must, must_be
from imaging.quality import QualityLimits

PROFILE_NAME, GUIDELINE_NAME, LOOK_NAME = "profile.toml", "guideline.yaml", "look.json"
MICROMETRES, MILLIMETRES = "micrometres", "millimetres"
SQUARE_MILLIMETRES, SQUARE_CENTIMETRES = "square millimetres", "square centimetres"
MOST_LETTERS = 40
"""Of the name of a modality, of a field and of a choice, which stand in addresses and in the database."""
LEAST_PIXEL, MOST_PIXEL = 0.001, 10_000.0
"""The width of a pixel in micrometres, in any modality."""


class ProfileError(FieldError):
    """A modality that can't be used; the message names the file and the field."""


def _label(text: str) -> str:
    try:
        return checked_label(text)
    except CardError as error:
        raise ValueError(str(error)) from error


def _model(text: str) -> str:
    try:
        return checked_model_name(text)
    except CardError as error:
        raise ValueError(str(error)) from error


def _some(entries: Any) -> Any:
    if not entries:
        raise must_be("about at least one")
    return entries


def _twice(names: Sequence[str]) -> str:
    """The first name that stands twice, "" if none does."""
    return next((name for place, name in enumerate(names) if name in names[:place]), "")


Name = Annotated[
    str,
    Field(pattern=rf"^[a-z0-9-]{{1,{MOST_LETTERS}}}$"),
    must(f"up to {MOST_LETTERS} of the letters a to z, digits and '-'"),
]
FieldName = Annotated[
    str,
    Field(pattern=rf"^[a-z][a-z0-9_]{{0,{MOST_LETTERS - 1}}}$"),
    must(f"up to {MOST_LETTERS} of the letters a to z, digits and '_', with a letter first"),
]
Value = Annotated[
    str,
    Field(pattern=rf"^[A-Za-z0-9][A-Za-z0-9_-]{{0,{MOST_LETTERS - 1}}}$"),
    must(f"up to {MOST_LETTERS} letters (A to Z), digits, '_' and '-', with a letter or digit first"),
]
TextName = Annotated[
    str,
    Field(pattern=r"^[a-z][A-Za-z0-9.]{0,79}$"),
    must("up to 80 letters, digits and '.', with a small letter first"),
]
ConceptCode = Annotated[str, Field(pattern=r"^[0-9]{6,18}$"), must("6 to 18 digits")]
Uid = Annotated[
    str,
    Field(pattern=r"^[0-9]+(\.[0-9]+)+$", max_length=64),
    must("a UID, such as 1.2.840.10008.5.1.4.1.1.1"),
]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$"), must("a colour, such as #22d3ee")]
Hatch = Annotated[
    str,
    Field(pattern=r"^[MLHV0-9 .-]{1,200}$"),
    must("lines of an SVG path in a square of 8, such as M0 4H8: the letters M, L, H and V, and numbers"),
]
Label = Annotated[str, AfterValidator(_label)]
Model = Annotated[str, AfterValidator(_model)]
Share = Annotated[float, Range(0, 1)]
Micrometres = Annotated[float, Range(LEAST_PIXEL, MOST_PIXEL)]


@dataclass(frozen=True, config=STRICT)
class Choice:
    """A value of a field, and what people read for it."""

    value: Value
    title: Line


@dataclass(frozen=True, config=STRICT)
class ScanField:
    """What a scan of the modality has beside the fields of every scan: one of a few values, or nothing.

    It is never free text, which could name somebody.
    """

    name: FieldName
    title: Line
    choices: Annotated[tuple[Choice, ...], AfterValidator(_some)]

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if twice := _twice([choice.value for choice in self.choices]):
            raise ValueError(f"the choice {twice!r} stands twice")
        return self

    @property
    def titles(self) -> dict[str, str]:
        """What people read, by value."""
        return {choice.value: choice.title for choice in self.choices}


@dataclass(frozen=True, config=STRICT)
class Window:
    """A preset of brightness: what is black and what is white, as shares (0 to 1) of the picture's own range."""

    title: Line
    low: Share
    high: Share

    @model_validator(mode="after")
    def _has_an_inside(self) -> Self:
        if self.low >= self.high:
            raise ValueError("low must be below high")
        return self


@dataclass(frozen=True, config=STRICT)
class Units:
    """The units in which people see and enter what is measured, and how large a pixel can be.

    What is stored, and what programs get, is in micrometres in every modality.
    """

    size: Annotated[str, OneOf(MICROMETRES, MILLIMETRES)] = MICROMETRES
    area: Annotated[str, OneOf(SQUARE_MILLIMETRES, SQUARE_CENTIMETRES)] = SQUARE_MILLIMETRES
    """Volumes are in the cube of the same unit."""
    least_pixel: Micrometres = 0.1
    most_pixel: Micrometres = 1000.0
    """The width and the height that a pixel can have, in micrometres: a file that says otherwise is not believed."""

    @model_validator(mode="after")
    def _has_an_inside(self) -> Self:
        if self.least_pixel >= self.most_pixel:
            raise ValueError("least_pixel must be below most_pixel")
        return self


@dataclass(frozen=True, config=STRICT)
class Concept:
    """A part of the body in SNOMED CT."""

    code: ConceptCode
    display: Line


@dataclass(frozen=True, config=STRICT)
class Anatomy:
    """What its pictures show, for health records and for DICOM objects that go back to a PACS."""

    site: Concept
    region: Concept | None = None
    """DICOM's anatomic region, where that is more exact or has other words."""


@dataclass(frozen=True, config=STRICT)
class Finding:
    """A kind of finding that a model may mark: its name for people, its colour, and how it is hatched."""

    title: Line
    colour: Colour = "#ffffff"
    hatch: Hatch = "M2 2H3M6 6H7"


@dataclass(frozen=True, config=STRICT)
class ProfileFile:
    """A profile as it is written."""

    title: Line
    order: int
    """The modality with the least one is the default."""
    model: Model
    """Its name at the model server."""
    picture: Line
    """The word for one picture."""
    labels: Annotated[dict[Label, Line], AfterValidator(_some)]
    """In full, in the order in which people see them."""
    volumes: bool = False
    """Whether files with many pictures are volumes of it."""
    dicom: tuple[Value, ...] = ()
    """Values of DICOM's Modality that belong to it."""
    sop_classes: tuple[Uid, ...] = ()
    """DICOM's SOP classes that the receiver takes for it, beside those that it takes anyway."""
    eye: bool = False
    """Whether a picture is one of an eye."""
    formats: tuple[Text, ...] = ()
    """Names of the file formats that belong to it (`imaging.formats`); without any, all that are read. Others are refused."""
    notes: tuple[Text, ...] = ()
    """Sentences that stand beside each answer."""
    groups: dict[Line, tuple[Label, ...]] = field(default_factory=dict)
    fields: tuple[ScanField, ...] = ()
    units: Units = field(default_factory=Units)
    windows: tuple[Window, ...] = ()
    quality: QualityLimits | None = None
    """What a picture must keep to in order to be fit to be read, for the cards of its models; None: as OCT B-scans."""
    words: dict[TextName, Text] = field(default_factory=dict)
    """Texts of the page that differ, by their place there, such as "volume.enfaceTitle"; and under "pictures" the word for
    several pictures where an "s" does not make it."""
    anatomy: Anatomy | None = None
    findings: dict[Kind, Finding] = field(default_factory=dict)
    """By the codes of the models' cards; without any, its models have no map of findings. A kind that is not here is named
    by its code."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        grouped = [label for labels in self.groups.values() for label in labels]
        if twice := _twice(grouped):
            raise ValueError(f"groups: the label {twice!r} is in two of them")
        if strange := next((label for label in grouped if label not in self.labels), None):
            raise ValueError(f"groups: {strange!r} is not one of the labels")
        if twice := _twice([each.name for each in self.fields]):
            raise ValueError(f"fields: the name {twice!r} stands twice")
        if twice := _twice([each.title for each in self.windows]):
            raise ValueError(f"windows: the title {twice!r} stands twice")
        return self


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Profile(ProfileFile):
    """A modality: its profile, with the folder's name and place."""

    name: Name
    folder: Path

    @property
    def pictures(self) -> str:
        """The word for several pictures."""
        return self.words.get("pictures", f"{self.picture}s")

    @property
    def guideline_path(self) -> Path:
        """The file of recommendations."""
        return self.folder / GUIDELINE_NAME

    @property
    def look_path(self) -> Path:
        """What the router knows of its pictures."""
        return self.folder / LOOK_NAME

    @property
    def model_labels(self) -> tuple[str, ...]:
        """The labels in the order of people."""
        return tuple(self.labels)
