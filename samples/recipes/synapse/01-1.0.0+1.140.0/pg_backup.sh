#!/bin/bash
# Dumps the database into its volume before a backup; puts the dump back after a restore.
set -euo pipefail
dump=$PGDATA/backup.sql
hba=$PGDATA/pg_hba.conf

reload() { psql -U "$POSTGRES_USER" -d postgres -qtAc 'SELECT pg_reload_conf()' >/dev/null; }
# Lets nobody in over the network while the database is away; the application waits and comes back by itself.
close() {
    cp -p "$hba" "$hba.open"
    echo 'local all all trust' >"$hba"
    reload
}
open() {
    mv "$hba.open" "$hba"
    reload
}

case ${1:-} in
backup)
    pg_dump -U "$POSTGRES_USER" -d synapse >"$dump.new"
    mv "$dump.new" "$dump"
    ;;
restore)
    [ -s "$dump" ] || { echo "there is no dump at $dump" >&2; exit 1; }
    trap open EXIT
    close
    psql -U "$POSTGRES_USER" -d postgres -v ON_ERROR_STOP=1 -q \
        -c "DROP DATABASE IF EXISTS synapse WITH (FORCE)" -c "CREATE DATABASE synapse LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    psql -U "$POSTGRES_USER" -d synapse -v ON_ERROR_STOP=1 -q -o /dev/null -f "$dump"
    ;;
*)
    echo "usage: pg_backup.sh backup|restore" >&2
    exit 2
    ;;
esac
