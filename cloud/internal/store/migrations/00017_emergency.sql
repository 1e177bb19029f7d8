-- +goose Up
-- Emergency calls: numbers of an office besides those of its country, and where it is.
ALTER TABLE sites ADD COLUMN emergency TEXT NOT NULL DEFAULT '[]'; -- JSON
ALTER TABLE sites ADD COLUMN location TEXT NOT NULL DEFAULT '';
