-- +goose Up
-- The oldest schema whose programs may still open this one: while the replicas
-- of an installation are replaced one after the other, one of the version before
-- may be started again. A step that only adds says
--   UPDATE ledger SET beside = <the step before>;
-- A database whose ledger has no row yet gets the default.
ALTER TABLE ledger ADD COLUMN beside integer NOT NULL DEFAULT 1;

-- +goose Down
ALTER TABLE ledger DROP COLUMN beside;
