CREATE TABLE cash_outs (id integer PRIMARY KEY, user_id text, wallet_id text, provider text, currency text, amount integer, fee integer, tariff text, msisdn text, country text, name text, reference text UNIQUE, created_at text, updated_at text, status text, provider_id text, code text, completed_at text, action text, due_at text);
CREATE INDEX due ON cash_outs (provider, action, due_at, id) WHERE action IS NOT NULL;
CREATE INDEX history ON cash_outs (user_id, created_at, id);
CREATE INDEX overdue ON cash_outs (created_at) WHERE status IN ('pending', 'processing');
CREATE TABLE counters (user_id text PRIMARY KEY, used integer, cap integer);
CREATE TABLE outbox (position integer PRIMARY KEY, cash_out_id integer, type text, body text, sent_at text);
CREATE INDEX waiting ON outbox (position) WHERE sent_at IS NULL
