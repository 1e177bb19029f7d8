-- +goose Up
-- The name in a certificate is one phone's. Of phones that two requests gave one name, the first that was made keeps it (ids go with time), as
-- the others never signed in by it reliably; they sign in with their password.
UPDATE devices SET certificate = '', sign_in = '' WHERE certificate <> '' AND EXISTS (
    SELECT 1 FROM devices AS earlier WHERE earlier.org = devices.org AND earlier.certificate = devices.certificate AND earlier.id < devices.id
);
CREATE UNIQUE INDEX devices_by_certificate ON devices (org, certificate) WHERE certificate <> '';
