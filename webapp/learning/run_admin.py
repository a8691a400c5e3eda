"""Learning runs in the administration: looked at, started, stopped and gone on with; never edited or deleted."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from webapp.accounts.abilities import Ability
from webapp.accounts.bounds import check_model, of_own_modalities
from webapp.accounts.models import User
from webapp.core import modalities
from webapp.gates.evidence import pdf_links
from webapp.gates.verdicts import words_of
from webapp.learning import curves, run_summary, runs, stages, triggers
from webapp.learning.run_document import RESUMABLE, LearningRun
from webapp.scans.disclosing_admin import DisclosingAdmin

NO_TRAINER = "No trainer runs here. RETINOTE_LEARNING=1 ./retinote up starts one; ./retinote learn run does a run in a terminal."
REFRESH_S = 10


@admin.register(LearningRun)
class LearningRunAdmin(DisclosingAdmin[LearningRun]):
    """Every learning run, with buttons to start and to stop one.

    Figures on few scans tell what was said of each, so that every look counts as a disclosure.
    """

    change_list_template = "admin/learning/runs.html"
    list_display = (
        "name",
        "progress",
        "candidate",
        "data_set",
        "gate_result",
        "reason",
        "asked_at",
        "asked_by",
    )
    list_per_page = 25

    def get_urls(self) -> list[URLPattern]:
        """The buttons' addresses beside the usual ones."""
        own = [
            path(f"{name}/", self.admin_site.admin_view(require_POST(view)), name=f"learning-{name}")
            for name, view in (("start", self.start), ("stop", self.stop), ("resume", self.resume))
        ]
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, with what can be done now."""
        return super().changelist_view(request, {**_choices(_user(request)), **(extra_context or {})})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """A run: its steps, curves and figures, its data set, and what came of the gate."""
        run = self.get_object(request, object_id)
        if run is None:
            raise Http404(f"There is no learning run {object_id}.")
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": f"Learning run {run.name}",
            "opts": self.opts,
            "run": run,
            **_choices(_user(request)),
            "steps": run_summary.steps(run),
            "charts": curves.charts(run.epochs),
            "figures": run_summary.figures(run),
            "checks": run.gate.get("checks", []),
            "gate_now": words_of(run.model_name, run.version),
            "gate_links": pdf_links(run.model_name, run.version),
            "next_step": run_summary.next_step(run),
            "folder": runs.folder_of(run),
            "refresh_s": REFRESH_S if run.is_open and not run.is_silent else 0,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/learning/run.html", context)

    def start(self, request: HttpRequest) -> HttpResponse:
        """Ask for a run."""
        user, model = _may_manage(request), request.POST.get("model", "")
        check_model(user, model)
        if not settings.LEARNING:
            self.message_user(request, NO_TRAINER, messages.ERROR)
            return _to_the_list()
        try:
            run = runs.ask(by=user, model=model)
        except runs.RunRefused as error:
            self.message_user(request, str(error), messages.ERROR)
            return _to_the_list()
        self.log_addition(request, run, "Started.")
        return HttpResponseRedirect(reverse("admin:learning_learningrun_change", args=[run.pk]))

    def stop(self, request: HttpRequest) -> HttpResponse:
        """Stop the open run, if it is the one that the button named."""
        user = _may_manage(request)
        _check(user, runs.open_run())
        try:
            run = runs.stop(user, request.POST.get("run", ""))
        except runs.RunRefused as error:
            self.message_user(request, str(error), messages.ERROR)
            return _to_the_list()
        self.log_change(request, run, "Stopped.")
        self.message_user(request, run_summary.stopped(run))
        return HttpResponseRedirect(reverse("admin:learning_learningrun_change", args=[run.pk]))

    def resume(self, request: HttpRequest) -> HttpResponse:
        """Go on with the newest run that was stopped or has failed."""
        user = _may_manage(request)
        _check(user, runs.open_run() or runs.newest())
        if not settings.LEARNING:
            self.message_user(request, NO_TRAINER, messages.ERROR)
            return _to_the_list()
        try:
            run = runs.resume(user)
        except runs.RunRefused as error:
            self.message_user(request, str(error), messages.ERROR)
            return _to_the_list()
        self.log_change(request, run, "Gone on with.")
        return HttpResponseRedirect(reverse("admin:learning_learningrun_change", args=[run.pk]))

    @admin.display(description="State")
    def progress(self, run: LearningRun) -> SafeString:
        """The state, and how far it is."""
        return format_html(
            '<span class="progress"><progress max="100" value="{}">{} %</progress> {}</span>',
            run.percent,
            run.percent,
            f"{run.says}, {run.percent} %",
        )

    @admin.display(description="Candidate")
    def candidate(self, run: LearningRun) -> str:
        """The version that it makes, and from which."""
        return f"{run.model_name} {run.version} from {run.from_version}" if run.version else run.model_name

    @admin.display(description="Gate")
    def gate_result(self, run: LearningRun) -> SafeString | str:
        """What the gate said, with a link to the version's page, which has all of it."""
        if not run.gate or not run.version:
            return gate_words(run)
        place = reverse("admin:model-version", args=[run.model_name, run.version])
        return format_html('<a href="{}">{}</a>', place, gate_words(run))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They are begun by the button."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: LearningRun | None = None) -> bool:
        """They are a record."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: LearningRun | None = None) -> bool:
        """Cards of models name them."""
        return False


def gate_words(run: LearningRun) -> str:
    """What the gate said, in a word or two."""
    if not run.gate:
        return "–"
    if not run.gate.get("passed"):
        return "not passed"
    return "passed, and better" if run.gate.get("better") else "passed"


def _choices(user: User) -> dict[str, Any]:
    """What the user can do now, for both pages."""
    now, newest = runs.open_run(), runs.newest()
    own = of_own_modalities(LearningRun.objects.all(), user)
    is_own = newest is not None and own.filter(pk=newest.pk).exists()
    return {
        "open_run": now,
        "may_stop": now is not None and own.filter(pk=now.pk).exists(),
        "can_resume": now is None and newest is not None and is_own and newest.state in RESUMABLE,
        "any_run": own.exists(),
        "no_trainer": "" if settings.LEARNING else NO_TRAINER,
        "answering": [
            (each.model, each.title, triggers.new_labels(each.model))
            for each in modalities.of_user(user.modalities)
        ],
        "stages": len(stages.STAGES),
    }


def _may_manage(request: HttpRequest) -> User:
    user = _user(request)
    if not user.may(Ability.MANAGE):
        raise PermissionDenied
    return user


def _check(user: User, run: LearningRun | None) -> None:
    """Raise PermissionDenied for the run of a model of another modality."""
    if run is not None:
        check_model(user, run.model_name)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _to_the_list() -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:learning_learningrun_changelist"))
