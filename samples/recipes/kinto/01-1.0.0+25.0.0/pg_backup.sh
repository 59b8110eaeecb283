#!/bin/bash
# Dumps the database into its volume before a backup; puts the dump back after a restore.
set -euo pipefail
dump=$PGDATA/backup.sql

case $1 in
backup)
    pg_dump -U "$POSTGRES_USER" -d "$POSTGRES_DB" >"$dump.new"
    mv "$dump.new" "$dump"
    ;;
restore)
    psql -U "$POSTGRES_USER" -d postgres -v ON_ERROR_STOP=1 -q \
        -c "DROP DATABASE \"$POSTGRES_DB\" WITH (FORCE)" -c "CREATE DATABASE \"$POSTGRES_DB\""
    psql -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v ON_ERROR_STOP=1 -q -f "$dump"
    ;;
*)
    echo "usage: pg_backup.sh backup|restore" >&2
    exit 2
    ;;
esac
