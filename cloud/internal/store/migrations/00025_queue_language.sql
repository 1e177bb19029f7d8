-- +goose Up
-- What language callers who wait for the user are told in.
ALTER TABLE users ADD COLUMN queue_language TEXT NOT NULL DEFAULT ''; -- '': that of the switch
