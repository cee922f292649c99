-- An archive: ended cash-outs, each with an attempt and a told event, made as fast as PostgreSQL can.
-- :archive is how many, :each that each so many-th is of the heavy user, the others of 10,000 users.
SET synchronous_commit = off;
SET maintenance_work_mem = '512MB';
-- No foreign keys are checked: every attempt has its cash-out.
SET session_replication_role = replica;

CREATE TEMP TABLE made AS
  SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
  FROM pg_index
  WHERE indrelid IN ('cash_outs'::regclass, 'outbox'::regclass)
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid);
DO $$ DECLARE each record; BEGIN
  FOR each IN SELECT * FROM made LOOP EXECUTE 'DROP INDEX ' || each.name; END LOOP;
END $$;

CREATE TEMP TABLE numbered AS
  SELECT n,
    (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70008'
      || lpad(to_hex(n), 15, '0'))::uuid AS id,
    at,
    CASE WHEN n % :each = 0 THEN 'user-0' ELSE 'user-' || 1 + n * 7919 % 9999 END AS user_id,
    CASE WHEN n % 25 < 23 THEN 'completed' WHEN n % 25 = 23 THEN 'failed' ELSE 'cancelled' END
      AS status
  FROM (
    SELECT n, date_trunc('milliseconds', now()) - interval '1 day' - (:archive - n) * interval '1 s'
      AS at
    FROM generate_series(1::bigint, :archive) AS n
  ) AS moments;

INSERT INTO cash_outs (
  id, user_id, wallet_id, provider, currency, amount_minor, fee_minor, tariff_version, msisdn,
  country, payee_name, reference, reference_given, created_at, updated_at, status,
  provider_transaction_id, failure_code, contradicted, completed_at, asked, version, events, pieces)
SELECT
  id, user_id, CASE WHEN n / :each % 5000 = 0 THEN 'wallet-rare' ELSE 'wallet-' || n % 3 END,
  'orange_money', 'XOF', 600 + n % 1000, 600, 'orange_money-2026-11', '+2250700000789',
  'CI', 'Awa Diallo', 'ARCHIVE' || lpad(n::text, 12, '0'), false, at, at + interval '9 s', status,
  CASE WHEN status = 'completed' THEN 'OM-' || n END,
  CASE WHEN status = 'failed' THEN 'RECIPIENT_NOT_FOUND' END,
  false, at + interval '9 s', 0, 3, 3, 2
FROM numbered;

INSERT INTO attempts (cash_out_id, number, reference, started_at, outcome, detail, ended_at)
SELECT id, 1, 'ARCHIVE' || lpad(n::text, 12, '0'), at, 'accepted', '', at + interval '1 s'
FROM numbered;

INSERT INTO outbox (event_id, type, cash_out_id, sequence, at, body, sent_at)
SELECT id, 'cash_out.initiated', id, 1, at, repeat('x', 400), at + interval '1 s' FROM numbered;

DO $$ DECLARE each record; BEGIN
  FOR each IN SELECT * FROM made LOOP EXECUTE each.definition; END LOOP;
END $$;
