-- Calls of enterprises (click-to-call, monitoring): whose, and what makes them such, as JSON. NULL for the
-- bot's own calls.

ALTER TABLE calls ADD COLUMN enterprise TEXT;
ALTER TABLE calls ADD COLUMN office TEXT CHECK ((office IS NULL) = (enterprise IS NULL));

CREATE INDEX calls_by_enterprise ON calls (enterprise, kind, created_at, id) WHERE enterprise IS NOT NULL;
