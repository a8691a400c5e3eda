from django.db import migrations, models


class Migration(migrations.Migration):
    """A scan belongs to the clinic that its uploader was a member of.

    The version before may run on: the index that goes only made its lists faster, and within one clinic a file is
    still one scan.
    """

    dependencies = [
        ("scans", "0005_request_id"),
    ]

    operations = [
        migrations.AlterField(
            model_name="scan",
            name="clinic",
            field=models.CharField(
                blank=True, help_text="The uploader's at the upload: whose it is.", max_length=80
            ),
        ),
        migrations.AddConstraint(
            model_name="scan",
            constraint=models.UniqueConstraint(
                fields=("user", "clinic", "sha256"), name="same_file_once_per_membership"
            ),
        ),
        migrations.RemoveConstraint(
            model_name="scan",
            name="same_file_once_per_user",
        ),
        migrations.AddIndex(
            model_name="scan",
            index=models.Index(fields=["user", "clinic", "-timestamp", "-id"], name="newest_of_membership"),
        ),
        migrations.RemoveIndex(
            model_name="scan",
            name="newest_of_user",
        ),
    ]
