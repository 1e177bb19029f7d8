-- +goose Up
-- Times are BIGINT microseconds since 1970 UTC, ids TEXT made by the program, JSON is TEXT that only the program reads.
-- Text that is absent is '' where it is no reference, NULL where it is one.

CREATE TABLE organizations (
    id           TEXT PRIMARY KEY,
    version      BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    name         TEXT NOT NULL,
    enabled      BOOLEAN NOT NULL,
    ring_seconds BIGINT NOT NULL,
    writes       BIGINT NOT NULL DEFAULT 0 -- bumped first by every registry write: the lock of the organization's registry
);

CREATE TABLE sites (
    id           TEXT PRIMARY KEY,
    org          TEXT NOT NULL REFERENCES organizations (id),
    version      BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    name         TEXT NOT NULL,
    code         TEXT NOT NULL,
    UNIQUE (org, code),
    UNIQUE (org, name)
);

CREATE TABLE switches (
    id           TEXT PRIMARY KEY,
    org          TEXT NOT NULL REFERENCES organizations (id),
    version      BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    site         TEXT NOT NULL REFERENCES sites (id),
    name         TEXT NOT NULL,
    pool         BOOLEAN NOT NULL,
    state        TEXT NOT NULL DEFAULT 'new',
    key_hash     TEXT NOT NULL DEFAULT '',
    signing_key  TEXT NOT NULL DEFAULT '',
    not_after    BIGINT,
    UNIQUE (org, name)
);
CREATE INDEX switches_site ON switches (site);

CREATE TABLE users (
    id           TEXT PRIMARY KEY,
    org          TEXT NOT NULL REFERENCES organizations (id),
    version      BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    name         TEXT NOT NULL,
    enabled      BOOLEAN NOT NULL,
    calling      TEXT NOT NULL,
    home_switch  TEXT REFERENCES switches (id)
);
CREATE INDEX users_org ON users (org, id);
CREATE INDEX users_home_switch ON users (home_switch);

CREATE TABLE devices (
    id            TEXT PRIMARY KEY,
    org           TEXT NOT NULL REFERENCES organizations (id),
    version       BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    user_id       TEXT NOT NULL REFERENCES users (id),
    kind          TEXT NOT NULL,
    name          TEXT NOT NULL,
    switch        TEXT REFERENCES switches (id),
    username      TEXT, -- NULL: not a desk phone
    enabled       BOOLEAN NOT NULL,
    delay_seconds BIGINT NOT NULL,
    UNIQUE (org, username)
);
CREATE INDEX devices_org ON devices (org, id);
CREATE INDEX devices_user ON devices (user_id);
CREATE INDEX devices_switch ON devices (switch);

CREATE TABLE numbers (
    id           TEXT PRIMARY KEY,
    org          TEXT NOT NULL REFERENCES organizations (id),
    version      BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    site         TEXT REFERENCES sites (id),
    digits       TEXT NOT NULL,
    dial         TEXT NOT NULL, -- site code + digits: what the whole organization dials
    user_id      TEXT NOT NULL REFERENCES users (id)
);
-- Not UNIQUE (org, dial): a new site code rewrites a whole site row by row, and rows on the way may collide. The program
-- checks it under the lock of the registry.
CREATE INDEX numbers_dial ON numbers (org, dial);
CREATE INDEX numbers_org ON numbers (org, id);
CREATE INDEX numbers_site ON numbers (site);
CREATE INDEX numbers_user ON numbers (user_id);

CREATE TABLE api_keys (
    id           TEXT PRIMARY KEY,
    org          TEXT REFERENCES organizations (id), -- NULL: the whole installation
    version      BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    name         TEXT NOT NULL,
    role         TEXT NOT NULL,
    used_at      BIGINT,
    hash         BYTEA UNIQUE
);

CREATE TABLE secrets (
    name    TEXT PRIMARY KEY,
    wrapped BYTEA NOT NULL
);

CREATE TABLE credentials (
    device  TEXT PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
    org     TEXT NOT NULL,
    wrapped BYTEA NOT NULL
);
CREATE INDEX credentials_org ON credentials (org);

CREATE TABLE enrolments (
    hash       BYTEA PRIMARY KEY,
    org        TEXT NOT NULL,
    node       TEXT NOT NULL REFERENCES switches (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL,
    used_by    TEXT NOT NULL DEFAULT '' -- key hash of the node that used it
);
CREATE INDEX enrolments_node ON enrolments (node);

CREATE TABLE revocations (
    org       TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    number    BIGINT NOT NULL,
    statement TEXT NOT NULL,
    PRIMARY KEY (org, number)
);

CREATE TABLE document_versions (
    org     TEXT NOT NULL,
    name    TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (org, name)
);

CREATE TABLE leases (
    node    TEXT PRIMARY KEY REFERENCES switches (id) ON DELETE CASCADE,
    org     TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    lease   TEXT NOT NULL -- JSON of fabric.Lease
);
CREATE INDEX leases_org ON leases (org);
