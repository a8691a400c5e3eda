"""Account names, the scans of a list and how it was asked for; lines that were refused; actions without a list here."""

import django_mongodb_backend.fields
from django.db import migrations, models

import webapp.audit.models
import webapp.core.clock

FIELDS = {
    "actor_name": models.CharField(
        blank=True,
        help_text="The actor's account name at that time.",
        max_length=150,
        verbose_name="account",
    ),
    "asked": models.CharField(
        blank=True,
        help_text="How the list was narrowed. What may be of a patient is there as a keyed hash.",
        max_length=500,
        verbose_name="asked for",
    ),
    "hashing": models.PositiveSmallIntegerField(
        default=0, help_text="Of which version of hashing before and after are."
    ),
    "scan_ids": django_mongodb_backend.fields.ArrayField(
        base_field=models.CharField(max_length=24),
        blank=True,
        default=list,
        help_text="The scans that it is about, where it may be several.",
        verbose_name="scans",
    ),
}
MODELS = ("record", "waitingrecord")


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_service_keys")]

    operations = [
        # In Django's mind alone: what is sealed is not written to, and what a record lacks is empty.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddField(model_name=model, name=name, field=field)
                for model in MODELS
                for name, field in FIELDS.items()
            ]
        ),
        *(
            migrations.AlterField(
                model_name=model,
                name="action",
                field=models.CharField(choices=webapp.audit.models.actions, max_length=32),
            )
            for model in MODELS
        ),
        *(
            migrations.AddIndex(
                model_name="record", index=models.Index(fields=[name, "-number"], name=f"audit_by_{name}")
            )
            for name in ("actor_name", "scan_ids", "time")
        ),
        migrations.CreateModel(
            name="RefusedLine",
            fields=[
                (
                    "id",
                    django_mongodb_backend.fields.ObjectIdAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("time", models.DateTimeField(default=webapp.core.clock.now)),
                ("offset", models.BigIntegerField(help_text="Where the line begins in the file, in bytes.")),
                ("sha256", models.CharField(db_index=True, max_length=64)),
                ("reason", models.CharField(max_length=200)),
                ("line", models.TextField(help_text="Its beginning, where it is long.")),
            ],
        ),
    ]
