"""A real browser at a real stack, and what people do with it."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

import modalities
from benchmarks.browser import TIMEOUT_MS, NoBrowser, Window, headless_chromium
from imaging.decoding import decode
from imaging.quality import quality
from modalities.router import look_at
from tests.shells import Shell
from tests.stacks import Stack
from training.simulator import simulate
from training.simulator.chest import draw_chest

PASSWORD = "a-long-password-7"
KEPT_SIGN_IN_S = 300
OTHER_SEEDS = 10_000
"""So far away is the seed that is taken in place of one."""

SIGN_INS = 120
"""Of each person: more than there are windows."""
MAKE_PEOPLE = f"""
import json, sys
from webapp.accounts import tokens
from webapp.accounts.models import User
people = [User.objects.create_user(**person) for person in json.load(sys.stdin)]
print(json.dumps({{user.username: [tokens.issue(user).refresh for _ in range({SIGN_INS})] for user in people}}))
"""


SET_ANSWERS = """
import json, sys
from webapp.recommendations.rules import recommend
from webapp.scans.models import Scan
for key, fields in json.load(sys.stdin).items():
    Scan.objects.filter(pk=key).update(**fields)
    scan = Scan.objects.get(pk=key)
    found = recommend(scan.model_name, scan.probabilities, scan.quality, scan.caveats, scan.answer)
    Scan.objects.filter(pk=key).update(recommendation=found.to_dict(), urgency_rank=found.rank)
"""

KEEP_MAP = """
import base64, json, sys
from webapp.scans import storage
from webapp.scans.models import Scan
key, content = json.load(sys.stdin)
Scan.objects.filter(pk=key).update(findings_name=storage.save(base64.b64decode(content)))
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's own Chromium; the test is skipped where there is none, but not in CI."""
    with ExitStack() as held:
        try:
            started = held.enter_context(headless_chromium())
        except NoBrowser as error:
            pytest.fail(str(error)) if os.environ.get("CI") else pytest.skip(str(error))
        yield started


def other_label(scan: dict[str, Any]) -> str:
    """One that the model knows and has not given the scan."""
    labels: list[str] = list(scan["probabilities"])
    return next(label for label in labels if label != scan["prediction"])


def simulated(label: str, seed: int = 3) -> bytes:
    """A simulated B-scan of 512 x 496 pixels as PNG, which looks like one."""
    while not _looks_like("oct", image := simulate(label, 1, seed).images[0]):
        seed += OTHER_SEEDS
    return _as_png(image)


def x_ray(seed: int, label: str = "PNEUMONIA") -> bytes:
    """A simulated chest X-ray as PNG, which looks like one."""
    while not _looks_like("chest-xray", image := draw_chest(label, seed).image):
        seed += OTHER_SEEDS
    return _as_png(image)


def _looks_like(modality: str, image: npt.NDArray[np.uint8]) -> bool:
    """Whether the web app is sure of it: one simulated picture in twenty would be asked about."""
    return look_at(image, modalities.profiles()).said == modality


def _as_png(image: npt.NDArray[np.uint8]) -> bytes:
    written, content = cv2.imencode(".png", image)
    assert written
    return bytes(content)


def noise(seed: int) -> bytes:
    """Grey noise of 512 x 496 pixels as PNG, in which a model sees something, too."""
    pixels = np.random.default_rng(seed).integers(0, 256, (496, 512), dtype=np.uint8)
    written, content = cv2.imencode(".png", pixels)
    assert written
    return bytes(content)


