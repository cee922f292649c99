# Stage 1: a virtual environment with exactly the pinned bytes, and this project in it.
FROM python:3.13-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1

RUN python -m venv /opt/cashout && /opt/cashout/bin/pip install --upgrade pip

WORKDIR /src
# Dependencies first: this layer is kept as long as the pins are.
COPY requirements.txt requirements-dev.txt ./
RUN /opt/cashout/bin/pip install --require-hashes -r requirements.txt

COPY pyproject.toml README.md LICENSE ./
COPY domain domain
COPY application application
COPY adapters adapters
COPY entrypoints entrypoints
RUN /opt/cashout/bin/pip install --no-deps --build-constraint requirements-dev.txt .

# Stage 2: no compiler, no pip cache, no source tree, no root.
FROM python:3.13-slim

RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/cashout cashout
COPY --from=build /opt/cashout /opt/cashout

ENV PATH=/opt/cashout/bin:$PATH PYTHONUNBUFFERED=1 HOST=0.0.0.0 PORT=3004

USER cashout
WORKDIR /var/lib/cashout
EXPOSE 3004

# Alive, not ready: a database that is away must not make the orchestrator kill the process.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/health\", timeout=2)"]

STOPSIGNAL SIGTERM
CMD ["cashout", "serve"]
