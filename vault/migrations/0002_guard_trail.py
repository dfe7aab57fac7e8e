from django.conf import settings
from django.db import migrations

# Even the owner changes nothing here by mistake. What is older than five years may be deleted: that is the retention
# rule, and the owner's job alone, for the application's role has no right to.
GUARD = """
CREATE FUNCTION vault_trail_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'vault_trailentry' THEN
        IF OLD.at < now() - interval '5 years' THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'The trail is append-only: % on % is refused.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER vault_trail_no_change BEFORE UPDATE OR DELETE ON vault_trailentry
    FOR EACH ROW EXECUTE FUNCTION vault_trail_is_append_only();
CREATE TRIGGER vault_trail_no_truncate BEFORE TRUNCATE ON vault_trailentry
    FOR EACH STATEMENT EXECUTE FUNCTION vault_trail_is_append_only();
CREATE TRIGGER vault_trail_no_change BEFORE UPDATE OR DELETE ON vault_trailanchor
    FOR EACH ROW EXECUTE FUNCTION vault_trail_is_append_only();
CREATE TRIGGER vault_trail_no_truncate BEFORE TRUNCATE ON vault_trailanchor
    FOR EACH STATEMENT EXECUTE FUNCTION vault_trail_is_append_only();
"""

UNGUARD = """
DROP TRIGGER vault_trail_no_change ON vault_trailentry;
DROP TRIGGER vault_trail_no_truncate ON vault_trailentry;
DROP TRIGGER vault_trail_no_change ON vault_trailanchor;
DROP TRIGGER vault_trail_no_truncate ON vault_trailanchor;
DROP FUNCTION vault_trail_is_append_only();
"""


def take_rights_away(apps, schema_editor):
    """Revoke what the application may not do, where its role exists already; `grant_application_role` does the rest."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [settings.APPLICATION_ROLE])
        if cursor.fetchone():
            role = schema_editor.quote_name(settings.APPLICATION_ROLE)
            cursor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON vault_trailentry, vault_trailanchor FROM {role}")


class Migration(migrations.Migration):
    dependencies = [("vault", "0001_tables")]

    operations = [
        migrations.RunSQL(GUARD, UNGUARD),
        migrations.RunPython(take_rights_away, migrations.RunPython.noop),
    ]
