#!/bin/sh
# Serves KalTalk with granian instead of gunicorn: `deploy/granian.sh`, from the folder that holds deploy/.
#
# Read "Granian instead" in docs/production.md first: the proxy must drop header names with underscores. The environment
# sets KALTALK_BIND, WEB_CONCURRENCY and KALTALK_THREADS, as for gunicorn. An argument names another application.
set -eu

bind="${KALTALK_BIND:-unix:/run/kaltalk/kaltalk.sock}"
case "$bind" in
unix:*)
  socket="${bind#unix:}"
  # A killed server leaves its socket behind, and granian does not start over one.
  if [ -S "$socket" ]; then rm -- "$socket"; fi
  # The group of the socket is the proxy's. Without 0o it would be read as a decimal number.
  set -- --uds "$socket" --uds-permissions 0o660 "${1:-deploy.granian_app:create_app}"
  ;;
*)
  set -- --host "${bind%:*}" --port "${bind##*:}" "${1:-deploy.granian_app:create_app}"
  ;;
esac

# --http 1           the proxy speaks nothing else, and what is not spoken cannot be attacked
# --backpressure     connections of a worker, idle ones too; more wait in the queue of the socket
# --http1-buffer-size          the whole head of a request: a widget session and a cookie fit in
# --http1-header-read-timeout  ends slow heads, and connections that were kept; the proxy keeps them for less
# --respawn-failed-workers     else one killed worker ends all of it
# --workers-kill-timeout       what is under way when a worker ends has this long to finish, in seconds
exec granian --interface wsgi --factory --http 1 --no-ws \
  --workers "${WEB_CONCURRENCY:-$(nproc)}" --blocking-threads "${KALTALK_THREADS:-8}" \
  --backlog 1024 --backpressure 512 \
  --http1-buffer-size 32768 --http1-header-read-timeout 60000 \
  --respawn-failed-workers --workers-kill-timeout 20 \
  --no-access-log --log-config deploy/granian-log.json \
  "$@"
