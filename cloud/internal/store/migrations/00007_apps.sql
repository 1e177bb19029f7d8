-- +goose Up
-- A bridge has no site, and its lease says no more than that it lives.
CREATE TABLE bridges (
    id           TEXT PRIMARY KEY,
    org          TEXT NOT NULL REFERENCES organizations (id),
    version      BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    name         TEXT NOT NULL,
    state        TEXT NOT NULL DEFAULT 'new',
    key_hash     TEXT NOT NULL DEFAULT '',
    signing_key  TEXT NOT NULL DEFAULT '',
    not_after    BIGINT,
    seen_at      BIGINT,
    live_until   BIGINT, -- by its last lease
    software     TEXT NOT NULL DEFAULT '',
    UNIQUE (org, name)
);

-- Codes enrol switches, bridges and apps: each names exactly one.
CREATE TABLE enrolments_7 (
    hash       BYTEA PRIMARY KEY,
    org        TEXT NOT NULL,
    node       TEXT REFERENCES switches (id) ON DELETE CASCADE,
    bridge     TEXT REFERENCES bridges (id) ON DELETE CASCADE,
    device     TEXT REFERENCES devices (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL,
    used_by    TEXT NOT NULL DEFAULT '' -- key hash, or thumbprint, of who used it
);
INSERT INTO enrolments_7 (hash, org, node, expires_at, used_by) SELECT hash, org, node, expires_at, used_by FROM enrolments;
DROP TABLE enrolments;
ALTER TABLE enrolments_7 RENAME TO enrolments;
CREATE INDEX enrolments_node ON enrolments (node);
CREATE INDEX enrolments_bridge ON enrolments (bridge);
CREATE INDEX enrolments_device ON enrolments (device);

-- What an app said when it enrolled.
ALTER TABLE devices ADD COLUMN enrolled_at BIGINT;
ALTER TABLE devices ADD COLUMN thumbprint TEXT NOT NULL DEFAULT ''; -- of its signing key
ALTER TABLE devices ADD COLUMN seal_key TEXT NOT NULL DEFAULT '';   -- public
ALTER TABLE devices ADD COLUMN platform TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN unreachable TEXT NOT NULL DEFAULT ''; -- why no push can reach it; '' if one can

CREATE TABLE push_tokens (
    device     TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    provider   TEXT NOT NULL,
    app        TEXT NOT NULL,
    sandbox    BOOLEAN NOT NULL,
    wrapped    BYTEA NOT NULL, -- the token
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (device, provider, app)
);
