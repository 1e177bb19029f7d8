-- +goose Up
-- Mailboxes of users: JSON; '': none. Their secrets are apart, wrapped.
ALTER TABLE users ADD COLUMN voicemail TEXT NOT NULL DEFAULT '';
CREATE TABLE mailbox_secrets (
    user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    org     TEXT NOT NULL,
    wrapped BYTEA NOT NULL
);
