-- +goose Up
ALTER TABLE trunks ADD COLUMN codecs TEXT NOT NULL DEFAULT '[]'; -- names, in order; []: all
ALTER TABLE trunks ADD COLUMN dtmf TEXT NOT NULL DEFAULT 'rfc4733'; -- or 'info'
ALTER TABLE trunks ADD COLUMN srtp TEXT NOT NULL DEFAULT 'off'; -- or 'required'
