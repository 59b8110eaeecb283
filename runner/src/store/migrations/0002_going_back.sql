-- Going back to a generation needs the record as it was committed with it, and a number that was given away once has to
-- stay away also when its row is gone. The folds are made anew from the events after this.
ALTER TABLE generations ADD COLUMN record TEXT;

CREATE TABLE numbers (
    recipe TEXT NOT NULL PRIMARY KEY,
    highest BIGINT NOT NULL
);

-- The newest green run of a commit, the runs of a recipe, the last sweep.
CREATE INDEX runs_by_recipe ON runs (recipe, ended);
CREATE INDEX sweeps_by_end ON sweeps (ended);
