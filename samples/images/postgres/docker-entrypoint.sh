#!/bin/bash
# Starts PostgreSQL; on an empty PGDATA makes the cluster first. Knows POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, each
# also as `…_FILE`, and /docker-entrypoint-initdb.d.
set -euo pipefail

# Sets $1 from the file that $1_FILE names, or to the default $2.
from_file() {
    local name=$1 file_name=${1}_FILE
    if [ -n "${!name:-}" ] && [ -n "${!file_name:-}" ]; then
        echo "both $name and $file_name are set: choose one" >&2
        exit 1
    fi
    if [ -n "${!file_name:-}" ]; then
        export "$name"="$(cat "${!file_name}")"
        unset "$file_name"
    elif [ -z "${!name:-}" ]; then
        export "$name"="${2:-}"
    fi
}
as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }

[ "${1:-postgres}" = postgres ] || exec "$@"
mkdir -p "$PGDATA" /run/postgresql
chown -R postgres:postgres "$PGDATA" /run/postgresql
chmod 700 "$PGDATA"

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    from_file POSTGRES_PASSWORD
    from_file POSTGRES_USER postgres
    from_file POSTGRES_DB "$POSTGRES_USER"
    if [ -z "$POSTGRES_PASSWORD" ]; then
        echo "POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE must be set" >&2
        exit 1
    fi
    # A file and no pipe: a pipe would belong to root, and initdb runs as postgres.
    password=$(mktemp)
    printf '%s\n' "$POSTGRES_PASSWORD" >"$password"
    chown postgres "$password"
    as_postgres initdb -D "$PGDATA" --username="$POSTGRES_USER" --pwfile="$password" --auth-local=trust \
        --auth-host=scram-sha-256 -E UTF8
    rm -f "$password"
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    # On the socket only: nobody may take this one for the server.
    as_postgres pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
    [ "$POSTGRES_DB" = postgres ] ||
        as_postgres psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres --set db="$POSTGRES_DB" <<<'CREATE DATABASE :"db";'
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
        *.sh) . "$file" ;;
        *.sql) as_postgres psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -f "$file" ;;
        esac
    done
    as_postgres pg_ctl -D "$PGDATA" -m fast -w stop
    unset POSTGRES_PASSWORD
    echo "the cluster is made"
fi
exec setpriv --reuid=postgres --regid=postgres --init-groups "$@" -c listen_addresses='*'
