from django.db import migrations

# What was delivered stays as it was signed, and a question stays as it was asked: even the owner of the tables changes
# nothing here by mistake. A draft is written and removed freely; a question takes its answer once.
GUARD = """
CREATE FUNCTION teleconsult_signed_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' OR OLD.signed_at IS NOT NULL THEN
        RAISE EXCEPTION 'What was signed is never changed: % on % is refused.', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE FUNCTION teleconsult_question_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP IN ('TRUNCATE', 'DELETE') OR OLD.answered_at IS NOT NULL OR
        (NEW.id, NEW.opinion_id, NEW.number, NEW.role, NEW.question, NEW.language, NEW.asked_at, NEW.idempotency_key)
        IS DISTINCT FROM
        (OLD.id, OLD.opinion_id, OLD.number, OLD.role, OLD.question, OLD.language, OLD.asked_at, OLD.idempotency_key)
    THEN
        RAISE EXCEPTION 'A question and its answer are never changed: % on % is refused.', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER teleconsult_signed_no_change BEFORE UPDATE OR DELETE ON teleconsult_opinion
    FOR EACH ROW EXECUTE FUNCTION teleconsult_signed_stays();
CREATE TRIGGER teleconsult_signed_no_truncate BEFORE TRUNCATE ON teleconsult_opinion
    FOR EACH STATEMENT EXECUTE FUNCTION teleconsult_signed_stays();
CREATE TRIGGER teleconsult_signed_no_change BEFORE UPDATE OR DELETE ON teleconsult_addendum
    FOR EACH ROW EXECUTE FUNCTION teleconsult_signed_stays();
CREATE TRIGGER teleconsult_signed_no_truncate BEFORE TRUNCATE ON teleconsult_addendum
    FOR EACH STATEMENT EXECUTE FUNCTION teleconsult_signed_stays();
CREATE TRIGGER teleconsult_question_no_change BEFORE UPDATE OR DELETE ON teleconsult_followupquestion
    FOR EACH ROW EXECUTE FUNCTION teleconsult_question_stays();
CREATE TRIGGER teleconsult_question_no_truncate BEFORE TRUNCATE ON teleconsult_followupquestion
    FOR EACH STATEMENT EXECUTE FUNCTION teleconsult_question_stays();
"""

UNGUARD = """
DROP TRIGGER teleconsult_signed_no_change ON teleconsult_opinion;
DROP TRIGGER teleconsult_signed_no_truncate ON teleconsult_opinion;
DROP TRIGGER teleconsult_signed_no_change ON teleconsult_addendum;
DROP TRIGGER teleconsult_signed_no_truncate ON teleconsult_addendum;
DROP TRIGGER teleconsult_question_no_change ON teleconsult_followupquestion;
DROP TRIGGER teleconsult_question_no_truncate ON teleconsult_followupquestion;
DROP FUNCTION teleconsult_signed_stays();
DROP FUNCTION teleconsult_question_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("teleconsult", "0007_opinions")]

    operations = [migrations.RunSQL(GUARD, UNGUARD)]
