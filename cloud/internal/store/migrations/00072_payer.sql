-- +goose Up
ALTER TABLE calls ADD COLUMN payer TEXT NOT NULL DEFAULT ''; -- id of the user who forwarded the call to a phone number; '': who called pays
