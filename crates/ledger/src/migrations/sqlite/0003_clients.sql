-- The calls of one client, for keys that see their own only.

CREATE INDEX calls_by_client ON calls (requested_by, kind, created_at, id)
    WHERE requested_by IS NOT NULL AND enterprise IS NULL;
