from django.db import migrations, models

# Triggers call it, see publishing.freshness. Each transaction writes a row of its own, so that no writer waits for
# another; a number that comes again after a restore has another time.
NOTE_WRITE = """
CREATE FUNCTION public.publishing_note_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.publishing_publicwrite AS known (transaction_id, written_at)
    VALUES (pg_current_xact_id()::text::bigint, now())
    ON CONFLICT (transaction_id) DO UPDATE SET written_at = excluded.written_at
    WHERE known.written_at <> excluded.written_at;
    IF FOUND THEN
        DELETE FROM public.publishing_publicwrite WHERE transaction_id IN (
            SELECT transaction_id FROM public.publishing_publicwrite
            WHERE written_at < now() - interval '1 hour' ORDER BY transaction_id LIMIT 100 FOR UPDATE SKIP LOCKED
        );
    END IF;
    RETURN NULL;
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("publishing", "0002_change_actions")]

    operations = [
        migrations.CreateModel(
            name="PublicWrite",
            fields=[
                ("transaction_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("written_at", models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(NOTE_WRITE, "DROP FUNCTION public.publishing_note_write() CASCADE"),
    ]
