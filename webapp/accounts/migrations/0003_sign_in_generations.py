from django.db import migrations, models

import webapp.core.clock


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_adjudicators"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="sign_in_generation",
            field=models.CharField(
                blank=True,
                editable=False,
                help_text="Every token and session of the account carries it; a new one ends them all.",
                max_length=32,
            ),
        ),
        migrations.AddField(
            model_name="refreshsession",
            name="began",
            field=models.DateTimeField(
                help_text="When somebody gave name and password.", null=True, verbose_name="signed in"
            ),
        ),
        migrations.AddField(
            model_name="refreshsession",
            name="successor",
            field=models.CharField(
                blank=True, help_text="Id of the token that was given for it.", max_length=64
            ),
        ),
        migrations.AddField(
            model_name="refreshsession",
            name="repeated_at",
            field=models.DateTimeField(
                blank=True, help_text="When its successor was given a second time.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="refreshsession",
            name="created",
            field=models.DateTimeField(default=webapp.core.clock.now),
        ),
    ]
