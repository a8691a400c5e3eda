from django.db import migrations, models

ACTIONS = [
    ("account.sign_in", "Signed in"),
    ("account.sign_in_failed", "Failed to sign in"),
    ("account.sign_out", "Signed out"),
    ("user.create", "Created a user"),
    ("user.change", "Changed a user"),
    ("user.delete", "Deleted a user"),
    ("scan.upload", "Uploaded a scan"),
    ("scan.view", "Viewed a scan"),
    ("scan.image", "Viewed a scan's image"),
    ("scan.overlay", "Viewed a scan's overlay"),
    ("scan.heatmap", "Viewed a scan's heat map"),
    ("scan.report", "Made a scan's report"),
    ("scan.change", "Changed what is said of a scan"),
    ("scan.delete", "Deleted a scan"),
    ("prediction.create", "Predicted a scan"),
    ("annotation.create", "Drew on a scan"),
    ("annotation.change", "Changed a drawing"),
    ("annotation.delete", "Deleted a drawing"),
    ("review.create", "Gave a verdict"),
    ("adjudication.create", "Settled a scan"),
    ("export.create", "Exported scans"),
    ("key.issue", "Issued a service key"),
    ("key.change", "Changed a service key"),
    ("key.revoke", "Revoked a service key"),
    ("model.register", "Registered a model version"),
    ("model.promote", "Promoted a model version"),
    ("model.rollback", "Rolled a model back"),
    ("model.retire", "Retired a model version"),
    ("model.unreadable", "A model change that can't be read"),
]


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name=name, name="action", field=models.CharField(choices=ACTIONS, max_length=32)
        )
        for name in ("record", "waitingrecord")
    ]
