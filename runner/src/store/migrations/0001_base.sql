-- The base. Types that mean the same on SQLite and PostgreSQL: TEXT and BIGINT; times are UTC in RFC 3339 with nine
-- digits of a second, which sort as text; JSON is TEXT. Never edited once released: what comes later is a file of its own.

-- The truth. Only ever added to; `seq` has no gap.
CREATE TABLE events (
    seq BIGINT NOT NULL PRIMARY KEY,
    at TEXT NOT NULL,
    recipe TEXT,
    run TEXT,
    kind TEXT NOT NULL,
    body TEXT NOT NULL
);

CREATE TABLE canonicals (
    recipe TEXT NOT NULL PRIMARY KEY,
    tag TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    generation BIGINT NOT NULL,
    run TEXT NOT NULL,
    at TEXT NOT NULL,
    record TEXT NOT NULL
);

CREATE TABLE generations (
    recipe TEXT NOT NULL,
    number BIGINT NOT NULL,
    standing TEXT NOT NULL,
    run TEXT NOT NULL,
    tag TEXT NOT NULL,
    made_at TEXT NOT NULL,
    volumes TEXT NOT NULL,
    fingerprint TEXT,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (recipe, number)
);

CREATE TABLE runs (
    id TEXT NOT NULL PRIMARY KEY,
    recipe TEXT NOT NULL,
    tag TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    context TEXT NOT NULL,
    started TEXT NOT NULL,
    ended TEXT NOT NULL,
    level BIGINT NOT NULL,
    verdicts TEXT NOT NULL,
    digests TEXT NOT NULL,
    harness TEXT NOT NULL,
    is_green BIGINT NOT NULL
);

-- Work in flight.
CREATE TABLE journal (
    run TEXT NOT NULL PRIMARY KEY,
    recipe TEXT,
    kind TEXT NOT NULL,
    step TEXT NOT NULL,
    since TEXT NOT NULL
);

CREATE TABLE holds (
    kind TEXT NOT NULL,
    recipe TEXT NOT NULL,
    owner TEXT NOT NULL,
    reason TEXT NOT NULL,
    until TEXT,
    PRIMARY KEY (kind, recipe, owner)
);

CREATE TABLE sweeps (
    id TEXT NOT NULL PRIMARY KEY,
    began TEXT NOT NULL,
    ended TEXT NOT NULL,
    rows TEXT NOT NULL
);
