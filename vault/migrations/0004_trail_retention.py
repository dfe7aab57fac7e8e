from django.conf import settings
from django.db import migrations

# The application may not delete from the trail. This it may call: it removes what was anchored over five years ago,
# from the beginning of a chain to an anchored entry, so that what stays can still be verified.
REMOVE = """
CREATE FUNCTION vault_remove_old_trail(years integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    removed bigint;
BEGIN
    IF years < 5 THEN
        RAISE EXCEPTION 'The trail is kept for five years.' USING ERRCODE = 'insufficient_privilege';
    END IF;
    WITH ends AS (
        SELECT case_id, max(number) AS number FROM vault_trailanchor
        WHERE "on" < ((now() AT TIME ZONE 'UTC') - make_interval(years => years))::date GROUP BY case_id
    )
    DELETE FROM vault_trailentry entry USING ends
    WHERE entry.case_id IS NOT DISTINCT FROM ends.case_id AND entry.number <= ends.number;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
REVOKE ALL ON FUNCTION vault_remove_old_trail(integer) FROM PUBLIC;
"""


def let_the_application_call_it(apps, schema_editor):
    """Grant what the application may do, where its role exists already; `grant_application_role` does the rest."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [settings.APPLICATION_ROLE])
        if cursor.fetchone():
            role = schema_editor.quote_name(settings.APPLICATION_ROLE)
            cursor.execute(f"GRANT EXECUTE ON FUNCTION vault_remove_old_trail(integer) TO {role}")


class Migration(migrations.Migration):
    dependencies = [("vault", "0003_incoming_files")]

    operations = [
        migrations.RunSQL(REMOVE, "DROP FUNCTION vault_remove_old_trail(integer)"),
        migrations.RunPython(let_the_application_call_it, migrations.RunPython.noop),
    ]
