-- Taking one cash-out the obvious way: one transaction, one row after another.
\set user random(1, :users)
\set id random(1, 9223372036854775807)
BEGIN;
INSERT INTO naive_counters AS mine (user_id, "window", used_minor, cap_minor)
  VALUES (:user, 'day', 600, 9000000000000000)
  ON CONFLICT (user_id, "window") DO UPDATE SET used_minor = mine.used_minor + 600
  WHERE mine.used_minor + 600 <= mine.cap_minor;
INSERT INTO naive_cash_outs VALUES (
  :id, :user, 'wallet-1', 'orange_money', 'XOF', 600, 600, 'orange_money-2026-11', '+2250700000789',
  'CI', 'Awa Diallo', md5(:id::text || random()::text), clock_timestamp(), clock_timestamp(),
  'pending', NULL, NULL, NULL, 'submit', clock_timestamp());
INSERT INTO naive_outbox (cash_out_id, type, at, body)
  VALUES (:id, 'cash_out.initiated', clock_timestamp(), repeat('x', 500));
COMMIT;
