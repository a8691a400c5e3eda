# TorchServe with the models of model_store/. Build it from the top of the project:
#   docker build -f deploy/images/model-server.Dockerfile -t retinote-model-server .
# For GPUs: --build-arg TORCH=cuda (PyPI's build, which brings CUDA's libraries; the host needs NVIDIA's driver and
# container toolkit).
ARG PYTHON_IMAGE=docker.io/library/python:3.11.13-slim-bookworm
FROM ${PYTHON_IMAGE}
# `cpu` takes PyTorch from its own index, without gigabytes of CUDA, and in the versions of the lock file; `cuda` takes
# it from PyPI as locked, with its hash.
ARG TORCH=cpu
ARG TORCH_CPU_INDEX=https://download.pytorch.org/whl/cpu
# 1 adds a C++ compiler, with which the network may be compiled for the machine. Without one OpenVINO runs it.
ARG COMPILER=0
# The compiler is Debian's of the day; nothing that is built with it leaves the machine.
# hadolint ignore=DL3008
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin retinote \
 && install -d -o retinote -g retinote -m 0700 /app /app/var /app/store /run/retinote /run/retinote/key /run/retinote/calibration \
 && if [ "$COMPILER" = 1 ]; then \
      apt-get update -qq && apt-get install -y -qq --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*; \
    fi
COPY deploy/images/model-server.lock deploy/images/without_cuda.py /tmp/
# The words of $(…) are packages, one each.
# hadolint ignore=SC2046
RUN python3 -m venv /opt/venv \
 && if [ "$TORCH" = cpu ]; then \
      /opt/venv/bin/pip install --no-cache-dir --no-deps --index-url "$TORCH_CPU_INDEX" \
        $(python3 /tmp/without_cuda.py torch < /tmp/model-server.lock) \
      && python3 /tmp/without_cuda.py rest < /tmp/model-server.lock > /tmp/chosen.lock; \
    else cp /tmp/model-server.lock /tmp/chosen.lock; fi \
 && /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r /tmp/chosen.lock \
 && /opt/venv/bin/pip uninstall --yes pip
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 RETINOTE_IN_CONTAINER=1
WORKDIR /app
COPY --chown=retinote:retinote cli.py pyproject.toml ./
COPY --chown=retinote:retinote model_store model_store
COPY --chown=retinote:retinote handlers handlers
COPY --chown=retinote:retinote imaging imaging
COPY --chown=retinote:retinote modalities modalities
COPY --chown=retinote:retinote serving serving
COPY --chown=retinote:retinote operations operations
RUN python3 -m compileall -q /app \
 && printf '#!/bin/sh\nexec python3 /app/cli.py "$@"\n' > /usr/local/bin/retinote && chmod 0755 /usr/local/bin/retinote
LABEL org.opencontainers.image.title="Retinote: model server" \
      org.opencontainers.image.version="0.2.0" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 10001:10001
EXPOSE 8080 8082
STOPSIGNAL SIGTERM
ENTRYPOINT ["python3", "-m", "operations.container.model_server"]
