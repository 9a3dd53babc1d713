-- Tells the daemon at once which enterprise has changed. Where this is missing, it finds out within a second.
CREATE OR REPLACE FUNCTION novofon_bot_enterprises_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM pg_notify('novofon_bot_enterprises', '');
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM pg_notify('novofon_bot_enterprises', left(OLD.number::text, 1000));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM pg_notify('novofon_bot_enterprises', left(NEW.number::text, 1000));
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS novofon_bot_enterprises_changed ON enterprises;
CREATE TRIGGER novofon_bot_enterprises_changed AFTER INSERT OR UPDATE OR DELETE ON enterprises
    FOR EACH ROW EXECUTE PROCEDURE novofon_bot_enterprises_changed();
DROP TRIGGER IF EXISTS novofon_bot_enterprises_emptied ON enterprises;
CREATE TRIGGER novofon_bot_enterprises_emptied AFTER TRUNCATE ON enterprises
    FOR EACH STATEMENT EXECUTE PROCEDURE novofon_bot_enterprises_changed();
