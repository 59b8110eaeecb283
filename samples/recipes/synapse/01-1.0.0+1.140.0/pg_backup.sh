#!/bin/bash
# Dumps the database into its volume before a backup; puts the dump back after a restore.
set -euo pipefail
dump=$PGDATA/backup.sql

case $1 in
backup)
    pg_dump -U "$POSTGRES_USER" -d synapse >"$dump.new"
    mv "$dump.new" "$dump"
    ;;
restore)
    psql -U "$POSTGRES_USER" -d postgres -v ON_ERROR_STOP=1 -q \
        -c "DROP DATABASE synapse WITH (FORCE)" -c "CREATE DATABASE synapse LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    psql -U "$POSTGRES_USER" -d synapse -v ON_ERROR_STOP=1 -q -f "$dump"
    ;;
*)
    echo "usage: pg_backup.sh backup|restore" >&2
    exit 2
    ;;
esac
