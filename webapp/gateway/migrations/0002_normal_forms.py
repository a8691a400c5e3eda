from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def normalise(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Texts by which something is known are written in one normal form, with a record of each change."""
    # Not by historical models: a record holds hashes of documents as the audit makes them today.
    from webapp.audit.normalising import normalise_documents

    normalise_documents()


class Migration(migrations.Migration):
    # After whatever first made what it writes.
    dependencies = [
        ("accounts", "0004_reads_blind"),
        ("annotations", "0001_initial"),
        ("audit", "0003_views_and_names"),
        ("gateway", "0001_initial"),
        ("reviews", "0003_what_was_shown"),
        ("scans", "0007_disclosure"),
    ]

    operations = [migrations.RunPython(normalise, migrations.RunPython.noop)]
