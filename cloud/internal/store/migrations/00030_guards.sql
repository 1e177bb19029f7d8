-- +goose Up
-- What may be called in the phone network, as JSON of package guard; '': what is said of the organization, or nothing is.
ALTER TABLE organizations ADD COLUMN guard TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN guard TEXT NOT NULL DEFAULT '';
ALTER TABLE trunks ADD COLUMN guard TEXT NOT NULL DEFAULT '';
