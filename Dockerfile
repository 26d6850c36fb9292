# A small image: the program and the certificates it trusts, nothing else. It
# runs as an ordinary user and writes nothing outside the folders that are
# mounted. See docs/operations.md, "Containers".
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/pullquote . \
 && mkdir -p /out/data /out/tmp \
 && cp /etc/ssl/certs/ca-certificates.crt /out/

FROM scratch
COPY --from=build /out/pullquote /pullquote
COPY --from=build /out/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/tmp /tmp
USER 65532:65532
WORKDIR /data
# /healthz, /readyz and /metrics, where admin.listen is 0.0.0.0:8071
EXPOSE 8071
ENTRYPOINT ["/pullquote"]
CMD ["run", "--config", "/config/config.yaml"]
