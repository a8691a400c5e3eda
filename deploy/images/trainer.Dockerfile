# The trainer: the web app's worker for learning runs, with PyTorch and the training. Build it from the top of the project:
#   docker build -f deploy/images/trainer.Dockerfile -t retinote-trainer .
# For GPUs: --build-arg TORCH=cuda, as for the model server.
ARG PYTHON_IMAGE=docker.io/library/python:3.11.13-slim-bookworm
FROM ${PYTHON_IMAGE}
# As in model-server.Dockerfile.
ARG TORCH=cpu
ARG TORCH_CPU_INDEX=https://download.pytorch.org/whl/cpu
# The cache is a file system in memory, which is root's: runc before 1.1.8 gives it the mode of the folder here.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin retinote \
 && install -d -o retinote -g retinote -m 0700 /app /app/var /app/store /run/retinote /run/retinote/key /run/retinote/calibration \
      /run/retinote/scratch \
 && install -d -m 1777 /run/retinote/cache
COPY deploy/images/trainer.lock deploy/images/tracking.lock deploy/images/without_cuda.py /tmp/
# The words of $(…) are packages, one each.
# hadolint ignore=SC2046
RUN python3 -m venv /opt/venv \
 && if [ "$TORCH" = cpu ]; then \
      /opt/venv/bin/pip install --no-cache-dir --no-deps --index-url "$TORCH_CPU_INDEX" \
        $(python3 /tmp/without_cuda.py torch < /tmp/trainer.lock) \
      && python3 /tmp/without_cuda.py rest < /tmp/trainer.lock > /tmp/chosen.lock; \
    else cp /tmp/trainer.lock /tmp/chosen.lock; fi \
 && /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r /tmp/chosen.lock \
 && /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r /tmp/tracking.lock \
 && /opt/venv/bin/pip uninstall --yes pip
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 RETINOTE_IN_CONTAINER=1 \
    DJANGO_SETTINGS_MODULE=webapp.settings RETINOTE_DATA_DIR=/app/var XDG_CACHE_HOME=/run/retinote/cache
WORKDIR /app
COPY --chown=retinote:retinote cli.py pyproject.toml ./
COPY --chown=retinote:retinote model_store model_store
COPY --chown=retinote:retinote handlers handlers
COPY --chown=retinote:retinote imaging imaging
COPY --chown=retinote:retinote modalities modalities
COPY --chown=retinote:retinote serving serving
COPY --chown=retinote:retinote operations operations
COPY --chown=retinote:retinote training training
COPY --chown=retinote:retinote webapp webapp
COPY --chown=retinote:retinote frontend/src/common/urgencies.json frontend/src/common/
RUN python3 -m compileall -q /app
LABEL org.opencontainers.image.title="Retinote: trainer" \
      org.opencontainers.image.version="0.2.0" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["python3", "-m", "operations.container.web"]
CMD ["trainer"]
