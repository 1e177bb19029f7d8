-- +goose Up
-- What users wish to become of their calls.
ALTER TABLE users ADD COLUMN wishes TEXT NOT NULL DEFAULT ''; -- JSON; '': nothing
