"""Settings of the web app. What differs between installations comes from the environment (core/environment.py)."""

import os
from datetime import timedelta
from pathlib import Path

import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured

import modalities
from operations.broker import broker_url
from operations.version import installed_version
from webapp.core import environment, logs

# Lets classes of Django be written with their model, as the type checker wants it: `ModelAdmin[Scan]`.
django_stubs_ext.monkeypatch()


_GIVEN = environment.read(os.environ)

BASE_DIR = Path(__file__).resolve().parents[1]
DATA_DIR = (_GIVEN.data_dir or BASE_DIR / "var").absolute()

SECRET_KEY = _GIVEN.secret_key
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "RETINOTE_SECRET_KEY is not set. ./retinote up makes one; elsewhere set it to 50 random characters."
    )
DEBUG = _GIVEN.debug
HTTPS = _GIVEN.https
ALLOWED_HOSTS = _GIVEN.allowed_hosts
CSRF_TRUSTED_ORIGINS = _GIVEN.trusted_origins
PROXIES = _GIVEN.proxies

INSTALLED_APPS = [
    "webapp.mongodb.contrib.MongoAdminConfig",
    "webapp.mongodb.contrib.MongoAuthConfig",
    "webapp.mongodb.contrib.MongoContentTypesConfig",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_mongodb_backend",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "webapp.audit",  # before axes, whose receivers may stop the signal of a failed sign-in
    "webapp.mongodb.contrib.MongoAxesConfig",
    "webapp.accounts",
    "webapp.inference",
    "webapp.versions",
    "webapp.gateway",
    "webapp.metrics",
    "webapp.scans",
    "webapp.volumes",
    "webapp.origins",
    "webapp.recommendations",
    "webapp.annotations",
    "webapp.reviews",
    "webapp.calibration",
    "webapp.gates",
    "webapp.drift",
    "webapp.rollouts",
    "webapp.servers",
    "webapp.receiver",
    "webapp.pacs",
    "webapp.learning",
]
# Sign-in failures are counted in the cache, so the tables of axes are not made.
MIGRATION_MODULES = {
    "admin": "webapp.mongodb.migrations_for.admin",
    "auth": "webapp.mongodb.migrations_for.auth",
    "contenttypes": "webapp.mongodb.migrations_for.contenttypes",
    "axes": None,
}
DEFAULT_AUTO_FIELD = "django_mongodb_backend.fields.ObjectIdAutoField"

MIDDLEWARE = [
    "webapp.metrics.middleware.MetricsMiddleware",
    "webapp.core.request_id.RequestIdMiddleware",
    "webapp.api.slashes.SlashMiddleware",
    "webapp.api.client_address.ClientAddressMiddleware",
    # What adds headers stands before all that answers by itself.
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "webapp.api.security_headers.SecurityHeadersMiddleware",
    "webapp.api.body_limit.BodyLimitMiddleware",
    "webapp.api.query_once.QueryOnceMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "webapp.api.address_throttle.AddressThrottleMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "axes.middleware.AxesMiddleware",
    "webapp.audit.viewing.ViewsAreRecorded",  # around the views alone
]
ROOT_URLCONF = "webapp.urls"
WSGI_APPLICATION = "webapp.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "webapp" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

