import django_mongodb_backend.fields
from django.db import migrations, models

import webapp.core.clock


class Migration(migrations.Migration):
    initial = True

    operations = [
        migrations.CreateModel(
            name="Volume",
            fields=[
                (
                    "id",
                    django_mongodb_backend.fields.ObjectIdAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "timestamp",
                    models.DateTimeField(default=webapp.core.clock.now, help_text="Of the upload."),
                ),
                ("count", models.PositiveIntegerField(help_text="B-scans, those that are missing included.")),
                (
                    "gaps",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="B-scans that are missing: a place and a sentence for each.",
                    ),
                ),
                (
                    "micrometres_between",
                    models.FloatField(
                        blank=True, help_text="From a B-scan to the next, where the file says it.", null=True
                    ),
                ),
                (
                    "places",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="For each B-scan its line on the en-face image, [x0, y0, x1, y1] in pixels of that, or null.",
                    ),
                ),
                ("pattern", models.CharField(blank=True, help_text="How the B-scans lie.", max_length=8)),
                (
                    "enface_name",
                    models.CharField(blank=True, help_text="The en-face image's file.", max_length=80),
                ),
                ("enface_width", models.PositiveIntegerField(default=0, help_text="In pixels.")),
                ("enface_height", models.PositiveIntegerField(default=0, help_text="In pixels.")),
                (
                    "complete",
                    models.BooleanField(
                        default=False,
                        help_text="Whether nothing waits for the model server, and the B-scan that leads is chosen.",
                    ),
                ),
            ],
            options={
                "ordering": ("-timestamp",),
                "indexes": [models.Index(fields=["complete", "timestamp"], name="incomplete_first")],
            },
        ),
    ]
