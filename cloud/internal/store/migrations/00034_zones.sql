-- +goose Up
-- By which clocks a site goes.
ALTER TABLE sites ADD COLUMN time_zone TEXT NOT NULL DEFAULT ''; -- IANA
