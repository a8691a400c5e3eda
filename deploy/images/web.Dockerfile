# The web app, its worker and its migrations. Build it from the top of the project:
#   docker build -f deploy/images/web.Dockerfile -t retinote-web .
ARG PYTHON_IMAGE=docker.io/library/python:3.11.13-slim-bookworm
ARG NODE_IMAGE=docker.io/library/node:24.5.0-bookworm-slim

FROM ${NODE_IMAGE} AS page
WORKDIR /page
COPY frontend/package.json frontend/package-lock.json ./
RUN npm ci --no-audit --no-fund --loglevel error
COPY frontend ./
# A gzip copy beside each text file, which the web app sends to who takes it.
RUN npx vite build --outDir dist \
 && find dist -type f \( -name '*.js' -o -name '*.css' -o -name '*.html' -o -name '*.svg' -o -name '*.json' \) \
      -exec gzip -9 -k -n {} +

FROM ${PYTHON_IMAGE} AS packages
COPY deploy/images/web.lock /tmp/
RUN python3 -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes --only-binary :all: -r /tmp/web.lock \
 && /opt/venv/bin/pip uninstall --yes pip

FROM ${PYTHON_IMAGE}
# /app/var and others are mount points; a volume that is made there gets its owner.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin retinote \
 && install -d -o retinote -g retinote -m 0700 /app /app/var /app/store /run/retinote /run/retinote/key /run/retinote/calibration \
      /run/retinote/scratch
COPY --from=packages /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=webapp.settings RETINOTE_DATA_DIR=/app/var
WORKDIR /app
COPY --chown=retinote:retinote pyproject.toml ./
COPY --chown=retinote:retinote handlers handlers
COPY --chown=retinote:retinote imaging imaging
COPY --chown=retinote:retinote modalities modalities
COPY --chown=retinote:retinote serving serving
COPY --chown=retinote:retinote operations operations
COPY --chown=retinote:retinote webapp webapp
COPY --chown=retinote:retinote frontend/src/common/urgencies.json frontend/src/common/
COPY --chown=retinote:retinote --from=page /page/dist frontend/dist
RUN python3 -m compileall -q /app
LABEL org.opencontainers.image.title="Retinote: web app" \
      org.opencontainers.image.version="0.2.0" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
ENTRYPOINT ["python3", "-m", "operations.container.web"]
CMD ["web"]
