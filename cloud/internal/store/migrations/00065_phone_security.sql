-- +goose Up
ALTER TABLE devices ADD COLUMN srtp TEXT NOT NULL DEFAULT ''; -- of a desk phone: 'required', 'preferred' or '' (the same), 'off'
ALTER TABLE devices ADD COLUMN certificate TEXT NOT NULL DEFAULT ''; -- the name in the one that it shows
ALTER TABLE devices ADD COLUMN sign_in TEXT NOT NULL DEFAULT ''; -- with a certificate: '' (either), 'certificate', 'both'
