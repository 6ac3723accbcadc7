# The balancer in a small image:
#
#   docker build -t load-balancer .
#   docker run -p 3030:3030 load-balancer -backends "http://host.docker.internal:8080,http://host.docker.internal:8081"
#
# The first stage compiles, the second holds the program, the libraries that it is linked with, and whom the world
# believes (for https backends and [acme]), and no more.

FROM debian:trixie-slim AS build
WORKDIR /source
# First the packages, then what the compiler reads, the steadiest first: a change of a source file keeps the layers
# above it, and a change of README.md, tests or configuration rebuilds nothing.
COPY scripts/common.bash scripts/install-dependencies scripts/
RUN scripts/install-dependencies build
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY src src
RUN bash -c 'set -euo pipefail && source scripts/common.bash && build_preset release load-balancer' \
    && cmake --install build/release --prefix /opt/load-balancer --strip
# The packages of the shared libraries that the program asks for, by the names that this Debian gives them.
RUN ldd /opt/load-balancer/bin/load-balancer | awk '$3 ~ /^\// { print $3 }' | xargs -n 1 realpath \
    | xargs dpkg-query --search | cut -d : -f 1 | sort -u > /opt/load-balancer/packages && cat /opt/load-balancer/packages

FROM debian:trixie-slim
COPY --from=build /opt/load-balancer/packages /usr/share/load-balancer/packages
# Purging the lists in the same step keeps them out of the layer.
RUN apt-get update \
    && xargs apt-get install --yes --no-install-recommends ca-certificates < /usr/share/load-balancer/packages \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/log/apt /var/log/dpkg.log \
    && groupadd --gid 10001 load-balancer \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin load-balancer
COPY --from=build /opt/load-balancer/bin/load-balancer /usr/local/bin/load-balancer

# By number, so that an orchestrator can see that it is not root.
USER 10001:10001
EXPOSE 3030
# Healthy is what accepts a TCP connection. The check cannot see the flags: a balancer that was told another -port (or
# port in its file) wants that number in LOAD_BALANCER_HEALTH_PORT as well.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["bash", "-c", "exec 3<>\"/dev/tcp/127.0.0.1/${LOAD_BALANCER_HEALTH_PORT:-3030}\""]
STOPSIGNAL SIGTERM
ENTRYPOINT ["load-balancer"]
