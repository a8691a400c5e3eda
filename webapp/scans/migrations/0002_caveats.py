from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("scans", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="scan",
            name="caveats",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name="prediction",
            name="caveats",
            field=models.JSONField(default=list),
        ),
    ]
