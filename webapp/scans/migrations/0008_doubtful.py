from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from webapp.recommendations.doubt import DOUBTFUL
from webapp.recommendations.rules import REVIEW_RANK


def take_doubtful_scans_from_the_front(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """What is seen on a doubtful picture made it as urgent as if it had been seen on a good one."""
    scans = apps.get_model("scans", "Scan").objects
    scans.filter(DOUBTFUL, urgency_rank__gt=REVIEW_RANK).update(urgency_rank=REVIEW_RANK)


class Migration(migrations.Migration):
    """Doubtful scans have no urgency but to be looked at. Their answers and recommendations stay as they are."""

    dependencies = [
        ("scans", "0007_disclosure"),
    ]

    operations = [
        migrations.RunPython(take_doubtful_scans_from_the_front, migrations.RunPython.noop),
    ]
