-- docs/formats/cache-db.md says what each column means.
CREATE TABLE blob (
    digest BLOB PRIMARY KEY,
    size INTEGER NOT NULL,
    boot TEXT,
    used INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE layer (
    id BLOB PRIMARY KEY,
    changes_size INTEGER NOT NULL,
    changes_boot TEXT,
    files_size INTEGER NOT NULL,
    own_files INTEGER NOT NULL,
    directory INTEGER NOT NULL DEFAULT 0,
    directory_boot TEXT,
    step TEXT NOT NULL DEFAULT '',
    used INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE need (
    layer BLOB NOT NULL,
    needs BLOB NOT NULL,
    PRIMARY KEY (layer, needs)
) WITHOUT ROWID;

CREATE TABLE form (
    layer BLOB NOT NULL,
    form BLOB NOT NULL,
    blob BLOB NOT NULL,
    descriptor TEXT NOT NULL,
    diff_id BLOB NOT NULL,
    origin TEXT,
    PRIMARY KEY (layer, form)
) WITHOUT ROWID;

CREATE TABLE record (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    key BLOB NOT NULL UNIQUE,
    kind INTEGER NOT NULL,
    op BLOB NOT NULL,
    step TEXT NOT NULL,
    components BLOB NOT NULL,
    result BLOB NOT NULL,
    used INTEGER NOT NULL
);
CREATE INDEX record_by_op ON record (op, seq);
CREATE INDEX record_by_step ON record (step, kind, used, seq);

CREATE TABLE memo (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    what BLOB NOT NULL UNIQUE,
    digest BLOB NOT NULL
);
