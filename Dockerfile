# An image with lablab and nothing else:
#
#   docker build -t lablab .
#
# docs/install.md says what docker run needs.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /lablab
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags '-s -w' -o /image/usr/bin/lablab . \
	&& mkdir -m 1777 /image/tmp /image/run

FROM scratch
COPY --from=build /image /
ENV PATH=/usr/bin
ENTRYPOINT ["lablab"]
