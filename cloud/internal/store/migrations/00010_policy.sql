-- +goose Up
-- What becomes of calls to a user, and the priority of the user's own.
ALTER TABLE users ADD COLUMN ring_seconds BIGINT NOT NULL DEFAULT 0; -- 0: the organization's
ALTER TABLE users ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN dnd BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE users ADD COLUMN dnd_words TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN dnd_priority BIGINT NOT NULL DEFAULT 0; -- 0: no call rings
ALTER TABLE users ADD COLUMN fallback_no_answer TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN fallback_busy TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN fallback_dnd TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN fallback_unreachable TEXT NOT NULL DEFAULT '';
