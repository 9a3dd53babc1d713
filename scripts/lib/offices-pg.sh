# shellcheck shell=bash disable=SC2034,SC2153 # settings are read by name
# Part of scripts/offices: a PostgreSQL cluster of its own with the table of enterprises.

default_pg_env() { # DIR
  PG_DATABASE=offices PG_USER=offices PG_SOCKET=$1/pg
  PG_PASSWORD=${PG_PASSWORD:-$(random)} PG_ADMIN_PASSWORD=${PG_ADMIN_PASSWORD:-$(random)}
  PG_URL=postgres://$PG_USER:$PG_PASSWORD@$PG_IP:$PG_PORT/$PG_DATABASE
  PG_ADMIN_URL=postgres://postgres:$PG_ADMIN_PASSWORD@$PG_IP:$PG_PORT/$PG_DATABASE
}

# The server does not run as root, and its folders may lie where others cannot reach them: it sees them
# below /mnt, in a mount namespace of its own.
in_pg() { # DIR PROGRAM ARGUMENT...
  local dir=$1 path
  path=$(tool "$2") || die "no $2 yet: run scripts/offices setup"
  shift 2
  unshare --mount --propagation private "$LAB_ROOT/scripts/offices" inside-pg "$dir/pg" "$path" "$@"
}

inside_pg() { # FOLDER PROGRAM ARGUMENT...
  local base=$1 path=$2 libraries
  shift 2
  mount -t tmpfs -o mode=755 tmpfs /mnt
  mkdir -m 755 /mnt/pg /mnt/tools
  mount --bind "$base" /mnt/pg
  if [[ $path == "$LAB_TOOLS"/* ]]; then
    mount --bind "$LAB_TOOLS" /mnt/tools
    path=/mnt/tools/${path#"$LAB_TOOLS"/}
    libraries=$(LAB_TOOLS=/mnt/tools tool_libraries "$path")
    export LD_LIBRARY_PATH=$libraries
  fi
  cd /mnt/pg || exit
  unset "${!LAB_@}" "${!OFFICES_@}"
  exec setpriv --reuid=nobody --regid=nogroup --clear-groups "$path" "$@"
}

# Once for the life of DIR; it takes about a second.
write_pg() { # DIR
  local base=$1/pg
  mkdir -p "$base"
  chown nobody:nogroup "$base"
  chmod 755 "$base"
  if [[ ! -e $base/ready ]]; then
    rm -rf "$base/data"
    install -o nobody -m 600 /dev/stdin "$base/password" <<<"$PG_ADMIN_PASSWORD"
    in_pg "$1" initdb -D /mnt/pg/data --username=postgres --pwfile=/mnt/pg/password --auth=scram-sha-256 \
      --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$1/initdb.out" 2>&1 || die "initdb failed: $(tail -n 3 "$1/initdb.out")"
    rm "$base/password"
    : >"$base/ready"
  fi
  {
    echo "listen_addresses = '$PG_IP'"
    echo "port = $PG_PORT"
    printf '%s\n' "unix_socket_directories = '/mnt/pg'" 'max_connections = 100' 'shared_buffers = 16MB' \
      'dynamic_shared_memory_type = mmap' 'timezone = UTC' 'log_timezone = UTC' 'fsync = off' 'jit = off' \
      "logging_collector = off" "log_line_prefix = '%m %u '" 'max_worker_processes = 2' 'autovacuum = off'
  } | install -o nobody -m 600 /dev/stdin "$base/data/postgresql.auto.conf"
}

start_pg() { # DIR
  local dir=$1 AS=() LAB_PROCESSES=(pg) path
  path=$(tool postgres)
  # The setting of no meaning is by which "down" knows it in the list of processes.
  start pg "$dir" unshare --mount --propagation private "$LAB_ROOT/scripts/offices" inside-pg "$dir/pg" "$path" \
    -D /mnt/pg/data -c "offices.dir=$dir/"
  wait_for 30 "$dir" pg_answers "$dir" || die "PostgreSQL did not start: $(tail -n 3 "$dir/pg.out")"
}

# Fast: clients are cut off, what is committed stays.
stop_pg() { # DIR
  local pid
  if pid=$(pid_of pg "$1"); then
    pg_signal "$1" CONT
    kill -INT "$pid"
    wait_for_end "$pid" || die "PostgreSQL did not end"
  fi
  rm -f "$1/pg.pid"
}

pg_answers() { [[ -S $1/pg/.s.PGSQL.$PG_PORT ]] && pg_admin "$1" postgres -Atc 'select 1' >/dev/null 2>&1; }

pg_admin() { # DIR DATABASE ARGUMENT...
  local dir=$1 database=$2
  shift 2
  PGPASSWORD=$PG_ADMIN_PASSWORD with_tool psql -X -q -v ON_ERROR_STOP=1 -h "$dir/pg" -p "$PG_PORT" -U postgres -d "$database" "$@"
}

# Role and database are made once and left alone: to change them beside the server's own work on these rows (vacuum, after
# it was killed) sometimes failed with "tuple concurrently updated".
# The table as "up" leaves it: june, july, and august who is switched off.
fill_pg() { # DIR
  pg_admin "$1" postgres >/dev/null <<SQL
DO \$\$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '$PG_USER') THEN
    CREATE ROLE $PG_USER LOGIN PASSWORD '$PG_PASSWORD';
  END IF;
END \$\$;
SELECT 'CREATE DATABASE $PG_DATABASE OWNER $PG_USER' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '$PG_DATABASE') \gexec
SQL
  pg_admin "$1" "$PG_DATABASE" >/dev/null <<SQL
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS public CASCADE; -- an "up" that was killed here left none
CREATE SCHEMA public AUTHORIZATION $PG_USER;
SET ROLE $PG_USER;
CREATE TABLE enterprises (
  id serial PRIMARY KEY,
  number varchar(10) NOT NULL UNIQUE,
  name text NOT NULL,
  ip text NOT NULL,
  secret text NOT NULL,
  active boolean NOT NULL DEFAULT true
);
INSERT INTO enterprises (number, name, ip, secret, active) VALUES
  ('$JUNE_NUMBER', '$JUNE_NAME', '$JUNE_IP', '$JUNE_SECRET', true),
  ('$JULY_NUMBER', '$JULY_NAME', '$JULY_IP', '$JULY_SECRET', true),
  ('$AUGUST_NUMBER', '$AUGUST_NAME', '$AUGUST_IP', '$AUGUST_SECRET', false);
SQL
}

do_sql() { # DIR SQL
  [[ -n ${2:-} ]] || die "usage: scripts/offices sql DIR 'SQL'"
  pg_admin "$1" "$PG_DATABASE" -At -c "$2"
}

do_pg_stop() { stop_pg "$1"; }

do_pg_start() { pid_of pg "$1" >/dev/null || start_pg "$1"; }

do_pg_restart() { stop_pg "$1"; start_pg "$1"; }

do_pg_freeze() { pg_signal "$1" STOP; }

do_pg_thaw() { pg_signal "$1" CONT; }

# The server and those who serve its clients.
pg_signal() { # DIR SIGNAL
  local pid child
  pid=$(pid_of pg "$1") || die "PostgreSQL is not running (scripts/offices pg-start)"
  kill -"$2" "$pid"
  for child in $(<"/proc/$pid/task/$pid/children"); do kill -"$2" "$child" 2>/dev/null || true; done
}
