#!/bin/sh
# Runs once, when the database is made: the owner of the tables, and the role of the application with no right to change them.
set -eu
psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  --set owner_password="$OWNER_PASSWORD" --set application_password="$APPLICATION_PASSWORD" <<'SQL'
CREATE ROLE healthlombardy_owner LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB PASSWORD :'owner_password';
CREATE ROLE healthlombardy_app LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB PASSWORD :'application_password';
CREATE DATABASE healthlombardy OWNER healthlombardy_owner;
REVOKE CONNECT ON DATABASE healthlombardy FROM PUBLIC;
GRANT CONNECT ON DATABASE healthlombardy TO healthlombardy_app;
SQL
