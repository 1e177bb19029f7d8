-- +goose Up
-- Where switches and devices reach a bridge, by its last lease.
ALTER TABLE bridges ADD COLUMN addresses TEXT NOT NULL DEFAULT '[]';  -- JSON: of its link port
ALTER TABLE bridges ADD COLUMN url TEXT NOT NULL DEFAULT '';          -- of its HTTP server
ALTER TABLE bridges ADD COLUMN web_key_hash TEXT NOT NULL DEFAULT ''; -- of the key that it shows there, if apps are to pin it
