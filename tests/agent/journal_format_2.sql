-- A journal as the agent of format 2 made it (sqlite3's dump).
CREATE TABLE change (
  one           INTEGER PRIMARY KEY CHECK (one = 1),
  request_id    BLOB NOT NULL,
  issuer        TEXT NOT NULL,
  plan_id       TEXT NOT NULL,
  base_revision INTEGER NOT NULL,
  target        BLOB NOT NULL,
  origin        TEXT NOT NULL,
  author        TEXT NOT NULL,
  comment       TEXT NOT NULL,
  phase         TEXT NOT NULL,
  confirm_s     INTEGER,
  confirm_by_ms INTEGER,
  boot_id       TEXT NOT NULL,
  started_ms    INTEGER NOT NULL,
  options       BLOB NOT NULL,
  risk          INTEGER NOT NULL
);
CREATE TABLE job (
  seq         INTEGER PRIMARY KEY,
  issuer      TEXT NOT NULL,
  request_id  BLOB NOT NULL,
  state       TEXT NOT NULL,
  delivered   INTEGER NOT NULL,
  expires_ms  INTEGER NOT NULL,
  accepted_ms INTEGER NOT NULL,
  start_by_ms INTEGER NOT NULL,
  started_ms  INTEGER,
  finished_ms INTEGER,
  operation   TEXT NOT NULL,
  effect      TEXT NOT NULL,
  lanes       TEXT NOT NULL,
  reply_to    TEXT NOT NULL,
  via         TEXT NOT NULL,
  body_hash   BLOB NOT NULL,
  code        TEXT,
  body        BLOB,
  final       BLOB
);
INSERT INTO "job" VALUES(1,'op:alice',X'00000000000000000000000000000001','ACCEPTED',0,1700000060000,1700000000000,1700000030000,NULL,NULL,'guest-start','idempotent','guest:one','cli-1','mqtt',X'6868686868686868686868686868686868686868686868686868686868686868',NULL,X'626F64792031',NULL);
INSERT INTO "job" VALUES(2,'op:alice',X'00000000000000000000000000000002','SUCCEEDED',0,1700000060000,1700000000000,1700000030000,1700000000000,1700000000005,'guest-start','idempotent','guest:one','cli-1','mqtt',X'6868686868686868686868686868686868686868686868686868686868686868',NULL,NULL,X'66696E616C');
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO "meta" VALUES('created_ms',1700000000000);
INSERT INTO "meta" VALUES('created_settled',1);
INSERT INTO "meta" VALUES('epoch',1);
INSERT INTO "meta" VALUES('note:trust-revision',X'37');
CREATE TABLE revision (
  number        INTEGER PRIMARY KEY,
  hash          TEXT NOT NULL,
  author        TEXT NOT NULL,
  applied_ms    INTEGER NOT NULL,
  origin        TEXT NOT NULL,
  comment       TEXT NOT NULL,
  document      BLOB NOT NULL
);
CREATE TABLE step (
  n             INTEGER PRIMARY KEY,
  kind          TEXT NOT NULL,
  args          BLOB NOT NULL,
  undo          BLOB,
  state         TEXT NOT NULL
);
CREATE UNIQUE INDEX job_request ON job (request_id, issuer);
CREATE INDEX job_prunable ON job (expires_ms) WHERE delivered = 1;
CREATE INDEX job_ended ON job (state) WHERE finished_ms IS NOT NULL;
PRAGMA user_version = 2;
