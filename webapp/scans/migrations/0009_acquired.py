from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("scans", "0008_doubtful"),
    ]

    operations = [
        migrations.AddField(
            model_name="scan",
            name="acquired",
            field=models.CharField(
                blank=True,
                help_text="When it was taken: a day, month or year, such as 2024-03-17 or 2024-03.",
                max_length=10,
            ),
        ),
    ]
