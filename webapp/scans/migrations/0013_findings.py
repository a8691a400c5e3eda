from typing import Any

from django.db import migrations, models

FIELDS: dict[str, models.Field[Any, Any]] = {
    "findings": models.JSONField(
        blank=True,
        help_text="What the model thinks it sees: the kinds that it looks for, and regions. Null where it has no map of them.",
        null=True,
    ),
    "findings_name": models.CharField(blank=True, help_text="The map of the findings.", max_length=80),
}


class Migration(migrations.Migration):
    dependencies = [("scans", "0012_answered")]

    operations = [
        migrations.AddField(model_name=model, name=name, field=field)
        for model in ("prediction", "scan")
        for name, field in FIELDS.items()
    ]
