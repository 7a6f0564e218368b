# One image for every environment; all differences are configuration.
#   docker build -t dronebot .                            the bot
#   docker build -t dronebot-sandbox --target sandbox .   the Slack sandbox and the demo's AWS, for laptops
# `delivery/build` gives it the commit's values and the base images of delivery/bases.json, by digest once `delivery/pin` has
# looked them up: RUN_BASE=gcr.io/distroless/cc-debian12:nonroot@sha256:…
ARG BUILD_BASE=rust:1.95-slim-bookworm
ARG RUN_BASE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILD_BASE} AS source
WORKDIR /src
COPY Cargo.toml Cargo.lock build.rs ./
COPY .cargo .cargo
COPY src src
COPY benches benches
COPY tests tests
COPY config config
ARG REVISION=unknown
ARG SOURCE=unknown
ARG EPOCH=
# not SOURCE_DATE_EPOCH, to which every C library is sensitive: each commit would build all dependencies anew
ENV DRONEBOT_REVISION=$REVISION DRONEBOT_SOURCE=$SOURCE DRONEBOT_EPOCH=$EPOCH

# All programs in one step: both images come from it, and a build of both makes it once. The target folder outlives the commit, and
# cargo goes by time stamps: what differs from the last build that succeeded there is new, and everything else is old.
FROM source AS build
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target,sharing=locked \
    find . -path ./target -prune -o -type f -exec sha256sum {} + | sort >/tmp/sources \
 && touch target/sources \
 && find . -path ./target -prune -o -type f -exec touch --date=@0 {} + \
 && comm -23 /tmp/sources target/sources | cut --characters=67- | xargs --no-run-if-empty --delimiter='\n' touch \
 && cargo build --release --locked --bins \
 && cp /tmp/sources target/sources \
 && mkdir -p /out/bin /out/state /out/sandbox \
 && cp target/release/dronebot /out/bin/ \
 && cp target/release/slack-sandbox target/release/demo /out/sandbox/ \
 && find /out -exec touch --date="@${DRONEBOT_EPOCH:-0}" {} +

FROM ${RUN_BASE} AS sandbox
COPY --from=build /out/sandbox /usr/local/bin/
ARG REVISION=unknown
ARG VERSION=unknown
ARG CREATED=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="dronebot-sandbox" \
      org.opencontainers.image.revision=$REVISION \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.created=$CREATED \
      org.opencontainers.image.source=$SOURCE
EXPOSE 8484
ENTRYPOINT ["/usr/local/bin/slack-sandbox", "--listen", "0.0.0.0:8484"]

FROM ${RUN_BASE} AS bot
COPY --from=build /out/bin /usr/local/bin/
# the journal's place: a volume belongs here, or every restart forgets
COPY --from=build --chown=65532:65532 /out/state /var/lib/dronebot
ENV DRONEBOT__STORE__PATH=/var/lib/dronebot/dronebot.db \
    DRONEBOT__HEALTH__LISTEN=0.0.0.0:8080 \
    DRONEBOT__LOG__FORMAT=json
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["/usr/local/bin/dronebot", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/dronebot"]
# last, so that another commit with the same program changes nothing but these lines
ARG RUN_BASE
ARG REVISION=unknown
ARG VERSION=unknown
ARG CREATED=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="dronebot" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.base.name=$RUN_BASE \
      org.opencontainers.image.revision=$REVISION \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.created=$CREATED \
      org.opencontainers.image.source=$SOURCE