MONGODB_URI = _GIVEN.mongodb_uri
DATABASE_NAME = _GIVEN.database
DATABASES = {
    "default": {
        "ENGINE": "webapp.mongodb",
        "HOST": MONGODB_URI,
        "NAME": DATABASE_NAME,
        # Errors come within seconds, not after the driver's default of half a minute, when the server is away or hangs.
        # The driver's check, every 5 s for up to 4 s, finds a server that hangs in the middle of an answer.
        "OPTIONS": {
            "serverSelectionTimeoutMS": 4000,
            "connectTimeoutMS": 4000,
            "heartbeatFrequencyMS": 5000,
            "tz_aware": False,
        },
    }
}
DATABASE_ROUTERS = ["django_mongodb_backend.routers.MongoRouter"]

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": _GIVEN.cache_url}
    if _GIVEN.cache_url
    else {
        "BACKEND": "webapp.core.counting_cache.CountingFileCache",
        "LOCATION": DATA_DIR / "cache",
        # A full cache drops counts of failed sign-ins at random; Django's default of 300 entries would be full soon.
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
AXES_HANDLER = "webapp.accounts.lockout.LockoutHandler"
AXES_ENABLE_ADMIN = False  # its pages would show tables that are not made
AXES_FAILURE_LIMIT = 8  # of one account from one address
AXES_COOLOFF_TIME = timedelta(minutes=10)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
# From addresses where the account never signed in; webapp/accounts/lockout.py says why.
ACCOUNT_FAILURE_LIMIT = 50
ADDRESS_FAILURE_LIMIT = 100
FAMILIAR_ADDRESS_TIME = timedelta(days=30)
AXES_LOCKOUT_CALLABLE = "webapp.accounts.lockout.too_many_failures"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
# The built page. Its files have a digest of their content in their names, so that browsers may keep them for ever.
PAGE_FOLDER = BASE_DIR / "frontend" / "dist"
STATICFILES_DIRS: list[Path | tuple[str, Path]] = [BASE_DIR / "webapp" / "static"]
if PAGE_FOLDER.is_dir():
    STATICFILES_DIRS.append(("page", PAGE_FOLDER))
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/page/assets/.+-[\w-]{8}\.\w+$"
# Static files are served from the installed packages themselves: there is no collecting step to forget.
WHITENOISE_USE_FINDERS = True
WHITENOISE_ALLOW_ALL_ORIGINS = False  # other sites have no business with them
MEDIA_ROOT = DATA_DIR / "media"
# S3 in its place; what comes in is gathered in MEDIA_ROOT all the same.
MEDIA = _GIVEN.media

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
if HTTPS:  # A name with this prefix is set by this host alone, and never without TLS: browsers see to it.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

MAX_UPLOAD_BYTES = 32 * 2**20  # of a picture
MAX_VOLUME_BYTES = _GIVEN.max_volume_bytes
DATA_UPLOAD_MAX_NUMBER_FILES = 256  # B-scans of a volume; each is an open file while it is taken
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20  # what is not a file: JSON bodies and form fields
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "webapp.api.uploads.NamelessUploadHandler",
]
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_IDENTITY = _GIVEN.file_identity
DICOM_ORIGIN = _GIVEN.dicom_origin
# A folder for each destination of results, with what has to be known to get in there.
PACS_SECRETS = (_GIVEN.pacs_secrets or DATA_DIR / "pacs").absolute()

DICOM_AE_TITLE = _GIVEN.dicom_ae_title
DICOM_TLS_CERTIFICATE, DICOM_TLS_KEY = _GIVEN.dicom_tls_certificate, _GIVEN.dicom_tls_key
DICOM_TLS_CLIENTS = _GIVEN.dicom_tls_clients
DICOM_ASSOCIATIONS = _GIVEN.dicom_associations
DICOM_IDLE_SECONDS = _GIVEN.dicom_idle_seconds
DICOM_QUIET_SECONDS = _GIVEN.dicom_quiet_seconds
DICOM_KEEP_HOURS = _GIVEN.dicom_keep_hours
DICOM_WORKLIST = _GIVEN.dicom_worklist

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "webapp.accounts.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    # No forms, but for uploads: they know no types, and other sites' pages can send them.
    "DEFAULT_PARSER_CLASSES": ["webapp.api.parsers.JSONParser"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_FILTER_BACKENDS": ["webapp.api.filtering.FilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "webapp.api.pagination.NewestFirst",
    "PAGE_SIZE": 50,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "webapp.api.errors.answer_error",
    "DEFAULT_THROTTLE_CLASSES": ["webapp.api.throttling.UserRate"],
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
RATES_PER_MINUTE = {
    "address": _GIVEN.rate_address,
    "user": _GIVEN.rate_user,
    "upload": _GIVEN.rate_upload,
    "export": _GIVEN.rate_export,
    "sign_in": _GIVEN.rate_sign_in,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Retinote",
    "DESCRIPTION": "Uploads of scans and volumes, their predictions, annotations and reviews. "
    "Research software: no answer is a diagnosis.",
    "VERSION": installed_version(),
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "webapp.api.schema.add_errors",
    ],
    # Several fields have this enum.
    "ENUM_NAME_OVERRIDES": {
        "StateEnum": "webapp.recommendations.answers.State",
        "StatusEnum": "webapp.scans.models.Status",
        "SendingStatusEnum": "webapp.pacs.models.Status",
        "EyeEnum": "webapp.scans.models.Eye",  # of `eye`, `eye_in_file` and `eye_in_picture`
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
SIGN_IN_IDLE = timedelta(minutes=_GIVEN.sign_in_idle_minutes)
SIGN_IN_LIFETIME = timedelta(hours=_GIVEN.sign_in_hours)
ADMIN_IDLE = timedelta(minutes=_GIVEN.admin_idle_minutes)
ADMIN_LIFETIME = timedelta(hours=_GIVEN.admin_hours)
SESSION_ENGINE = "webapp.accounts.sessions"
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=10),
    "USER_ID_FIELD": "id",
    "CHECK_USER_IS_ACTIVE": True,
}

