-- +goose Up
-- Proofs of apps that were shown with a change, at whichever instance, until they are not fresh any more.
CREATE TABLE proofs (
    device TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    id     TEXT NOT NULL,
    at     BIGINT NOT NULL, -- the how manieth of the device's that are kept
    until  BIGINT NOT NULL,
    PRIMARY KEY (device, id)
);
