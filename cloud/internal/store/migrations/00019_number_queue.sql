-- +goose Up
-- Waiting for who has a number, where it is not as for the user.
ALTER TABLE numbers ADD COLUMN queue_length BIGINT NOT NULL DEFAULT 0; -- 0: as of the user, -1: nobody waits
ALTER TABLE numbers ADD COLUMN queue_seconds BIGINT NOT NULL DEFAULT 0;
