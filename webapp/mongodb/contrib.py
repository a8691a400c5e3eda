"""Django's own apps with MongoDB's kind of primary key; their migrations are in `webapp/mongodb/migrations_for/`."""

from axes.apps import AppConfig as AxesConfig
from django.contrib.admin.apps import AdminConfig
from django.contrib.auth.apps import AuthConfig
from django.contrib.contenttypes.apps import ContentTypesConfig

OBJECT_ID = "django_mongodb_backend.fields.ObjectIdAutoField"


class MongoAdminConfig(AdminConfig):
    """The admin, its log entries keyed by ObjectId, with a site of our own."""

    default_auto_field = OBJECT_ID
    default_site = "webapp.accounts.administration.Administration"


class MongoAuthConfig(AuthConfig):
    """Groups and permissions, keyed by ObjectId."""

    default_auto_field = OBJECT_ID


class MongoContentTypesConfig(ContentTypesConfig):
    """Content types, keyed by ObjectId."""

    default_auto_field = OBJECT_ID


class MongoAxesConfig(AxesConfig):  # type: ignore[misc]
    """Limits of failed sign-ins. Its tables are never made, as it counts in the cache."""

    default_auto_field = OBJECT_ID