@dataclass
class Clinic:
    """A running stack with people, and ways to it besides the page."""

    stack: Stack
    shell: Shell
    _uploaded: int = field(default=0)
    _sign_ins: dict[str, list[str]] = field(default_factory=dict)
    _headers: dict[str, tuple[float, dict[str, str]]] = field(default_factory=dict)

    def make_people(self, people: list[dict[str, str]]) -> None:
        """Make accounts with PASSWORD, each described by `username`, `role` and `clinic`, and sign them in often."""
        given = json.dumps([{"password": PASSWORD, **person} for person in people])
        self._sign_ins |= json.loads(self.shell.run(MAKE_PEOPLE, given))

    def sign_in(self, name: str) -> str:
        """The refresh token of a sign-in that nobody has used yet."""
        return self._sign_ins[name].pop()

    def headers(self, name: str) -> dict[str, str]:
        """Of a sign-in that is far from its end."""
        since, kept = self._headers.get(name, (0.0, {}))
        if not kept or time.monotonic() - since > KEPT_SIGN_IN_S:
            kept = self.stack.sign_in(name, PASSWORD)
            self._headers[name] = (time.monotonic(), kept)
        return kept

    def get(self, name: str, path: str) -> Any:
        answer = requests.get(f"{self.stack.url}/api/v1/{path}", headers=self.headers(name), timeout=60)
        assert answer.ok, answer.text
        return answer.json()

    def post(self, name: str, path: str, body: dict[str, Any]) -> Any:
        answer = requests.post(
            f"{self.stack.url}/api/v1/{path}", headers=self.headers(name), json=body, timeout=60
        )
        assert answer.ok, answer.text
        return answer.json()

    def patch(self, name: str, path: str, body: dict[str, Any]) -> Any:
        answer = requests.patch(
            f"{self.stack.url}/api/v1/{path}", headers=self.headers(name), json=body, timeout=60
        )
        assert answer.ok, answer.text
        return answer.json()

    def predict_anew(self, scan: dict[str, Any], label: str) -> None:
        """Let a version 9.9.9 call the scan so."""
        self.answer({scan["id"]: {"label": label, "model_version": "9.9.9"}})

    def answer(self, answers: dict[str, dict[str, Any]]) -> None:
        """Let the model have said of scans, by their ids, what the fields of their documents say; advice follows."""
        self.shell.run(SET_ANSWERS, json.dumps(answers))

    def keep_map(self, scan: str, content: str) -> None:
        """Let a scan, by its id, have a map of findings: a PNG in base64."""
        self.shell.run(KEEP_MAP, json.dumps([scan, content]))

    def upload_answered(self, name: str) -> Any:
        """Upload simulated scans until the model itself answers one with a single label, as it will when asked again."""
        for seed in range(1000, 1050):
            scan = self.upload(name, content=simulated("NORMAL", seed))
            if scan["state"] == "answered":
                return scan
        raise AssertionError("the model answered none of 50 healthy eyes")

    def upload(self, name: str, label: str = "CSR", content: bytes | None = None, **fields: str) -> Any:
        """Upload a file, or a good simulated scan that nobody has uploaded before; returns it as the API shows it.

        The simulated one is answered with one label: what the model leaves open is made to be, as by `let_answer`.
        """
        generated = content is None
        while content is None:
            self._uploaded += 1
            made = simulated(label, 100 + self._uploaded)
            # One in fifteen is so bad that it is doubtful.
            content = made if quality(decode(made).pixels)["acceptable"] else None
        files = {"image": ("scan.png", content, "image/png")}
        fields.setdefault("modality", "oct")
        answer = requests.post(
            f"{self.stack.url}/api/v1/scans/",
            headers=self.headers(name),
            files=files,
            data=fields,
            timeout=120,
        )
        assert answer.ok, answer.text
        scan = answer.json()
        return self.let_answer(scan, name) if generated and scan["status"] == "predicted" else scan

    def let_answer(self, scan: dict[str, Any], name: str) -> Any:
        """The scan as the API shows it to somebody, once the model has answered it with its most probable label."""
        if scan["state"] == "answered":
            return scan
        fields = {"prediction_set": [scan["prediction"]], "known": True, "familiarity": 0.5, "group": None}
        self.answer({scan["id"]: {"state": "answered", "because": "one_label", **fields}})
        return self.get(name, f"scans/{scan['id']}/")


@dataclass(kw_only=True)
class Visit(Window):
    """A browser window with the page in it. `complaints` is what the browser had to say against the page."""

    clinic: Clinic
    context: BrowserContext
    complaints: list[str]

    def known_as(self, name: str) -> Visit:
        """Give the browser the cookie of a sign-in, as if somebody had been at the page before."""
        self.context.add_cookies(
            [
                {
                    "name": "retinote_refresh",
                    "value": self.clinic.sign_in(name),
                    "domain": "127.0.0.1",
                    "path": "/api/v1/auth/",
                    "httpOnly": True,
                    "sameSite": "Strict",
                }
            ]
        )
        self.is_signed_in = True
        return self

    def sign_in(self, name: str, password: str = PASSWORD) -> Self:
        """Fill in the form that the page shows."""
        return super().sign_in(name, password)

    def drag(self, *places: tuple[float, float]) -> None:
        """Press at the first place, move through all, let go at the last."""
        mouse = self.page.mouse
        mouse.move(*self.at(*places[0]))
        mouse.down()
        for place in places[1:]:
            mouse.move(*self.at(*place), steps=4)
        mouse.up()

    def shapes(self, kind: str = "") -> Locator:
        return self.page.locator(f"[data-testid=shape]{f'[data-kind={kind}]' if kind else ''}")

    def wait_until_saved(self) -> None:
        expect(self.page.get_by_test_id("save-state")).to_have_attribute("data-state", "saved")


@contextmanager
def visit(browser: Browser, clinic: Clinic, **options: Any) -> Iterator[Visit]:
    """A fresh window that knows nobody. What the browser complains of fails the test in the end."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: _keep(said.type, said.text, complaints))
    page.on("request", lambda request: _check(request.url, clinic.stack.url, complaints))
    try:
        yield Visit(url=clinic.stack.url, page=page, clinic=clinic, context=context, complaints=complaints)
        assert not complaints, complaints
    finally:
        context.close()


# What the browser says of each answer above 399 and of a dead network: the page deals with these.
EXPECTED = re.compile(r"Failed to load resource: (the server responded with a status of|net::ERR_)")


def _keep(kind: str, text: str, complaints: list[str]) -> None:
    if kind in {"error", "warning"} and not EXPECTED.search(text):
        complaints.append(text)


def _check(address: str, own: str, complaints: list[str]) -> None:
    if not address.startswith((own, "data:", "blob:")):
        complaints.append(f"asked {address}")


AXE = Path(__file__).parents[3] / "frontend/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def violations(page: Page) -> list[str]:
    """What axe finds on the page against WCAG 2.2 AA, with the elements."""
    page.evaluate(AXE.read_text())
    found = page.evaluate(
        "async (rules) => (await axe.run(document, {runOnly: rules})).violations"
        ".map(v => v.id + ': ' + v.help + ' ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 200)).join(' | '))",
        RULES,
    )
    return list(found)
