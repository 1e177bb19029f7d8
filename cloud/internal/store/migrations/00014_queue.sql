-- +goose Up
-- Waiting for a user who is on the phone.
ALTER TABLE users ADD COLUMN queue_length BIGINT NOT NULL DEFAULT 0; -- 0: nobody waits
ALTER TABLE users ADD COLUMN queue_seconds BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN fallback_queue_full TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN fallback_queue_time TEXT NOT NULL DEFAULT '';
