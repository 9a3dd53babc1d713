-- Attempts of a call. The call's own columns tell of the last one; those before it stand as JSON, for they are few and
-- nothing is searched among them. NULL: of an older release, when a call had one attempt once it was dialed.

ALTER TABLE calls ADD COLUMN attempt INTEGER;
ALTER TABLE calls ADD COLUMN earlier_attempts TEXT;
ALTER TABLE timeline ADD COLUMN attempt INTEGER;
