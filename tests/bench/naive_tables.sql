CREATE TABLE naive_cash_outs (
  id bigint PRIMARY KEY, user_id bigint NOT NULL, wallet_id text NOT NULL, provider text NOT NULL,
  currency text NOT NULL, amount_minor bigint NOT NULL, fee_minor bigint NOT NULL,
  tariff_version text NOT NULL, msisdn text NOT NULL, country text NOT NULL, payee_name text NOT NULL,
  reference text NOT NULL UNIQUE, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL,
  status text NOT NULL, provider_transaction_id text, failure_code text, completed_at timestamptz,
  action text, due_at timestamptz);
CREATE INDEX ON naive_cash_outs (provider, action, due_at, id) WHERE action IS NOT NULL;
CREATE INDEX ON naive_cash_outs (user_id, created_at, id);
CREATE INDEX ON naive_cash_outs (created_at) WHERE status IN ('pending', 'processing');
CREATE TABLE naive_counters (
  user_id bigint, "window" text, used_minor bigint NOT NULL, cap_minor bigint NOT NULL,
  PRIMARY KEY (user_id, "window"));
CREATE TABLE naive_outbox (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, cash_out_id bigint NOT NULL,
  type text NOT NULL, at timestamptz NOT NULL, body text NOT NULL, sent_at timestamptz);
CREATE INDEX ON naive_outbox (position) WHERE sent_at IS NULL;
