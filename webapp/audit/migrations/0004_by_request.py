from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_views_and_names")]

    operations = [
        migrations.AddIndex(
            model_name="record",
            index=models.Index(fields=["request_id", "-number"], name="audit_by_request_id"),
        ),
    ]
