from typing import Any

import django_mongodb_backend.fields
from django.db import migrations, models

FIELDS: dict[str, models.Field[Any, Any]] = {
    "volume": models.ForeignKey(
        blank=True,
        db_index=False,
        null=True,
        on_delete=models.PROTECT,
        related_name="bscans",
        to="volumes.volume",
    ),
    "place": models.PositiveIntegerField(default=0, help_text="In its volume, from 0 on."),
    "in_the_middle": models.BooleanField(
        blank=True, help_text="True for the B-scan in the middle of its volume, else null.", null=True
    ),
    "follows": models.BooleanField(
        blank=True,
        help_text="True for a B-scan whose volume another one leads; null for all that lists show.",
        null=True,
    ),
    "volume_readers": django_mongodb_backend.fields.ArrayField(
        base_field=models.CharField(max_length=24),
        blank=True,
        default=list,
        help_text="Who gave a verdict on the B-scan that leads its volume.",
    ),
}


class Migration(migrations.Migration):
    """A scan can be a B-scan of a volume: then one file is a scan for each of them.

    The version before may run on. What it stores meanwhile has no place, and is not held by the index to one scan for each
    file when the same file comes in twice at the same moment.
    """

    dependencies = [("scans", "0013_findings"), ("volumes", "0001_initial")]

    operations = [
        *(migrations.AddField(model_name="scan", name=name, field=field) for name, field in FIELDS.items()),
        migrations.AddConstraint(
            model_name="scan",
            constraint=models.UniqueConstraint(
                fields=("user", "clinic", "sha256", "place"), name="same_file_once_in_membership"
            ),
        ),
        migrations.RemoveConstraint(model_name="scan", name="same_file_once_per_membership"),
        migrations.AddIndex(
            model_name="scan", index=models.Index(fields=["volume", "place"], name="of_volume")
        ),
    ]
