from django.conf import settings
from django.db import migrations

# A step that was taken and a decision of the patient stay as they were written: the owner of the tables changes
# nothing here by mistake, and the application's role lacks the right to try.
GUARD = """
CREATE FUNCTION teleconsult_history_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The history of a request is append-only: % on % is refused.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER teleconsult_history_no_change BEFORE UPDATE OR DELETE ON teleconsult_event
    FOR EACH ROW EXECUTE FUNCTION teleconsult_history_is_append_only();
CREATE TRIGGER teleconsult_history_no_truncate BEFORE TRUNCATE ON teleconsult_event
    FOR EACH STATEMENT EXECUTE FUNCTION teleconsult_history_is_append_only();
CREATE TRIGGER teleconsult_history_no_change BEFORE UPDATE OR DELETE ON teleconsult_consent
    FOR EACH ROW EXECUTE FUNCTION teleconsult_history_is_append_only();
CREATE TRIGGER teleconsult_history_no_truncate BEFORE TRUNCATE ON teleconsult_consent
    FOR EACH STATEMENT EXECUTE FUNCTION teleconsult_history_is_append_only();
"""

UNGUARD = """
DROP TRIGGER teleconsult_history_no_change ON teleconsult_event;
DROP TRIGGER teleconsult_history_no_truncate ON teleconsult_event;
DROP TRIGGER teleconsult_history_no_change ON teleconsult_consent;
DROP TRIGGER teleconsult_history_no_truncate ON teleconsult_consent;
DROP FUNCTION teleconsult_history_is_append_only();
"""


def take_rights_away(apps, schema_editor):
    """Revoke what the application may not do, where its role exists already; `grant_application_role` does the rest."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [settings.APPLICATION_ROLE])
        if cursor.fetchone():
            role = schema_editor.quote_name(settings.APPLICATION_ROLE)
            cursor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON teleconsult_event, teleconsult_consent FROM {role}")


class Migration(migrations.Migration):
    dependencies = [("teleconsult", "0001_requests")]

    operations = [
        migrations.RunSQL(GUARD, UNGUARD),
        migrations.RunPython(take_rights_away, migrations.RunPython.noop),
    ]
