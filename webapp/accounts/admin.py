"""Users and their sign-ins in the administration."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import Field, QuerySet
from django.forms import CheckboxSelectMultiple, ModelForm, MultipleChoiceField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from webapp.accounts import tokens
from webapp.accounts.abilities import Ability
from webapp.accounts.admin_additions import added_facts, added_sections
from webapp.accounts.models import RefreshSession, User
from webapp.audit.sign_ins import signed_out
from webapp.core import modalities
from webapp.mongodb.admin import TransactionalAdmin
from webapp.mongodb.transactions import all_or_nothing

# The role decides what a user may do; groups would be a second, hidden way.
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(TransactionalAdmin[User], DjangoUserAdmin[User]):
    """Users, with their roles and clinics, and whether they settle scans."""

    list_display = (
        "username",
        "short_role",
        "settles",
        "clinic",
        "is_active",
        "last_login",
        "first_name",
        "last_name",
    )
    list_filter = ("role", "is_adjudicator", "is_active", "clinic")
    search_fields = ("username", "first_name", "last_name", "clinic")
    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password", "is_active")}),
        ("Role", {"fields": ("role", "is_adjudicator", "clinic", "modalities")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("username", "usable_password", "password1", "password2")}),
        ("Role", {"fields": ("role", "is_adjudicator", "clinic", "modalities")}),
    )
    actions = ("appoint", "dismiss", "sign_out_everywhere")

    @admin.display(description="Role", ordering="role")
    def short_role(self, user: User) -> str:
        """The role without its explanation."""
        return user.role

    @admin.display(description="Settles scans", boolean=True)
    def settles(self, user: User) -> bool:
        """Whether the user may settle scans, by appointment or by role."""
        return user.may(Ability.ADJUDICATE)

    @admin.action(description="Appoint as adjudicators, who settle scans")
    def appoint(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Let the chosen users settle scans. Users whose role gives no verdicts are left out, and named."""
        self._appoint(request, queryset, True)

    @admin.action(description="Dismiss as adjudicators; what they settled stays")
    def dismiss(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Let the chosen users no longer settle scans."""
        self._appoint(request, queryset, False)

    def _appoint(self, request: HttpRequest, chosen: QuerySet[User], is_adjudicator: bool) -> None:
        refused = []
        changed = chosen.exclude(is_adjudicator=is_adjudicator)
        for user in changed:
            try:
                user.appoint(is_adjudicator)
            except ValidationError as error:
                refused += error.messages
        done = "appointed" if is_adjudicator else "dismissed"
        self.message_user(request, f"{len(changed) - len(refused)} adjudicator(s) {done}.")
        for reason in refused:
            self.message_user(request, reason, messages.WARNING)

    def formfield_for_dbfield(self, db_field: Field[Any, Any], request: HttpRequest, **options: Any) -> Any:
        """The field of a form; of the modalities, boxes to tick."""
        if db_field.name == "modalities":
            return MultipleChoiceField(
                choices=[(each.name, each.title) for each in modalities.profiles()],
                widget=CheckboxSelectMultiple,
                required=False,
                help_text=db_field.help_text,
            )
        return super().formfield_for_dbfield(db_field, request, **options)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Change another user's password; the own one is changed on the page that asks for the old one."""
        if str(request.user.pk) == id:
            return HttpResponseRedirect(reverse("admin:password_change"))
        return super().user_change_password(request, id, form_url)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[Any]:
        """The read-only fields, with the facts that other apps add."""
        return [*super().get_readonly_fields(request, obj), *added_facts()]

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> list[Any]:
        """The sections, followed by those that other apps add; a new user has none of these."""
        return [*super().get_fieldsets(request, obj), *(added_sections() if obj else ())]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes with the users. Sign-ins can't be deleted alone, yet go with their user; scans protect theirs."""
        objects, counts, _forbidden, protected = super().get_deleted_objects(objs, request)
        return objects, counts, set(), protected

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm[User], change: bool) -> None:
        """Save the changed fields alone: what somebody else changed since the form was loaded stays."""
        if not change:
            obj.save()
        elif form.changed_data:
            obj.save(update_fields=form.changed_data)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Delete users one by one, each with its audit record."""
        for user in queryset:
            user.delete()

    @admin.action(description="Sign out everywhere")
    def sign_out_everywhere(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """End every sign-in of the chosen users, over the API and in the administration; the own ones last."""
        assert isinstance(request.user, User)
        users = sorted(queryset, key=lambda user: user == request.user)
        for user in users:
            user.sign_out_everywhere(by=request.user)
        self.message_user(request, f"{len(users)} user(s) are signed out everywhere.")


@admin.register(RefreshSession)
class RefreshSessionAdmin(admin.ModelAdmin[RefreshSession]):
    """Who is signed in over the API."""

    list_display = ("user", "began", "created", "expires", "used_at", "revoked_at")
    list_filter = ("created",)
    search_fields = ("user__username",)
    list_select_related = ("user",)
    fields = ("user", "began", "created", "expires", "used_at", "repeated_at", "revoked_at", "family")
    actions = ("revoke",)

    @admin.action(description="Revoke", permissions=["view"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[RefreshSession]) -> None:
        """End the sign-ins that the chosen tokens belong to."""
        users = {session.family: session.user for session in queryset.select_related("user")}
        for family, user in users.items():
            _revoke(family, user, request)
        self.message_user(request, f"{len(users)} sign-in(s) revoked.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They come from signing in."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: RefreshSession | None = None) -> bool:
        """They are read only; the action revokes them."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: RefreshSession | None = None) -> bool:
        """A used token that is deleted could no longer expose its thief."""
        return False


def _revoke(family: str, user: User, request: HttpRequest) -> None:
    """End a sign-in of the user, and record who did it unless it had ended before."""

    def write() -> None:
        if tokens.revoke_family(family):
            signed_out(user, by=request.user if isinstance(request.user, User) else None)

    all_or_nothing(write)
