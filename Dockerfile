# One image for every environment; all differences are configuration.
#   docker build -t dronebot .                      the bot
#   docker build -t dronebot-sandbox --target sandbox .   the Slack sandbox and the demo's fleet, for laptops
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock build.rs ./
COPY .cargo .cargo
COPY src src
COPY benches benches
COPY tests tests
COPY config config
ARG REVISION=unknown
ENV DRONEBOT_REVISION=$REVISION
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bins \
 && mkdir -p /out/state \
 && cp target/release/dronebot target/release/slack-sandbox target/release/demo /out/

FROM gcr.io/distroless/cc-debian12:nonroot AS sandbox
COPY --from=build /out/slack-sandbox /out/demo /usr/local/bin/
EXPOSE 8484
ENTRYPOINT ["/usr/local/bin/slack-sandbox", "--listen", "0.0.0.0:8484"]

FROM gcr.io/distroless/cc-debian12:nonroot AS bot
ARG REVISION=unknown
LABEL org.opencontainers.image.title="dronebot" \
      org.opencontainers.image.revision=$REVISION \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /out/dronebot /usr/local/bin/dronebot
# the journal's place: a volume belongs here, or every restart forgets
COPY --from=build --chown=65532:65532 /out/state /var/lib/dronebot
ENV DRONEBOT__STORE__PATH=/var/lib/dronebot/dronebot.db \
    DRONEBOT__HEALTH__LISTEN=0.0.0.0:8080 \
    DRONEBOT__LOG__FORMAT=json
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["/usr/local/bin/dronebot", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/dronebot"]