# Verified labels train the next model: one reader's slip must not become its truth.
VERIFYING_READERS = _GIVEN.verifying_readers
LEARN_TEST_SHARE = _GIVEN.learn_test_share
LEARN_SEEN_WEIGHT = _GIVEN.learn_seen_weight

MODEL_SERVER = _GIVEN.model_server
MODEL_URL = _GIVEN.model_url
MODEL_MANAGEMENT_URL = _GIVEN.model_management_url
MODEL_KEY_FILE = _GIVEN.model_key_file


def _default_model() -> str:
    """The model that the default modality's profile names; "" where none can be read, which the system checks tell."""
    try:
        return modalities.default(MODALITIES).model
    except modalities.ProfileError:
        return ""


# Further modalities beside those that come along; and the models that are served, where some are left out.
MODALITIES = _GIVEN.modalities
MODELS = _GIVEN.models
# Those that the model server's stores have; empty where nobody says it, as in containers.
STORED_MODELS = _GIVEN.stored_models
# Of the default modality: its profile names it, and an installation may have another.
MODEL_NAME = _GIVEN.model_name or _default_model()
GATEWAY_SECRET = _GIVEN.gateway_secret
METRICS_TOKEN = _GIVEN.metrics_token
MODEL_METRICS_SOCKET = _GIVEN.model_metrics
WORKER_METRICS_PORT = _GIVEN.worker_metrics_port
MODEL_CHANGES_FILE = _GIVEN.model_changes or DATA_DIR / "torchserve" / "changes.jsonl"
# The store of models that several model servers share; "" where the model server has one of its own.
MODEL_STORE = _GIVEN.model_store
# The model server's workers read this folder; nothing else is in it.
CALIBRATION_DIR = (_GIVEN.calibration_dir or DATA_DIR / "calibration").absolute()
LEARNING_DIR = (DATA_DIR / "learning").absolute()
LEARNING = _GIVEN.learning
LEARN_THREADS, LEARN_PROCESSES = _GIVEN.learn_threads, _GIVEN.learn_processes
LEARN_REPLAY = _GIVEN.learn_replay
LEARN_RUN_HOURS, LEARN_NEW_LABELS = _GIVEN.learn_run_hours, _GIVEN.learn_new_labels
# Outside of the database, so that access to that is not enough to change it.
AUDIT_HEAD_FILE = DATA_DIR / "audit-head"

CELERY_BROKER_URL = _GIVEN.broker_url or broker_url(MONGODB_URI, DATABASE_NAME)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Learning runs take minutes to hours: they have a worker of their own, where there is one.
CELERY_TASK_ROUTES = {"learning.look": {"queue": "learning"}}
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "run" / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    # A lost message loses nothing: the documents themselves say what is left to do.
    "predict-queued-scans": {"task": "scans.predict_queued", "schedule": 5.0, "options": {"expires": 5}},
    "read-arrived": {"task": "receiver.read_arrived", "schedule": 2.0, "options": {"expires": 2}},
    "forget-old": {
        "task": "receiver.forget_old",
        "schedule": timedelta(minutes=10),
        "options": {"expires": 600},
    },
    "send-results": {"task": "pacs.send", "schedule": 5.0, "options": {"expires": 5}},
    "watch-rollouts": {"task": "rollouts.watch", "schedule": 20.0, "options": {"expires": 20}},
    "answer-in-shadow": {"task": "rollouts.answer_in_shadow", "schedule": 5.0, "options": {"expires": 5}},
    "predict-again": {"task": "rollouts.predict_again", "schedule": 5.0, "options": {"expires": 5}},
    "take-in-decisions": {"task": "servers.take_in", "schedule": 30.0, "options": {"expires": 30}},
    "seal-audit": {"task": "audit.seal", "schedule": 5.0, "options": {"expires": 5}},
    "put-in-order": {
        "task": "learning.put_in_order",
        "schedule": timedelta(minutes=10),
        "options": {"expires": 600},
    },
    "watch-drift": {
        "task": "drift.watch",
        "schedule": timedelta(minutes=10),
        "options": {"expires": 600},
    },
    "export-asked": {"task": "learning.export_asked", "schedule": 5.0, "options": {"expires": 5}},
    **(
        {
            "export-data-set": {
                "task": "learning.export",
                "schedule": timedelta(hours=_GIVEN.learn_export_hours),
                "options": {"expires": 3600},
            }
        }
        if _GIVEN.learn_export_hours
        else {}
    ),
    "sweep": {"task": "scans.sweep", "schedule": timedelta(days=1), "options": {"expires": 3600}},
}
if LEARNING:
    CELERY_BEAT_SCHEDULE["look-for-learning"] = {
        "task": "learning.look",
        "schedule": 15.0,
        "options": {"expires": 15},
    }

LOGGING = logs.configuration(_GIVEN.log_format)
