# One image for web, worker, beat and the job that prepares an upgrade; docker-compose.yml says which is which.
FROM python:3.11-slim AS build
WORKDIR /app
COPY requirements.lock pyproject.toml ./
COPY healthlombardy/local/lockfile.py healthlombardy/local/
RUN python healthlombardy/local/lockfile.py production > production.lock \
    && python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r production.lock
COPY . .
RUN /venv/bin/python -m healthlombardy.local.translations && rm production.lock

FROM python:3.11-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DATA_DIR=/data \
    DJANGO_SETTINGS_MODULE=healthlombardy.settings
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin portal \
    && install --directory --owner portal --group portal --mode 0700 /data
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
USER portal
VOLUME /data
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "4", "--respawn-failed-workers", "--workers-kill-timeout", "2", "healthlombardy.wsgi:application"]
