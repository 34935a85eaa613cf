# Two images of one source:
#
#   docker build --target worker -t wsoak-worker .   makes load: no pandas, no numpy, no pyarrow, no stand-in
#   docker build -t wsoak .                          leads, stores and judges; is also the stand-in
#
# Runs that are judged together with other hosts' want one Python: --build-arg PYTHON_VERSION=3.11.9 is that of
# .github/workflows/soak.yml.
ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim-bookworm AS worker-libraries
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements-worker.txt /tmp/
# Wheels only: an image without a compiler cannot be led to build what the lock file does not say.
RUN /opt/venv/bin/python -m pip install --only-binary :all: -r /tmp/requirements-worker.txt

FROM worker-libraries AS controller-libraries
COPY requirements.txt /tmp/
RUN /opt/venv/bin/python -m pip install --only-binary :all: -r /tmp/requirements.txt

FROM python:${PYTHON_VERSION}-slim-bookworm AS base
# The first process of a container gets only those signals that it has asked for, and must bury processes whose parent
# has gone: tini does both, from the first moment on, and hands SIGTERM to Locust, which ends the run in order.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --gid 0 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin wsoak \
    # Group 0 may write reports, since platforms that choose a user at random give it that group.
    && mkdir /reports \
    && chown 10001:0 /reports \
    && chmod 2775 /reports
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    SOAK_REPORTS_DIR=/reports
WORKDIR /opt/wsoak
VOLUME /reports
USER 10001:0
ENTRYPOINT ["tini", "--", "locust"]

FROM base AS worker
COPY --from=worker-libraries /opt/venv /opt/venv
# Readable for whatever user it runs as, also where the clone is its owner's alone.
COPY --chmod=0755 locustfile.py locust.conf ./
COPY --chmod=0755 attempts ./attempts
COPY --chmod=0755 scenarios ./scenarios
RUN ["python", "-c", "import locustfile"]
# Shows whether the worker has its master. Nothing should be ended for it: a worker soaks on through a cut.
HEALTHCHECK --interval=60s --timeout=10s --start-period=60s \
    CMD ["python", "-m", "scenarios.machine.container_health", "--connected", "5557"]
CMD ["--worker"]

FROM base AS controller
COPY --from=controller-libraries /opt/venv /opt/venv
COPY --chmod=0755 locustfile.py locust.conf ./
COPY --chmod=0755 attempts ./attempts
COPY --chmod=0755 scenarios ./scenarios
COPY --chmod=0755 analysis ./analysis
COPY --chmod=0755 standin ./standin
RUN ["python", "-c", "import locustfile, analysis.cli, attempts.store.segment_store, standin.serve"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-m", "scenarios.machine.container_health", "--listens", "5557"]
# The UI of locust.conf is for this machine alone, which in a container nobody can reach; publish the port with care.
ENV LOCUST_WEB_HOST=0.0.0.0
EXPOSE 5557 8089
CMD ["--master"]
