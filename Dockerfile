# A small image: the program, the certificates it trusts and the time zones,
# nothing else. It runs as an ordinary user and writes nothing outside the
# folders that are mounted. See docs/operations.md, "Containers".
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/pullquote . \
 && mkdir -p /out/data /out/tmp \
 && cp /etc/ssl/certs/ca-certificates.crt /usr/local/go/lib/time/zoneinfo.zip /out/

FROM scratch
COPY --from=build /out/pullquote /pullquote
COPY --from=build /out/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/zoneinfo.zip /zoneinfo.zip
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/tmp /tmp
ENV ZONEINFO=/zoneinfo.zip
USER 65532:65532
WORKDIR /data
# /healthz, /readyz and /metrics, where admin.listen is 0.0.0.0:8071
EXPOSE 8071
ENTRYPOINT ["/pullquote"]
CMD ["run", "--config", "/config/config.yaml"]
